"""Gradient-boosted trees: a baseline for evaluation that the desk never loads.

scikit-learn's HistGradientBoostingClassifier (BSD-3, maintained, in the development extras): the
usual strong answer for tabular data, from the summary of the window that the logistic member sees.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.features import Float32Array
from hybrid_tui.ml.networks import ROWS_AVERAGED


def are_installed() -> bool:
    """Whether the library behind the baseline is there."""
    return find_spec("sklearn") is not None


def tree_logits(
    train: Dataset, validation: Dataset, asked: tuple[Dataset, ...], seed: int
) -> tuple[FloatArray, ...]:
    """Return the logits for each of ``asked``; stops early on ``validation``."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        early_stopping=True,
        random_state=seed,
    )
    model.fit(
        _table(train.values),
        train.is_up,
        X_val=_table(validation.values),
        y_val=validation.is_up,
    )
    return tuple(
        np.asarray(model.decision_function(_table(part.values)), dtype=np.float64) for part in asked
    )


def _table(values: Float32Array) -> Float32Array:
    parts = [values[:, -1], *(values[:, -rows:].mean(axis=1) for rows in ROWS_AVERAGED)]
    table: Float32Array = np.concatenate(parts, axis=1)
    return table
