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

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.calibration import (
    FORECAST_LIMIT,
    LOG_RATIO_LIMIT,
    Platt,
    fit_familiar,
    fit_platt,
    interval_quantiles,
    recency_weights,
)
from hybrid_tui.ml.dataset import SPANS, Dataset, split
from hybrid_tui.ml.features import (
    FEATURE_NAMES,
    FEATURES_VERSION,
    HURDLE,
    INTERVAL,
    LOOKBACK,
    SUMMARY_SIDES,
    WINDOW,
    Float32Array,
)
from hybrid_tui.ml.fitting import FittedMember, fit_member, raw_outputs
from hybrid_tui.ml.heldout import evaluate, member_scores
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.metrics import log_loss
from hybrid_tui.ml.model_files import (
    CalibrationFigures,
    DataFigures,
    FamiliarFigures,
    Manifest,
    Market,
    MemberFigures,
    Model,
    PlattFigures,
    Standardisation,
    ThresholdFigures,
)
from hybrid_tui.ml.progress import OnProgress, Reporter
from hybrid_tui.ml.threshold import CONFIDENCE, paying_threshold
from hybrid_tui.ml.walk_forward import walk_forward

INTERVAL_LEVEL = 0.90
MEMBERS: tuple[tuple[str, Mapping[str, int]], ...] = (
    ("lstm", {"hidden": 32, "layers": 1}),
    ("gru", {"hidden": 32, "layers": 1}),
    ("transformer", {"hidden": 32, "layers": 1, "attention_heads": 4}),
    ("logistic", {}),
)
# A label spans one hour and is taken every five minutes: twelve are one independent outcome.
OVERLAP = 12
_CONSTANT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to train, and from which start.

    With ``walk_forward_steps`` above 1 the model's card gets a walk-forward table of that many
    steps, the model's own held-out span being the last.
    """

    model_id: str
    market: Market
    seed: int = 7
    max_epochs: int = 20
    threshold_bps: float = 2.0
    walk_forward_steps: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model in memory and the bytes of its members' files, by file name."""

    model: Model
    files: Mapping[str, bytes]
    validation: Mapping[str, float]


def train_ensemble(
    data: Dataset,
    recipe: Recipe,
    *,
    description: str,
    symbols: Sequence[str],
    fingerprint: str,
    now: datetime,
    on_progress: OnProgress | None = None,
) -> TrainedModel:
    """Train, weigh, calibrate and measure an ensemble.

    The test span is touched once, at the end, by the finished model. The same data and seed give
    the same model on one machine. ``now`` is only written down. Raises DataError with too few
    sessions.
    """
    fits = recipe.walk_forward_steps
    report = Reporter(on_progress, fits, len(MEMBERS) * recipe.max_epochs)
    trained = _fit(
        data,
        recipe,
        report,
        description=description,
        symbols=symbols,
        fingerprint=fingerprint,
        now=now,
    )
    if fits > 1:
        trained = _walked(trained, data, recipe, report)
    report.say("done", 1.0)
    return trained


def _walked(trained: TrainedModel, data: Dataset, recipe: Recipe, report: Reporter) -> TrainedModel:
    """Return the model with its walk-forward table; it is the last step itself."""

    def model_of(history: Dataset) -> Model:
        if history is data:
            return trained.model
        report.step()
        manifest = trained.model.manifest
        return _fit(
            history,
            recipe,
            report,
            description=manifest.data.description,
            symbols=manifest.data.symbols,
            fingerprint=manifest.data.fingerprint,
            now=manifest.created_at,
        ).model

    rows = walk_forward(data, recipe.walk_forward_steps, model_of, seed=recipe.seed)
    manifest = trained.model.manifest.model_copy(update={"walk_forward": rows})
    return replace(trained, model=replace(trained.model, manifest=manifest))


