"""How good probabilities and intervals were, with intervals from a bootstrap over whole days."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray

BINS = 10
RESAMPLES = 200
LEAST_DAYS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An estimate and its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def auc(probability: FloatArray, is_up: BoolArray) -> float:
    """Return the area under the ROC curve, ties counted half; NaN with one class only."""
    positives = int(is_up.sum())
    negatives = len(is_up) - positives
    if not positives or not negatives:
        return math.nan
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    total = float(ranks[place][is_up].sum())
    return (total - positives * (positives + 1) / 2.0) / (positives * negatives)


def brier(probability: FloatArray, is_up: BoolArray) -> float:
    """Return the mean squared difference between probability and outcome."""
    return float(np.mean((probability - is_up) ** 2))


def log_loss(probability: FloatArray, is_up: BoolArray, weight: FloatArray | None = None) -> float:
    """Return the mean negative log likelihood in nats, by ``weight`` where there is one."""
    return float(np.average(log_losses(probability, is_up), weights=weight))


def log_losses(probability: FloatArray, is_up: BoolArray) -> FloatArray:
    """Return the negative log likelihood of each outcome in nats, (n,)."""
    safe = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(-np.where(is_up, np.log(safe), np.log1p(-safe)))


def expected_calibration_error(
    probability: FloatArray, is_up: BoolArray, count: FloatArray | None = None
) -> float:
    """Return the mean gap between probability and frequency over ten equal bins of probability.

    Guo et al., 2017, "On Calibration of Modern Neural Networks": the desk's live figure has the
    same bins. Bins of equal count would split nearly equal probabilities, and then show what days
    have in common as error.
    """
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    times = np.ones(len(probability)) if count is None else count
    gaps = np.bincount(place, times * (probability - is_up), BINS)
    return float(np.abs(gaps).sum() / times.sum())


def reliability(probability: FloatArray, is_up: BoolArray) -> list[tuple[float, float, int]]:
    """Return (mean probability, frequency, outcomes) of ten bins of equal count, lowest first."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[rows].mean()), float(is_up[rows].mean()), len(rows))
        for rows in np.array_split(order, BINS)
        if len(rows)
    ]


def dense_ranks(values: FloatArray | IntArray) -> IntArray:
    """Return the place of each value among the different ones, 0 for the lowest."""
    place: IntArray = np.unique(values, return_inverse=True)[1]
    return place


def auc_counted(rank: IntArray, is_up: BoolArray, count: FloatArray) -> float:
    """Return :func:`auc` of rows that occur ``count`` times each, by their dense ranks."""
    positives = np.bincount(rank, count * is_up)
    negatives = np.bincount(rank, count * ~is_up)
    pairs = float(positives.sum() * negatives.sum())
    below = np.cumsum(negatives) - negatives / 2.0
    return float((positives * below).sum()) / pairs if pairs else math.nan


def rank_correlation_counted(first: IntArray, second: IntArray, count: FloatArray) -> float:
    """Return Spearman's correlation of rows that occur ``count`` times each, by their dense ranks.

    Ties are at their mean rank; NaN where one never varies.
    """
    offs = []
    for rank in (first, second):
        occurs = np.bincount(rank, count)
        ranks = (np.cumsum(occurs) - (occurs - 1) / 2.0)[rank]
        offs.append(ranks - np.average(ranks, weights=count))
    # No matrix product: its threads spin longer than this takes.
    spread = float((count * offs[0] ** 2).sum() * (count * offs[1] ** 2).sum())
    both = float((count * offs[0] * offs[1]).sum())
    return both / math.sqrt(spread) if spread > 0 else math.nan


def by_day(
    statistic: Callable[[FloatArray], float], days: IntArray, seed: int, resamples: int = RESAMPLES
) -> Figure:
    """Return a statistic of how often each row counts (n,), with an interval by whole days.

    Outcomes of one day overlap and share a market, so days are the independent units, and resampled
    as such. With fewer than five days there is no interval to give (NaN).
    """
    return by_day_all(lambda count: [statistic(count)], days, seed, resamples)[0]


def by_day_all(
    statistics: Callable[[FloatArray], Sequence[float]],
    days: IntArray,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """Return several statistics as :func:`by_day` does one, of how often each row counts, (n,).

    Counting a row twice needs no copy of it, and what the rows have in common (their order) is
    found once for all resamples.
    """
    place = dense_ranks(days)
    several = len(np.unique(days))
    values = statistics(np.ones(len(days)))
    if several < LEAST_DAYS:
        return [Figure(value=value, low=math.nan, high=math.nan) for value in values]
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [
            statistics(
                np.bincount(rng.integers(0, several, several), minlength=several)[place].astype(
                    np.float64
                )
            )
            for _ in range(resamples)
        ]
    )
    return [_figure(value, column) for value, column in zip(values, drawn.T, strict=True)]


def _figure(value: float, drawn: FloatArray) -> Figure:
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return Figure(value=value, low=math.nan, high=math.nan)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Figure(value=value, low=float(low), high=float(high))
