"""A model judged on any data: members and ensemble, whole and by symbol, time of day and regime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.inference import outlooks, uncalibrated
from hybrid_tui.ml.live_intervals import held_live, strains
from hybrid_tui.ml.metrics import by_day, reliability
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.scores import ENSEMBLE, scores, three

TIMES = (("first hour", 0.0, 60.0), ("middle", 60.0, 330.0), ("last hour", 330.0, 390.0))
REGIMES = ("calm", "usual", "wild")
LEVEL = 0.70


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a model said of a data set, (n,) each.

    ``inside`` says whether the model's own interval held, ``held`` whether the one did that the
    desk says, whose width follows the outcomes before it.
    """

    members: dict[str, FloatArray]
    probability: FloatArray
    inside: BoolArray
    held: BoolArray
    familiar: BoolArray


def judged(model: Model, data: Dataset) -> Judged:
    """Return a model's figures for each window."""
    found = outlooks(model, data.windows)
    low = np.array([outlook.low for outlook in found])
    high = np.array([outlook.high for outlook in found])
    return Judged(
        members={
            name: np.array([outlook.members[name] for outlook in found]) for name in model.members
        },
        probability=np.array([outlook.probability for outlook in found]),
        inside=(data.log_return >= low) & (data.log_return <= high),
        held=held_live(
            data.at,
            data.horizon_end,
            data.symbol,
            strains(
                data.log_return, np.array([outlook.log_return for outlook in found]), low, high
            ),
            model.manifest.calibration.interval_level,
        ),
        familiar=np.array([outlook.is_familiar for outlook in found]),
    )


def evaluation(
    model: Model,
    data: Dataset,
    symbols: Sequence[str],
    minutes_since_open: FloatArray,
    *,
    seed: int,
) -> dict[str, Any]:
    """Return the figures as a JSON-ready document.

    Each figure is ``{"value", "low", "high"}`` with a 95 % interval by whole days, null where not
    defined. ``uncalibrated`` is what each member says by itself. ``interval_coverage`` is of the
    intervals as the desk says them, ``_fixed`` of the model's own. ``holds`` says what is
    promised of unseen days: that Brier score and calibration error are not significantly worse than
    the constant forecast's (paired), and that the interval of the coverage contains the level.
    ``symbols`` are named by ``data.symbol``; ``minutes_since_open`` is (n,).
    """
    found = judged(model, data)
    constant = np.full(len(data), model.manifest.base_rate)
    said = {**found.members, ENSEMBLE: found.probability}
    groups = {
        "by_symbol": _by_symbol(data, symbols),
        "by_time_of_day": _by_time(minutes_since_open),
        "by_regime": _by_regime(data),
    }
    reached = found.probability >= LEVEL
    level = model.manifest.calibration.interval_level
    forecasters = {
        name: _figures(probability, constant, data, seed) for name, probability in said.items()
    }
    coverage = _coverage(found.held, data, seed)
    return {
        "windows": len(data),
        "days": len(np.unique(data.day)),
        "base_rate": model.manifest.base_rate,
        "frequency": float(data.is_up.mean()),
        "familiar": float(found.familiar.mean()),
        "reached_0.70": int(reached.sum()),
        "forecasters": forecasters,
        "uncalibrated": {
            name: _figures(probability, constant, data, seed)
            for name, probability in uncalibrated(model, data.windows).items()
        },
        "holds": {
            "brier_not_worse": _not_worse(forecasters[ENSEMBLE]["brier_gain"]),
            "ece_not_worse": _not_worse(forecasters[ENSEMBLE]["ece_gain"]),
            "coverage_as_said": _contains(coverage, level),
        },
        "weights": {member.name: member.weight for member in model.manifest.members},
        "interval_coverage": coverage,
        "interval_coverage_fixed": _coverage(found.inside, data, seed),
        "interval_level": level,
        "reliability": [
            {"probability": mean, "frequency": came, "outcomes": count}
            for mean, came, count in reliability(found.probability, data.is_up)
        ],
        **{
            key: {
                name: {
                    "windows": int(rows.sum()),
                    **_figures(found.probability[rows], constant[rows], data.take(rows), seed),
                    "interval_coverage": _coverage(found.held[rows], data.take(rows), seed),
                }
                for name, rows in parts
                if rows.any()
            }
            for key, parts in groups.items()
        },
    }


def _figures(
    probability: FloatArray, constant: FloatArray, data: Dataset, seed: int
) -> dict[str, Any]:
    found = scores(probability, constant, data, seed=seed)
    return {name: _figure(three(figure)) for name, figure in found.items()}


def _coverage(held: BoolArray, data: Dataset, seed: int) -> dict[str, float | None]:
    figure = by_day(lambda count: float(np.average(held, weights=count)), data.day, seed)
    return _figure(three(figure))


def _not_worse(gain: dict[str, float | None]) -> bool | None:
    """Whether a paired gain over the constant forecast is not significantly below 0."""
    high = gain["high"]
    return None if high is None else high >= 0.0


def _contains(figure: dict[str, float | None], value: float) -> bool | None:
    low, high = figure["low"], figure["high"]
    return None if low is None or high is None else low <= value <= high


def _figure(figure: tuple[float | None, float | None, float | None]) -> dict[str, float | None]:
    return dict(zip(("value", "low", "high"), figure, strict=True))


def _by_symbol(data: Dataset, symbols: Sequence[str]) -> Iterator[tuple[str, BoolArray]]:
    for number, symbol in enumerate(symbols):
        yield symbol, data.symbol == number


def _by_time(minutes: FloatArray) -> Iterator[tuple[str, BoolArray]]:
    for name, first, last in TIMES:
        yield name, (minutes >= first) & (minutes < last)


def _by_regime(data: Dataset) -> Iterator[tuple[str, BoolArray]]:
    """Yield thirds of the days by the mean one-minute volatility of all symbols."""
    days, place = np.unique(data.day, return_inverse=True)
    volatility = np.bincount(place, data.sigma) / np.bincount(place)
    third = np.searchsorted(np.quantile(volatility, [1 / 3, 2 / 3]), volatility, side="left")
    for number, name in enumerate(REGIMES[: len(days)]):
        yield name, third[place] == number
