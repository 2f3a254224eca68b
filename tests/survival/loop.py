"""An event loop whose time stands still while anyone works, and jumps when everyone waits."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests.servers.trading.virtual import DUE, MOVING, NOW, SharedTime

WAIT_S = 0.02
"""Real seconds to wait for whoever wakes this process, before looking again."""
PATIENCE_S = 20.0
"""Real seconds without any progress after which the run is stuck."""
HELD_S = 2.0
SHORTEST_S = 1e-6

real_monotonic = time.monotonic


class VirtualTime:
    """The engine's side of a shared time; ``busy`` counts what answers without time passing."""

    def __init__(self, shared: SharedTime) -> None:
        self.shared = shared
        self._busy = 0
        self._lock = threading.Lock()
        self._held_since = 0.0
        self._held = 0

    def monotonic(self) -> float:
        """Return seconds, to be patched in for ``time.monotonic``."""
        return self.shared.cells[NOW]

    def now(self) -> datetime:
        """Return the instant, UTC."""
        return self.shared.now()

    def jump(self, to: datetime) -> None:
        """Let the time be a later one at once, as after a sleep of the machine."""
        self.shared.cells[NOW] = max(self.shared.cells[NOW], to.timestamp())
        self.shared.ring()

    def begin(self) -> None:
        """Something has begun that takes no time."""
        with self._lock:
            self._busy += 1

    def end(self) -> None:
        """It is done."""
        with self._lock:
            self._busy -= 1

    @contextmanager
    def hold(self) -> Iterator[Callable[[], None]]:
        """Hold the time, for a moment of real time at most; gives what lets it go."""
        self._held_since = real_monotonic()
        self._held = 1

        def let_go() -> None:
            self._held = 0

        try:
            yield let_go
        finally:
            let_go()

    @property
    def may_pass(self) -> bool:
        """Whether everyone waits."""
        cells = self.shared.cells
        is_held = self._held and real_monotonic() - self._held_since < HELD_S
        return not (self._busy or is_held or cells[MOVING] > 0 or cells[DUE] <= cells[NOW])

    def pass_to(self, instant: float) -> None:
        """Move the time on, at most to what is due at the server."""
        cells = self.shared.cells
        due = cells[DUE]
        cells[NOW] = max(cells[NOW], min(instant, due))
        if cells[NOW] >= due:
            self.shared.ring()


class VirtualSelector(selectors.DefaultSelector):
    """Waits by moving the time on."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._clock = clock
        self.register(clock.shared.back, selectors.EVENT_READ)

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready; ``timeout`` is in virtual seconds."""
        clock = self._clock
        # A shorter step would be lost in the rounding of so large a number.
        until = None if timeout is None else clock.monotonic() + max(timeout, SHORTEST_S)
        patience = real_monotonic() + PATIENCE_S
        while True:
            could_pass = clock.may_pass
            ready = self._ready(0)
            if ready or (timeout is not None and timeout <= 0):
                return ready
            if until is not None and clock.monotonic() >= until:
                return ready
            if could_pass and until is not None:
                clock.pass_to(until)
                continue
            ready = self._ready(WAIT_S)
            if ready:
                return ready
            if real_monotonic() > patience:
                raise AssertionError("nothing moves: something is owed and never comes")

    def _ready(self, seconds: float) -> list[Any]:
        """Return what is ready within real seconds; the server's bell only ends the waiting."""
        shared = self._clock.shared
        ready = super().select(seconds)
        if any(key.fd == shared.back for key, _ in ready):
            shared.heard_back()
            ready = [(key, mask) for key, mask in ready if key.fd != shared.back]
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in a shared time; work in threads takes none of it."""

    def __init__(self, clock: VirtualTime) -> None:
        self._virtual = clock
        super().__init__(VirtualSelector(clock))
        # Of the seconds since 1970 as a float: a timer that is due this instant has to fire.
        self._clock_resolution = SHORTEST_S

    def time(self) -> float:
        """Return the virtual seconds."""
        return self._virtual.monotonic()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Run in a thread; the time stands until its result has arrived."""
        self._virtual.begin()
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(lambda _: self._virtual.end())
        return future


class VirtualPolicy(asyncio.DefaultEventLoopPolicy):
    """Has ``asyncio.run`` use the virtual time."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._clock = clock

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop in the virtual time."""
        return VirtualLoop(self._clock)
