"""The live calibration error and what it leaves of confidence."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from hybrid_tui.domain.live_calibration import (
    CHANCE,
    SESSIONS,
    LiveCalibration,
    Pending,
    tempered,
)
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.reader import dump_state, load_state
from tests.ml.builders import instant
from tests.semantics.desk import prediction

FIRST = instant("2026-02-03T15:00:00")
HOUR = timedelta(hours=1)


def made(at: datetime, probability: float, model: str = "m", symbol: str = "NVDA") -> MLPrediction:
    plain = prediction(symbol, at, probability, confidence=0.8, target=0.2)
    return replace(plain, model_id=model, horizon_end=at + HOUR, reference_bar=at)


def tell(
    record: LiveCalibration, count: int, probability: float, came_true: int, day: int = 0
) -> None:
    """Let ``count`` predictions of one instant end, the first ``came_true`` of them true."""
    symbols = [f"S{number:03}" for number in range(count)]
    at = FIRST + timedelta(days=day)
    record.note(made(at, probability, symbol=symbol) for symbol in symbols)
    right = set(symbols[:came_true])
    record.settle(at + HOUR, lambda pending: 0.01 if pending.symbol in right else -0.01)


def beyond_chance(gap: float, sessions: int) -> float:
    """Return what is left of a gap that every session showed alike."""
    return gap * (1.0 - CHANCE / math.sqrt(sessions))


def test_the_error_is_unknown_before_100_outcomes() -> None:
    record = LiveCalibration()
    tell(record, 99, 0.75, 0)
    assert (record.outcomes, record.error(), record.factor()) == (99, None, 1.0)
    tell(record, 1, 0.75, 0)
    assert record.error() == pytest.approx(beyond_chance(0.75, 1))
    assert record.factor() == pytest.approx(0.03 / beyond_chance(0.75, 1))


@pytest.mark.parametrize("came_true", [72, 75, 69, 81, 0])
def test_confidence_shrinks_by_three_hundredths_over_the_error(came_true: int) -> None:
    record = LiveCalibration()
    for day in range(16):
        tell(record, 100, 0.75, came_true, day)
    error = beyond_chance(abs(0.75 - came_true / 100), 16)
    assert record.factor() == pytest.approx(min(1.0, 0.03 / error) if error else 1.0)


def test_gaps_of_different_tenths_do_not_cancel_and_those_of_different_sessions_do() -> None:
    record = LiveCalibration()
    for day in range(4):
        tell(record, 100, 0.25, 50, day)
        tell(record, 100, 0.75, 50, day)
    assert record.error() == pytest.approx(beyond_chance(0.25, 4))
    by_turns = LiveCalibration()
    for day in range(4):
        tell(by_turns, 100, 0.75, 50 if day % 2 else 100, day)
    assert by_turns.error() == 0.0


def up(_pending: Pending) -> float:
    return 0.01


def down(_pending: Pending) -> float:
    return -0.01


def factors(seed: int, shift: float, sessions: int = 12) -> list[float]:
    """Return the factor after each session of probabilities that are right but for ``shift``.

    Of 150 outcomes a session runs of ten share their fate, as overlapping hours do, and the whole
    session a market.
    """
    rng = np.random.default_rng(seed)
    record, found = LiveCalibration(), []
    for day in range(sessions):
        trend = rng.normal(0.0, 0.8, 150)
        market = rng.normal(0.0, 0.25)
        own = np.repeat(rng.normal(0.0, math.sqrt(1 - 0.25**2), 15), 10)
        came = trend + market + own > 0
        for number, is_up in enumerate(came.tolist()):
            right = 0.5 * (1.0 + math.erf(trend[number] / math.sqrt(2.0)))
            at = FIRST + timedelta(days=day, seconds=number)
            record.note([made(at, min(max(right + shift, 0.001), 0.999))])
            record.settle(at + HOUR, up if is_up else down)
        found.append(record.factor())
    return found


def test_chance_alone_seldom_costs_confidence_and_miscalibration_does() -> None:
    right = np.array([factors(seed, 0.0) for seed in range(12)])
    wrong = np.array([factors(seed, 0.15) for seed in range(12)])
    assert (right >= 0.7).mean() > 0.85
    assert (wrong[:, 5:] < 0.7).mean() > 0.85


def test_an_outcome_counts_from_the_horizons_end_and_beats_the_threshold() -> None:
    record = LiveCalibration()
    record.note([made(FIRST, 0.7)])
    seen: list[Pending] = []

    def move(pending: Pending) -> float:
        seen.append(pending)
        return pending.threshold_bps / 10_000

    assert record.settle(FIRST + HOUR - timedelta(seconds=1), move) == []
    (outcome,) = record.settle(FIRST + HOUR, move)
    assert not outcome.came_true, "the threshold must be beaten, not met"
    assert len(seen) == 1
    assert record.settle(FIRST + 2 * HOUR, move) == []


def test_an_outcome_that_nobody_knows_is_none() -> None:
    record = LiveCalibration()
    record.note([made(FIRST, 0.7)])
    assert record.settle(FIRST + HOUR, lambda _: None) == []
    assert record.outcomes == 0


def test_another_models_record_begins_anew() -> None:
    record = LiveCalibration()
    tell(record, 100, 0.75, 0)
    record.note([made(FIRST + HOUR, 0.7, model="other")])
    assert (record.outcomes, len(record.waiting), record.factor()) == (0, 1, 1.0)


def test_only_the_last_sessions_count() -> None:
    state = DeskState()
    for day in range(SESSIONS + 5):
        # A checkpoint, as a restart reads it, forgets none and keeps no more.
        state = load_state(dump_state(state))
        record = state.live_calibration
        at = FIRST + timedelta(days=day)
        record.note([made(at, 0.7)])
        record.settle(at + HOUR, lambda _: 0.01)
        record.note([made(at + HOUR, 0.7)])
        assert load_state(dump_state(state)).live_calibration == record
        assert record.outcomes == min(2 * day + 1, 2 * SESSIONS - 1)


def test_who_hears_of_the_outcomes_holds_the_same_record() -> None:
    speaker, listener = LiveCalibration(), LiveCalibration()
    for step in range(40):
        at = FIRST + timedelta(minutes=5 * step)
        outcomes = speaker.settle(at, lambda pending: pending.probability - 0.6)
        said = [made(at, 0.5 + 0.01 * (step % 20), symbol=symbol) for symbol in ("A", "B", "C")]
        speaker.note(said)
        listener.heard(at, outcomes)
        listener.note(said)
    assert speaker == listener
    assert speaker.outcomes > 50


def test_size_shrinks_with_confidence_and_nothing_else_changes() -> None:
    raw = made(FIRST, 0.8)
    half = tempered(raw, 0.5)
    assert (half.confidence, half.target_position) == (0.4, 0.1)
    assert replace(half, confidence=raw.confidence, target_position=raw.target_position) == raw
    assert tempered(raw, 1.0) is raw
