"""The engine is killed at each step of an order's life, with faults beside it, and starts again.

Afterwards no order is doubled, no fill is lost, no position stood without its stop for more than
5 s from its fill or the restart, and the books have the account's cents.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from tests.survival.matrix import run_all, table
from tests.survival.steps import combinations

TENTH = len(combinations()) // 10
WORKERS = max(2, min(4, os.cpu_count() or 2))


@pytest.mark.timeout(900)
def test_a_tenth_of_the_matrix(calendar: TradingCalendar, tmp_path: Path) -> None:
    wanted = random.Random(8).sample(combinations(), TENTH)
    outcomes = run_all(calendar, tmp_path, wanted, WORKERS)
    assert len(outcomes) == TENTH
    # Most were killed where they should be, and began again.
    assert sum(one.lives > 1 for one in outcomes) > 0.8 * TENTH
    assert sum(one.trades for one in outcomes) > TENTH
    assert [one for one in outcomes if one.problems] == []


@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_the_whole_matrix(calendar: TradingCalendar, tmp_path: Path) -> None:
    wanted = combinations()
    assert len(wanted) >= 1_000
    outcomes = run_all(calendar, tmp_path, wanted, WORKERS)
    print(table(outcomes))  # noqa: T201
    assert [one for one in outcomes if one.problems] == []
