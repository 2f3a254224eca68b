"""What the calibration span teaches a fitted ensemble: probabilities, intervals, the level of auto.

Imports no torch of its own; only training imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.calibration import (
    FORECAST_LIMIT,
    LOG_RATIO_LIMIT,
    Platt,
    fit_familiar,
    fit_platt,
    interval_quantiles,
    recency_weights,
    shares_of,
)
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.features import HURDLE, SUMMARY_SIDES
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.measured_figures import ThresholdFigures
from hybrid_tui.ml.model_files import (
    CalibrationFigures,
    FamiliarFigures,
    Model,
    PlattFigures,
)
from hybrid_tui.ml.recipe import Recipe
from hybrid_tui.ml.threshold import CONFIDENCE, paying_threshold

INTERVAL_LEVEL = 0.90


def scaling_of(logits: FloatArray, data: Dataset, base_rate: float, threshold_bps: float) -> Platt:
    """Return Platt scaling of logits (n,), each outcome weighing as much as is its own."""
    return fit_platt(
        logits,
        data.values[:, -1, HURDLE].astype(np.float64),
        data.is_up.astype(np.float64),
        data.weight,
        base_rate=base_rate,
        threshold_bps=threshold_bps,
    )


def calibrate(
    outputs: FloatArray, data: Dataset, base_rate: float, recipe: Recipe
) -> CalibrationFigures:
    """Return what the outputs (n, 3) of an ensemble say, on its calibration span.

    Intervals are to hold at every instant alike, so instants count there, newest most, and not
    independent outcomes.
    """
    forecast = np.clip(outputs[:, 1], -FORECAST_LIMIT, FORECAST_LIMIT)
    power = float(np.mean(forecast**2))
    slope = float(np.mean(forecast * data.scaled_return)) / power if power > 0 else 0.0
    slope = min(max(slope, 0.0), 1.0)
    ratio = np.exp(np.clip(outputs[:, 2], -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT))
    residual = data.scaled_return - slope * forecast
    weight = recency_weights(data.day)
    volatility_scale = float(np.sqrt(np.average((residual / ratio) ** 2, weights=weight)))
    low, high = interval_quantiles(residual / (ratio * volatility_scale), weight, INTERVAL_LEVEL)
    return CalibrationFigures(
        ensemble=platt_figures(scaling_of(outputs[:, 0], data, base_rate, recipe.threshold_bps)),
        return_slope=slope,
        volatility_scale=volatility_scale,
        interval_level=INTERVAL_LEVEL,
        interval_low=low,
        interval_high=high,
    )


def member_weights(
    losses: Mapping[str, float], constant: float, slopes: Mapping[str, float]
) -> dict[str, float]:
    """Return the members' weights, which sum to 1, or are all 0 where no member has shown skill.

    A member weighs by how much it beats the constant forecast of the base rate on the validation
    span, and nothing where it does not. The epoch was chosen on that span too, which flatters, so
    the calibration span has to agree: a member in whose view it found nothing (``slopes``, 0)
    weighs nothing either.
    """
    gains = {
        name: max(0.0, constant - loss) if slopes[name] > 0 else 0.0
        for name, loss in losses.items()
    }
    total = sum(gains.values())
    return {name: gain / total if total > 0 else 0.0 for name, gain in gains.items()}


def ensemble_outputs(outputs: Mapping[str, FloatArray], weights: Mapping[str, float]) -> FloatArray:
    """Return the ensemble's outputs (n, 3) from its members'; no weight, no view of direction."""
    shares = shares_of(weights)
    whole: FloatArray = np.add.reduce([shares[name] * found for name, found in outputs.items()])
    if not any(weights.values()):
        whole[:, :2] = 0.0
    return whole


def familiar_range(summary: FloatArray) -> FamiliarFigures:
    """Return the range of familiar summaries, (n, S)."""
    fitted = fit_familiar(summary, SUMMARY_SIDES)
    return FamiliarFigures(
        middle=fitted.middle, below=fitted.below, above=fitted.above, limit=fitted.limit
    )


def threshold_of(model: Model, data: Dataset, recipe: Recipe) -> ThresholdFigures:
    """Return what `auto` stands for, from familiar windows of the calibration span."""
    found = outlooks(model, data.windows)
    familiar = np.array([outlook.is_familiar for outlook in found])
    probability = np.array([outlook.probability for outlook in found])
    profit = np.expm1(data.log_return) - recipe.threshold_bps / 10_000
    chosen = paying_threshold(
        probability[familiar], profit[familiar], data.day[familiar], recipe.seed
    )
    return ThresholdFigures(
        level=chosen.level, confidence=CONFIDENCE, outcomes=chosen.outcomes, days=chosen.days
    )


def platt_figures(platt: Platt) -> PlattFigures:
    """Return a scaling as a manifest keeps it."""
    return PlattFigures(slope=platt.slope, offset=platt.offset, hurdle_slope=platt.hurdle_slope)
