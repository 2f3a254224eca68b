"""How one forecaster's probabilities did: the same figures for members, ensemble and baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hybrid_tui.domain.bars import FloatArray, IntArray
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.measured_figures import ScoreRow
from hybrid_tui.ml.metrics import (
    Figure,
    auc,
    brier,
    by_day_all,
    expected_calibration_error,
    log_loss,
    rank_correlation,
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
    up, days, moved = data.is_up, data.day, data.scaled_return

    def of(rows: IntArray) -> list[float]:
        said, came, flat = probability[rows], up[rows], constant[rows]
        figures = (
            brier(said, came),
            expected_calibration_error(said, came),
            log_loss(said, came),
        )
        plain = (
            brier(flat, came),
            expected_calibration_error(flat, came),
            log_loss(flat, came),
        )
        gains = [base - own for base, own in zip(plain, figures, strict=True)]
        paired = [value for pair in zip(figures, gains, strict=True) for value in pair]
        return [auc(said, came), *paired, rank_correlation(said, moved[rows])]

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
