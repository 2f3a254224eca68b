"""How one forecaster's probabilities did: the same figures for members, ensemble and baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.measured_figures import ScoreRow
from hybrid_tui.ml.metrics import (
    Figure,
    auc_counted,
    by_day_all,
    dense_ranks,
    expected_calibration_error,
    log_losses,
    rank_correlation_counted,
)

ENSEMBLE = "ensemble"
SCORES = (
    "auc",
    "brier",
    "brier_gain",
    "ece",
    "ece_gain",
    "log_loss",
    "log_loss_gain",
    "information_coefficient",
)


def scores(
    probability: FloatArray, constant: FloatArray, data: Dataset, *, seed: int
) -> dict[str, Figure]:
    """Return the figures of SCORES with 95 % intervals by whole days.

    ``constant`` (n,) is the base-rate forecast of each row; a gain is what the probabilities are
    better by, in the figure's own unit, and is paired (the same days for both). The information
    coefficient is the rank correlation of the probability with the scaled return.
    """
    up, days = data.is_up, data.day
    said, moved = dense_ranks(probability), dense_ranks(data.scaled_return)
    squares, losses = [], []
    for forecast in (probability, constant):
        squares.append((forecast - up) ** 2)
        losses.append(log_losses(forecast, up))

    def of(count: FloatArray) -> list[float]:
        figures = []
        for own, plain in (
            [float(np.average(column, weights=count)) for column in squares],
            [expected_calibration_error(p, up, count) for p in (probability, constant)],
            [float(np.average(column, weights=count)) for column in losses],
        ):
            figures += [own, plain - own]
        return [
            auc_counted(said, up, count),
            *figures,
            rank_correlation_counted(said, moved, count),
        ]

    return dict(zip(SCORES, by_day_all(of, days, seed), strict=True))


def score_row(
    name: str, probability: FloatArray, constant: FloatArray, data: Dataset, *, seed: int
) -> ScoreRow:
    """Return a forecaster's figures as a model's manifest keeps them."""
    found = scores(probability, constant, data, seed=seed)
    return ScoreRow(
        name=name,
        windows=len(data),
        days=len(np.unique(data.day)),
        figures={key: three(figure) for key, figure in found.items()},
    )


def score_rows(
    said: Mapping[str, FloatArray], constant: FloatArray, data: Dataset, *, seed: int
) -> tuple[ScoreRow, ...]:
    """Return one row a forecaster, by its name in ``said``."""
    return tuple(
        score_row(name, probability, constant, data, seed=seed)
        for name, probability in said.items()
    )


def three(figure: Figure) -> tuple[float | None, float | None, float | None]:
    """Return value, low and high, None where not defined."""
    return (finite(figure.value), finite(figure.low), finite(figure.high))


def finite(value: float | None) -> float | None:
    """Return a figure, or None where it is not a number."""
    return value if value is not None and math.isfinite(value) else None
