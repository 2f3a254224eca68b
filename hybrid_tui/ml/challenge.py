"""A new model at the champion gate: purged walk-forward against everything it has to beat.

Imports torch; only the commands that train and judge import this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.models import BASE_RATE, CHAMPION, LINEAR
from hybrid_tui.ml.dataset import Dataset, split
from hybrid_tui.ml.features import FEATURE_NAMES
from hybrid_tui.ml.gate import Verdict, judge
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.recipe import Recipe
from hybrid_tui.ml.train import train_ensemble
from hybrid_tui.ml.walk_forward import steps_of

BLIND = "its variant without sentiment"
LOGISTIC = "logistic"
_SENTIMENT = [FEATURE_NAMES.index(name) for name in ("sentiment", "sentiment_present")]

OnStep = Callable[[str, int, int], None]


def challenge(
    data: Dataset,
    challenger: Model,
    champion: Model | None,
    *,
    steps: int,
    max_epochs: int = 20,
    on_step: OnStep | None = None,
) -> Verdict:
    """Return the verdict on a model that was trained on ``data``; it is the last step itself.

    Each step's model and its variant without sentiment are fitted on the past and judged on the
    sessions after it, one session between. The linear baseline is each step's own logistic
    regression. The champion is asked as it is, on the instants after all that it has seen. The
    variant is left out where the data have no sentiment. Raises DataError with too few sessions.
    """
    histories = steps_of(data, steps)
    has_sentiment = bool(np.any(data.values[:, :, _SENTIMENT[1]] != 0.0))
    tested, own, rivals, held = [], [], [], []
    for number, history in enumerate(histories, 1):
        if on_step is not None:
            on_step("fit", number, len(histories))
        model = challenger if history is data else _variant(history, challenger, max_epochs)
        test = history.take(split(history.day)["test"])
        found = outlooks(model, test.windows)
        own.append(np.array([outlook.probability for outlook in found]))
        said = {BASE_RATE: np.full(len(test), model.manifest.base_rate)}
        if LOGISTIC in model.members:
            said[LINEAR] = np.array([outlook.members[LOGISTIC] for outlook in found])
        if has_sentiment:
            if on_step is not None:
                on_step("fit without sentiment", number, len(histories))
            with without_sentiment(history):
                blind = _variant(history, challenger, max_epochs)
                said[BLIND] = _probabilities(blind, test)
        tested.append(test)
        rivals.append(said)
        held.append(_champion(champion, test))
    up = np.concatenate([test.is_up for test in tested])
    day = np.concatenate([test.day for test in tested])
    probability = np.concatenate(own)
    seed = challenger.manifest.seed
    verdict = judge(
        probability,
        {name: np.concatenate([said[name] for said in rivals]) for name in rivals[0]},
        up,
        day,
        seed=seed,
    )
    if champion is None:
        return verdict
    against = np.concatenate(held)
    rows = np.isfinite(against)
    beside = judge(probability[rows], {CHAMPION: against[rows]}, up[rows], day[rows], seed=seed)
    return Verdict(
        is_promoted=verdict.is_promoted and beside.is_promoted,
        reason=verdict.reason
        if not verdict.is_promoted
        else (beside.reason if not beside.is_promoted else verdict.reason),
        gains=(*verdict.gains, *beside.gains),
    )


@contextmanager
def without_sentiment(data: Dataset) -> Iterator[None]:
    """Blank the sentiment of a data set, in place: a second copy of all windows is too much."""
    kept = data.values[:, :, _SENTIMENT].copy()
    data.values[:, :, _SENTIMENT] = 0.0
    try:
        yield
    finally:
        data.values[:, :, _SENTIMENT] = kept


def _variant(history: Dataset, challenger: Model, max_epochs: int) -> Model:
    """Return a model of the challenger's recipe, of another history or of other features."""
    made = challenger.manifest
    recipe = Recipe(
        model_id=made.id,
        market=made.market,
        seed=made.seed,
        max_epochs=max_epochs,
        threshold_bps=made.threshold_bps,
        members=tuple(member.name for member in made.members),
    )
    return train_ensemble(
        history,
        recipe,
        description=made.data.description,
        symbols=made.data.symbols,
        fingerprint=made.data.fingerprint,
        now=made.created_at,
    ).model


def _champion(champion: Model | None, test: Dataset) -> FloatArray:
    """Return the champion's probabilities, NaN at instants that it has seen."""
    said = np.full(len(test), np.nan)
    if champion is not None:
        fresh = test.at > int(champion.manifest.trained_until.timestamp())
        if fresh.any():
            said[fresh] = _probabilities(champion, test.take(fresh))
    return said


def _probabilities(model: Model, data: Dataset) -> FloatArray:
    return np.array([outlook.probability for outlook in outlooks(model, data.windows)])
