"""What a backtest costs: every path over the same bars, then the whole command in its phases.

In CI over few bars; ``python -m tests.bench.backtest.peers`` runs the long form beside the peers.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.store import BarStore

from .figures import peak_mib, table
from .market import BARS, SYMBOLS, market
from .paths import PATHS, figure_of, rules_config

PROGRAM = [sys.executable, "-m", "hybrid_tui"]


@pytest.mark.bench
def test_every_path_over_the_same_bars(
    home: Path, calendar: TradingCalendar, capsys: pytest.CaptureFixture[str]
) -> None:
    series = market(calendar)
    figures = [
        figure_of(path, series, rules_config(entry))
        for entry in ("rsi_macd", "rsi_macd_strict")
        for path in PATHS
    ]
    assert all(figure.bars == sum(map(len, series.values())) for figure in figures)
    with capsys.disabled():
        print(f"\n{SYMBOLS} symbols x {BARS} bars\n{table(figures)}")  # noqa: T201


@pytest.mark.bench
def test_the_whole_command_in_its_phases(
    home: Path, calendar: TradingCalendar, capsys: pytest.CaptureFixture[str]
) -> None:
    """Start is ``--help``; the document says what load, run and summary took in all."""
    store = BarStore(home / "bars")
    for series in market(calendar).values():
        store.add(series, "splits")
    _cpu(["data", "list"])  # the calendar's table is made at the first use of a home
    begun, _ = _cpu(["--help"])
    whole, printed = _cpu(["backtest", "--data", "store", "--cash", "1000000", "--json"])
    document = json.loads(printed)
    assert document["summary"]["bars"] == SYMBOLS * BARS
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{SYMBOLS} symbols x {BARS} bars from the store: CPU {whole:.2f} s in all,"
            f" start {begun:.2f} s; {document['summary']['seconds']:.2f} s (wall) of load, run and"
            f" summary; peak {peak_mib(resource.RUSAGE_CHILDREN)} MiB"
        )


def _cpu(arguments: list[str]) -> tuple[float, str]:
    """Run the program; return the CPU seconds that it took, and what it printed."""
    before = os.times()
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=True)
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system,
        done.stdout,
    )
