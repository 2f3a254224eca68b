"""Starting the engine's process from a screen, and waiting until it listens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hybrid_tui.config import Paths
from hybrid_tui.engine.endpoint import is_held, read_endpoint

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
            env=own_environment(),
            cwd=Path.home() if Path.home().is_dir() else None,
        )


def own_environment() -> dict[str, str]:
    """Return this process's environment, for one that starts elsewhere: its home is absolute."""
    environment = dict(os.environ)
    home = environment.get("HYBRID_TUI_HOME")
    if home:
        environment["HYBRID_TUI_HOME"] = str(Path(home).expanduser().absolute())
    return environment


def why_it_ended(paths: Paths) -> str:
    """Return the last line that the engine wrote before it ended."""
    try:
        lines = (paths.logs / "engine.err").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].removeprefix("hybrid-tui: ") if lines else "the engine ended without a word"
