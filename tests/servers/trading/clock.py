"""The server's time: the wall clock, a faster one, or one that the test moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from hybrid_tui.domain.calendar import Session, TradingCalendar


class ServerClock:
    """Starts at ``at`` (None: now) and runs ``speed`` times as fast as real time; 0 stands still.

    ``skew`` is how far the broker's stamps on the wire are off; the books keep the true time.
    """

    def __init__(self, at: datetime | None = None, speed: float = 1.0) -> None:
        self._base = at or datetime.now(UTC)
        self._since = time.monotonic()
        self._speed = speed
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """Return the true instant, UTC."""
        return self._base + timedelta(seconds=(time.monotonic() - self._since) * self._speed)

    def move(self, to: datetime) -> None:
        """Go on from another instant at the same speed; time never runs back."""
        if to < self.now():
            raise ValueError(f"the clock stands at {self.now()} and cannot go back to {to}")
        self._base, self._since = to, time.monotonic()


class Hours:
    """When the market is open: by the calendar, or as the test says (``forced``)."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self.calendar = calendar
        self.forced: bool | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether the regular session is open."""
        if self.forced is not None:
            return self.forced
        return self.calendar.session_at(now) is not None

    def next_open(self, now: datetime) -> datetime:
        """Return the next opening after ``now``."""
        return self.calendar.next_session(now).open

    def next_close(self, now: datetime) -> datetime:
        """Return the next close after ``now``."""
        current = self.calendar.session_at(now)
        return (current or self.calendar.next_session(now)).close

    def session(self, now: datetime) -> Session:
        """Return the session that is open, else the next one."""
        return self.calendar.session_at(now) or self.calendar.next_session(now)
