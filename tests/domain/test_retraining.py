"""When trainings are due: never in or near a session, never twice for one slot."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.retraining import BEFORE_OPEN, WEEK, WeeklySlot, parse_slot, training_due
from hybrid_tui.market.calendar import xnys

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 500 * 86_400).map(lambda second: FIRST + timedelta(seconds=second))
SLOTS = st.builds(WeeklySlot, weekday=st.integers(0, 6), clock=st.times())
CALENDAR: list[TradingCalendar] = []


def calendar() -> TradingCalendar:
    if not CALENDAR:
        CALENDAR.append(xnys())
    return CALENDAR[0]


@given(now=INSTANTS, slot=SLOTS)
@settings(max_examples=200, deadline=None)
def test_a_slot_lies_within_a_week_around_now(now: datetime, slot: WeeklySlot) -> None:
    last, following = slot.last(now), slot.following(now)
    assert last <= now < following
    # A clock that is put forward or back moves the instant by an hour, or a skipped one to the day.
    assert abs((following - last) - WEEK) <= timedelta(hours=1)
    assert last.astimezone(NEW_YORK).weekday() == slot.weekday


@given(
    now=INSTANTS,
    slot=SLOTS,
    trained=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
    failed=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
)
@settings(max_examples=200, deadline=None)
def test_no_training_begins_in_or_near_a_session(
    now: datetime, slot: WeeklySlot, trained: timedelta | None, failed: timedelta | None
) -> None:
    due = training_due(
        now,
        slot,
        calendar(),
        trained=None if trained is None else now - trained,
        failed=None if failed is None else now - failed,
    )
    assert due >= now
    assert calendar().session_at(due) is None
    assert calendar().next_session(due).open - due >= BEFORE_OPEN
    if trained is not None and now - trained >= slot.last(now):
        assert due >= slot.following(now), "this week's is done"


@pytest.mark.parametrize("text", ["Sat 06:00", "saturday 06:00", " SAT  06:00 "])
def test_a_slot_is_read(text: str) -> None:
    assert parse_slot(text) == WeeklySlot(weekday=5, clock=time(6, 0))


@pytest.mark.parametrize("text", ["", "Sat", "sa 06:00", "someday 06:00", "Sat 25:00"])
def test_what_is_no_slot_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_slot(text)
