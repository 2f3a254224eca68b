"""Builders for tests that run the whole desk: homes, engines in a subprocess, and real data."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.forked import ROOT as ROOT
from tests.forked import Forked

NO_KEYRING = "keyring.backends.null.Keyring"


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a command that keeps everything under ``home``."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
    return {
        **kept,
        "HYBRID_TUI_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "HOME": str(home.parent),
        "PYTHON_KEYRING_BACKEND": NO_KEYRING,
    }


def command(*words: str) -> list[str]:
    """Return the command line of ``hybrid-tui``."""
    return [sys.executable, "-m", "hybrid_tui", *words]


def hybrid_tui(
    home: Path,
    *words: str,
    stdin: str | None = None,
    seconds: float = 120,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in ``folder`` (default: where the home is).

    ``variables`` are added to its environment. ``fresh`` starts an interpreter of its own, where it
    matters what is imported when or hashed how.
    """
    folder = folder or home.parent
    variables = {**environment(home), **(variables or {})}
    if not fresh:
        running = Forked(words, environment=variables, folder=folder, stdin=stdin or "")
        return running.wait(seconds)
    return subprocess.run(
        command(*words),
        env=variables,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=folder,
        check=False,
    )


def begin(home: Path, *words: str, variables: Mapping[str, str] | None = None) -> Forked:
    """Start a command, forked, and go on; ``variables`` are added to its environment."""
    found = {**environment(home), **(variables or {})}
    return Forked(words, environment=found, folder=home.parent)


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command in an interpreter of its own, and go on."""
    return subprocess.Popen(
        command(*words),
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home.parent,
    )


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a callable returns something true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain")
        time.sleep(0.02)
