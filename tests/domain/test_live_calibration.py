"""The live calibration error and what it leaves of confidence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.live_calibration import (
    BINS,
    CHANCE,
    OVERLAP,
    SESSIONS,
    TOLERATED_ERROR,
    LiveCalibration,
    Outcome,
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
FIVE_MINUTES = timedelta(minutes=5)


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


def beyond_chance(gap: float, sessions: int, said: float = 0.75) -> float:
    """Return what is left of a gap that every session of 100 outcomes showed alike.

    They were made at one instant, for a symbol each: none overlaps with another.
    """
    by_session = gap * 100 * math.sqrt(sessions)
    by_overlap = math.sqrt(sessions * 100 * said * (1 - said))
    return gap - CHANCE * min(by_session, by_overlap) / (100 * sessions)


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
    assert record.error() == pytest.approx(beyond_chance(0.25, 4, 0.25))
    by_turns = LiveCalibration()
    for day in range(4):
        tell(by_turns, 100, 0.75, 50 if day % 2 else 100, day)
    assert by_turns.error() == 0.0


def factors(seed: int, shift: float, sessions: int = 12) -> list[float]:
    """Return the factor after each session of probabilities that are right but for ``shift``.

    Of 150 a session one is made every five minutes of an hour ahead, so that twelve neighbours
    share most of their fate, and the whole session a market.
    """
    rng = np.random.default_rng(seed)
    record, found = LiveCalibration(), []
    for day in range(sessions):
        trend = rng.normal(0.0, 0.8, 150)
        market = rng.normal(0.0, 0.25)
        steps = rng.normal(0.0, math.sqrt((1 - 0.25**2) / 12), 150 + 11)
        own = np.convolve(steps, np.ones(12), "valid")
        came = dict(enumerate((trend + market + own > 0).tolist()))
        first = FIRST + timedelta(days=day)

        def move(pending: Pending, came: dict[int, bool] = came, first: datetime = first) -> float:
            return 0.01 if came[(pending.reference_bar - first) // FIVE_MINUTES] else -0.01

        for number in range(150):
            right = 0.5 * (1.0 + math.erf(trend[number] / math.sqrt(2.0)))
            at = first + number * FIVE_MINUTES
            record.settle(at, move)
            record.note([made(at, min(max(right + shift, 0.001), 0.999))])
        record.settle(first + timedelta(days=1), move)
        found.append(record.factor())
    return found


def test_chance_alone_seldom_costs_confidence_and_miscalibration_does() -> None:
    right = np.array([factors(seed, 0.0) for seed in range(12)])
    wrong = np.array([factors(seed, 0.15) for seed in range(12)])
    assert (right >= 0.7).mean() > 0.85
    assert (wrong[:, 5:] < 0.7).mean() > 0.85


def test_a_gap_that_is_no_chance_is_seen_within_the_first_session() -> None:
    for shift, most in ((0.2, 0.5), (0.3, 0.3)):
        assert np.median([factors(seed, shift, 1)[0] for seed in range(9)]) < most


@pytest.mark.parametrize(("minutes", "overlap"), [(5, 12), (10, 6), (30, 2), (60, 1)])
def test_predictions_overlap_as_they_are_spaced(minutes: int, overlap: int) -> None:
    record = LiveCalibration()
    for number in range(30):
        at = FIRST + number * timedelta(minutes=minutes)
        found = record.settle(at, lambda _: 0.01)
        if number >= 2 * overlap:
            assert [one.overlap for one in found if one.symbol == "NVDA"] == [overlap]
        record.note([made(at, 0.7), made(at, 0.6, symbol="SPY")][: 1 + number % 2])


SESSIONS_OF_OUTCOMES = st.lists(
    st.lists(
        st.tuples(st.floats(0.0, 1.0), st.booleans(), st.integers(1, 24)),
        min_size=1, max_size=60,
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(SESSIONS_OF_OUTCOMES)
def test_the_error_lies_between_that_of_sessions_alone_and_the_plain_one(
    days: list[list[tuple[float, bool, int]]],
) -> None:
    record = LiveCalibration()
    plain, by_session = np.zeros(BINS), np.zeros(BINS)
    for day, found in enumerate(days):
        at = FIRST + timedelta(days=day)
        gaps = np.zeros(BINS)
        outcomes = []
        for probability, came_true, overlap in found * 5:
            gaps[min(int(probability * BINS), BINS - 1)] += probability - came_true
            outcomes.append(
                Outcome(
                    symbol="NVDA", horizon_end=at, probability=probability,
                    came_true=came_true, overlap=overlap,
                )
            )  # fmt: skip
        record.heard(at, outcomes)
        plain += gaps
        by_session += gaps**2
    error, known = record.error(), record.outcomes
    assert (error is None) == (known < 100)
    if error is None:
        return
    most = float(np.abs(plain).sum()) / known
    before = float((np.abs(plain) - CHANCE * np.sqrt(by_session)).sum()) / known
    assert max(before, 0.0) - 1e-12 <= error <= most + 1e-12
    assert 0.0 < record.factor() <= 1.0
    assert record.factor() >= min(1.0, TOLERATED_ERROR / most if most else 1.0) - 1e-9


def test_an_outcome_of_an_older_journal_overlaps_as_one_of_every_five_minutes() -> None:
    kept = Outcome(symbol="A", horizon_end=FIRST, probability=0.5, came_true=True)
    assert kept.overlap == HOUR // FIVE_MINUTES


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


def test_chance_is_taken_off_what_was_kept_without_its_spread() -> None:
    state = DeskState()
    for day in range(4):
        tell(state.live_calibration, 100, 0.75, 73, day)
    kept = json.loads(dump_state(state))
    for tally in kept["live_calibration"]["tallies"]:
        del tally["spread"]
    record = load_state(json.dumps(kept)).live_calibration
    variance = OVERLAP * 100 * 0.75 * 0.25
    assert [tally.spread[7] for tally in record.tallies] == pytest.approx([variance] * 4)
    squares = 4 * 2.0**2
    assert record.error() == pytest.approx((8 - CHANCE * math.sqrt(squares)) / 400)
    assert load_state(dump_state(state)).live_calibration == state.live_calibration


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
