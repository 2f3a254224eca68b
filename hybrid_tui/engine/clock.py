"""The engine's time: how long the wall clock has to pass until an instant is reached."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hybrid_tui.domain.calendar import TradingCalendar

BEFORE_OPEN = timedelta(minutes=5)


class Clock(Protocol):
    """Tells a driver how long to wait, and what time it is between instants."""

    speed: float
    is_scaled: bool

    def start(self, now: datetime) -> None:
        """Let the engine's time be ``now`` from this moment on."""

    def seconds_until(self, instant: datetime) -> float:
        """Return the wall seconds until the instant; 0 or less: it is due."""

    def now(self) -> datetime:
        """Return the engine's time at this moment."""

    def set_speed(self, speed: float) -> None:
        """Run N times faster than the wall clock; 0 is as fast as it goes."""


class WallClock:
    """The real time, a little late, so that a minute's bars have arrived when the minute is due."""

    speed = 1.0
    is_scaled = False

    def __init__(self, lag: timedelta = timedelta(seconds=2)) -> None:
        self._lag = lag

    def start(self, now: datetime) -> None:
        """Do nothing: nobody sets the real time."""

    def seconds_until(self, instant: datetime) -> float:
        """Return the wall seconds until the instant; 0 or less: it is due."""
        return (instant - self.now()).total_seconds()

    def now(self) -> datetime:
        """Return the engine's time at this moment."""
        return datetime.now(UTC) - self._lag

    def set_speed(self, speed: float) -> None:
        """Do nothing: the real time has one speed."""


class ScaledClock:
    """A simulated or recorded market's time: N times the wall clock's, and never through a night.

    Outside sessions (and the five minutes before an open) no wall time passes.
    """

    is_scaled = True

    def __init__(self, calendar: TradingCalendar, speed: float) -> None:
        self.speed = speed
        self._calendar = calendar
        self._now = datetime.now(UTC)
        self._set_at = time.monotonic()

    def start(self, now: datetime) -> None:
        """Let the engine's time be ``now`` from this moment on."""
        self._now = now
        self._set_at = time.monotonic()

    def seconds_until(self, instant: datetime) -> float:
        """Return the wall seconds until the instant; time without a market takes none."""
        if self.speed == 0:
            return 0.0
        begins = self._now
        session = self._calendar.session_at(begins)
        if session is None:
            following = self._calendar.next_session(begins)
            begins = max(begins, min(instant, following.open - BEFORE_OPEN))
        elapsed = time.monotonic() - self._set_at
        return (instant - begins).total_seconds() / self.speed - elapsed

    def now(self) -> datetime:
        """Return the engine's time at this moment; at speed 0 that of the last instant."""
        elapsed = timedelta(seconds=(time.monotonic() - self._set_at) * self.speed)
        return self._now + elapsed

    def set_speed(self, speed: float) -> None:
        """Change the speed; the time reached stays."""
        now = self.now()
        self.speed = speed
        self.start(now)
