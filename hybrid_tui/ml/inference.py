"""From windows to calibrated figures: the one path of held-out evaluation, batch and live."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.ml.calibration import (
    FORECAST_LIMIT,
    LOG_RATIO_LIMIT,
    agreement,
    shares_of,
    sigmoid,
    target_position,
)
from hybrid_tui.ml.features import HURDLE, Windows
from hybrid_tui.ml.model_files import Model

CHUNK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the model says of one window; returns and volatility are logs, to the horizon."""

    probability: float
    confidence: float
    log_return: float
    volatility: float
    low: float
    high: float
    target_position: float
    members: Mapping[str, float]
    is_familiar: bool


def outlooks(model: Model, windows: Windows) -> list[Outlook]:
    """Return one outlook a window, in order.

    Networks run in blocks of 32 and what follows is arithmetic on single numbers, so an outlook
    depends on its own window only, to the bit. Standardised inputs are made a few thousand at a
    time, to hold no second copy of all windows.
    """
    found: list[Outlook] = []
    for first in range(0, len(windows), CHUNK):
        some = slice(first, first + CHUNK)
        part = Windows(
            values=windows.values[some],
            sigma=windows.sigma[some],
            horizon_minutes=windows.horizon_minutes[some],
            summary=windows.summary[some],
        )
        found += _outlooks(model, part)
    return found


def uncalibrated(model: Model, windows: Windows) -> dict[str, FloatArray]:
    """Return what each member says by itself, (n,) probabilities: its logit and nothing else.

    A calibrated probability follows the hurdle too, and only the hurdle where the member's slope
    is 0: it then tells nothing of the member.
    """
    from hybrid_tui.ml.networks import run_in_blocks, standardised

    found = {name: np.empty(len(windows)) for name in model.members}
    for first in range(0, len(windows), CHUNK):
        some = slice(first, first + CHUNK)
        inputs = standardised(windows.values[some], model.mean, model.scale)
        for name, member in model.members.items():
            logits = run_in_blocks(member, inputs)[:, 0].tolist()
            found[name][some] = [sigmoid(logit) for logit in logits]
    return found


def _outlooks(model: Model, windows: Windows) -> list[Outlook]:
    from hybrid_tui.ml.networks import run_in_blocks, standardised

    manifest = model.manifest
    inputs = standardised(windows.values, model.mean, model.scale)
    raw = {name: run_in_blocks(member, inputs).tolist() for name, member in model.members.items()}
    figures = {member.name: member for member in manifest.members}
    weights = {name: member.weight for name, member in figures.items()}
    scalings = {name: member.platt.scaling() for name, member in figures.items()}
    # A member in whose logits calibration found nothing takes no side.
    speaking = [name for name, scaling in scalings.items() if scaling.slope > 0]
    shares = shares_of(weights)
    calibration = manifest.calibration
    ensemble = calibration.ensemble.scaling()
    familiar = manifest.familiar.range()
    hurdles = windows.values[:, -1, HURDLE].tolist()
    distances = familiar.distance(windows.summary).tolist()
    sigmas, minutes = windows.sigma.tolist(), windows.horizon_minutes.tolist()

    found = []
    for row in range(len(windows)):
        logit, forecast, log_ratio = (
            sum(shares[name] * raw[name][row][head] for name in raw) for head in range(3)
        )
        forecast = min(max(forecast, -FORECAST_LIMIT), FORECAST_LIMIT)
        log_ratio = min(max(log_ratio, -LOG_RATIO_LIMIT), LOG_RATIO_LIMIT)
        unit = sigmas[row] * math.sqrt(minutes[row])
        volatility = calibration.volatility_scale * math.exp(log_ratio) * unit
        log_return = calibration.return_slope * forecast * unit
        probability = ensemble(logit, hurdles[row])
        members = {name: scalings[name](raw[name][row][0], hurdles[row]) for name in raw}
        confidence = agreement(
            probability,
            {name: members[name] for name in speaking},
            weights,
            manifest.base_rate,
        )
        found.append(
            Outlook(
                probability=probability,
                confidence=confidence,
                log_return=log_return,
                volatility=volatility,
                low=log_return + calibration.interval_low * volatility,
                high=log_return + calibration.interval_high * volatility,
                target_position=target_position(
                    probability, confidence, volatility, manifest.base_rate
                ),
                members=members,
                is_familiar=distances[row] <= familiar.limit,
            )
        )
    return found
