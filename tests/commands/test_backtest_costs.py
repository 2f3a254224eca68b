"""What fills cost in a backtest: the slippage models, and a share of the bar's volume."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.files import read_bars
from tests.desk import hybrid_tui

from .test_backtest import run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("costs") / "home"


def test_no_fill_takes_more_than_its_share_of_the_volume(
    home: Path, shared_data: Path, calendar: TradingCalendar
) -> None:
    path = shared_data / "bars_1min_2025" / "FAS.csv.gz"
    words = ("--data", str(path), "--start", "2026-01-20", "--end", "2026-01-30")
    free = run(home, *words)
    capped = run(home, *words, "--set", "broker.participation=0.05")
    bars = read_bars([path], calendar=calendar).series["FAS"]
    volume = dict(zip(bars.start.tolist(), bars.volume.tolist(), strict=True))
    shares = Counter[int]()
    for row in capped["trades"]:
        for end in ("entry_at", "exit_at"):
            if row[end]:
                shares[int(np.datetime64(row[end][:-1], "s").astype(int))] += row["quantity"]
    assert shares
    assert all(count <= 0.05 * volume[at] for at, count in shares.items())
    # An exit that a bar could not take whole is several rows of one entry.
    entries = Counter(row["entry_at"] for row in capped["trades"])
    assert max(entries.values()) > 1
    assert any("took more than 1%" in text for text in free["warnings"])
    bought = sum(row["quantity"] for row in capped["trades"])
    assert bought < sum(row["quantity"] for row in free["trades"])


def test_half_of_the_recorded_spread_is_what_a_fill_costs(home: Path, shared_data: Path) -> None:
    folder = shared_data / "bars_minute_lean"
    data = [str(folder / f"SPY_201310{day:02d}_trade.csv.gz") for day in (7, 8, 9, 10, 11)]
    words = ("--data", *data, "--set", "broker.slippage_model=half_spread")
    document = run(home, *words, "--quotes", str(folder), "--path", "both")
    fixed = run(home, "--data", *data)
    assert document["settings"]["broker.slippage_model"] == "half_spread"
    rows = document["trades"]
    fills = sum(row["quantity"] * (1 if row["open"] else 2) for row in rows)
    # SPY's spread was a cent then: half of it a share and fill.
    assert document["summary"]["slippage_cost"] / fills == pytest.approx(0.005, rel=0.2)
    assert not [text for text in document["warnings"] if "slippage" in text]
    assert fixed["summary"]["slippage_cost"] / fills == pytest.approx(0.0166, rel=0.2)


def test_quotes_that_nothing_asks_for_are_a_mistake(home: Path, shared_data: Path) -> None:
    folder = str(shared_data / "bars_minute_lean")
    done = hybrid_tui(home, "backtest", "--data", folder, "--quotes", folder)
    assert done.returncode == 2
    assert "slippage_model=half_spread" in done.stderr


def test_half_of_an_unknown_spread_is_a_mistake(home: Path, shared_data: Path) -> None:
    data = ("--data", str(shared_data / "bars_hour_lean" / "SPY.csv.gz"))
    words = (*data, "--set", "broker.slippage_model=half_spread")
    for command, more in (
        ("backtest", ()),
        ("compare", ()),
        ("sweep", ("--set", "rules.rsi_below=25:35:5")),
    ):
        done = hybrid_tui(home, command, *words, *more)
        assert done.returncode == 2, (command, done.stderr)
        assert "needs recorded quotes" in done.stderr
