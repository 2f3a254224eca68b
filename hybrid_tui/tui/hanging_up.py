"""Ending the screen when its terminal goes away or it is told to end.

A kernel that hangs a terminal up sends SIGCONT after SIGHUP, which Textual takes for a return from
Ctrl+Z: it begins to draw again, its writing thread dies of the dead terminal, and whoever writes
next waits for ever. So SIGCONT means nothing from then on, and what still hangs is ended by force.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

LAST_SECONDS = 3.0
ENDED_BY_FORCE = 129


def end_on_signals(end: Callable[[], object]) -> None:
    """Have SIGHUP and SIGTERM call ``end`` in the running loop; without its end, exit by force.

    Does nothing off the main thread and where there are no such signals.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        return

    def leave(name: str) -> None:
        log.info("%s: the screen ends", name)
        signal.signal(signal.SIGCONT, signal.SIG_IGN)
        guard = threading.Timer(LAST_SECONDS, os._exit, (ENDED_BY_FORCE,))
        guard.daemon = True
        guard.start()
        end()

    for name in ("SIGHUP", "SIGTERM"):
        if hasattr(signal, name):
            try:
                loop.add_signal_handler(getattr(signal, name), leave, name)
            except NotImplementedError:
                return
