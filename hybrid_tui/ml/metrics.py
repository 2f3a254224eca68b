"""How good probabilities and intervals were, with intervals from a bootstrap over whole days."""

from __future__ import annotations

import math
from collections.abc import Callable
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


def log_loss(probability: FloatArray, is_up: BoolArray) -> float:
    """Return the mean negative log likelihood in nats."""
    safe = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.mean(np.where(is_up, np.log(safe), np.log1p(-safe))))


def expected_calibration_error(probability: FloatArray, is_up: BoolArray) -> float:
    """Return the mean gap between probability and frequency over ten bins of equal count."""
    order = np.argsort(probability, kind="stable")
    gaps = [
        abs(float(probability[rows].mean()) - float(is_up[rows].mean())) * len(rows)
        for rows in np.array_split(order, BINS)
        if len(rows)
    ]
    return sum(gaps) / len(order)


def by_day(
    statistic: Callable[[IntArray], float], days: IntArray, seed: int, resamples: int = RESAMPLES
) -> Figure:
    """Return a statistic of row numbers, with an interval that resamples whole days.

    Outcomes of one day overlap and share a market, so days are the independent units. With fewer
    than five days there is no interval to give (NaN).
    """
    rows_of = [np.flatnonzero(days == day) for day in np.unique(days)]
    value = statistic(np.arange(len(days)))
    if len(rows_of) < LEAST_DAYS:
        return Figure(value=value, low=math.nan, high=math.nan)
    rng = np.random.default_rng(seed)
    drawn = [
        statistic(np.concatenate([rows_of[i] for i in rng.integers(0, len(rows_of), len(rows_of))]))
        for _ in range(resamples)
    ]
    finite = [figure for figure in drawn if math.isfinite(figure)]
    if not finite:
        return Figure(value=value, low=math.nan, high=math.nan)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Figure(value=value, low=float(low), high=float(high))
