"""``hybrid-tui data`` as a person or a script sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.data import app
from hybrid_tui.errors import ConfigError, DataError, HybridError

HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = "2026-03-02 09:30,10,11,9,10.5,100\n2026-03-02 09:31,10.5,11,10,10.7,200\n"


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "NVDA.csv"
    path.write_text(HEADER + ROWS)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], obj=CliState())


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("home")
def test_import_list_and_import_again(bars: Path) -> None:
    first = run("import", bars)
    assert first.stdout == "2 bars added, 0 there already, 1 symbol\n"
    assert document(run("list", "--json")) == {
        "series": [
            {
                "symbol": "NVDA",
                "interval": "1m",
                "feed": "file",
                "start": "2026-03-02T14:30:00Z",
                "end": "2026-03-02T14:31:00Z",
                "bars": 2,
                "adjusted": "splits",
                "spans": [
                    {
                        "feed": "file",
                        "adjusted": "splits",
                        "start": "2026-03-02T14:30:00Z",
                        "end": "2026-03-02T14:31:00Z",
                        "bars": 2,
                    }
                ],
            }
        ]
    }
    assert run("import", bars).stdout == "0 bars added, 2 there already, 1 symbol\n"


@pytest.mark.usefixtures("home")
def test_an_empty_store_lists_as_nothing() -> None:
    assert document(run("list", "--json")) == {"series": []}
    plain = run("list")
    assert plain.stdout == ""
    assert "data import" in plain.stderr


@pytest.mark.usefixtures("home")
def test_what_was_left_out_goes_to_stderr(bars: Path) -> None:
    bars.write_text(HEADER + ROWS + "2026-03-02 09:32,2,2,3,2,1\n2026-03-02 20:00,1,1,1,1,1\n")
    result = run("import", bars)
    assert result.exit_code == 0
    assert f"{bars}, line 4: high is below low" in result.stderr
    assert "left out 1 bar outside regular sessions" in result.stderr
    told = document(run("import", bars, "--json"))
    assert told["rejected"] == [{"file": str(bars), "line": 4, "reason": "high is below low"}]
    assert told["files"][0]["outside_session"] == 1


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["import", "{bars}", "--strict"], DataError, "line 4: high is below low"),
        (["import", "{bars}", "--tz", "Mars"], ConfigError, "'Mars' is not a time zone"),
        (["import", "{bars}", "--symbols", "SPY"], DataError, "no bars of SPY"),
        (["import", "{bars}", "--symbols", ","], ConfigError, "names no symbol"),
        (["import", "{bars}", "--interval", "1x"], ConfigError, "'1x' is not an interval"),
        (["import", "nowhere.csv"], DataError, "nowhere.csv does not exist"),
        (["check", "--symbols", "SPY"], DataError, "no such bars of SPY"),
    ],
)
def test_bad_input_is_an_error_for_people(
    arguments: list[str], kind: type[HybridError], message: str, bars: Path
) -> None:
    bars.write_text(HEADER + ROWS + "2026-03-02 09:32,2,2,3,2,1\n")
    result = run(*(text.format(bars=bars) for text in arguments))
    assert isinstance(result.exception, kind)
    assert result.exception.exit_code == 2
    assert message in result.exception.message
    assert result.stdout == ""


@pytest.mark.usefixtures("home")
def test_bars_adjusted_otherwise_are_kept_apart_and_listed(bars: Path) -> None:
    assert run("import", bars, "--adjusted", "none").exit_code == 0
    bars.write_text(HEADER + ROWS + "2026-03-02 09:32,10,11,9,10,1\n")
    assert run("import", bars).exit_code == 0
    (row,) = document(run("list", "--json"))["series"]
    assert [(span["adjusted"], span["bars"]) for span in row["spans"]] == [
        ("none", 2),
        ("splits", 1),
    ]
    lines = run("list").stdout.splitlines()
    assert len(lines) == 4
    assert "none,splits" in lines[1]
    assert run("import", bars, "--adjusted", "dividends").exit_code == 2


@pytest.mark.usefixtures("home")
def test_check_says_no_where_there_are_faults(bars: Path) -> None:
    run("import", bars)
    assert run("check").exit_code == 0
    leap = HEADER + ROWS + "2026-03-03 09:30,2.675,2.7,2.6,2.65,100\n2026-03-03 09:31,3,3,3,3,1\n"
    bars.write_text(leap)
    run("import", bars)
    result = run("check")
    assert result.exit_code == 1
    assert "NVDA 2026-03-03T14:30:00Z unadjusted split: 10.7 before, 2.675 after" in result.stdout
    told = run("check", bars, "--json")
    assert told.exit_code == 1
    assert [finding["kind"] for finding in json.loads(told.stdout)["findings"]] == [
        "unadjusted_split"
    ]


@pytest.mark.usefixtures("home")
def test_real_downloads_import_and_check(shared_data: Path) -> None:
    result = run("import", shared_data / "yahoo_1m_2026", "--json")
    told = document(result)
    assert {row["symbol"]: row["added"] for row in told["series"]}["NVDA"] > 3_000
    assert "running volume" in result.stderr
    again = document(run("import", shared_data / "yahoo_1m_2026", "--json"))
    assert all(row["added"] == 0 for row in again["series"])
    assert run("check", "--symbols", "SPY").exit_code == 0
    assert run("check", "--symbols", "NVDA").exit_code == 1


def test_the_commands_are_named_as_the_contract_names_them() -> None:
    group = typer.main.get_command(app)
    assert set(getattr(group, "commands", {})) >= {"import", "list", "check"}
