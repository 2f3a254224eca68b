"""Yahoo's bars through the real yfinance, against a Yahoo on the loopback interface."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.market.yahoo_rows import (
    OFF_GRID,
    OUTSIDE,
    RUNNING,
    SILENT,
    UNFINISHED,
    chart_series,
)
from tests.market.yahoo_history.builders import NOW, OPEN, Desk, MakeDesk, days, minutes
from tests.servers.yahoo import Share, Yahoo


def test_bars_come_as_they_are(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes(price=float(np.float32(164.32)))})
    series = desk.day("AAA")
    assert (series.symbol, series.interval, series.feed) == ("AAA", 60, "yahoo")
    assert series.start.tolist() == [int(OPEN.timestamp()) + 60 * i for i in range(30)]
    assert series.known_at.tolist() == (series.start + 60).tolist()
    assert (series.open[0], series.high[0], series.close[0]) == (164.32, 164.82, 164.57)
    assert set(series.volume) == {1000.0}


def test_a_month_comes_in_weeks_oldest_first(desk: Desk, yahoo: Yahoo) -> None:
    weeks = [OPEN - timedelta(days=7 * n) for n in (4, 3, 2, 1, 0)]
    # Clocks went forward on 2026-03-08: the earlier sessions open an hour later by UTC.
    weeks = [w + timedelta(hours=1) if w.date() < date(2026, 3, 8) else w for w in weeks]
    yahoo.shares["AAA"] = Share({"1m": [row for w in weeks for row in minutes(begin=w)]})
    pages = list(desk.history.bars("AAA", 60, NOW - timedelta(days=29), NOW))
    assert [int(page.start[0]) for page in pages] == [int(w.timestamp()) for w in weeks]
    spans = [path for path in yahoo.charts() if "interval=1m" in path]
    assert len(spans) == 5


@pytest.mark.parametrize(("interval", "days"), [(60, 31), (300, 61), (3600, 731)])
def test_more_than_yahoo_keeps_is_refused_before_asking(
    interval: int, days: int, desk: Desk, yahoo: Yahoo
) -> None:
    with pytest.raises(DataError, match="Yahoo keeps bars of") as caught:
        list(desk.history.bars("AAA", interval, NOW - timedelta(days=days), NOW))
    assert "--start 20" in (caught.value.hint or "")
    assert yahoo.asked == []
    with pytest.raises(ConfigError, match="no bars of 120 s"):
        list(desk.history.bars("AAA", 120, OPEN, NOW))


def test_what_is_not_a_finished_regular_bar_is_left_out(desk: Desk, yahoo: Yahoo) -> None:
    desk.now = OPEN + timedelta(minutes=10, seconds=20)
    early = minutes(5, OPEN - timedelta(minutes=5))
    live = (int(OPEN.timestamp()) + 615, 100.0, 100.0, 100.0, 100.0, 5.0)
    yahoo.shares["AAA"] = Share({"1m": [*early, *minutes(11), live]})
    series = next(desk.history.bars("AAA", 60, OPEN - timedelta(hours=1), NOW))
    assert series.known_at[-1] == int(OPEN.timestamp()) + 540
    assert desk.history.dropped == {OUTSIDE: 5, UNFINISHED: 2}


def test_a_bar_off_the_grid_is_left_out(calendar: TradingCalendar) -> None:
    dropped: Counter[str] = Counter()
    start = int(OPEN.timestamp()) + np.array([0, 60, 75], dtype=np.int64)
    values = np.full((5, 3), 10.0)
    series = chart_series("AAA", 60, start, values, calendar=calendar, now=NOW, dropped=dropped)
    assert series.start.tolist() == start[:2].tolist()
    assert dropped == {OFF_GRID: 1}


def test_the_day_that_runs_is_no_daily_bar(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1d": days(date(2026, 3, 23), [10.0, 11.0])})
    desk.now = OPEN + timedelta(hours=1)
    begin = datetime(2026, 3, 20, tzinfo=UTC)
    (running,) = desk.history.bars("AAA", 86_400, begin, NOW)
    assert running.close.tolist() == [10.0]
    desk.now = NOW
    (closed,) = desk.history.bars("AAA", 86_400, begin, NOW)
    assert closed.close.tolist() == [10.0, 11.0]


def test_rows_that_cannot_be_bars_are_counted(desk: Desk, yahoo: Yahoo) -> None:
    rows = minutes(6)
    rows[1] = (rows[1][0], None, None, None, None, None)
    rows[2] = (rows[2][0], 100.0, 99.0, 101.0, 100.0, 10.0)
    rows[3] = (rows[3][0], -1.0, 101.0, -1.0, 100.0, 10.0)
    yahoo.shares["AAA"] = Share({"1m": rows})
    assert len(desk.day("AAA")) == 3
    assert desk.history.dropped == {
        "rows: open is missing or not a number": 1,
        "rows: high is below low": 1,
        "rows: open is not above 0": 1,
    }


def test_running_totals_never_reach_a_rule(desk: Desk, yahoo: Yahoo) -> None:
    rows = minutes(390)
    for i in range(40, 390, 10):
        rows[i] = (*rows[i][:5], 1000.0 * i)
    yahoo.shares["AAA"] = Share({"1m": rows})
    volume = desk.day("AAA").volume
    assert volume.max() == 1000.0
    assert desk.history.dropped[RUNNING] == (volume == 0).sum() == 35


def test_repeating_asks_nobody_until_the_answer_is_old(
    make_desk: MakeDesk, yahoo: Yahoo, forget_answers: None
) -> None:
    from yfinance.data import YfData

    yahoo.shares["AAA"] = Share({"1m": minutes()})
    first = make_desk().day("AAA")
    asked = len(yahoo.charts())
    YfData.cache_get.cache_clear()
    assert make_desk().day("AAA").close.tolist() == first.close.tolist()
    assert len(yahoo.charts()) == asked
    later = make_desk()
    later.now += timedelta(minutes=11)
    YfData.cache_get.cache_clear()
    later.day("AAA")
    assert len(yahoo.charts()) == 2 * asked


def test_a_damaged_kept_answer_is_asked_for_again(
    make_desk: MakeDesk, yahoo: Yahoo, tmp_path: Path
) -> None:
    from yfinance.data import YfData

    yahoo.shares["AAA"] = Share({"1m": minutes()})
    make_desk().day("AAA")
    for path in (tmp_path / "cache" / "answers").iterdir():
        path.write_text("{")
    YfData.cache_get.cache_clear()
    assert len(make_desk().day("AAA")) == 30


def test_requests_keep_their_distance(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    desk.day("AAA")
    assert len(desk.slept) == desk.history.gate.requests - 1
    assert set(desk.slept) == {0.5}


def test_prices_come_as_traded_although_yahoo_adjusts_them(desk: Desk, yahoo: Yahoo) -> None:
    # 40, 40 | 4:1 | 10, 10 | 2:1 | 5, 5 as traded; Yahoo shows 5 throughout.
    rows = days(date(2026, 3, 17), [5.0, 5.0, 5.0, 5.0])  # Tuesday to Friday
    at = [row[0] for row in rows]
    after = days(date(2026, 3, 23), [5.0])
    yahoo.shares["AAA"] = Share(
        {"1d": [*rows, *after]},
        splits=[(at[2], 4, 1), (after[0][0], 2, 1)],
        dividends=[(at[1], 0.125), (at[3], 0.25)],
    )
    begin = datetime(2026, 3, 17, tzinfo=UTC)
    (series,) = desk.history.bars("AAA", 86_400, begin, NOW)
    assert series.close.tolist() == [40.0, 40.0, 10.0, 10.0, 5.0]
    assert series.volume.tolist() == [125.0, 125.0, 500.0, 500.0, 1000.0]
    found = desk.history.actions("AAA", begin, NOW)
    assert [(a.ratio, a.amount) for a in found] == [(1, 1.0), (4, 0), (1, 0.5), (2, 0)]
    assert found[1].ex_at == datetime(2026, 3, 19, 4, 0, tzinfo=UTC)


def test_a_split_that_yahoo_has_not_worked_in_is_left_alone(desk: Desk, yahoo: Yahoo) -> None:
    rows = days(date(2026, 3, 17), [40.0, 40.0, 10.1, 10.0])
    yahoo.shares["AAA"] = Share({"1d": rows}, splits=[(rows[2][0], 4, 1)])
    (series,) = desk.history.bars("AAA", 86_400, datetime(2026, 3, 17, tzinfo=UTC), NOW)
    assert series.close.tolist() == [40.0, 40.0, 10.1, 10.0]


def test_minutes_without_volume_are_kept_and_counted(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": [*minutes(3, volume=0.0), *minutes(6)[3:]]})
    assert desk.day("AAA").volume.tolist() == [0.0] * 3 + [1000.0] * 3
    assert desk.history.dropped == {SILENT: 3}
