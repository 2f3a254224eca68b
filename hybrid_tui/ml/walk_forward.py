"""Walk-forward evaluation: ever longer histories, each judged on the sessions that follow it.

Imports torch; only training imports this module. The last step is the finished model itself, so N
steps cost N - 1 more fits, and as many again where headlines were seen: the champion gate asks for
the same recipe blind to them. The steps' test spans follow each other and do not overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.calibrating import scaling_of
from hybrid_tui.ml.calibration import sigmoid
from hybrid_tui.ml.dataset import LEAST_SESSIONS, SHARES, SPANS, Dataset, concatenate, split
from hybrid_tui.ml.features import FEATURE_NAMES, HURDLE
from hybrid_tui.ml.gate import judge
from hybrid_tui.ml.inference import outlooks, uncalibrated
from hybrid_tui.ml.measured_figures import GainFigures, GateFigures, ScoreRow
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.scores import ENSEMBLE, score_rows
from hybrid_tui.ml.trees import are_installed, tree_logits

TREES = "boosted trees (baseline)"
CONSTANT = "base rate (baseline)"
WITHOUT_SENTIMENT = "without sentiment"
LINEAR = "logistic"
SENTIMENT = tuple(FEATURE_NAMES.index(name) for name in ("sentiment", "sentiment_present"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """A row for each forecaster, one for each member (and the trees) before calibration, and what
    the champion gate says of the ensemble.
    """

    rows: tuple[ScoreRow, ...]
    own: tuple[ScoreRow, ...]
    gate: GateFigures


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


def fits_of(data: Dataset, steps: int) -> int:
    """Return how many ensembles walk-forward evaluation fits, the finished model included."""
    if steps <= 1:
        return 1
    return len(steps_of(data, steps)) * (2 if _heard(data) else 1)


def _heard(data: Dataset) -> bool:
    return bool(data.values[:, -1, SENTIMENT[-1]].any())


def walk_forward(
    data: Dataset,
    steps: int,
    fit: Callable[[Dataset, tuple[int, ...]], Model],
    *,
    seed: int,
) -> Walked:
    """Return a row for each member, the ensemble, boosted trees (if installed), the ensemble blind
    to headlines (if there were any) and the base rate.

    ``fit`` gives the model of a history that is blind to some features. Figures are of all steps'
    test spans together, with 95 % intervals by whole days.
    """
    heard = _heard(data)
    tested: list[Dataset] = []
    said: dict[str, list[FloatArray]] = {}
    own: dict[str, list[FloatArray]] = {}
    for history in steps_of(data, steps):
        model = fit(history, ())
        spans = split(history.day)
        parts = {name: history.take(rows) for name, rows in spans.items()}
        test = parts[SPANS[-1]]
        base_rate = model.manifest.base_rate
        found = outlooks(model, test.windows)
        step = {
            name: np.array([outlook.members[name] for outlook in found]) for name in model.members
        }
        alone = uncalibrated(model, test.windows)
        step[ENSEMBLE] = np.array([outlook.probability for outlook in found])
        if heard:
            blind = fit(history, SENTIMENT)
            step[WITHOUT_SENTIMENT] = np.array(
                [outlook.probability for outlook in outlooks(blind, test.windows)]
            )
        if are_installed():
            alone[TREES], step[TREES] = _trees(parts, base_rate, model.manifest.threshold_bps, seed)
        step[CONSTANT] = np.full(len(test), base_rate)
        for name, probability in step.items():
            said.setdefault(name, []).append(probability)
        for name, probability in alone.items():
            own.setdefault(name, []).append(probability)
        tested.append(test)
    whole = concatenate(tested)
    joined = {name: np.concatenate(parts) for name, parts in said.items()}
    return Walked(
        rows=score_rows(joined, joined[CONSTANT], whole, seed=seed),
        own=score_rows(
            {name: np.concatenate(parts) for name, parts in own.items()},
            joined[CONSTANT],
            whole,
            seed=seed,
        ),
        gate=_gate(joined, whole, seed),
    )


def _gate(said: dict[str, FloatArray], data: Dataset, seed: int) -> GateFigures:
    """Return the gate's verdict on the ensemble against the rivals that training itself makes.

    The champion is not among them: it has seen most of these days. The shadow week judges that.
    """
    names = {
        "the base rate": CONSTANT,
        "the linear baseline": LINEAR,
        "its variant without sentiment": WITHOUT_SENTIMENT,
    }
    rivals = {rival: said[name] for rival, name in names.items() if name in said}
    if set(said) == {LINEAR, ENSEMBLE, CONSTANT, *({TREES, WITHOUT_SENTIMENT} & set(said))}:
        # A lone logistic member is the linear baseline.
        del rivals["the linear baseline"]
    verdict = judge(said[ENSEMBLE], rivals, data.is_up, data.day, seed=seed)
    return GateFigures(
        is_promoted=verdict.is_promoted,
        reason=verdict.reason,
        gains=tuple(
            GainFigures(rival=gain.rival, value=gain.value, low=gain.low, high=gain.high)
            for gain in verdict.gains
        ),
    )


def _trees(
    parts: dict[str, Dataset], base_rate: float, threshold_bps: float, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return what boosted trees say of the test span, before and after calibration."""
    train, validation, calibration, test = (parts[name] for name in SPANS)
    logits, later = tree_logits(train, validation, (calibration, test), seed)
    scaling = scaling_of(logits, calibration, base_rate, threshold_bps)
    said = later.tolist()
    return (
        np.array(list(map(sigmoid, said))),
        np.array(list(map(scaling, said, _hurdle(test).tolist()))),
    )


def _hurdle(data: Dataset) -> FloatArray:
    hurdle: FloatArray = data.values[:, -1, HURDLE].astype(np.float64)
    return hurdle
