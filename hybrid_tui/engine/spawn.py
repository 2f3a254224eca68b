"""Starting the engine's process from a screen, and waiting until it listens."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hybrid_tui.config import Paths
from hybrid_tui.engine.endpoint import is_held, read_endpoint
from hybrid_tui.errors import Refused

START_SECONDS = 30.0
POLL_SECONDS = 0.05


def engine_is_running(paths: Paths) -> bool:
    """Whether an engine holds the profile and says where it listens."""
    return is_held(paths) and read_endpoint(paths.engine) is not None


def start_engine(
    paths: Paths, global_options: Sequence[str], options: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Start ``run --headless`` in a session of its own.

    It goes on when the terminal closes. Its complaints go to ``logs/engine.err``.
    """
    paths.logs.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "hybrid_tui",
        *global_options,
        "run",
        "--headless",
        *options,
    ]
    with (paths.logs / "engine.err").open("wb") as complaints:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
            cwd=Path.home() if Path.home().is_dir() else None,
        )


def wait_until_listening(
    paths: Paths, process: subprocess.Popen[bytes], seconds: float = START_SECONDS
) -> None:
    """Wait until that engine listens; raises Refused with what it said otherwise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        endpoint = read_endpoint(paths.engine)
        if endpoint is not None and endpoint.pid == process.pid:
            return
        if process.poll() is not None:
            raise Refused(why_it_ended(paths))
        time.sleep(POLL_SECONDS)
    raise Refused(f"the engine did not start within {seconds:g} s", hint=str(paths.logs))


def why_it_ended(paths: Paths) -> str:
    """Return the last line that the engine wrote before it ended."""
    try:
        lines = (paths.logs / "engine.err").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].removeprefix("hybrid-tui: ") if lines else "the engine ended without a word"
