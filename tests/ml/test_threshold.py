"""The threshold that pays: found where there is an edge, seldom where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_tui.domain.bars import FloatArray, IntArray
from hybrid_tui.ml.threshold import LEAST_OUTCOMES, paying_threshold

DAYS = 25
A_DAY = 200


def outcomes(seed: int, edge: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return probabilities, profits that rise with them above 0.60 by ``edge``, and days."""
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.4, 0.8, DAYS * A_DAY)
    day = np.repeat(np.arange(DAYS), A_DAY)
    shared = rng.normal(0, 0.002, DAYS)[day]
    profit = rng.normal(0, 0.01, len(day)) + shared - 0.0003
    return probability, profit + edge * np.maximum(probability - 0.60, 0), day


def test_an_edge_above_a_level_is_found_near_it() -> None:
    found = paying_threshold(*outcomes(1, 0.1), seed=1)
    assert found.level is not None
    assert 0.5 <= found.level <= 0.70
    probability, profit, _ = outcomes(1, 0.1)
    chosen = probability >= found.level
    assert found.outcomes == chosen.sum()
    assert profit[chosen].mean() > 0


def test_costs_without_an_edge_leave_no_level_nine_times_in_ten() -> None:
    found = [paying_threshold(*outcomes(seed, 0.0), seed=seed).level for seed in range(60)]
    assert sum(level is not None for level in found) <= 10


def test_probabilities_that_never_reach_a_half_leave_none() -> None:
    probability, profit, day = outcomes(1, 0.1)
    assert paying_threshold(probability / 2, profit + 1, day, seed=1).level is None


@pytest.mark.parametrize(("rows", "days"), [(LEAST_OUTCOMES - 1, 25), (400, 4)])
def test_too_few_outcomes_or_days_leave_none(rows: int, days: int) -> None:
    day = np.arange(rows) % days
    found = paying_threshold(np.full(rows, 0.9), np.full(rows, 0.01), day, seed=1)
    assert found.level is None
