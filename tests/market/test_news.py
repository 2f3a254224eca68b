"""Headlines from JSON lines."""

from __future__ import annotations

import gzip
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import DataError
from hybrid_tui.market.news import read_news


def line(**fields: object) -> dict[str, object]:
    base: dict[str, object] = {
        "id": "n1",
        "received_at": "2026-03-02T14:30:00Z",
        "symbols": ["NVDA"],
        "headline": "Nvidia beats estimates",
    }
    return {key: value for key, value in (base | fields).items() if value is not ...}


def read(tmp_path: Path, *lines: object, received_from: str | None = None) -> list[NewsItem]:
    path = tmp_path / "news.jsonl"
    path.write_text(
        "".join((text if isinstance(text, str) else json.dumps(text)) + "\n" for text in lines)
    )
    return read_news([path], received_from=received_from)


def test_a_line_becomes_an_item(tmp_path: Path) -> None:
    published = "2026-03-02T09:29:58-05:00"
    (item,) = read(tmp_path, line(published_at=published, source="Wire", url="u", body="B\n b"))
    assert item == NewsItem(
        id="n1",
        received_at=datetime(2026, 3, 2, 14, 30, tzinfo=UTC),
        symbols=("NVDA",),
        headline="Nvidia beats estimates",
        source="Wire",
        url="u",
        body="B b",
        published_at=datetime(2026, 3, 2, 14, 29, 58, tzinfo=UTC),
    )


def test_other_spellings_are_understood(tmp_path: Path) -> None:
    (item,) = read(
        tmp_path,
        line(id=..., symbols=..., symbol=" nvda ", publisher="Wire", received_at=...)
        | {"seen": "2026-03-02T15:00:00Z"},
        received_from="seen",
    )
    assert (item.symbols, item.source, item.received_at.hour) == (("NVDA",), "Wire", 15)
    assert len(item.id) == 16


def test_reception_comes_before_the_field_that_stands_in_for_it(tmp_path: Path) -> None:
    both = line(published_at="2026-03-02T10:00:00Z")
    (item,) = read(tmp_path, both, received_from="published_at")
    assert item.received_at.hour == 14


def test_a_story_under_several_symbols_is_one_item(tmp_path: Path) -> None:
    items = read(
        tmp_path,
        line(symbols=["NVDA"]),
        line(symbols=["AMD"]),
        line(id="n2", symbols=["TSM", "AMD"]),
        line(id="n3", headline="Another"),
    )
    assert [(item.id, item.symbols) for item in items] == [
        ("n1", ("AMD", "NVDA", "TSM")),
        ("n3", ("NVDA",)),
    ]


def test_a_text_that_changed_later_keeps_its_first_form(tmp_path: Path) -> None:
    later = line(received_at="2026-03-02T18:00:00Z", headline="Nvidia soars, as we said")
    (item,) = read(tmp_path, later, line())
    assert item.headline == "Nvidia beats estimates"
    assert item.received_at.hour == 14


def test_items_are_in_the_order_received(tmp_path: Path) -> None:
    items = read(
        tmp_path,
        line(id="b", headline="2"),
        line(id="a", headline="1"),
        line(id="c", headline="0", received_at="2026-03-01T00:00:00Z"),
    )
    assert [item.id for item in items] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object"),
        pytest.param("[" * 100_000, "line 2: not JSON", id="nested too deep"),
        (line(headline=...), "line 2: headline: Field required"),
        (line(headline=None), "line 2: headline"),
        (line(headline="<b> </b>"), "line 2: headline: is empty"),
        (line(symbols=...), "line 2: symbols: Field required"),
        (line(symbols=["not a symbol"]), "line 2: symbols: 'NOT A SYMBOL' is not a symbol"),
        (line(received_at=...), "line 2: received_at is missing"),
        (line(received_at="2026-03-02T14:30:00"), "line 2: received_at"),
        (line(received_at=1772461800), "line 2: received_at: must be ISO 8601"),
        (line(published_at="soon"), "line 2: published_at"),
    ],
)
def test_a_line_that_is_not_news_is_an_error_that_names_it(
    bad: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, line(), bad)
    assert message in caught.value.message
    assert str(tmp_path / "news.jsonl") in caught.value.message


def test_without_reception_the_hint_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, line(received_at=...))
    assert "--received-from published_at" in caught.value.render()
    assert caught.value.exit_code == 2
    with pytest.raises(DataError, match="published_at is missing"):
        read(tmp_path, line(received_at=...), received_from="published_at")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_news([tmp_path / "none.jsonl"])
    with pytest.raises(DataError, match="holds no news files"):
        read_news([tmp_path])
    (tmp_path / "bad.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"bad\.jsonl\.gz cannot be read"):
        read_news([tmp_path])
    (tmp_path / "binary.jsonl").write_bytes(b"{}\n\xff\xfe")
    with pytest.raises(DataError, match=r"binary\.jsonl, line 2: not UTF-8"):
        read_news([tmp_path / "binary.jsonl"])


def test_folders_and_gzip_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(line()) + "\r\n\n")
    (tmp_path / "b.jsonl.gz").write_bytes(
        gzip.compress(json.dumps(line(id=7, headline="x")).encode())
    )
    assert [item.id for item in read_news([tmp_path])] == ["7", "n1"]


def test_real_headlines_repeat_under_symbols_and_are_merged(shared_data: Path) -> None:
    items = read_news([shared_data / "news_2026"], received_from="published_at")
    assert sum(len(item.symbols) for item in items) <= 111
    assert len({(item.headline, item.received_at) for item in items}) == len(items) < 111
    assert any(len(item.symbols) > 2 for item in items)
    with pytest.raises(DataError, match="received_at is missing"):
        read_news([shared_data / "news_2026"])


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Profit <b>up</b> 5&nbsp;%", "Profit up 5 %"),
        ("a\r\nb\tc", "a b c"),
        ("buy\u202eNVDA\u200b now\u2066", "buyNVDA now"),
        ("&lt;script&gt;x&lt;/script&gt;y", "y"),
        ("&amp;lt;i&amp;gt;x", "x"),
        ("<<b>b>x", "< b>x"),
        ("＜ｂ＞wide", "wide"),
        ("<scr\u200bipt>x</script>y", "y"),
        ("P/E < 10 and > 5", "P/E < 10 and > 5"),
        ("AT&T gains", "AT&T gains"),
        ("ﬁve \x1b[31mred\x1b[0m", "five red"),
        ("\x1b]0;title\x07x", "x"),
        ("x<!-- hidden <b> -->y", "x y"),
    ],
)  # fmt: skip
def test_text_is_cleaned(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


def test_text_made_to_be_slow_is_not() -> None:
    hostile = "<!--" * 50_000 + "&amp;" * 50_000
    assert len(clean_text(hostile)) <= len(hostile)


@given(st.text() | st.text(alphabet="<>&;ltgamp#60/!- b\u200b\u202e\n", max_size=60))
def test_clean_text_is_clean(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert "\n" not in cleaned
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in cleaned)
    assert unicodedata.is_normalized("NFKC", cleaned)
