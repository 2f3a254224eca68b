"""The crash matrix: killed at each step of an order's life, with a fault beside it, and restarted.

After it all nothing is bought twice, no fill is lost, the books agree with the account to the cent,
and no position stood without its stop for long after it was there or the program was back.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.journal.reader import open_read_only, read_state
from tests.broker.crash_runner import RUN, SHARES
from tests.desk import ROOT
from tests.servers.alpaca_trading import AlpacaTrading, serve_trading

LONGEST_BARE_S = 5.0
LOADING_S = 5.0
"""What a process may take to load, on a busy machine, before it can act."""
MOST_LIVES = 8
STEPS: list[dict[str, Any]] = [
    {"where": "request", "kind": kind, "method": method, "skip": skip}
    for kind in ("kill_before", "kill_after", "kill_answered")
    for method, skip in (("POST", 0), ("POST", 1), ("POST", 2), ("DELETE", 0), ("GET", 5))
] + [
    {"where": "event", "kind": kind, "skip": skip}
    for kind in ("kill", "kill_sent")
    for skip in range(5)
]
FAULTS: list[dict[str, Any] | None] = [
    None,
    {"where": "request", "kind": "lost_after", "method": "POST"},
    {"where": "request", "kind": "error_after", "status": 504, "method": "POST", "skip": 1},
    {"where": "event", "kind": "drop", "times": 3},
    {"where": "event", "kind": "twice", "times": 5},
    {"where": "event", "kind": "swap", "times": 2},
    {"where": "order", "kind": "partial", "quantity": 4.0, "side": "buy"},
    {"where": "cancel", "kind": "slow", "seconds": 0.5},
    {"where": "cancel", "kind": "fills_first"},
]
MATRIX = list(itertools.product(range(len(STEPS)), range(len(FAULTS))))


def lives_through(server: AlpacaTrading, journal: Path) -> list[datetime]:
    """Start the process until it ends by itself; return when each life began."""
    begun: list[datetime] = []
    for _ in range(MOST_LIVES):
        begun.append(datetime.now(UTC))
        words = (str(journal), server.url, server.stream_url)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.broker.crash_runner", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
        )
        server.victim(process.pid)
        _, complaints = process.communicate(timeout=90)
        if process.returncode == 0:
            return begun
        assert process.returncode == -9, complaints.decode()[-2_000:]
    raise AssertionError(f"it did not end in {MOST_LIVES} lives")


def check(server: AlpacaTrading, path: Path, begun: list[datetime]) -> None:
    """Compare the journal with the account; raises AssertionError."""
    connection = open_read_only(path)
    state = read_state(connection, RUN)
    connection.close()
    ledger = server.ledger()
    server.check()
    assert not state.positions
    assert not ledger.positions
    assert abs(Decimal(str(round(state.cash, 6))) - ledger.cash) < Decimal("0.01")
    bought = sum(fill.qty for fill in ledger.fills if fill.side == "buy")
    assert 0 < bought <= SHARES
    for gap in server.unprotected():
        # While the program was dead nobody could place a stop: it counts from the restart.
        since = max([gap.start, *(at for at in begun if at <= (gap.end or at))])
        end = gap.end or datetime.now(UTC)
        assert (end - since).total_seconds() < LONGEST_BARE_S + LOADING_S


def run_one(calendar: TradingCalendar, folder: Path, step: int, fault: int) -> int:
    """Run one combination; return how many lives it took."""
    with serve_trading(calendar, seed=step * 100 + fault) as server:
        server.set_price("AAPL", 100.0, bid=99.99, ask=100.01)
        server.fault(**STEPS[step])
        beside = FAULTS[fault]
        if beside is not None:
            server.fault(**beside)
        path = folder / "journal.db"
        begun = lives_through(server, path)
        check(server, path, begun)
    return len(begun)


@pytest.mark.parametrize(("step", "fault"), random.Random(8).sample(MATRIX, 6))
def test_killed_anywhere_nothing_is_doubled_lost_or_left_bare(
    calendar: TradingCalendar, tmp_path: Path, step: int, fault: int
) -> None:
    # One kill at most: it ended by itself in its first life or in its second.
    assert run_one(calendar, tmp_path, step, fault) <= 2


@pytest.mark.full
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("step", "fault"), MATRIX)
def test_the_whole_matrix(calendar: TradingCalendar, tmp_path: Path, step: int, fault: int) -> None:
    lives = run_one(calendar, tmp_path, step, fault)
    print(f"{STEPS[step]} {FAULTS[fault]}: {lives} lives")  # noqa: T201
