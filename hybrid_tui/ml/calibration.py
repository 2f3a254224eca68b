"""From a network's raw outputs to figures that mean what they say. Pure functions, no torch.

Platt scaling turns logits into probabilities, quantiles of calibration residuals (in units of the
predicted volatility) into price intervals, and robust distances into *familiar*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import FloatArray

KELLY_FRACTION = 0.25
FULL_SIZE_VOLATILITY = 0.0075
FAMILIAR_QUANTILE = 0.995
_LEAST_SCALE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """probability = sigmoid(slope x logit + offset)."""

    slope: float
    offset: float

    def __call__(self, logit: float) -> float:
        """Return the calibrated probability of one logit."""
        return sigmoid(self.slope * logit + self.offset)

    def of(self, logits: FloatArray) -> FloatArray:
        """Return the calibrated probabilities of many logits (statistics only)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * logits + self.offset))))


def sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1.0 + grown)


def log_odds(probability: float) -> float:
    """Return the logit of a probability strictly between 0 and 1."""
    return math.log(probability / (1.0 - probability))


def fit_platt(logits: FloatArray, is_up: FloatArray, weight: FloatArray, base_rate: float) -> Platt:
    """Fit Platt scaling by penalised Newton steps; the slope is never negative.

    The offset at a slope of 0 is drawn towards ``base_rate`` as if 1,000 independent outcomes had
    been seen before, and the slope weakly towards 1: a calibration span of a few weeks must not
    re-learn the market's drift. ``weight`` sums to the number of independent outcomes.
    """
    centre = float(np.average(logits, weights=weight))
    spread = float(np.sqrt(np.average((logits - centre) ** 2, weights=weight)))
    if spread < 1e-9:
        return Platt(slope=0.0, offset=log_odds(base_rate))
    design = np.stack([(logits - centre) / spread, np.ones_like(logits)], axis=1)
    prior = np.array([spread, log_odds(base_rate)])
    stiffness = np.array([4.0, 1000.0 * base_rate * (1.0 - base_rate)])
    point = prior.copy()
    for _ in range(50):
        probability = 1.0 / (1.0 + np.exp(-(design @ point)))
        gradient = design.T @ (weight * (probability - is_up)) + stiffness * (point - prior)
        curvature = weight * probability * (1.0 - probability)
        step = np.linalg.solve((design.T * curvature) @ design + np.diag(stiffness), gradient)
        point -= step
        if float(np.max(np.abs(step))) < 1e-10:
            break
    if point[0] <= 0:
        return Platt(slope=0.0, offset=float(point[1]))
    slope = float(point[0]) / spread
    return Platt(slope=slope, offset=float(point[1]) - slope * centre)


def interval_quantiles(residuals: FloatArray, level: float) -> tuple[float, float]:
    """Return the conformal low and high quantile of residuals over predicted volatility.

    With n residuals the ranks are those of n + 1, so that coverage is not short by construction.
    """
    tail = (1.0 - level) / 2.0
    ordered = np.sort(residuals)
    n = len(ordered)
    low = max(math.floor(tail * (n + 1)) - 1, 0)
    high = min(math.ceil((1.0 - tail) * (n + 1)) - 1, n - 1)
    return float(ordered[low]), float(ordered[high])


@dataclass(frozen=True, slots=True, kw_only=True)
class FamiliarRange:
    """What input looked like in training: a middle and two spreads a summary figure.

    The distance of an input is the largest of its figures' distances from the middle, each measured
    in the spread of its side; above ``limit`` the input is unfamiliar.
    """

    middle: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    limit: float

    def distance(self, summary: FloatArray) -> FloatArray:
        """Return (n,) distances of (n, S) summaries."""
        off = summary - np.array(self.middle)
        spread = np.where(off < 0, np.array(self.below), np.array(self.above))
        return np.asarray(np.max(np.abs(off) / spread, axis=1))


def fit_familiar(summary: FloatArray) -> FamiliarRange:
    """Return the range of training summaries (n, S), limited at the 99.5 % quantile of distance.

    A side's spread is the distance from the median to its 1 % quantile, so that each figure weighs
    by how rare a value is and not by how long its tail is.
    """
    low, middle, high = np.quantile(summary, [0.01, 0.5, 0.99], axis=0)
    overall = np.maximum(summary.std(axis=0), _LEAST_SCALE)
    below = np.where(middle - low > _LEAST_SCALE, middle - low, overall)
    above = np.where(high - middle > _LEAST_SCALE, high - middle, overall)
    fitted = FamiliarRange(
        middle=tuple(map(float, middle)),
        below=tuple(map(float, below)),
        above=tuple(map(float, above)),
        limit=math.inf,
    )
    limit = float(np.quantile(fitted.distance(summary), FAMILIAR_QUANTILE))
    return FamiliarRange(middle=fitted.middle, below=fitted.below, above=fitted.above, limit=limit)


def agreement(
    probability: float, members: Mapping[str, float], weights: Mapping[str, float], base: float
) -> float:
    """Return the weight of the members on the ensemble's side of the base rate, 0..1."""
    if probability == base:
        return 0.0
    side = probability > base
    total = sum(weights.values())
    agreeing = sum(
        weights[name]
        for name, figure in members.items()
        if figure != base and (figure > base) == side
    )
    return min(agreeing / total, 1.0)


def target_position(
    probability: float, confidence: float, volatility: float, base_rate: float
) -> float:
    """Return the share of equity to hold, 0..1: a quarter of Kelly's bet at even odds.

    0 unless the probability beats both the base rate and a half; scaled by confidence, and down
    where the one-hour volatility is above 0.75 %.
    """
    if probability <= max(base_rate, 0.5):
        return 0.0
    calm = min(1.0, FULL_SIZE_VOLATILITY / volatility) if volatility > 0 else 1.0
    return min(1.0, max(0.0, KELLY_FRACTION * (2.0 * probability - 1.0) * confidence * calm))
