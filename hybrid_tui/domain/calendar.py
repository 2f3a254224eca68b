"""Trading sessions and the instants that depend on them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from hybrid_tui.domain.bars import IntArray
from hybrid_tui.domain.instants import NEW_YORK as NEW_YORK
from hybrid_tui.errors import DataError

REGULAR_CLOSE = time(16, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One regular trading session: [open, close), both UTC."""

    day: date
    open: datetime
    close: datetime

    @property
    def is_half_day(self) -> bool:
        """Whether the session closes before 16:00 New York."""
        return self.close.astimezone(NEW_YORK).time() < REGULAR_CLOSE

    def contains(self, instant: datetime) -> bool:
        """Whether the instant lies in [open, close)."""
        return self.open <= instant < self.close

    def at(self, clock: time) -> datetime:
        """Return the UTC instant of a New York wall-clock time on this session's day."""
        return datetime.combine(self.day, clock, NEW_YORK).astimezone(UTC)


class TradingCalendar:
    """A sorted list of sessions with the look-ups that the desk needs."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        if not sessions:
            raise DataError("a trading calendar needs at least one session")
        self.sessions = tuple(sessions)
        self._opens = [session.open for session in self.sessions]
        self._closes = [session.close for session in self.sessions]
        self._days = [session.day for session in self.sessions]
        self.open_seconds: IntArray = np.array(
            [int(o.timestamp()) for o in self._opens], dtype=np.int64
        )
        self.close_seconds: IntArray = np.array(
            [int(c.timestamp()) for c in self._closes], dtype=np.int64
        )

    def session_at(self, instant: datetime) -> Session | None:
        """Return the session whose [open, close) holds the instant."""
        index = bisect_right(self._opens, instant) - 1
        if index >= 0 and instant < self._closes[index]:
            return self.sessions[index]
        return None

    def session_on(self, day: date) -> Session | None:
        """Return the session of a New York date, if there is one."""
        index = bisect_left(self._days, day)
        if index < len(self._days) and self._days[index] == day:
            return self.sessions[index]
        return None

    def next_session(self, instant: datetime) -> Session:
        """Return the first session that opens after the instant.

        Raises DataError past the end of the calendar.
        """
        index = bisect_right(self._opens, instant)
        if index >= len(self.sessions):
            raise DataError(
                f"the calendar ends on {self._days[-1]}", hint="update exchange_calendars"
            )
        return self.sessions[index]

    def last_session(self, instant: datetime) -> Session | None:
        """Return the session that opened last, at the instant or before it."""
        index = bisect_right(self._opens, instant) - 1
        return self.sessions[index] if index >= 0 else None

    def session_after(self, session: Session) -> Session:
        """Return the session that follows the given one."""
        return self.next_session(session.open)


def strategy_expiry(
    now: datetime, calendar: TradingCalendar, clock: time = time(10, 30)
) -> datetime:
    """Return 10:30 New York of the session after the one that opened last."""
    last = calendar.last_session(now)
    following = calendar.session_after(last) if last else calendar.next_session(now)
    return following.at(clock)


def prediction_instants(session: Session, every_minutes: int) -> list[datetime]:
    """Return open + n x ``every_minutes`` for n = 1, 2, ..., the last strictly before the close."""
    step = timedelta(minutes=every_minutes)
    instants = []
    instant = session.open + step
    while instant < session.close:
        instants.append(instant)
        instant += step
    return instants


def strategist_instants(session: Session, clocks: Sequence[time]) -> list[datetime]:
    """Return the strategist's instants of a session, those outside [open, close) left out."""
    return sorted(at for at in map(session.at, clocks) if session.contains(at))
