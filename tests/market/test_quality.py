"""What is doubtful about bars, and that sound bars raise no alarm."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.quality import check, running_totals
from hybrid_tui.market.sim_profiles import SimulatedConfig
from hybrid_tui.market.simulated import SimulatedMarket
from hybrid_tui.market.store import merge_series
from tests.market.builders import OPEN, series


def two_days(second_close: float = 100.0, first: BarSeries | None = None) -> BarSeries:
    day = series(minutes=range(390)) if first is None else first
    begin = OPEN + timedelta(days=1)
    return merge_series(day, series(minutes=range(390), begin=begin, close=second_close))


def test_sound_bars_raise_no_alarm(calendar: TradingCalendar) -> None:
    assert check(two_days(), calendar) == []
    simulated, _ = SimulatedMarket(SimulatedConfig(), calendar).history(date(2025, 11, 3), 20)
    assert [f for bars in simulated.values() for f in check(bars, calendar)] == []


def test_missing_minutes_are_counted_and_the_longest_gap_is_named(
    calendar: TradingCalendar,
) -> None:
    bars = series(minutes=[0, 1, 5, 6, 16])
    (finding,) = check(bars, calendar)
    assert (finding.kind, finding.count, finding.is_fault) == ("gap", 12, False)
    assert finding.at == OPEN + timedelta(minutes=7)
    assert "12 bars (70.6%) are missing inside 1 sessions; the longest gap is 9" in finding.detail


def test_a_missing_session_is_named(calendar: TradingCalendar) -> None:
    bars = merge_series(
        series(minutes=range(390)),
        series(minutes=range(390), begin=OPEN + timedelta(days=3), close=104.0),
    )
    (finding,) = check(bars, calendar)
    assert (finding.kind, finding.count) == ("missing_session", 2)
    assert finding.detail == "no bar from 2026-03-03 to 2026-03-04"


@pytest.mark.parametrize(
    ("after", "text"), [(26.0, "4:1 split"), (310.0, "3:1 reverse split"), (85.0, None)]
)
def test_a_leap_by_a_whole_ratio_is_a_suspected_split(
    after: float, text: str | None, calendar: TradingCalendar
) -> None:
    found = [f for f in check(two_days(after), calendar) if f.kind == "unadjusted_split"]
    assert [text in f.detail for f in found if text] == ([True] if text else [])


def test_a_lone_price_is_an_outlier(calendar: TradingCalendar) -> None:
    bars = two_days()
    close = bars.close.copy()
    close[200] *= 1.3
    (finding,) = check(replace(bars, close=close), calendar)
    assert (finding.kind, finding.at) == ("outlier", OPEN + timedelta(minutes=200))


def test_running_totals_are_told_from_large_trades() -> None:
    rng = np.random.default_rng(1)
    volume = rng.uniform(500, 1500, 390)
    large = volume.copy()
    large[[50, 90, 130, 170, 210, 250, 290, 330, 370]] = rng.uniform(1e5, 9e5, 9)
    assert not running_totals(volume).any()
    assert not running_totals(large).any()
    total = volume.copy()
    rows = np.arange(40, 390, 10)
    total[rows] = np.cumsum(volume)[rows]
    assert np.flatnonzero(running_totals(total)).tolist() == [
        row for row in rows if total[row] > 20 * np.median(total)
    ]


def test_real_broken_volume_is_found_where_it_is(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    read = read_bars([shared_data / "yahoo_1m_2026"], calendar=calendar)
    found = [f for bars in read.series.values() for f in check(bars, calendar)]
    broken = {(f.symbol, f.at.day) for f in found if f.kind == "running_volume"}
    others = set(read.series) - {"SPY"}
    assert broken == {(symbol, day) for symbol in others for day in (16, 17, 18, 19)}


def test_real_splits_are_found_and_adjusted_prices_are_clean(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    raw = read_bars([shared_data / "daily_lean" / "AAPL.csv.gz"], calendar=calendar)
    splits = [f for f in check(raw.series["AAPL"], calendar) if f.kind == "unadjusted_split"]
    assert [f.at.year for f in splits] == [2000, 2005, 2014, 2020]
    clean = read_bars([shared_data / "daily_stocknet"], calendar=calendar)
    kinds = Counter(f.kind for bars in clean.series.values() for f in check(bars, calendar))
    assert kinds == {"missing_session": 3}


def test_real_consolidated_bars_raise_no_alarm(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    read = read_bars([shared_data / "bars_5min_2025"], calendar=calendar)
    assert [f for bars in read.series.values() for f in check(bars, calendar)] == []
