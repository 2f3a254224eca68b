"""The terminal's driver: Textual's own, made to outlive what terminals do.

Textual's waits for a terminal that does not read, with the whole screen, and ends on bytes that are
not text. Here the loop never waits: what a terminal does not take is left out, and when it reads
again everything is painted anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable
from queue import Empty
from typing import TYPE_CHECKING, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from io import TextIOWrapper

log = logging.getLogger(__name__)

STDERR = 2
MOST_WAITING = 16
LAST_SECONDS = 1.0
POLL_SECONDS = 0.1


class PatientFile:
    """A terminal to write to from a thread, which can be given up on while it does not read."""

    def __init__(self, on_idle: Callable[[], None]) -> None:
        """Open the terminal behind stderr once more: not waiting is a matter of the opening.

        ``on_idle`` is called, in the thread that writes, when all has been written.
        """
        self._given_up = threading.Event()
        self._on_idle = on_idle
        self._descriptor = os.open(os.ttyname(STDERR), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._descriptor

    def give_up(self) -> None:
        """Write no more; a write that waits ends."""
        self._given_up.set()

    def take_up(self) -> None:
        """Write again."""
        self._given_up.clear()

    def write(self, text: str) -> None:
        """Write a text; waits for the terminal, unless it is given up on or has gone."""
        left = memoryview(text.encode("utf-8", "replace"))
        while left and not self._given_up.is_set():
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [], POLL_SECONDS)
            except OSError as error:
                log.info("the terminal has gone: %s", error)
                self.give_up()

    def flush(self) -> None:
        """Take note that nothing waits to be written."""
        self._on_idle()


class TerminalDriver(LinuxDriver):
    """A terminal whose stalls, hang-ups and noise do not reach the screen."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Build the driver, as Textual does."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._missed = self._has_started = False
        self._patient: PatientFile | None = None
        try:
            self._patient = PatientFile(self._on_idle)
            self._file = cast("TextIOWrapper", self._patient)
        except OSError as error:
            log.warning("the terminal cannot be opened again: %s", error)

    def write(self, data: str) -> None:
        """Have a text written, or leave it out while the terminal does not read."""
        thread = self._writer_thread
        if thread is not None and thread._queue.qsize() >= MOST_WAITING:
            if not self._missed:
                log.warning("the terminal does not read: what it should show is left out")
            self._missed = True
            return
        super().write(data)

    def stop_application_mode(self) -> None:
        """Restore the terminal; pictures that still wait are worth nothing any more."""
        thread = self._writer_thread
        if thread is not None:
            with contextlib.suppress(Empty):
                while True:
                    thread._queue.get_nowait()
        super().stop_application_mode()

    def start_application_mode(self) -> None:
        """Take the terminal, at first or after a suspension."""
        self._missed = False
        if self._patient is not None:
            self._patient.take_up()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._has_started:
            # Textual trusts that the size has changed; what was on the screen is gone in any case.
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(self._app.call_later, self._paint_all)
        self._has_started = True

    def close(self) -> None:
        """End the thread that writes, after a moment also where the terminal does not read."""
        thread = self._writer_thread
        if thread is None:
            return
        thread._queue.put(None)
        thread.join(LAST_SECONDS)
        if thread.is_alive() and self._patient is not None:
            self._patient.give_up()
            thread.join(LAST_SECONDS)

    def _on_idle(self) -> None:
        if self._missed:
            self._missed = False
            self._app.call_later(self._paint_anew)

    def _paint_anew(self) -> None:
        log.info("the terminal reads again")
        self._paint_all()

    def _paint_all(self) -> None:
        self._app.screen.refresh(layout=True)

    def _run_input_thread(self) -> None:
        """Read keys until the end; what cannot be read as keys is left out."""
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except OSError as error:
                log.info("the terminal has gone: %s", error)
                self._app.call_later(self._app.exit)
                return
            except Exception as error:
                log.warning("not keys, left out: %s: %s", type(error).__name__, error)
            else:
                return
