"""A backtest in a process of its own, at low priority, followed line by line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

from hybrid_tui.errors import DataError, HybridError

MESSAGES = 40
LOW_PRIORITY = 10
DESK_ONLY = ("app.", "market.", "broker.kind", "broker.trading_url", "broker.stream_url")

OnProgress = Callable[[str, float], None]
"""Takes a phase and the share of it that is done."""


class Backtests(Protocol):
    """Runs one backtest at a time."""

    async def run(self, words: Sequence[str], on_progress: OnProgress) -> dict[str, Any]:
        """Return the document of ``backtest WORDS``; raises HybridError with what it said."""

    def stop(self) -> None:
        """End the run that is under way, cleanly."""


class BacktestProcess:
    """Runs ``hybrid-tui backtest --json --depth`` with the screen's own global options."""

    def __init__(self, global_options: Sequence[str] = ()) -> None:
        self._command = [sys.executable, "-m", "hybrid_tui", *global_options, "backtest"]
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, words: Sequence[str], on_progress: OnProgress) -> dict[str, Any]:
        """Return the document; a run that is cancelled is stopped."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *words,
            "--json",
            "--depth",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "HYBRID_TUI_PROGRESS": "json"},
            start_new_session=True,
            limit=2**20,
        )
        self._process = process
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, process.pid, LOW_PRIORITY)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            text, said = await asyncio.gather(
                process.stdout.read(), _follow(process.stderr, on_progress)
            )
            code = await process.wait()
        finally:
            self._process = None
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        if not text.strip():
            last = said[-1].removeprefix("hybrid-tui: ") if said else f"it ended with {code}"
            raise HybridError(last)
        try:
            document = json.loads(text)
        except ValueError as error:
            raise DataError(f"the backtest's document cannot be read: {error}") from error
        if not isinstance(document, dict):
            raise DataError("the backtest's document is not an object")
        return document

    def stop(self) -> None:
        """Interrupt the run: it ends with what it has to say, and leaves nothing half-written."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)


def backtest_options(global_options: Sequence[str]) -> list[str]:
    """Return those of the screen's global options that a backtest shares: the profile, settings.

    Where the desk runs, on what market and with which broker, is nothing to a backtest.
    """
    kept: list[str] = []
    for option, value in pairwise([*global_options, ""]):
        desk_only = value.partition("=")[0].startswith(DESK_ONLY)
        if option == "--profile" or (option == "--set" and not desk_only):
            kept += [option, value]
    return kept


async def _follow(stream: asyncio.StreamReader, on_progress: OnProgress) -> list[str]:
    """Pass progress on; return the last of the other lines."""
    said: list[str] = []
    async for line in stream:
        text = line.decode(errors="replace").strip()
        if text.startswith('{"progress"'):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                step = json.loads(text)
                on_progress(str(step["progress"]), float(step["share"]))
                continue
        if text:
            said = [*said[1 - MESSAGES :], text]
    return said
