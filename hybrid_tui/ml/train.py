"""Training an ensemble: split, fit, weigh, calibrate, then measure once on data never looked at.

Imports torch; nothing imports this module when the program starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from safetensors.torch import save
from torch import Tensor, nn

from hybrid_tui.errors import DataError
from hybrid_tui.ml.calibrating import (
    calibrate,
    ensemble_outputs,
    familiar_range,
    member_weights,
    platt_figures,
    scaling_of,
    threshold_of,
)
from hybrid_tui.ml.checkpoints import Checkpoint, Checkpoints
from hybrid_tui.ml.dataset import SPANS, Dataset, split
from hybrid_tui.ml.drift import reference
from hybrid_tui.ml.features import (
    FEATURE_NAMES,
    FEATURES_VERSION,
    INTERVAL,
    LOOKBACK,
    WINDOW,
    Float32Array,
)
from hybrid_tui.ml.fitting import FittedMember, fit_member, raw_outputs
from hybrid_tui.ml.heldout import evaluate, member_scores
from hybrid_tui.ml.measured_figures import RefitFigures, ScoreRow
from hybrid_tui.ml.metrics import log_loss
from hybrid_tui.ml.model_files import (
    DataFigures,
    Manifest,
    MemberFigures,
    Model,
    Standardisation,
)
from hybrid_tui.ml.progress import OnProgress, Reporter
from hybrid_tui.ml.recipe import MEMBERS, Recipe
from hybrid_tui.ml.walk_forward import fits_of, walk_forward

_CONSTANT = 1e-6
_CHUNK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model in memory and the bytes of its members' files, by file name."""

    model: Model
    files: Mapping[str, bytes]
    validation: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is only written down in the manifest."""

    description: str
    symbols: tuple[str, ...]
    fingerprint: str
    now: datetime


def train_ensemble(
    data: Dataset,
    recipe: Recipe,
    *,
    description: str,
    symbols: Sequence[str],
    fingerprint: str,
    now: datetime,
    on_progress: OnProgress | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Train, weigh, calibrate and measure an ensemble.

    The test span is touched once, at the end, by the finished model. The same data and seed give
    the same model on one machine, also in several goes with ``checkpoints`` of the same data.
    ``now`` is only written down. Raises DataError with too few sessions.
    """
    about = About(description=description, symbols=tuple(symbols), fingerprint=fingerprint, now=now)
    fits = fits_of(data, recipe.walk_forward_steps)
    report = Reporter(on_progress, fits, recipe.members, recipe.max_epochs)
    trained = _fit(data, recipe, report, about, checkpoints)
    if recipe.walk_forward_steps > 1:
        trained = _walked(trained, data, recipe, report, about, checkpoints)
    report.say("done", 1.0)
    return trained


