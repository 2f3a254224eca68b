"""Overnight gaps: the quantile by hand, honest when there are few nights, and where it shows."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import ExitReason, OvernightGaps, Position
from hybrid_tui.rules.overnight import gap_risk, gaps_of, overnight_gaps
from tests.semantics.desk import at, bars, calendar, daily, run_desk, series_of
from tests.semantics.warm import BAND, warm

FIRST = date(2025, 3, 3)


def held(level: float) -> Position:
    return Position(
        symbol="AAA", quantity=10, entry_price=100.0, entry_at=at("10:00"), entry_reason="x",
        entry_fees=0.0, high=100.0, level=level, level_from=ExitReason.HARD_STOP,
    )  # fmt: skip


def nights(*gaps: float) -> OvernightGaps | None:
    """Measure sessions that close at 100 and open by each gap."""
    rows = daily(FIRST, 100.0, *[(100 * (1 + g), 200.0, 1.0, 100.0) for g in gaps])
    return overnight_gaps(series_of("AAA", rows, 86_400), calendar())


def test_the_one_in_fifty_gap_is_the_second_lowest_of_a_hundred() -> None:
    # ceil(100 / 50) = 2: -20 % is the lowest, -14 % the second.
    found = nights(*[0.01] * 60, -0.14, *[0.0] * 38, -0.2)
    assert found is not None
    assert found.nights == 100
    assert found.one_in_50 == pytest.approx(-0.14)
    assert found.worst == pytest.approx(-0.2)


def test_fifty_nights_are_just_enough() -> None:
    enough, few = nights(*[0.0] * 49, -0.14), nights(*[0.0] * 48, -0.14)
    assert enough is not None and enough.one_in_50 == pytest.approx(-0.14)  # noqa: PT018
    assert few is not None and few.one_in_50 is None  # noqa: PT018
    assert nights() is None


def test_it_says_what_a_rare_night_does_to_a_stop() -> None:
    deep = OvernightGaps(nights=412, worst=-0.3, one_in_50=-0.14)
    assert gap_risk(deep, held(90.0), 100.0).text == (
        "-10.0% stop: 1-in-50 gap exit -14.0% (412 nights)"
    )
    shallow = OvernightGaps(nights=412, worst=-0.3, one_in_50=-0.03)
    risk = gap_risk(shallow, held(90.0), 100.0)
    assert risk.text == "-10.0% stop: 1-in-50 gap -3.0% stays above (412 nights)"
    assert risk.exit == pytest.approx(-0.10)
    few = OvernightGaps(nights=5, worst=-0.02, one_in_50=None)
    assert gap_risk(few, held(99.0), 100.0).text == (
        "-1.0% stop: worst gap exit -2.0% (5 nights, too few for 1 in 50)"
    )


def test_minute_bars_give_the_same_gaps_and_a_missing_session_none() -> None:
    rows = [
        *bars("15:58", 90.0, 100.0, day=date(2025, 9, 29)),
        *bars("09:30", 98.0, 50.0, day=date(2025, 9, 30)),
        *bars("15:59", 80.0, day=date(2025, 9, 30)),
        *bars("09:30", 88.0, day=date(2025, 10, 2)),
        *bars("09:30", 44.0, day=date(2025, 10, 3)),
    ]
    found = gaps_of(series_of("AAA", rows, 60), calendar())
    assert found.tolist() == pytest.approx([-0.02, -0.5])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(min_value=-0.5, max_value=0.5), min_size=50, max_size=120))
def test_at_least_one_night_in_fifty_was_as_bad_and_fewer_were_worse(gaps: list[float]) -> None:
    found = nights(*gaps)
    assert found is not None
    assert found.one_in_50 is not None
    at_most = sum(gap <= found.one_in_50 + 1e-9 for gap in gaps)
    worse = sum(gap < found.one_in_50 - 1e-9 for gap in gaps)
    assert at_most >= len(gaps) / 50 > worse
    assert found.worst <= found.one_in_50


def test_a_holding_is_measured_when_it_is_bought_and_again_each_session() -> None:
    day, following = date(2025, 10, 1), date(2025, 10, 2)
    before = [*bars("15:59", 100.0, day=date(2025, 9, 30))]
    rows = [*warm(), *bars("09:52", *[100.0] * 3), *bars("09:30", 97.0, 97.0, day=following)]
    out = run_desk({"AAA": rows}, BAND, before={"AAA": before})
    told = [(event.at, event.gaps["AAA"].nights) for event in out.of(ev.NightsMeasured)]
    assert told == [(at("09:53", day), 1), (at("09:31", following), 2)]
    assert out.state.nights["AAA"].worst == pytest.approx(-0.03)
