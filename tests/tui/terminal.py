"""A terminal for tests: a pseudo-terminal with a program in it, and what stands on its screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

from tests.desk import command, environment

UNKNOWN = re.compile(r"\x1b\[[<>=][0-9;]*[a-z]|\x1b\[\?[0-9;]*\$p")
"""Sequences of newer terminals, which the emulator would print."""


class PaintedTerminal:
    """The screen of a profile in a terminal that reads only when it is told to."""

    def __init__(
        self,
        home: Path,
        *words: str,
        columns: int = 120,
        rows: int = 40,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start ``hybrid-tui WORDS...``, with more variables in its environment."""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            kind = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            given = {**environment(home), **kind, **(variables or {})}
            os.execve(sys.executable, command(*words), given)
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self.text = ""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program gets a SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def type(self, data: bytes) -> None:
        """Type bytes."""
        os.write(self.master, data)

    def read(self, seconds: float) -> None:
        """Take in what the program writes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                return
            try:
                text = os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                return
            self.text = (self.text + text)[-100_000:]
            self._stream.feed(UNKNOWN.sub("", text))

    def until(self, holds: Callable[[], object], seconds: float = 30.0) -> None:
        """Read until something holds; fails after ``seconds``, with what stands on the screen."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "\n".join(self.screen.display)
            self.read(0.1)

    def shows(self, words: str) -> bool:
        """Whether words stand on the screen."""
        return any(words in line for line in self.screen.display)

    def wipe(self) -> None:
        """Forget what stands on the screen: what shows afterwards was painted afterwards."""
        self.screen.reset()

    @property
    def is_stopped(self) -> bool:
        """Whether the program is suspended."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def ends(self, seconds: float = 15.0) -> int:
        """Wait until the program has ended; return its wait status."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"the screen did not end within {seconds:g} s")
            time.sleep(0.05)

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        with contextlib.suppress(OSError):
            os.close(self.master)
