from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.ml.labels import Targets, targets, uniqueness
from hybrid_tui.ml.ticks import Ticks, eligibility, session_ticks, sessions_between
from tests.ml.builders import instant, random_walk, seconds


def outcome(
    series: BarSeries, calendar: TradingCalendar, at: str, known_until: int | None = None
) -> Targets:
    second = seconds(instant(at))
    session = calendar.session_at(instant(at))
    assert session is not None
    tick = Ticks(
        at=np.array([second]),
        session_open=np.array([seconds(session.open)]),
        session_close=np.array([seconds(session.close)]),
    )
    ends = eligibility(series, tick).ends
    last = int(series.known_at[-1]) if known_until is None else known_until
    return targets(series, ends, tick, known_until=last)


def with_close(series: BarSeries, known_at: str, price: float) -> BarSeries:
    close = series.close.copy()
    close[np.flatnonzero(series.known_at == seconds(instant(known_at)))[0]] = price
    return replace(series, close=close)


def test_the_reference_is_the_last_close_known_and_the_horizon_one_hour_later(
    calendar: TradingCalendar,
) -> None:
    series = with_close(random_walk(calendar), "2026-02-03T16:00:00", 100.0)
    series = with_close(series, "2026-02-03T17:00:00", 103.0)
    found = outcome(series, calendar, "2026-02-03T16:00:00")
    assert found.reference[0] == 100.0
    assert found.horizon_end[0] == seconds(instant("2026-02-03T17:00:00"))
    assert found.log_return[0] == pytest.approx(np.log(1.03))
    assert found.is_up[0]


@pytest.mark.parametrize(("price", "is_up"), [(100.02, False), (100.021, True), (100.0, False)])
def test_the_label_needs_more_than_two_basis_points(
    calendar: TradingCalendar, price: float, is_up: bool
) -> None:
    series = with_close(random_walk(calendar), "2026-02-03T16:00:00", 100.0)
    series = with_close(series, "2026-02-03T17:00:00", price)
    assert outcome(series, calendar, "2026-02-03T16:00:00").is_up[0] == is_up


def test_the_horizon_ends_at_the_close_and_never_in_the_next_session(
    calendar: TradingCalendar,
) -> None:
    series = with_close(random_walk(calendar), "2026-02-03T20:30:00", 100.0)
    series = with_close(series, "2026-02-03T21:00:00", 101.0)
    found = outcome(series, calendar, "2026-02-03T20:30:00")
    assert found.horizon_end[0] == seconds(instant("2026-02-03T21:00:00"))
    assert found.log_return[0] == pytest.approx(np.log(1.01))


def test_realised_volatility_sums_the_squares_after_the_instant(
    calendar: TradingCalendar,
) -> None:
    series = random_walk(calendar)
    found = outcome(series, calendar, "2026-02-03T16:00:00")
    first = int(np.flatnonzero(series.known_at == seconds(instant("2026-02-03T16:00:00")))[0])
    path = np.diff(np.log(series.close[first : first + 61]))
    assert found.realised[0] == pytest.approx(np.sqrt(np.sum(path**2)))


def test_an_outcome_beyond_the_data_is_not_known(calendar: TradingCalendar) -> None:
    series = random_walk(calendar).known_by(seconds(instant("2026-02-04T16:30:00")))
    found = outcome(series, calendar, "2026-02-04T16:00:00")
    assert not found.is_known[0]
    early = outcome(series, calendar, "2026-02-04T15:30:00")
    assert early.is_known[0]


def test_instants_run_from_five_minutes_after_the_open_to_before_the_close(
    calendar: TradingCalendar,
) -> None:
    first, last = (seconds(instant(t)) for t in ("2025-11-26T12:00:00", "2025-11-28T23:00:00"))
    sessions = sessions_between(calendar, first, last)
    ticks = session_ticks(sessions)
    assert [len(session_ticks([session])) for session in sessions] == [77, 41]
    assert (ticks.at - ticks.session_open).min() == 300
    assert (ticks.session_close - ticks.at).min() == 300


def test_a_symbol_that_was_silent_for_more_than_15_minutes_is_not_recent(
    calendar: TradingCalendar,
) -> None:
    series = random_walk(calendar).known_by(seconds(instant("2026-02-04T16:00:00")))
    ticks = session_ticks(sessions_between(calendar, int(series.start[-1]), int(series.start[-1])))
    fit = eligibility(series, ticks)
    recent_until = int(ticks.at[fit.is_recent].max())
    assert recent_until == seconds(instant("2026-02-04T16:15:00"))


def test_five_minute_bars_are_refused(calendar: TradingCalendar) -> None:
    series = replace(random_walk(calendar), interval=300)
    ticks = session_ticks(sessions_between(calendar, int(series.start[0]), int(series.start[0])))
    with pytest.raises(DataError, match="one-minute"):
        eligibility(series, ticks)


def test_an_outcome_weighs_what_is_its_own() -> None:
    at = np.arange(0, 10 * 3600, 300)
    alone = uniqueness(np.array([0, 7200]), np.array([3600, 10800]))
    assert alone.tolist() == [1.0, 1.0]
    weight = uniqueness(at, at + 3600)
    assert weight[60] == pytest.approx(1 / 12)
    assert weight[0] == pytest.approx(sum(1 / n for n in range(1, 13)) / 12)
    assert weight.sum() * 3600 == pytest.approx(10 * 3600 + 3600 - 300), "the time they cover"
    assert uniqueness(at[::12], at[::12] + 3600) == pytest.approx(np.ones(10))
    assert len(uniqueness(at[:0], at[:0])) == 0
