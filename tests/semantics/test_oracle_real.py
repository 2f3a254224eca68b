"""`hybrid-tui backtest` over half a year of real minutes against the oracle, trade by trade."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hybrid_tui.cli import app
from hybrid_tui.config_file import load_config

from .desk import at, calendar
from .oracle import Oracle
from .test_oracle import same

SETTINGS: dict[str, list[str]] = {
    "defaults": [],
    "busy": [
        "rules.rsi_below=50",
        "rules.rsi_exit=60",
        "risk.levels.moderate=[0.01, 0.005, 1.25]",
        "risk.stop_guard_minutes=30",
        "risk.daily_loss=0.005",
        "risk.protections=cooldown,stop_guard,daily_loss,max_entries",
    ],
    "bollinger": [
        "rules.entry=bollinger",
        "risk.max_position=0.45",
        "risk.max_gross=0.8",
        "risk.protections=none",
        "risk.levels.moderate=[0.02, 0.01, 1.0]",
    ],
}

WINDOW = ("2025-11-03", "2026-01-30")
"""New York dates, both included: the bars before them warm up, those after are not there."""


def bars_in(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Return the regular one-minute bars of a folder as the oracle takes them."""
    import pandas as pd  # type: ignore[import-untyped]

    found: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.glob("*.csv.gz")):
        table = pd.read_csv(path)
        stamps = pd.to_datetime(table["datetime"]).dt.tz_localize("America/New_York")
        columns = (table[name].tolist() for name in ("open", "high", "low", "close"))
        rows = []
        for stamp, o, h, low, c in zip(stamps, *columns, strict=True):
            start = int(stamp.timestamp())
            session = calendar().session_at(datetime.fromtimestamp(start, UTC))
            if session is not None:
                known = min(start + 60, int(session.close.timestamp()))
                rows.append(
                    {"start": start, "known": known, "open": o, "high": h, "low": low, "close": c}
                )
        found[path.name.partition(".")[0]] = rows
    return found


def seconds(instant: str | None) -> float | None:
    """Return an ISO instant as epoch seconds."""
    return None if instant is None else datetime.fromisoformat(instant).timestamp()


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("window", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_half_a_year_of_real_minutes_trades_as_the_oracle_does(
    name: str, window: bool, shared_data: Path, home: Path
) -> None:
    folder = shared_data / "bars_1min_2025"
    given = [word for setting in SETTINGS[name] for word in ("--set", setting)]
    command = ["backtest", "--data", str(folder), "--json", "--equity", "bars", *given]
    if window:
        command += ["--start", WINDOW[0], "--end", WINDOW[1]]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)

    opens, closes = calendar().open_seconds.tolist(), calendar().close_seconds.tolist()
    bars = bars_in(folder)
    begin = 0
    if window:
        begin, end = (int(at("00:00", date.fromisoformat(day)).timestamp()) for day in WINDOW)
        end += 86_400
        cut = {symbol: [b for b in rows if b["start"] < end] for symbol, rows in bars.items()}
        bars = {symbol: rows for symbol, rows in cut.items() if rows and rows[-1]["start"] >= begin}
    first = min(rows[0]["start"] for rows in bars.values())
    last = max(rows[-1]["known"] for rows in bars.values())
    sessions = [(o, c) for o, c in zip(opens, closes, strict=True) if c > first and o < last + 1e6]
    config = load_config(home / "none.toml", environment={}, overrides=SETTINGS[name])
    oracle = Oracle(bars, sessions, config.flat() | {"interval": 60}, first=begin).run()

    assert len(document["trades"]) == len(oracle.trades) > 50
    for row, theirs in zip(document["trades"], oracle.trades, strict=True):
        ours = {key: row[key] for key in theirs}
        ours |= {"entry_at": seconds(row["entry_at"]), "exit_at": seconds(row["exit_at"])}
        assert all(same(ours[key], theirs[key]) for key in theirs), (ours, theirs)
    points = [(seconds(instant), worth) for instant, worth in document["equity"]]
    assert [instant for instant, _ in points] == [instant for instant, _ in oracle.equity]
    for (_, ours_worth), (instant, worth) in zip(points, oracle.equity, strict=True):
        assert ours_worth == pytest.approx(worth, abs=1e-6), instant
