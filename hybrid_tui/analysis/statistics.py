"""Performance statistics of daily equity, by the formulas of empyrical-reloaded 0.7.1.

Risk-free rate 0, 252 days a year, ddof 1. What is undefined is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import FloatArray, IntArray

DAYS_PER_YEAR = 252
BOOTSTRAP_ROUNDS = 1000
DRAWS_AT_ONCE = 500_000
FEWEST_DAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Fractions, not per cents; ``max_drawdown`` is at most 0."""

    total_return: float | None
    cagr: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    volatility: float | None


def daily_returns(equity: Sequence[float] | FloatArray, starting: float) -> FloatArray:
    """Return the returns of equity at session closes, the first against ``starting`` dollars."""
    path = np.array([starting, *equity], dtype=np.float64)
    returns: FloatArray = path[1:] / path[:-1] - 1
    return returns


def performance(returns: FloatArray) -> Performance:
    """Return the statistics of daily returns (1-D)."""
    if len(returns) == 0:
        return Performance(
            total_return=None,
            cagr=None,
            sharpe=None,
            sortino=None,
            max_drawdown=None,
            volatility=None,
        )
    growth = np.cumprod(1 + returns)
    final = float(growth[-1])
    path = np.concatenate(([1.0], growth))
    drawdown = float(np.min(path / np.maximum.accumulate(path) - 1))
    enough = len(returns) >= 2
    return Performance(
        total_return=final - 1,
        cagr=_annual(final, len(returns)),
        sharpe=sharpe(returns),
        sortino=_sortino(returns) if enough else None,
        max_drawdown=drawdown,
        volatility=float(np.std(returns, ddof=1)) * math.sqrt(DAYS_PER_YEAR) if enough else None,
    )


def _annual(final: float, days: int) -> float | None:
    """Return the growth a year of a growth to ``final``; None beyond what a float holds."""
    if final <= 0:
        return -1.0
    with np.errstate(over="ignore"):
        return _finite(float(np.float64(final) ** (DAYS_PER_YEAR / days)) - 1)


def sharpe(returns: FloatArray) -> float | None:
    """Return the annualised Sharpe ratio; None below two returns or without dispersion."""
    if len(returns) < 2 or float(returns.max()) == float(returns.min()):
        return None
    deviation = float(np.std(returns, ddof=1))
    if deviation == 0:
        return None
    return _finite(float(np.mean(returns)) / deviation * math.sqrt(DAYS_PER_YEAR))


def sharpe_interval(returns: FloatArray, seed: int) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of the Sharpe ratio by the stationary bootstrap.

    Blocks have a geometric length with mean n^(1/3) (Politis and Romano 1994). None below
    FEWEST_DAYS days or without dispersion.
    """
    if len(returns) < FEWEST_DAYS or sharpe(returns) is None:
        return None
    ratios = []
    for index in block_indices(len(returns), np.random.default_rng(seed)):
        samples = returns[index]
        deviation = samples.std(axis=1, ddof=1)
        usable = deviation > 0
        ratios.append(samples.mean(axis=1)[usable] / deviation[usable] * math.sqrt(DAYS_PER_YEAR))
    return percentile_interval(np.concatenate(ratios))


def block_indices(
    count: int, generator: np.random.Generator, rounds: int = BOOTSTRAP_ROUNDS
) -> Iterator[IntArray]:
    """Yield the days drawn, shape (some rounds, count), in parts that bound the memory."""
    part = max(1, min(rounds, DRAWS_AT_ONCE // count))
    step = np.arange(count)
    for first in range(0, rounds, part):
        shape = (min(part, rounds - first), count)
        restart = generator.random(shape) < 1 / max(1.0, count ** (1 / 3))
        restart[:, 0] = True
        starts = generator.integers(0, count, size=shape)
        origin = np.maximum.accumulate(np.where(restart, step, 0), axis=1)
        yield (np.take_along_axis(starts, origin, axis=1) + step - origin) % count


def percentile_interval(samples: FloatArray) -> tuple[float, float] | None:
    """Return the middle 95 % of samples, what is undefined (NaN) left out; None of nothing."""
    usable = samples[np.isfinite(samples)]
    if len(usable) == 0:
        return None
    low, high = np.percentile(usable, [2.5, 97.5])
    return float(low), float(high)


def _sortino(returns: FloatArray) -> float | None:
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2))) * math.sqrt(DAYS_PER_YEAR)
    if downside == 0:
        return None
    return _finite(float(np.mean(returns)) * DAYS_PER_YEAR / downside)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
