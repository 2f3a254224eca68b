"""The lowest buy probability from which entries can be expected to pay for themselves.

Choosing the best of many levels finds a profit in noise. The lower bounds here hold for all levels
at once (Romano and Wolf, 2005, "Stepwise multiple testing as formalized data snooping": the
maximum of studentised deviations over a bootstrap), and the bootstrap draws whole days, because
outcomes of one day overlap and share a market.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import FloatArray, IntArray

LEVELS = tuple(round(0.50 + 0.01 * step, 2) for step in range(46))
CONFIDENCE = 0.90
LEAST_OUTCOMES = 100
LEAST_DAYS = 5
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The level, or None where no level pays; how many outcomes and days stood at or above it."""

    level: float | None
    outcomes: int
    days: int


def paying_threshold(
    probability: FloatArray, profit: FloatArray, day: IntArray, seed: int
) -> Threshold:
    """Return the lowest level at and above which mean profit is above 0 with 90 % confidence.

    ``profit`` (n,) is each outcome's return after costs, ``day`` (n,) its session. A level counts
    with at least 100 outcomes on five days at or above it.
    """
    days, session = np.unique(day, return_inverse=True)
    above = [probability >= level for level in LEVELS]
    seen = [int(chosen.sum()) for chosen in above]
    on = [len(np.unique(session[chosen])) for chosen in above]
    kept = [
        row for row in range(len(LEVELS)) if seen[row] >= LEAST_OUTCOMES and on[row] >= LEAST_DAYS
    ]
    if not kept:
        return Threshold(level=None, outcomes=0, days=0)
    # (levels, days) sums, so that a resample is a matrix product.
    sums = np.array([np.bincount(session, profit * above[row], len(days)) for row in kept])
    counts = np.array([np.bincount(session, above[row], len(days)) for row in kept])
    mean = sums.sum(axis=1) / counts.sum(axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(days), np.full(len(days), 1.0 / len(days)), size=RESAMPLES)
    taken = drawn @ counts.T
    resampled = np.where(taken > 0, (drawn @ sums.T) / np.maximum(taken, 1), mean)
    spread = np.maximum(resampled.std(axis=0), 1e-12)
    largest = np.max((resampled - mean) / spread, axis=1)
    bound = mean - np.quantile(largest, CONFIDENCE) * spread
    for place, row in enumerate(kept):
        if bound[place] > 0:
            return Threshold(level=LEVELS[row], outcomes=seen[row], days=on[row])
    return Threshold(level=None, outcomes=0, days=0)
