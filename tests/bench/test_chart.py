"""What a chart costs the screen: drawing all of it anew, and the engine's answer (goal: 10 ms)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from hybrid_tui.config import RulesConfig
from hybrid_tui.engine.answers import chart_lines, chart_of
from hybrid_tui.journal.codec import dump_chart
from hybrid_tui.tui.symbol.chart import Look, Scene, chart_rows
from tests.bench.form import rounds
from tests.tui.symbol.scenes import SESSIONS, chart, minutes

REPEATS = rounds(50, 3)


def cpu_ms(work: Callable[[], object]) -> str:
    """Return median and largest CPU time of some calls, in milliseconds."""
    spent = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        spent.append((time.process_time() - begun) * 1_000)
    return f"p50 {np.median(spent):.1f}  max {max(spent):.1f}"


@pytest.mark.bench
def test_drawing_and_answering(capsys: pytest.CaptureFixture[str]) -> None:
    found, series, lines = chart("NVDA"), minutes("NVDA"), chart_lines(RulesConfig())
    said = [
        f"  draw {width}x{height}  "
        + cpu_ms(partial(chart_rows, found, Scene(), Look(cursor=9), width, height))
        for width, height in ((80, 18), (120, 24), (200, 36))
    ]
    answer = cpu_ms(lambda: dump_chart(chart_of(series, lines, 600, SESSIONS)))
    said.append(f"  answer 600 of {len(series)} bars with {len(lines)} indicator lines  {answer}")
    with capsys.disabled():
        print("\nCPU ms a chart:\n" + "\n".join(said))  # noqa: T201
