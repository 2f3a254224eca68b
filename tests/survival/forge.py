"""A process with the whole program imported, which forks one engine after another.

``Forge`` starts it. Over its pipes: a job as a JSON line in, the new process's id out; a line in to
let it go on; its exit status out (negative: the signal that ended it).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.desk import ROOT
from tests.servers.alpaca_data import KEYS
from tests.servers.trading.virtual import SharedTime

PR_SET_PDEATHSIG = 1


class Forge:
    """The test's side; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.time = SharedTime(folder / "time")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.survival.forge", str(self.time.path)],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "APCA_API_KEY_ID": KEYS.key_id,
                "APCA_API_SECRET_KEY": KEYS.secret,
                "HYBRID_TUI_HOME": str(folder),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Forge:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def run(self, job: dict[str, Any], born: Callable[[int], None]) -> int:
        """Run one life to its end; ``born`` is told its process id before it does anything."""
        born(int(self._say(json.dumps(job))))
        return int(self._say("go"))

    def _say(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def die_with_parent() -> None:
    """Have the system kill this process when the one that started it ends, however it does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Fork lives until the input ends."""
    die_with_parent()
    from tests.survival.loop import VirtualTime

    clock = VirtualTime(SharedTime(Path(sys.argv[1])))
    from hybrid_tui.market.calendar import xnys
    from tests.survival import life

    life.use(clock)
    life.warm()
    calendar = xnys(Path(sys.argv[1]).parent)
    while line := sys.stdin.readline():
        given = json.loads(line)
        job = life.Job(**{**given, "overrides": tuple(given["overrides"])})
        waiting, letting = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(letting)
            die_with_parent()
            os.read(waiting, 1)
            life.live(job, clock, calendar)
        os.close(waiting)
        print(pid, flush=True)  # noqa: T201
        sys.stdin.readline()
        os.write(letting, b"!")
        os.close(letting)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
