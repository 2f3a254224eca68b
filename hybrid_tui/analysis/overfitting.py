"""How much of the best result is the search's own: deflated Sharpe ratio, and the probability of
backtest overfitting by combinatorially symmetric cross-validation.

Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", J. Portfolio Management 40(5), 2014; Bailey,
Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting", J. Computational Finance
20(4), 2017 (SSRN 2326253, 2015).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from hybrid_tui.domain.bars import FloatArray

EULER = 0.5772156649015329
MOST_BLOCKS = 16
LEAST_ROWS_A_BLOCK = 4
CHUNK = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """A Sharpe ratio judged as the best of ``trials``; ratios are per period, not annualised.

    ``expected_best`` is what the best of so many worthless trials would show, ``probability`` that
    the true ratio is above 0 all the same (DSR; 0.95 is the usual bar).
    """

    sharpe: float
    trials: int
    expected_best: float
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """PBO: how often the best of one half of the data is below the median on the other half.

    ``slope`` and ``loss`` are over the same ``splits``: how the ratio out of sample follows that in
    sample, and how often the chosen one lost money out of sample.
    """

    probability: float
    splits: int
    blocks: int
    slope: float | None
    loss: float


def expected_best_sharpe(trials: int, variance: float) -> float:
    """Return the expected maximum of ``trials`` Sharpe ratios around 0 with a variance (eq. 1)."""
    if trials < 2 or variance <= 0:
        return 0.0
    quantile = NormalDist().inv_cdf
    return math.sqrt(variance) * (
        (1 - EULER) * quantile(1 - 1 / trials) + EULER * quantile(1 - 1 / (trials * math.e))
    )


def deflated_sharpe(returns: FloatArray, trials: Sequence[float]) -> Deflated | None:
    """Return the deflated Sharpe ratio of the chosen trial.

    ``returns`` (n,) are its returns, ``trials`` the Sharpe ratios per period of all trials made,
    its own included. Skewness and kurtosis are the returns' own. None below three returns or
    without dispersion.
    """
    count = len(returns)
    if count < 3 or float(np.ptp(returns)) == 0:
        return None
    deviation = float(np.std(returns, ddof=1))
    ratio = float(np.mean(returns)) / deviation
    centred = (returns - np.mean(returns)) / float(np.std(returns))
    skewness, kurtosis = float(np.mean(centred**3)), float(np.mean(centred**4))
    variance = float(np.var(np.asarray(trials), ddof=1)) if len(trials) > 1 else 0.0
    expected = expected_best_sharpe(len(trials), variance)
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    if spread <= 0:
        return None
    score = (ratio - expected) * math.sqrt(count - 1) / math.sqrt(spread)
    return Deflated(
        sharpe=ratio,
        trials=len(trials),
        expected_best=expected,
        probability=NormalDist().cdf(score),
    )


def overfitting_probability(returns: FloatArray, blocks: int = MOST_BLOCKS) -> Overfitting | None:
    """Return the probability of backtest overfitting of (n periods, k trials) of returns.

    The periods are cut into ``blocks`` (even; fewer where the periods are few) of equal length, the
    oldest left-overs dropped. Each half of the blocks chooses the trial with the best Sharpe ratio,
    which is then ranked on the other half. None below two trials or two blocks of four periods.
    """
    rows, trials = returns.shape
    blocks = min(blocks, rows // LEAST_ROWS_A_BLOCK) // 2 * 2
    if trials < 2 or blocks < 2:
        return None
    length = rows // blocks
    parts = returns[rows - blocks * length :].reshape(blocks, length, trials)
    totals, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    half = length * (blocks // 2)
    below = lost = 0
    pairs = []
    for first in range(0, len(inside), CHUNK):
        mask = inside[first : first + CHUNK]
        seen = _ratios(mask @ totals, mask @ squares, half)
        unseen = _ratios((1 - mask) @ totals, (1 - mask) @ squares, half)
        best = np.argmax(seen, axis=1)[:, None]
        own = np.take_along_axis(unseen, best, axis=1)
        worse, level = (unseen < own).sum(axis=1), (unseen == own).sum(axis=1)
        rank = (worse + (level + 1) / 2) / (trials + 1)
        below += int((rank <= 0.5).sum())
        lost += int((own < 0).sum())
        pairs.append(np.hstack((np.take_along_axis(seen, best, axis=1), own)))
    before, after = np.concatenate(pairs).T
    spread = float(np.var(before))
    together = float(np.mean((before - before.mean()) * (after - after.mean())))
    return Overfitting(
        probability=below / len(inside),
        splits=len(inside),
        blocks=blocks,
        slope=together / spread if spread > 0 else None,
        loss=lost / len(inside),
    )


def _ratios(totals: FloatArray, squares: FloatArray, count: int) -> FloatArray:
    """Return Sharpe ratios per period from sums and sums of squares; no dispersion counts as 0."""
    mean = totals / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    usable = variance > 1e-18
    return np.where(usable, mean / np.sqrt(np.where(usable, variance, 1.0)), 0.0)
