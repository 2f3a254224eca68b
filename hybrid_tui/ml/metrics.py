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
    safe = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.average(np.where(is_up, np.log(safe), np.log1p(-safe)), weights=weight))


def expected_calibration_error(probability: FloatArray, is_up: BoolArray) -> float:
    """Return the mean gap between probability and frequency over ten equal bins of probability.

    Guo et al., 2017, "On Calibration of Modern Neural Networks": the desk's live figure has the
    same bins. Bins of equal count would split nearly equal probabilities, and then show what days
    have in common as error.
    """
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(place, probability - is_up, BINS)
    return float(np.abs(gaps).sum() / len(probability))


def reliability(probability: FloatArray, is_up: BoolArray) -> list[tuple[float, float, int]]:
    """Return (mean probability, frequency, outcomes) of ten bins of equal count, lowest first."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[rows].mean()), float(is_up[rows].mean()), len(rows))
        for rows in np.array_split(order, BINS)
        if len(rows)
    ]


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's correlation, ties at their mean rank; NaN where one never varies."""
    ranks = [_ranks(first), _ranks(second)]
    if not all(column.std() > 0 for column in ranks):
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return ranks


def by_day(
    statistic: Callable[[IntArray], float], days: IntArray, seed: int, resamples: int = RESAMPLES
) -> Figure:
    """Return a statistic of row numbers, with an interval that resamples whole days.

    Outcomes of one day overlap and share a market, so days are the independent units. With fewer
    than five days there is no interval to give (NaN).
    """
    return by_day_all(lambda rows: [statistic(rows)], days, seed, resamples)[0]


def by_day_all(
    statistics: Callable[[IntArray], Sequence[float]],
    days: IntArray,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """Return several statistics of the same rows, as :func:`by_day` does one."""
    rows_of = [np.flatnonzero(days == day) for day in np.unique(days)]
    values = statistics(np.arange(len(days)))
    if len(rows_of) < LEAST_DAYS:
        return [Figure(value=value, low=math.nan, high=math.nan) for value in values]
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [
            statistics(
                np.concatenate([rows_of[i] for i in rng.integers(0, len(rows_of), len(rows_of))])
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
