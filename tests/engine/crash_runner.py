"""Run an engine, kill it with SIGKILL at random moments, start it again, until it has ended.

A process of its own with everything imported, which forks an engine for each life: so that many
crashes take seconds. Arguments: seed, kills, until (New York date), and settings.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from datetime import datetime

from hybrid_tui.commands.context import CliState, parse_bound
from hybrid_tui.commands.desk import DeskOptions, compose_desk
from hybrid_tui.engine.endpoint import ProfileLock


def live(overrides: tuple[str, ...], until: datetime) -> None:
    """Be the engine until it ends."""
    state = CliState(overrides=overrides)
    lock = ProfileLock(state.paths)
    lock.acquire()
    desk = compose_desk(state, DeskOptions(speed=0))
    asyncio.run(desk.runtime.run(desk.begins_at, until))
    desk.journal.close()


def main() -> None:
    """Print how many lives were ended by force."""
    seed, kills, day, *overrides = sys.argv[1:]
    until = parse_bound(day, "until", is_end=True)
    assert until is not None
    dice = random.Random(int(seed))
    killed = 0
    while True:
        child = os.fork()
        if child == 0:
            live(tuple(overrides), until)
            os._exit(0)
        if killed < int(kills):
            deadline = time.monotonic() + dice.uniform(0.02, 0.5)
            while time.monotonic() < deadline:
                if os.waitpid(child, os.WNOHANG)[0]:
                    print(killed)  # noqa: T201
                    return
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
            continue
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        print(killed)  # noqa: T201
        return


if __name__ == "__main__":
    main()