def _fit(
    data: Dataset,
    recipe: Recipe,
    report: Reporter,
    *,
    description: str,
    symbols: Sequence[str],
    fingerprint: str,
    now: datetime,
) -> TrainedModel:
    spans = split(data.day)
    parts = {name: data.take(rows) for name, rows in spans.items()}
    train, validation, calibration, test = (parts[name] for name in SPANS)
    mean, scale = _standardisation(train)
    fitted: dict[str, FittedMember] = {}
    for number, (kind, settings) in enumerate(MEMBERS):
        report.begin(kind, number * recipe.max_epochs)
        fitted[kind] = fit_member(
            kind,
            settings,
            train,
            validation,
            mean,
            scale,
            seed=recipe.seed,
            max_epochs=recipe.max_epochs,
            on_epoch=report.epoch,
        )
    report.say("calibrating", 0.95)
    seen = spans["train"] | spans["validation"] | spans["calibration"]
    base_rate = float(data.is_up[seen].mean())
    constant = log_loss(np.full(len(validation), float(train.is_up.mean())), validation.is_up)
    weights = member_weights(
        {name: member.validation_log_loss for name, member in fitted.items()}, constant
    )
    raw = {
        name: raw_outputs(member.network, calibration, mean, scale)
        for name, member in fitted.items()
    }
    scaling = {
        name: _platt(outputs[:, 0], calibration, base_rate, recipe) for name, outputs in raw.items()
    }
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
                settings=dict(settings),
                file=f"{kind}.safetensors",
                sha256=hashlib.sha256(files[f"{kind}.safetensors"]).hexdigest(),
                weight=weights[kind],
                platt=_figures(scaling[kind]),
            )
            for kind, settings in MEMBERS
        ),
        standardisation=Standardisation(
            mean=tuple(map(float, mean)), scale=tuple(map(float, scale))
        ),
        calibration=_calibrate(
            np.add.reduce([weights[name] * outputs for name, outputs in raw.items()]),
            calibration,
            base_rate,
            recipe,
        ),
        familiar=_familiar(data.take(seen)),
        base_rate=base_rate,
        threshold_bps=recipe.threshold_bps,
        trained_until=datetime.fromtimestamp(int(calibration.horizon_end.max()), UTC),
        data=DataFigures(
            description=description,
            symbols=tuple(symbols),
            first=datetime.fromtimestamp(int(data.at.min()), UTC),
            last=datetime.fromtimestamp(int(data.horizon_end.max()), UTC),
            windows=len(data),
            fingerprint=fingerprint,
            spans={name: _span(parts[name]) for name in SPANS},
        ),
        metrics={},
        seed=recipe.seed,
        created_at=now,
    )
    report.say("measuring on the held-out span", 0.97)
    model = Model(
        manifest=manifest,
        members={name: member.network for name, member in fitted.items()},
        mean=mean,
        scale=scale,
    )
    metrics = evaluate(model, test, seed=recipe.seed)
    metrics["validation_constant_log_loss"] = constant
    for name, member in fitted.items():
        metrics[f"validation_{name}_log_loss"] = member.validation_log_loss
        metrics[f"epochs_{name}"] = member.epochs
    rows, table = member_scores(model, test, seed=recipe.seed)
    measured = manifest.model_copy(
        update={
            "metrics": metrics,
            "threshold": _threshold(model, calibration, recipe),
            "held_out": rows,
            "reliability": table,
        }
    )
    return TrainedModel(
        model=Model(manifest=measured, members=model.members, mean=mean, scale=scale),
        files=files,
        validation={name: member.validation_log_loss for name, member in fitted.items()},
    )


def member_weights(losses: Mapping[str, float], constant: float) -> dict[str, float]:
    """Return the members' weights, which sum to 1.

    A member weighs by how much it beats the constant forecast of the base rate on the validation
    span, and nothing where it does not. Where none does, the first keeps the whole weight, and
    calibration shrinks it towards the base rate.
    """
    gains = {name: max(0.0, constant - loss) for name, loss in losses.items()}
    total = sum(gains.values())
    if total <= 0:
        first = next(iter(losses))
        return {name: float(name == first) for name in losses}
    return {name: gain / total for name, gain in gains.items()}


def _standardisation(train: Dataset) -> tuple[Float32Array, Float32Array]:
    """Return mean and 1 / deviation a feature; a feature that never moved gets scale 0."""
    columns = train.values.reshape(-1, train.values.shape[2])
    mean = columns.mean(axis=0, dtype=np.float64)
    deviation = columns.std(axis=0, dtype=np.float64)
    scale = np.where(deviation > _CONSTANT, 1.0 / np.maximum(deviation, _CONSTANT), 0.0)
    return mean.astype(np.float32), scale.astype(np.float32)


def _platt(logits: FloatArray, data: Dataset, base_rate: float, recipe: Recipe) -> Platt:
    return fit_platt(
        logits,
        data.values[:, -1, HURDLE].astype(np.float64),
        data.is_up.astype(np.float64),
        np.full(len(data), 1.0 / OVERLAP),
        base_rate=base_rate,
        threshold_bps=recipe.threshold_bps,
    )


def _calibrate(
    outputs: FloatArray, data: Dataset, base_rate: float, recipe: Recipe
) -> CalibrationFigures:
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
        ensemble=_figures(_platt(outputs[:, 0], data, base_rate, recipe)),
        return_slope=slope,
        volatility_scale=volatility_scale,
        interval_level=INTERVAL_LEVEL,
        interval_low=low,
        interval_high=high,
    )


def _familiar(seen: Dataset) -> FamiliarFigures:
    fitted = fit_familiar(seen.summary, SUMMARY_SIDES)
    return FamiliarFigures(
        middle=fitted.middle, below=fitted.below, above=fitted.above, limit=fitted.limit
    )


def _threshold(model: Model, data: Dataset, recipe: Recipe) -> ThresholdFigures:
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


def _figures(platt: Platt) -> PlattFigures:
    return PlattFigures(slope=platt.slope, offset=platt.offset, hurdle_slope=platt.hurdle_slope)


def _weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def _span(data: Dataset) -> tuple[datetime, datetime]:
    return (
        datetime.fromtimestamp(int(data.at.min()), UTC),
        datetime.fromtimestamp(int(data.horizon_end.max()), UTC),
    )
