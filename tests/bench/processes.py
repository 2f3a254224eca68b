"""What the benches read of running processes and of their journal."""

from __future__ import annotations

import contextlib
import os
import select
import sqlite3
import time
from datetime import datetime
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from tests.tui.terminal import PaintedTerminal

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def market_time(paths: Paths) -> datetime:
    """Return the newest instant in the journal; batched events come up to a second late."""
    with contextlib.closing(sqlite3.connect(paths.journal)) as journal:
        (at,) = journal.execute("select max(at) from events").fetchone()
    return datetime.fromisoformat(at)


def drained(terminal: PaintedTerminal, seconds: float) -> None:
    """Take in, unread, what the program writes for so long."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([terminal.master], [], [], left)[0]:
            os.read(terminal.master, 65536)
