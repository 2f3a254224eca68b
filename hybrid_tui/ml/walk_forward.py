"""Walk-forward evaluation: ever longer histories, each judged on the sessions that follow it.

Imports torch; only training imports this module. The last step is the finished model itself, so N
steps cost N - 1 more fits. The steps' test spans follow each other and do not overlap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.calibrating import scaling_of
from hybrid_tui.ml.dataset import LEAST_SESSIONS, SHARES, SPANS, Dataset, concatenate, split
from hybrid_tui.ml.features import HURDLE
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.model_files import Model, ScoreRow
from hybrid_tui.ml.scores import ENSEMBLE, score_row
from hybrid_tui.ml.trees import are_installed, tree_logits

TREES = "boosted trees (baseline)"
CONSTANT = "base rate (baseline)"


def steps_of(data: Dataset, steps: int) -> list[Dataset]:
    """Return the history of each step, shortest first; the last is all of it.

    Each is shorter than the next by the share of a test span. Histories of fewer sessions than
    training needs are left out.
    """
    days = np.unique(data.day)
    found = []
    for left_out in range(steps - 1, -1, -1):
        end = len(days) - round(left_out * SHARES[-1] * len(days))
        if end >= LEAST_SESSIONS:
            found.append(data.take(data.day <= days[end - 1]) if left_out else data)
    return found


def walk_forward(
    data: Dataset,
    steps: int,
    fit: Callable[[Dataset], Model],
    *,
    seed: int,
) -> tuple[ScoreRow, ...]:
    """Return a row for each member, the ensemble, boosted trees (if installed) and the base rate.

    ``fit`` gives the model of a history. Figures are of all steps' test spans together, with 95 %
    intervals by whole days.
    """
    tested: list[Dataset] = []
    said: dict[str, list[FloatArray]] = {}
    for history in steps_of(data, steps):
        model = fit(history)
        spans = split(history.day)
        parts = {name: history.take(rows) for name, rows in spans.items()}
        test = parts[SPANS[-1]]
        base_rate = model.manifest.base_rate
        found = outlooks(model, test.windows)
        step = {
            name: np.array([outlook.members[name] for outlook in found]) for name in model.members
        }
        step[ENSEMBLE] = np.array([outlook.probability for outlook in found])
        if are_installed():
            step[TREES] = _trees(parts, base_rate, model.manifest.threshold_bps, seed)
        step[CONSTANT] = np.full(len(test), base_rate)
        for name, probability in step.items():
            said.setdefault(name, []).append(probability)
        tested.append(test)
    whole = concatenate(tested)
    constant = np.concatenate(said[CONSTANT])
    return tuple(
        score_row(name, np.concatenate(parts), constant, whole, seed=seed)
        for name, parts in said.items()
    )


def _trees(
    parts: dict[str, Dataset], base_rate: float, threshold_bps: float, seed: int
) -> FloatArray:
    train, validation, calibration, test = (parts[name] for name in SPANS)
    logits, later = tree_logits(train, validation, (calibration, test), seed)
    scaling = scaling_of(logits, calibration, base_rate, threshold_bps)
    return np.array(list(map(scaling, later.tolist(), _hurdle(test).tolist())))


def _hurdle(data: Dataset) -> FloatArray:
    hurdle: FloatArray = data.values[:, -1, HURDLE].astype(np.float64)
    return hurdle
