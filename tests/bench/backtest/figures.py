"""One line of the table: what ran, its CPU time, its rate, and the memory it took at most."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """CPU seconds of ``name`` over ``bars`` bars; ``peak_mib`` is the process's so far."""

    name: str
    cpu: float
    bars: int
    trades: int
    peak_mib: int

    @property
    def rate(self) -> float:
        """Bars for each second of CPU."""
        return self.bars / self.cpu if self.cpu else 0.0


def cpu_of(run: Callable[[], Result]) -> tuple[float, Result]:
    """Return the CPU seconds that a call took in this process, and its result."""
    begun = time.process_time()
    result = run()
    return time.process_time() - begun, result


def peak_mib(who: int = resource.RUSAGE_SELF) -> int:
    """Return the largest memory of this process (or of its children) so far, in MiB."""
    found = resource.getrusage(who).ru_maxrss
    return found // (1024 * 1024 if sys.platform == "darwin" else 1024)


def table(figures: list[Figure]) -> str:
    """Return the figures as text, the slowest path's time as a multiple of each one's last."""
    slowest = max(figure.cpu for figure in figures)
    lines = [f"{'path':<28}{'CPU s':>9}{'bars/s':>13}{'trades':>8}{'peak MiB':>10}{'ratio':>8}"]
    lines += [
        f"{f.name:<28}{f.cpu:>9.3f}{f.rate:>13,.0f}{f.trades:>8}{f.peak_mib:>10}"
        f"{slowest / f.cpu if f.cpu else 0:>8.1f}"
        for f in figures
    ]
    return "\n".join(lines)


def peer_figure(line: str) -> Figure:
    """Return what a peer's script printed: one JSON line."""
    found = json.loads(line)
    return Figure(
        name=str(found["peer"]),
        cpu=float(found["run_s"]),
        bars=int(found["ns"]) * int(found["T"]),
        trades=int(found["trades"]),
        peak_mib=int(found["rss_MB"]),
    )
