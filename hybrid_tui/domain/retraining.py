"""When a new model is to be trained: weekly, off-hours, and later where it was missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from hybrid_tui.domain.instants import NEW_YORK

if TYPE_CHECKING:
    # The configuration reads slots, and --help loads it without numpy.
    from hybrid_tui.domain.calendar import TradingCalendar

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BEFORE_OPEN = timedelta(hours=2)
"""No training begins this close to an open."""
AFTER_CLOSE = timedelta(minutes=15)
RETRY = timedelta(hours=24)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySlot:
    """A New York weekday (0 is Monday) and time."""

    weekday: int
    clock: time

    def last(self, now: datetime) -> datetime:
        """Return the latest such instant at or before ``now``, UTC."""
        found = self._around(now)
        return found if found <= now else self._around(now, weeks=-1)

    def following(self, now: datetime) -> datetime:
        """Return the next such instant after ``now``, UTC."""
        found = self._around(now)
        return found if found > now else self._around(now, weeks=1)

    def _around(self, now: datetime, weeks: int = 0) -> datetime:
        there = now.astimezone(NEW_YORK)
        day = there.date() - timedelta(days=(there.weekday() - self.weekday) % 7)
        return datetime.combine(day + weeks * WEEK, self.clock, NEW_YORK).astimezone(UTC)


def parse_slot(text: str) -> WeeklySlot:
    """Return the slot of ``Sat 06:00``; raises ValueError."""
    name, _, clock = text.strip().lower().partition(" ")
    found = [day for day in WEEKDAYS if len(name) >= 3 and day.startswith(name)]
    if not found:
        raise ValueError(f"{text!r} is not a weekday and a time, such as 'Sat 06:00'")
    return WeeklySlot(weekday=WEEKDAYS.index(found[0]), clock=time.fromisoformat(clock.strip()))


def training_due(
    after: datetime,
    slot: WeeklySlot,
    calendar: TradingCalendar,
    *,
    trained: datetime | None,
    failed: datetime | None,
) -> datetime:
    """Return the first instant at or after ``after`` at which a training is to begin.

    ``trained`` is when the last training that gave a model was asked for, ``failed`` the last that
    did not: it is tried again a day later. A slot that was missed is made up for at the next hour
    without a session. Raises DataError past the end of the calendar.
    """
    planned = slot.last(after)
    if trained is not None and trained >= planned:
        planned = slot.following(after)
    elif failed is not None and failed >= planned:
        planned = failed + RETRY
    return _off_hours(max(after, planned), calendar)


def _off_hours(instant: datetime, calendar: TradingCalendar) -> datetime:
    """Return the first instant from ``instant`` on that is neither in nor near a session."""
    session = calendar.last_session(instant)
    if session is not None and instant < session.close + AFTER_CLOSE:
        instant = session.close + AFTER_CLOSE
    following = calendar.next_session(instant)
    if following.open - instant < BEFORE_OPEN:
        return _off_hours(following.close + AFTER_CLOSE, calendar)
    return instant
