"""``hybrid-tui data check`` and ``data import --actions`` on real data and its named defects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.data import app
from hybrid_tui.errors import ConfigError

HEADER = "timestamp,open,high,low,close,volume\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], obj=CliState())


def checked(*arguments: object, faults: bool) -> Any:
    result = run("check", *arguments, "--json")
    assert result.exit_code == (1 if faults else 0), result.output
    return json.loads(result.stdout)


def days_with(document: Any, kind: str) -> int:
    return sum(finding["kind"] == kind for finding in document["findings"])


@pytest.mark.usefixtures("home")
def test_each_symbol_has_its_figures(tmp_path: Path) -> None:
    path = tmp_path / "NVDA.csv"
    rows = ["2025-11-28 12:58", "2025-11-28 12:59", "2025-11-28 12:59", "2025-11-28 13:00"]
    path.write_text(HEADER + "".join(f"{row},10,11,9,10,0\n" for row in rows))
    told = checked(path, faults=True)  # the repeated row
    (row,) = told["symbols"]
    assert row == {
        "symbol": "NVDA",
        "interval": "1m",
        "feed": "file",
        "start": "2025-11-28T17:58:00Z",
        "end": "2025-11-28T17:59:00Z",
        "bars": 2,
        "missing": 0,
        "missing_sessions": 0,
        "thin": False,
        "duplicates": 1,
        "outliers": 0,
        "volume_defects": 0,
        "zero_volume": 2,
        "feed_changes": 0,
        "late_prints": 1,
        "unadjusted_splits": 0,
    }


@pytest.mark.usefixtures("home")
def test_the_named_late_prints_are_found(shared_data: Path) -> None:
    five = checked(shared_data / "bars_5min_2025", faults=False)
    assert days_with(five, "late_print") == 15
    assert {finding["kind"] for finding in five["findings"]} == {"late_print"}
    one = checked(shared_data / "bars_1min_2025", faults=True)
    assert days_with(one, "late_print") == 12
    hourly = checked(shared_data / "bars_hour_lean", faults=True)
    assert days_with(hourly, "late_print") == 95
    assert {f["at"][:4] for f in hourly["findings"] if f["kind"] == "late_print"} <= {
        str(year) for year in range(1998, 2009)
    }


@pytest.mark.usefixtures("home")
def test_raw_bars_with_their_actions_show_no_unadjusted_split(shared_data: Path) -> None:
    bars = shared_data / "daily_lean" / "AAPL.csv.gz"
    assert run("import", bars, "--adjusted", "none").exit_code == 0
    (before,) = checked("--symbols", "AAPL", faults=True)["symbols"]
    assert before["unadjusted_splits"] == 4
    actions = ("import", "--actions", shared_data / "daily_lean", "--json")
    assert json.loads(run(*actions).stdout)["actions_added"] > 100
    assert json.loads(run(*actions).stdout) == {"actions_added": 0}
    (after,) = checked("--symbols", "AAPL", faults=False)["symbols"]
    assert after["unadjusted_splits"] == 0


@pytest.mark.usefixtures("home")
def test_importing_nothing_is_told() -> None:
    result = run("import")
    assert isinstance(result.exception, ConfigError)
    assert "nothing to import" in result.exception.message
