"""``run --json``: events on stdout, one a line, without ever holding the engine's schedule."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybrid_tui.domain.events import Event

MOST_WAITING = 50_000
LAST_SECONDS = 2.0
WAIT_SECONDS = 0.2


class Printer:
    """Writes events from a thread of its own; a reader that goes away stops the engine cleanly.

    Where time can wait (``lossless``: a simulated or recorded clock) a slow reader slows the
    engine down and misses nothing. On the wall clock stops cannot wait for a reader: what it is
    more than ``MOST_WAITING`` lines behind is left out, and a line ``{"left_out": N}`` says so.
    """

    def __init__(
        self,
        stop: Callable[[str], None],
        *,
        lossless: bool,
        to: int | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._stop = stop
        self._most = most_waiting
        self._lossless = lossless
        # Not Python's buffer: its lock would hold up the exit while a reader stalls.
        self._to = sys.stdout.fileno() if to is None else to
        self._lines: deque[bytes] = deque()
        self._left_out = 0
        self._state = threading.Condition()
        self._ended = False
        self._has_reader = True
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        from hybrid_tui.journal.codec import event_line

        line = event_line(event)
        with self._state:
            while self._lossless and not self._ended and self._is_behind():
                self._state.wait(WAIT_SECONDS)
            if not self._has_reader:
                self._stop("the reader of the events has gone")
            elif self._is_behind():
                self._left_out += 1
            else:
                if self._left_out:
                    self._lines.append(json.dumps({"left_out": self._left_out}).encode() + b"\n")
                    self._left_out = 0
                self._lines.append(line)
                self._state.notify_all()

    def hurry(self) -> None:
        """Wait for the reader no longer: a signal asked the engine to stop."""
        self._lossless = False

    def close(self) -> None:
        """Write what is left; a reader that has stopped reading gets ``LAST_SECONDS``."""
        with self._state:
            self._ended = True
            self._state.notify_all()
        self._thread.join(None if self._lossless else LAST_SECONDS)

    def _is_behind(self) -> bool:
        return self._has_reader and len(self._lines) >= self._most

    def _write(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._lines or self._ended)
                lines, self._lines = self._lines, deque()
                self._state.notify_all()
            if not lines:
                return
            try:
                left = memoryview(b"".join(lines))
                while left:
                    left = left[os.write(self._to, left) :]
            except BrokenPipeError:
                with self._state:
                    self._has_reader = False
                    self._lines.clear()
                    self._state.notify_all()
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._to)
                return
