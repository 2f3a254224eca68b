"""Start the command line: what ``hybrid-tui`` and ``python -m hybrid_tui`` run."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl+C while it loads or ends is one line and exit code 130 too."""
    heard = signal.getsignal(signal.SIGINT)
    # Whoever starts a program with SIGINT ignored wants it to go on.
    is_heard = heard is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, _leave)
    from hybrid_tui.cli import main as run

    try:
        if is_heard:
            signal.signal(signal.SIGINT, heard)
        run()
    except KeyboardInterrupt:
        _leave()
    finally:
        if is_heard:
            signal.signal(signal.SIGINT, _leave)


def _leave(_signal: int = signal.SIGINT, _frame: FrameType | None = None) -> None:
    """End at once: nothing is under way that would have to be put in order."""
    os.write(2, b"hybrid-tui: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
