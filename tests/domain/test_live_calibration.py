"""The live calibration error and what it leaves of confidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hybrid_tui.domain.live_calibration import SESSIONS, LiveCalibration, Pending, tempered
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


def tell(record: LiveCalibration, count: int, probability: float, came_true: int) -> None:
    """Let ``count`` predictions of one instant end, the first ``came_true`` of them true."""
    symbols = [f"S{number:03}" for number in range(count)]
    record.note(made(FIRST, probability, symbol=symbol) for symbol in symbols)
    right = set(symbols[:came_true])
    record.settle(FIRST + HOUR, lambda pending: 0.01 if pending.symbol in right else -0.01)


def test_the_error_is_unknown_before_100_outcomes() -> None:
    record = LiveCalibration()
    tell(record, 99, 0.75, 0)
    assert (record.outcomes, record.error(), record.factor()) == (99, None, 1.0)
    tell(record, 1, 0.75, 0)
    assert record.error() == pytest.approx(0.75)
    assert record.factor() == pytest.approx(0.03 / 0.75)


@pytest.mark.parametrize(
    ("came_true", "factor"), [(72, 1.0), (75, 1.0), (69, 0.5), (81, 0.5), (0, 0.04)]
)
def test_confidence_shrinks_by_three_hundredths_over_the_error(
    came_true: int, factor: float
) -> None:
    record = LiveCalibration()
    tell(record, 100, 0.75, came_true)
    assert record.factor() == pytest.approx(factor)


def test_gaps_of_different_tenths_do_not_cancel() -> None:
    record = LiveCalibration()
    tell(record, 100, 0.25, 50)
    tell(record, 100, 0.75, 50)
    assert record.error() == pytest.approx(0.25)


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
