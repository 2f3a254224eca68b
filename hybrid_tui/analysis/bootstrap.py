"""The stationary block bootstrap of daily returns: intervals, and paired differences of two runs.

Blocks begin anywhere, wrap around the end and have a geometric length with mean n^(1/3), so that
what hangs together from day to day stays together (Politis and Romano 1994). Everything derives
from a seed: the same returns and seed give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from hybrid_tui.analysis.statistics import (
    BOOTSTRAP_ROUNDS,
    DAYS_PER_YEAR,
    FEWEST_DAYS,
    block_indices,
    percentile_interval,
    sharpe,
)
from hybrid_tui.domain.bars import FloatArray, IntArray

STATISTICS = ("total_return", "sharpe", "max_drawdown")
METHOD = (
    "stationary block bootstrap of daily returns, mean block n^(1/3), percentiles of"
    f" {BOOTSTRAP_ROUNDS:,} rounds"
)

Interval = tuple[float, float]


def intervals(returns: FloatArray, seed: int) -> dict[str, Interval | None]:
    """Return the 95 % interval of each of STATISTICS of daily returns, shape (days,).

    None below FEWEST_DAYS days. The Sharpe ratio's is that of ``sharpe_interval``: same draws.
    """
    if len(returns) < FEWEST_DAYS:
        return dict.fromkeys(STATISTICS)
    parts = [_statistics(returns[index]) for index in _draws(len(returns), seed)]
    samples = {name: np.concatenate([part[name] for part in parts]) for name in STATISTICS}
    if sharpe(returns) is None:
        samples["sharpe"] = np.empty(0)
    return {name: percentile_interval(samples[name]) for name in STATISTICS}


def differences(
    returns: FloatArray, reference: FloatArray, seed: int
) -> dict[str, Interval | None]:
    """Return 95 % intervals of ``returns``' STATISTICS less ``reference``'s, day by day in pairs.

    Both have shape (days,) over the same days: each round draws the same days of both, so that the
    market they share cancels. None below FEWEST_DAYS days.
    """
    if len(returns) < FEWEST_DAYS:
        return dict.fromkeys(STATISTICS)
    found: dict[str, list[FloatArray]] = {name: [] for name in STATISTICS}
    for index in _draws(len(returns), seed):
        one, other = _statistics(returns[index]), _statistics(reference[index])
        for name in STATISTICS:
            found[name].append(one[name] - other[name])
    return {name: percentile_interval(np.concatenate(parts)) for name, parts in found.items()}


def _draws(count: int, seed: int) -> Iterator[IntArray]:
    return block_indices(count, np.random.default_rng(seed))


def _statistics(samples: FloatArray) -> dict[str, FloatArray]:
    """Return each statistic of samples of shape (rounds, days); a ratio without dispersion is NaN.

    A sample that never moves has no Sharpe ratio; in a difference it then counts for nothing.
    """
    growth = np.cumprod(1 + samples, axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    deviation = samples.std(axis=1, ddof=1)
    ratio = np.full(len(samples), np.nan)
    moving = deviation > 0
    ratio[moving] = samples.mean(axis=1)[moving] / deviation[moving] * math.sqrt(DAYS_PER_YEAR)
    return {
        "total_return": growth[:, -1] - 1,
        "sharpe": ratio,
        "max_drawdown": (growth / peak - 1).min(axis=1),
    }
