"""``hybrid-tui sentiment``: the lines as they came, with three fields more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hybrid_tui.commands.sentiment import parse_lines, sentiment, with_sentiment
from hybrid_tui.errors import DataError
from hybrid_tui.llm.sentiment import NOTHING_SAID, SentimentModel

APP = typer.Typer()
APP.command()(sentiment)
RUNNER = CliRunner()


def run(data: str | bytes) -> list[str]:
    result = RUNNER.invoke(APP, [], input=data)
    if result.exception is not None:
        raise result.exception
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_lines_come_back_in_order_with_three_fields_more() -> None:
    lines = run(
        '{"id": 7, "headline": "Profit soars", "z": 1.50, "a": [1, {"b": null}]}\n'
        "\n"
        '{"headline": "Profit plunges", "id": "x"}\r\n'
    )
    assert len(lines) == 2
    first, second = (json.loads(line) for line in lines)
    assert list(first) == ["id", "headline", "z", "a", "score", "label", "confidence"]
    assert (first["id"], first["label"]) == (7, "positive")
    assert (second["id"], second["label"]) == ("x", "negative")
    assert first["score"] > 0 > second["score"]
    assert lines[0].startswith('{"id": 7, "headline": "Profit soars", "z": 1.50, "a": [1, {"b"')


@pytest.mark.parametrize("headline", ["null", '""'])
def test_no_headline_is_neutral(headline: str) -> None:
    (line,) = run(f'{{"headline": {headline}}}')
    assert json.loads(line) | {"headline": ""} == {
        "headline": "",
        "score": 0.0,
        "label": "neutral",
        "confidence": 0.0,
    }


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("[1]", "not an object"),
        ('"text"', "not an object"),
        ("null", "not an object"),
        ('{"title": "x"}', "no `headline`"),
        ('{"headline": 3}', "neither text nor null"),
        ('{"headline": ["x"]}', "neither text nor null"),
        ('{"headline": "x"', "not JSON"),
        ('{"headline": "x", "v": NaN}', "not JSON"),
        ('{"headline": "x"} {"headline": "y"}', "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(bad: str, says: str) -> None:
    result = RUNNER.invoke(APP, [], input='{"headline": "Profit soars"}\n\n' + bad + "\n")
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == 2
    assert "standard input, line 3" in result.exception.message
    assert says in result.exception.message
    assert result.stdout == ""


def test_bytes_that_are_not_utf8_are_named() -> None:
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        list(parse_lines("f", b'{"headline": "x"}\n{"headline": "\xff"}\n'))


def test_a_file_is_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('\ufeff{"headline": "Soci\u00e9t\u00e9 rises\u2028again"}\n', encoding="utf-8")
    result = RUNNER.invoke(APP, [str(path)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["headline"] == "Soci\u00e9t\u00e9 rises\u2028again"
    missing = RUNNER.invoke(APP, [str(tmp_path / "none.jsonl")])
    assert isinstance(missing.exception, DataError)
    assert "none.jsonl" in missing.exception.message


def test_old_values_of_the_three_fields_give_way() -> None:
    (line,) = run('{"label": "bullish", "headline": "Profit plunges", "score": 9}')
    row = json.loads(line)
    assert list(row) == ["headline", "score", "label", "confidence"]
    assert row["label"] == "negative"
    assert -1 <= row["score"] < 0


def test_an_empty_input_gives_an_empty_output() -> None:
    assert run("") == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.text().filter(lambda key: key not in {"score", "label", "confidence"}),
        VALUES,
        max_size=4,
    ),
    st.one_of(st.none(), st.text()),
    st.booleans(),
)
def test_any_object_keeps_its_fields_and_their_order(
    fields: dict[str, object], headline: str | None, plain: bool
) -> None:
    row = {**fields, "headline": headline}
    data = json.dumps(row, ensure_ascii=plain).encode("utf-8", "replace")
    ((line, parsed),) = parse_lines("f", data)
    scored = json.loads(with_sentiment(line, parsed, NOTHING_SAID))
    assert list(scored) == [*parsed, "score", "label", "confidence"]
    assert {key: scored[key] for key in parsed} == parsed


def test_an_escaped_lone_surrogate_is_no_accident() -> None:
    (line,) = run('{"headline": "Profit \\ud800 soars"}')
    assert json.loads(line)["score"] == SentimentModel.load().score("Profit soars").score
    assert "\\ud800" in line
