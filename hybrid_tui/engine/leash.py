"""Runs ``hybrid-tui WORDS...`` at the lowest priority, and no longer than whoever started it.

The starter holds the other end of stdin; when it is gone, however it went, so is this.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

NICE = 19
LAST_SECONDS = 5.0


def _watch() -> None:
    # Not sys.stdin: its lock, held at the interpreter's end, would be fatal.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(LAST_SECONDS)
    os._exit(130)


if __name__ == "__main__":
    os.nice(NICE)
    threading.Thread(target=_watch, daemon=True).start()
    sys.argv = ["hybrid-tui", *sys.argv[1:]]
    runpy.run_module("hybrid_tui", run_name="__main__", alter_sys=True)
