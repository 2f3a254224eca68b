"""The server in a time that passes only when everyone waits, shared with an engine's process.

Whoever waits moves it on (:mod:`tests.survival.loop`), never past what is due here and never while
a frame is on its way. So a minute takes milliseconds, and a busy machine changes no figure.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.trading.clock import ServerClock
from tests.servers.trading.server import AlpacaTrading
from tests.servers.trading.venue import work

NOW, DUE, MOVING = range(3)
NEVER = float("inf")


class SharedTime:
    """Three numbers in a file that two processes map: now, what is due next, frames on their way.

    Instants are UTC epoch seconds. One bell is rung when something has come due at the server, the
    other (``back``) when the server has nothing more to do.
    """

    def __init__(self, path: Path) -> None:
        bell, back = path.with_suffix(".bell"), path.with_suffix(".back")
        if not path.exists():
            path.write_bytes(bytes(mmap.PAGESIZE))
            os.mkfifo(bell)
            os.mkfifo(back)
        self.path = path
        self._bell = os.open(bell, os.O_RDWR)
        self.back = os.open(back, os.O_RDWR | os.O_NONBLOCK)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.cells = memoryview(self._map).cast("d")

    def now(self) -> datetime:
        """Return the instant, UTC."""
        return datetime.fromtimestamp(self.cells[NOW], UTC)

    def ring(self) -> None:
        """Wake the server."""
        os.write(self._bell, b"!")

    def ring_back(self) -> None:
        """Wake who waits for the server."""
        try:
            os.write(self.back, b"!")
        except BlockingIOError:
            # Rung many times, and nobody has listened yet.
            return

    def heard_back(self) -> None:
        """Take note of the ringing."""
        try:
            os.read(self.back, 4_096)
        except BlockingIOError:
            return

    def wait(self) -> None:
        """Wait until the bell is rung."""
        os.read(self._bell, 64)


class VirtualClock(ServerClock):
    """The server's side of a shared time."""

    def __init__(self, time: SharedTime, at: datetime) -> None:
        super().__init__(at, 0.0)
        self.time = time
        time.cells[NOW], time.cells[DUE], time.cells[MOVING] = at.timestamp(), NEVER, 0.0

    def now(self) -> datetime:
        """Return the true instant, UTC."""
        return self.time.now()

    def move(self, to: datetime) -> None:
        """Go on from a later instant."""
        self.time.cells[NOW] = max(self.time.cells[NOW], to.timestamp())


class VirtualTrading(AlpacaTrading):
    """The server on a shared time; each request takes ``latency_s`` of it."""

    def __init__(
        self,
        calendar: TradingCalendar,
        time: SharedTime,
        at: datetime,
        *,
        latency_s: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(calendar, **settings)
        self.time = time
        self.latency_s = latency_s
        clock = VirtualClock(time, at)
        self.clock = self.book.clock = self.gate.clock = self.gate.rate._clock = clock
        self.gate.pause = self.pass_time
        self.updates.moving = self._moving
        self._counting = threading.Lock()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and do on the way what comes due."""
        with self.lock:
            until = self.clock.now() + timedelta(seconds=seconds)
            while (due := self.book.next_due()) is not None and due <= until:
                self.clock.move(due)
                work(self.book)
            self.clock.move(until)
            work(self.book)
            self._publish_due()

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, Any]:
        """Answer after the time that a request takes."""
        with self.lock:
            if self.latency_s:
                self.pass_time(self.latency_s)
            try:
                return super().answer(method, path, query, body)
            finally:
                self._publish_due()

    def later(self, seconds: float, name: str, **fields: Any) -> None:
        """Have one of the server's methods called in so many seconds."""
        with self.lock:
            self.book.later(seconds, lambda: getattr(self, name)(**fields))
            self._publish_due()

    def _moving(self, count: int) -> None:
        with self._counting:
            self.time.cells[MOVING] += count
            if self.time.cells[MOVING] <= 0:
                self.time.ring_back()

    def _publish_due(self) -> None:
        due = self.book.next_due()
        self.time.cells[DUE] = NEVER if due is None else due.timestamp()

    def _run(self) -> None:
        """Do what has come due whenever whoever waits has moved the time on."""
        while not self._stopped.is_set():
            self.time.wait()
            with self.lock:
                if self.time.cells[DUE] <= self.time.cells[NOW]:
                    work(self.book)
                    self._publish_due()
            self.time.ring_back()

    def stop(self) -> None:
        """End; what was answered late is let go."""
        self._stopped.set()
        self.time.ring()
        super().stop()


def dollars(price: float) -> Decimal:
    """Return a price in whole cents."""
    return Decimal(str(round(price, 2)))
