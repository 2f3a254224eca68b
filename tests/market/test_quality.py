"""What is doubtful about bars, and that sound bars raise no alarm."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.quality import check, late_prints, running_totals
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
    assert (finding.kind, finding.count, finding.is_fault) == ("thin", 12, False)
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
    assert kinds == {"missing_session": 3, "zero_volume": 2}


def test_few_missing_minutes_do_not_make_a_share_thin(calendar: TradingCalendar) -> None:
    (finding,) = check(series(minutes=[*range(100), *range(120, 390)]), calendar)
    assert (finding.kind, finding.count, finding.is_fault) == ("gap", 20, False)


def test_a_wrong_opening_price_is_an_outlier_and_no_split(calendar: TradingCalendar) -> None:
    bars = two_days(104.0)
    opens = bars.open.copy()
    opens[390] *= 2
    (finding,) = check(replace(bars, open=opens), calendar)
    assert (finding.kind, finding.at) == ("outlier", OPEN + timedelta(days=1))


def test_rows_after_an_early_close_are_late_prints(calendar: TradingCalendar) -> None:
    close = int(datetime(2025, 11, 28, 18, 0, tzinfo=UTC).timestamp())
    start = close + np.array([-60, 0, 60, 3 * 3600 - 60, 3 * 3600], dtype=np.int64)
    (finding,) = late_prints("A", start, calendar)
    assert (finding.kind, finding.count, finding.is_fault) == ("late_print", 3, False)
    assert finding.at == datetime.fromtimestamp(close, UTC)
    assert late_prints("A", start + 3 * 86_400, calendar) == []


def test_another_feed_shows_in_the_volume_and_a_busy_week_does_not(
    calendar: TradingCalendar,
) -> None:
    rng = np.random.default_rng(3)
    days = [s.open for s in calendar.sessions if s.open.year == 2025][:40]
    start = np.array([int(d.timestamp()) + 300 * n for d in days for n in range(78)])
    volume = rng.lognormal(8, 0.5, 40)
    volume[5:8] *= 20

    def sessions(scale: float) -> BarSeries:
        scaled = volume.copy()
        scaled[20:] *= scale
        flat = np.full(len(start), 50.0)
        return BarSeries(
            symbol="A",
            interval=300,
            feed="test",
            start=start,
            known_at=start + 300,
            open=flat,
            high=flat,
            low=flat,
            close=flat,
            volume=np.repeat(scaled, 78),
        )

    assert check(sessions(1.0), calendar) == []
    for scale in (30.0, 1 / 30):
        (finding,) = check(sessions(scale), calendar)
        assert (finding.kind, finding.at, finding.is_fault) == ("feed_change", days[20], True)


def test_the_real_seam_between_feeds_and_the_thin_shares_are_found(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    read = read_bars([shared_data / "bars_1min_2025"], calendar=calendar)
    found = {s: check(bars, calendar) for s, bars in read.series.items()}
    seams = {s: f.at.date() for s in found for f in found[s] if f.kind == "feed_change"}
    assert set(read.series) - set(seams) == {"AVGO", "GS", "LCID"}
    assert set(seams.values()) == {date(2026, 1, 22)}
    assert {s for s in found for f in found[s] if f.kind == "thin"} == {"CRSP", "FAS"}
    assert sum(f.count for s in found for f in found[s] if f.kind == "zero_volume") == 1_576
    assert {f.kind for s in found for f in found[s]} == {
        "gap", "thin", "zero_volume", "feed_change"
    }  # fmt: skip


def test_real_consolidated_bars_raise_no_alarm(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    read = read_bars([shared_data / "bars_5min_2025"], calendar=calendar)
    assert [f for bars in read.series.values() for f in check(bars, calendar)] == []
