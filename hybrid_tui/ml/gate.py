"""The champion gate: whether a challenger has shown enough to take the champion's place.

Pure functions of what both said of the same outcomes. The challenger must beat each rival (the
champion, the linear baseline, its own variant without sentiment, and the base rate) in log loss:
the day-block bootstrap's 2.5 % quantile of the paired gain must be above 0 for every one of them.
Beating all is one claim, so no correction for their number is due (an intersection-union test,
Berger, 1982).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray

LEAST_DAYS = 5
LEAST_OUTCOMES = 500
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Log loss gained over a rival, in nats, and the 95 % interval of it."""

    rival: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the challenger is promoted, why not, and the gains it rests on."""

    is_promoted: bool
    reason: str
    gains: tuple[Gain, ...]


def judge(
    challenger: FloatArray,
    rivals: Mapping[str, FloatArray],
    is_up: BoolArray,
    day: IntArray,
    *,
    seed: int,
) -> Verdict:
    """Return the verdict on probabilities (n,) for the same outcomes, on days that none has seen.

    ``rivals`` are the probabilities to beat by their names.
    """
    if len(is_up) < LEAST_OUTCOMES or len(np.unique(day)) < LEAST_DAYS:
        return Verdict(
            is_promoted=False,
            reason=f"{len(is_up)} outcomes on {len(np.unique(day))} days are too few to tell",
            gains=(),
        )
    gains = tuple(
        _gain(name, challenger, rival, is_up, day, seed) for name, rival in rivals.items()
    )
    lost = next((gain for gain in gains if not gain.low > 0), None)
    if lost is None:
        return Verdict(is_promoted=True, reason="it beat every rival", gains=gains)
    return Verdict(
        is_promoted=False,
        reason=f"it did not beat {lost.rival}: log loss gained {lost.value:.5f} nats"
        f" ({lost.low:.5f} .. {lost.high:.5f})",
        gains=gains,
    )


def _gain(
    name: str,
    challenger: FloatArray,
    rival: FloatArray,
    is_up: BoolArray,
    day: IntArray,
    seed: int,
) -> Gain:
    gained = _loss(rival, is_up) - _loss(challenger, is_up)
    days, place = np.unique(day, return_inverse=True)
    sums, counts = np.bincount(place, gained), np.bincount(place)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(days), np.full(len(days), 1.0 / len(days)), size=RESAMPLES)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [0.025, 0.975])
    return Gain(rival=name, value=float(gained.mean()), low=float(low), high=float(high))


def _loss(probability: FloatArray, is_up: BoolArray) -> FloatArray:
    """Return the negative log likelihood of each outcome, nats."""
    safe = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(-np.where(is_up, np.log(safe), np.log1p(-safe)))
