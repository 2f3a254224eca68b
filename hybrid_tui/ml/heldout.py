"""What a finished model achieved on a span that it never saw."""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.inference import outlooks, uncalibrated
from hybrid_tui.ml.measured_figures import ScoreRow
from hybrid_tui.ml.metrics import (
    Figure,
    auc_counted,
    brier,
    by_day_all,
    dense_ranks,
    expected_calibration_error,
    log_loss,
    log_losses,
    reliability,
)
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.scores import ENSEMBLE, finite, score_rows, three

ENTRY_PROBABILITY = 0.70
EXIT_PROBABILITY = 0.40


def evaluate(model: Model, data: Dataset, *, seed: int) -> dict[str, float | int | None]:
    """Return held-out figures by name; ``*_low`` and ``*_high`` are 95 % intervals by whole days.

    All figures are fractions or nats; None where a figure is not defined.
    """
    found = outlooks(model, data.windows)
    probability = np.array([outlook.probability for outlook in found])
    low = np.array([outlook.low for outlook in found])
    high = np.array([outlook.high for outlook in found])
    volatility = np.array([outlook.volatility for outlook in found])
    confidence = np.array([outlook.confidence for outlook in found])
    familiar = np.array([outlook.is_familiar for outlook in found])
    base_rate = model.manifest.base_rate
    constant = np.full(len(data), base_rate)
    inside = (data.log_return >= low) & (data.log_return <= high)
    up = data.is_up

    figures: dict[str, float | int | None] = {
        "windows": len(data),
        "days": len(np.unique(data.day)),
        "base_rate": float(up.mean()),
        "brier_constant": brier(constant, up),
        "log_loss_constant": log_loss(constant, up),
    }
    columns = {
        "brier": (probability - up) ** 2,
        "log_loss": log_losses(probability, up),
        "log_loss_gain": log_losses(constant, up) - log_losses(probability, up),
        "interval_coverage": inside,
        "volatility_gain": volatility_gain(data, volatility),
    }
    said = dense_ranks(probability)
    measured = dict(
        zip(
            ("auc", *columns),
            by_day_all(
                lambda count: [
                    auc_counted(said, up, count),
                    *(float(np.average(column, weights=count)) for column in columns.values()),
                ],
                data.day,
                seed,
            ),
            strict=True,
        )
    )
    for name, figure in measured.items():
        figures |= _row(name, figure)
    figures["ece"] = expected_calibration_error(probability, up)
    figures["volatility_ratio"] = float(np.sqrt(np.mean((data.log_return / volatility) ** 2)))
    entries = probability >= ENTRY_PROBABILITY
    figures["at_or_above_0.70"] = int(entries.sum())
    figures["at_or_above_0.70_right"] = finite(float(up[entries].mean()) if entries.any() else None)
    figures["below_0.40"] = int((probability < EXIT_PROBABILITY).sum())
    figures["highest_probability"] = float(probability.max())
    figures["lowest_probability"] = float(probability.min())
    figures["mean_confidence"] = float(confidence.mean())
    figures["familiar"] = float(familiar.mean())
    return figures


def volatility_gain(data: Dataset, volatility: FloatArray) -> FloatArray:
    """Return how many nats a volatility forecast gained on each return, (n,).

    Against the look-back's own volatility, scaled with hindsight so that it is right on average:
    a rival that could not have been had, and therefore a strict one.
    """
    plain = data.sigma * np.sqrt(data.horizon_minutes)
    plain = plain * np.sqrt(np.mean((data.log_return / plain) ** 2))

    def cost(forecast: FloatArray) -> FloatArray:
        return np.asarray(np.log(forecast) + 0.5 * (data.log_return / forecast) ** 2)

    return cost(plain) - cost(volatility)


def member_scores(
    model: Model, data: Dataset, *, seed: int
) -> tuple[tuple[ScoreRow, ...], tuple[ScoreRow, ...], tuple[tuple[float, float, int], ...]]:
    """Return the figures of each member and of the ensemble, those of the members before
    calibration, and the ensemble's reliability.
    """
    found = outlooks(model, data.windows)
    constant = np.full(len(data), model.manifest.base_rate)
    said = {name: np.array([outlook.members[name] for outlook in found]) for name in model.members}
    said[ENSEMBLE] = np.array([outlook.probability for outlook in found])
    return (
        score_rows(said, constant, data, seed=seed),
        score_rows(uncalibrated(model, data.windows), constant, data, seed=seed),
        tuple(reliability(said[ENSEMBLE], data.is_up)),
    )


def _row(name: str, figure: Figure) -> dict[str, float | int | None]:
    value, low, high = three(figure)
    return {name: value, f"{name}_low": low, f"{name}_high": high}
