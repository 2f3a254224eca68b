"""A new model beside the champion, on the held-out days of its own training that both never saw.

What training itself can compare with (the base rate, the linear baseline, the variant without
sentiment, in purged walk-forward) stands in the model's manifest; see walk_forward.
"""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.models import CHAMPION, GateResult
from hybrid_tui.ml.dataset import SPANS, Dataset, split
from hybrid_tui.ml.gate import Gain, Verdict, gate_result, judge
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.model_files import Model


def beside_champion(data: Dataset, challenger: Model, champion: Model) -> Verdict:
    """Return the verdict on a model that was trained on ``data``, against the champion as it is.

    Instants count after all that either has seen. Simulated markets of different seeds share their
    dates and nothing else: of such days only the challenger's own count as seen. Raises DataError
    with too few sessions.
    """
    test = data.take(split(data.day)[SPANS[-1]])
    made, rival = challenger.manifest, champion.manifest
    is_same = made.market == "real" or made.data.fingerprint == rival.data.fingerprint
    seen = max(made.trained_until, rival.trained_until) if is_same else made.trained_until
    fresh = test.take(test.at > int(seen.timestamp()))
    return judge(
        _probabilities(challenger, fresh),
        {CHAMPION: _probabilities(champion, fresh)},
        fresh.is_up,
        fresh.day,
        seed=challenger.manifest.seed,
    )


def whole_verdict(challenger: Model, beside: Verdict | None) -> GateResult:
    """Return what the gate says in all: of walk-forward, and (if it was asked) of the champion."""
    walked = challenger.manifest.gate
    if walked is None:
        return GateResult(is_passed=False, reason="it was trained without walk-forward")
    gains = tuple(
        Gain(rival=one.rival, value=one.value, low=one.low, high=one.high) for one in walked.gains
    )
    return gate_result(
        Verdict(
            is_promoted=walked.is_promoted and (beside is None or beside.is_promoted),
            reason=beside.reason if beside is not None and walked.is_promoted else walked.reason,
            gains=gains if beside is None else (*gains, *beside.gains),
        )
    )


def _probabilities(model: Model, data: Dataset) -> FloatArray:
    return np.array([outlook.probability for outlook in outlooks(model, data.windows)])
