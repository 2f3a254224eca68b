"""How the engine's own process is: memory, journal, room on the disk, and its settings."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from hybrid_tui import __version__
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.desk import DeskOptions, forced_by
from hybrid_tui.domain.inquiries import ProcessHealth

STATM = Path("/proc/self/statm")


def process_health(state: CliState, options: DeskOptions) -> Callable[[], ProcessHealth]:
    """Return what tells how this process is; its settings are those it was started with."""
    paths = state.paths
    settings = tuple(state.settings(forced_by(options)))

    def tell() -> ProcessHealth:
        resident, is_peak = resident_bytes()
        beside = (paths.journal, paths.journal.with_name(paths.journal.name + "-wal"))
        return ProcessHealth(
            pid=os.getpid(),
            version=__version__,
            resident_bytes=resident,
            resident_is_peak=is_peak,
            journal=str(paths.journal),
            journal_bytes=sum(path.stat().st_size for path in beside if path.exists()),
            free_bytes=shutil.disk_usage(paths.journal.parent).free,
            log=str(paths.logs / "engine.log"),
            settings=settings,
        )

    return tell


def resident_bytes() -> tuple[int, bool]:
    """Return the resident memory of this process, and whether it is only the most it ever was."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize(), False
    # ru_maxrss: kilobytes, but bytes on macOS (getrusage(2)).
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024), True