def refit_ensemble(
    data: Dataset,
    measured: Manifest,
    recipe: Recipe,
    *,
    about: About,
    on_progress: OnProgress | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Fit ``recipe``, by which ``measured`` was made, to all sessions: none of them is held out.

    It knows the newest data and cannot be measured on any: its figures are those of ``measured``,
    and the manifest says so. Raises DataError with too few sessions, or where the data hold none
    that ``measured`` has not seen.
    """
    later = np.unique(data.day[data.at > int(measured.trained_until.timestamp())])
    if not len(later):
        raise DataError(
            f"the data hold no session after {measured.trained_until:%Y-%m-%d}, which is what"
            f" {measured.id} has seen: there is nothing to fit it to"
        )
    report = Reporter(on_progress, 1, recipe.members, recipe.max_epochs)
    fitted = _fit(data, recipe, report, about, checkpoints, held_out=False)
    own = fitted.model.manifest
    first, last = measured.data.spans[SPANS[-1]]
    manifest = own.model_copy(
        update={
            "metrics": {**measured.metrics, **own.metrics},
            "held_out": measured.held_out,
            "uncalibrated": measured.uncalibrated,
            "reliability": measured.reliability,
            "walk_forward": measured.walk_forward,
            "gate": measured.gate,
            "refit": RefitFigures(of=measured.id, sessions=len(later), first=first, last=last),
        }
    )
    report.say("done", 1.0)
    return replace(fitted, model=replace(fitted.model, manifest=manifest))


def _walked(
    trained: TrainedModel,
    data: Dataset,
    recipe: Recipe,
    report: Reporter,
    about: About,
    checkpoints: Checkpoints | None,
) -> TrainedModel:
    """Return the model with its walk-forward table; it is the last step itself."""

    def model_of(history: Dataset, blind: tuple[int, ...]) -> Model:
        if history is data and not blind:
            return trained.model
        report.step()
        return _fit(history, recipe, report, about, checkpoints, blind).model

    walked = walk_forward(data, recipe.walk_forward_steps, model_of, seed=recipe.seed)
    manifest = trained.model.manifest.model_copy(
        update={"walk_forward": walked.rows, "uncalibrated": walked.own, "gate": walked.gate}
    )
    return replace(trained, model=replace(trained.model, manifest=manifest))


def fitted_members(
    train: Dataset,
    validation: Dataset,
    mean: Float32Array,
    scale: Float32Array,
    recipe: Recipe,
    report: Reporter,
    checkpoints: Checkpoints | None,
) -> dict[str, FittedMember]:
    """Return the recipe's members, fitted one after the other."""
    fitted = {}
    for kind in recipe.members:
        report.begin(kind)
        fitted[kind] = fit_member(
            kind,
            MEMBERS[kind],
            train,
            validation,
            mean,
            scale,
            seed=recipe.seed,
            max_epochs=recipe.max_epochs,
            on_epoch=report.epoch,
            checkpoint=_checkpoint(checkpoints, kind, train, validation, mean, scale, recipe),
        )
    return fitted


def _checkpoint(
    checkpoints: Checkpoints | None,
    kind: str,
    train: Dataset,
    validation: Dataset,
    mean: Float32Array,
    scale: Float32Array,
    recipe: Recipe,
) -> Checkpoint | None:
    if checkpoints is None:
        return None
    spans = [
        (len(span), int(span.at[0]), int(span.at[-1]), float(span.weight.sum()))
        for span in (train, validation)
    ]
    return checkpoints.of(
        {
            "kind": kind,
            "settings": dict(MEMBERS[kind]),
            "seed": recipe.seed,
            "max_epochs": recipe.max_epochs,
            "spans": spans,
            "scaling": hashlib.sha256(mean.tobytes() + scale.tobytes()).hexdigest(),
        }
    )


def _fit(
    data: Dataset,
    recipe: Recipe,
    report: Reporter,
    about: About,
    checkpoints: Checkpoints | None,
    blind: tuple[int, ...] = (),
    *,
    held_out: bool = True,
) -> TrainedModel:
    """Return the ensemble of a history, blind to the features of some numbers.

    It is measured on the span that is ``held_out``, if there is one.
    """
    spans = split(data.day, held_out=held_out)
    parts = {name: data.take(rows) for name, rows in spans.items()}
    train, validation, calibration = (parts[name] for name in SPANS[:-1])
    mean, scale = standardisation_of(train)
    scale[list(blind)] = 0.0
    fitted = fitted_members(train, validation, mean, scale, recipe, report, checkpoints)
    report.say("calibrate", 0.95)
    seen = spans["train"] | spans["validation"] | spans["calibration"]
    base_rate = float(data.is_up[seen].mean())
    constant = log_loss(
        np.full(len(validation), float(train.is_up.mean())), validation.is_up, validation.weight
    )
    raw = {
        name: raw_outputs(member.network, calibration, mean, scale)
        for name, member in fitted.items()
    }
    scaling = {
        name: scaling_of(outputs[:, 0], calibration, base_rate, recipe.threshold_bps)
        for name, outputs in raw.items()
    }
    weights = member_weights(
        {name: member.validation_log_loss for name, member in fitted.items()},
        constant,
        {name: platt.slope for name, platt in scaling.items()},
    )
    files = {f"{name}.safetensors": save(_weights_of(fitted[name].network)) for name in fitted}
    manifest = Manifest(
        format=1,
        id=recipe.model_id,
        kind="ensemble",
        market=recipe.market,
        features_version=FEATURES_VERSION,
        features=FEATURE_NAMES,
        window=WINDOW,
        lookback=LOOKBACK,
        interval=INTERVAL,
        members=tuple(
            MemberFigures(
                name=kind,
                kind=kind,
                settings=dict(MEMBERS[kind]),
                file=f"{kind}.safetensors",
                sha256=hashlib.sha256(files[f"{kind}.safetensors"]).hexdigest(),
                weight=weights[kind],
                platt=platt_figures(scaling[kind]),
            )
            for kind in recipe.members
        ),
        standardisation=Standardisation(
            mean=tuple(map(float, mean)), scale=tuple(map(float, scale))
        ),
        calibration=calibrate(
            ensemble_outputs(raw, weights),
            calibration,
            base_rate,
            recipe,
        ),
        familiar=familiar_range(data.summary[seen]),
        drift=reference(data, seen, about.symbols),
        base_rate=base_rate,
        threshold_bps=recipe.threshold_bps,
        trained_until=datetime.fromtimestamp(int(calibration.horizon_end.max()), UTC),
        data=DataFigures(
            description=about.description,
            symbols=about.symbols,
            first=datetime.fromtimestamp(int(data.at.min()), UTC),
            last=datetime.fromtimestamp(int(data.horizon_end.max()), UTC),
            windows=len(data),
            fingerprint=about.fingerprint,
            spans={name: _span(part) for name, part in parts.items()},
        ),
        metrics={},
        max_epochs=recipe.max_epochs,
        seed=recipe.seed,
        created_at=about.now,
    )
    report.say("measure", 0.97)
    model = Model(
        manifest=manifest,
        members={name: member.network for name, member in fitted.items()},
        mean=mean,
        scale=scale,
    )
    metrics: dict[str, float | int | None] = {}
    rows: tuple[ScoreRow, ...] = ()
    own: tuple[ScoreRow, ...] = ()
    table: tuple[tuple[float, float, int], ...] = ()
    if held_out:
        test = parts[SPANS[-1]]
        metrics |= evaluate(model, test, seed=recipe.seed)
        rows, own, table = member_scores(model, test, seed=recipe.seed)
    metrics["validation_constant_log_loss"] = constant
    for name, member in fitted.items():
        metrics[f"validation_{name}_log_loss"] = member.validation_log_loss
        metrics[f"epochs_{name}"] = member.epochs
    measured = manifest.model_copy(
        update={
            "metrics": metrics,
            "threshold": threshold_of(model, calibration, recipe),
            "held_out": rows,
            "uncalibrated": own,
            "reliability": table,
        }
    )
    return TrainedModel(
        model=Model(manifest=measured, members=model.members, mean=mean, scale=scale),
        files=files,
        validation={name: member.validation_log_loss for name, member in fitted.items()},
    )


def standardisation_of(train: Dataset) -> tuple[Float32Array, Float32Array]:
    """Return mean and 1 / deviation a feature; a feature that never moved gets scale 0.

    In chunks: a second copy of all windows, in double precision at that, would triple the memory.
    """
    count = len(train) * WINDOW
    total = np.zeros(train.values.shape[2])
    for first in range(0, len(train), _CHUNK):
        total += train.values[first : first + _CHUNK].sum(axis=(0, 1), dtype=np.float64)
    mean = total / count
    squares = np.zeros_like(total)
    for first in range(0, len(train), _CHUNK):
        squares += ((train.values[first : first + _CHUNK] - mean) ** 2).sum(axis=(0, 1))
    deviation = np.sqrt(squares / count)
    scale = np.where(deviation > _CONSTANT, 1.0 / np.maximum(deviation, _CONSTANT), 0.0)
    return mean.astype(np.float32), scale.astype(np.float32)


def _weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def _span(data: Dataset) -> tuple[datetime, datetime]:
    return (
        datetime.fromtimestamp(int(data.at.min()), UTC),
        datetime.fromtimestamp(int(data.horizon_end.max()), UTC),
    )
