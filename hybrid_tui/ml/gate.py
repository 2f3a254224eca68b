"""The champion gate: whether a challenger has shown enough to take the champion's place.

Pure functions of what both said of the same outcomes. The challenger must beat each rival (the
champion, the linear baseline, its own variant without sentiment, and the base rate) in log loss:
the day-block bootstrap's 2.5 % quantile of the paired gain must be above 0 for every one of them.
Beating all is one claim, so no correction for their number is due (an intersection-union test,
Berger, 1982).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.live_calibration import TOLERATED_ERROR
from hybrid_tui.domain.models import BASE_RATE, CHALLENGER, CHAMPION, DayOfLosses, GateResult
from hybrid_tui.ml.metrics import log_losses

LEAST_DAYS = 5
LEAST_OUTCOMES = 500
RESAMPLES = 1000
BREAK_DAYS = 10
BREAK_OUTCOMES = 500
BREAK_QUANTILE = 0.01


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
    days, place = np.unique(day, return_inverse=True)
    losses = {
        name: np.bincount(place, log_losses(said, is_up), minlength=len(days)).astype(np.float64)
        for name, said in {CHALLENGER: challenger, **rivals}.items()
    }
    return _judge(np.bincount(place, minlength=len(days)), losses, seed)


def judge_days(days: Sequence[DayOfLosses], *, seed: int) -> Verdict:
    """Return the verdict on a challenger's sums of losses by session, in its own shadow time."""
    counts = np.array([day.outcomes for day in days], dtype=np.int64)
    names = {name for day in days for name in day.losses}
    whole = [name for name in sorted(names) if all(name in day.losses for day in days)]
    losses = {name: np.array([day.losses[name] for day in days]) for name in whole}
    return _judge(counts, losses, seed)


def _judge(counts: IntArray, losses: Mapping[str, FloatArray], seed: int) -> Verdict:
    outcomes = int(counts.sum())
    if outcomes < LEAST_OUTCOMES or len(counts) < LEAST_DAYS:
        return Verdict(
            is_promoted=False,
            reason=f"{outcomes} outcomes on {len(counts)} days are too few to tell",
            gains=(),
        )
    own = losses[CHALLENGER]
    gains = tuple(
        _gain(name, loss - own, counts, seed) for name, loss in losses.items() if name != CHALLENGER
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


def gate_result(verdict: Verdict) -> GateResult:
    """Return a verdict as the desk keeps it."""
    figures = {
        f"{gain.rival}{end}": value
        for gain in verdict.gains
        for end, value in (("", gain.value), (" low", gain.low), (" high", gain.high))
    }
    return GateResult(
        is_passed=verdict.is_promoted,
        reason=verdict.reason,
        is_worse=any(gain.rival == BASE_RATE and gain.high < 0 for gain in verdict.gains),
        figures=figures,
    )


def calibration_break(days: Sequence[DayOfLosses], *, seed: int) -> Gain | None:
    """Return by how much the champion's Brier score is worse than the constant forecast's, if it
    is broken: over at least 500 outcomes of at least 10 sessions, the day-block bootstrap's 1 %
    quantile of the paired difference is above the tolerated calibration error squared (a Brier
    score is worse by the mean square of what probabilities are wrong by).

    It is asked after every session, of the last 20: hence 1 %, and not the gate's 2.5 %.
    """
    counts = np.array([day.outcomes for day in days], dtype=np.int64)
    if len(counts) < BREAK_DAYS or int(counts.sum()) < BREAK_OUTCOMES:
        return None
    excess = np.array([day.losses[CHAMPION] - day.losses[BASE_RATE] for day in days])
    found = _gain(BASE_RATE, excess, counts, seed, (BREAK_QUANTILE, 1 - BREAK_QUANTILE))
    return found if found.low > TOLERATED_ERROR**2 else None


def _gain(
    name: str,
    sums: FloatArray,
    counts: IntArray,
    seed: int,
    ends: tuple[float, float] = (0.025, 0.975),
) -> Gain:
    """Return the mean of day sums and its interval by resampling whole days."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1.0 / len(counts)), size=RESAMPLES)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), ends)
    value = float(sums.sum() / counts.sum())
    return Gain(rival=name, value=value, low=float(low), high=float(high))
