"""From a network's raw outputs to figures that mean what they say. Pure functions, no torch.

Platt scaling turns logits into probabilities, quantiles of calibration residuals (in units of the
predicted volatility) into price intervals, and robust distances into *familiar*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import FloatArray, IntArray

KELLY_FRACTION = 0.25
FULL_SIZE_VOLATILITY = 0.0075
# Networks extrapolate wildly on broken input; beyond these the figures mean nothing.
FORECAST_LIMIT = 5.0
LOG_RATIO_LIMIT = 3.0
FAMILIAR_QUANTILE = 0.995
RECENCY_HALF_LIFE_SESSIONS = 5
_LEAST_SCALE = 1e-3
_NEVER = 1e12
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """probability = sigmoid(slope x logit + hurdle_slope x hurdle + offset).

    The hurdle (a feature) says how far the threshold is for the time that is left: minutes before
    the close even a strong view rarely beats the costs, whatever the networks say.
    """

    slope: float
    offset: float
    hurdle_slope: float

    def __call__(self, logit: float, hurdle: float) -> float:
        """Return the calibrated probability of one logit."""
        return sigmoid(self.slope * logit + self.hurdle_slope * hurdle + self.offset)


def sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1.0 + grown)


def log_odds(probability: float) -> float:
    """Return the logit of a probability strictly between 0 and 1."""
    return math.log(probability / (1.0 - probability))


def fit_platt(
    logits: FloatArray,
    hurdle: FloatArray,
    is_up: FloatArray,
    weight: FloatArray,
    *,
    base_rate: float,
    threshold_bps: float,
) -> Platt:
    """Fit Platt scaling with the hurdle by penalised Newton steps; the slope is never negative.

    ``weight`` sums to the number of independent outcomes. A calibration span of a few weeks must
    not re-learn the market's drift, so the fit is drawn towards ``base_rate`` as if 1,000 outcomes
    had been seen before, weakly towards a slope of 1, and towards the hurdle's slope in a market
    without drift.
    """
    middle = float(np.average(hurdle, weights=weight))
    # A normal return beats the threshold with odds of about exp(-1.6 x threshold / deviation).
    drawn_to = [-1.6 * threshold_bps, log_odds(base_rate)]
    stiffness = [1000.0 * 0.25 * 0.05**2, 1000.0 * base_rate * (1.0 - base_rate)]
    columns = [hurdle - middle, np.ones_like(hurdle)]
    centre = float(np.average(logits, weights=weight))
    spread = float(np.sqrt(np.average((logits - centre) ** 2, weights=weight)))
    if spread > _LEAST_SPREAD:
        slope, hurdle_slope, offset = _penalised_fit(
            np.stack([(logits - centre) / spread, *columns], axis=1),
            is_up,
            weight,
            np.array([spread, *drawn_to]),
            np.array([4.0, *stiffness]),
        )
        if slope > 0:
            return Platt(
                slope=slope / spread,
                hurdle_slope=hurdle_slope,
                offset=offset - slope / spread * centre - hurdle_slope * middle,
            )
    hurdle_slope, offset = _penalised_fit(
        np.stack(columns, axis=1), is_up, weight, np.array(drawn_to), np.array(stiffness)
    )
    return Platt(slope=0.0, hurdle_slope=hurdle_slope, offset=offset - hurdle_slope * middle)


def _penalised_fit(
    design: FloatArray,
    is_up: FloatArray,
    weight: FloatArray,
    prior: FloatArray,
    stiffness: FloatArray,
) -> list[float]:
    """Return the logistic regression of (n, k) columns, drawn to ``prior`` with ``stiffness``."""
    point = prior.copy()
    for _ in range(50):
        probability = 1.0 / (1.0 + np.exp(-(design @ point)))
        gradient = design.T @ (weight * (probability - is_up)) + stiffness * (point - prior)
        curvature = weight * probability * (1.0 - probability)
        step = np.linalg.solve((design.T * curvature) @ design + np.diag(stiffness), gradient)
        point -= step
        if float(np.max(np.abs(step))) < 1e-10:
            break
    return [float(figure) for figure in point]


def recency_weights(day: IntArray) -> FloatArray:
    """Return weights that halve every five sessions before the last; ``day`` numbers sessions.

    Volatility regimes and feeds change; the sessions next to the future say most about it.
    """
    return np.asarray(np.exp2(-(day.max() - day) / RECENCY_HALF_LIFE_SESSIONS))


def interval_quantiles(
    residuals: FloatArray, weight: FloatArray, level: float
) -> tuple[float, float]:
    """Return the weighted conformal low and high quantile of residuals over predicted volatility.

    One more outcome of the greatest weight is thought at each end, so that coverage is not short by
    construction.
    """
    tail = (1.0 - level) / 2.0
    order = np.argsort(residuals, kind="stable")
    ordered = residuals[order]
    reached = np.cumsum(weight[order])
    total = float(reached[-1]) + float(weight.max())
    low = int(np.searchsorted(reached, tail * total, side="right"))
    high = int(np.searchsorted(reached, (1.0 - tail) * total, side="left"))
    last = len(ordered) - 1
    return float(ordered[min(max(low - 1, 0), last)]), float(ordered[min(high, last)])


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


def fit_familiar(summary: FloatArray, sides: Sequence[int]) -> FamiliarRange:
    """Return the range of summaries (n, S), limited at the 99.5 % quantile of distance.

    A side's spread is the distance from the median to its 1 % quantile, so that each figure weighs
    by how rare a value is and not by how long its tail is. ``sides`` (S) says which way a figure
    can be odd: 1 upwards, -1 downwards, 0 both; calmer or cleaner input than usual is not odd.
    """
    low, middle, high = np.quantile(summary, [0.01, 0.5, 0.99], axis=0)
    overall = np.maximum(summary.std(axis=0), _LEAST_SCALE)
    below = np.where(middle - low > _LEAST_SCALE, middle - low, overall)
    above = np.where(high - middle > _LEAST_SCALE, high - middle, overall)
    one_way = np.asarray(sides)
    below = np.where(one_way > 0, _NEVER, below)
    above = np.where(one_way < 0, _NEVER, above)
    fitted = FamiliarRange(
        middle=tuple(map(float, middle)),
        below=tuple(map(float, below)),
        above=tuple(map(float, above)),
        limit=math.inf,
    )
    limit = float(np.quantile(fitted.distance(summary), FAMILIAR_QUANTILE))
    return FamiliarRange(middle=fitted.middle, below=fitted.below, above=fitted.above, limit=limit)


def shares_of(weights: Mapping[str, float]) -> dict[str, float]:
    """Return each member's share in the ensemble's outputs, which sum to 1.

    Where no member has a weight, none has a say in the direction (calibration silences it), and
    the volatility is that of all alike.
    """
    total = sum(weights.values())
    if total <= 0:
        return {name: 1.0 / len(weights) for name in weights}
    return {name: weight / total for name, weight in weights.items()}


def agreement(
    probability: float, members: Mapping[str, float], weights: Mapping[str, float], base: float
) -> float:
    """Return the weight of the members on the ensemble's side of the base rate, 0..1.

    ``members`` are those that have a say; the others count in the total of ``weights`` only.
    """
    if probability == base:
        return 0.0
    side = probability > base
    agreeing = sum(
        weights[name]
        for name, figure in members.items()
        if figure != base and (figure > base) == side
    )
    total = sum(weights.values())
    return min(agreeing / total, 1.0) if total > 0 else 0.0


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
