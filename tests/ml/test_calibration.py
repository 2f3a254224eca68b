from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.bars import BoolArray, FloatArray
from hybrid_tui.ml.calibration import (
    agreement,
    fit_familiar,
    fit_platt,
    interval_quantiles,
    recency_weights,
    sigmoid,
    target_position,
)
from hybrid_tui.ml.metrics import (
    auc,
    auc_counted,
    by_day,
    dense_ranks,
    expected_calibration_error,
    log_loss,
    rank_correlation_counted,
)

fractions = st.floats(0.0, 1.0)


def platt_of(logits: FloatArray, is_up: BoolArray) -> tuple[float, float, float]:
    fitted = fit_platt(
        logits,
        np.full(len(logits), 0.02),
        is_up.astype(np.float64),
        np.ones(len(logits)),
        base_rate=0.5,
        threshold_bps=2.0,
    )
    return fitted.slope, fitted.offset, fitted.hurdle_slope


def test_platt_scaling_finds_overconfidence_and_halves_it() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 20_000)
    is_up = rng.random(20_000) < 1 / (1 + np.exp(-0.5 * logits))
    slope, _, _ = platt_of(logits, is_up)
    assert slope == pytest.approx(0.5, abs=0.03)


def test_logits_that_are_wrong_way_round_get_no_say_and_no_negative_slope() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1, 5_000)
    is_up = rng.random(5_000) < 1 / (1 + np.exp(logits))
    slope, offset, hurdle_slope = platt_of(logits, is_up)
    assert slope == 0.0
    assert sigmoid(offset + 0.02 * hurdle_slope) == pytest.approx(0.5, abs=0.02)


def test_a_constant_logit_gives_the_base_rate() -> None:
    is_up = np.arange(1_000) % 2 == 0
    slope, offset, hurdle_slope = platt_of(np.full(1_000, 0.3), is_up)
    assert slope == 0.0
    assert sigmoid(offset + 0.02 * hurdle_slope) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_cover_new_outcomes_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(3)
    seen, new = rng.standard_t(4, (2, 5_000))
    low, high = interval_quantiles(seen, np.ones(5_000), level)
    assert np.mean((new >= low) & (new <= high)) == pytest.approx(level, abs=0.02)


def test_recent_sessions_count_more_in_the_interval() -> None:
    rng = np.random.default_rng(4)
    day = np.repeat(np.arange(20), 500)
    residuals = rng.standard_normal(10_000) * np.where(day < 10, 3.0, 1.0)
    low, high = interval_quantiles(residuals, recency_weights(day), 0.9)
    plain_low, plain_high = interval_quantiles(residuals, np.ones(10_000), 0.9)
    assert high - low < 0.8 * (plain_high - plain_low)


def test_the_position_grows_with_probability_and_is_an_eighth_or_so_at_four_fifths() -> None:
    assert 0.1 <= target_position(0.8, 1.0, 0.005, 0.48) <= 0.2
    sizes = [target_position(p, 1.0, 0.005, 0.48) for p in (0.5, 0.6, 0.7, 0.8, 0.9)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 0.0


@given(p=fractions, confidence=fractions, volatility=st.floats(0, 10), base=fractions)
def test_a_position_is_a_fraction_and_nothing_without_an_edge(
    p: float, confidence: float, volatility: float, base: float
) -> None:
    size = target_position(p, confidence, volatility, base)
    assert 0.0 <= size <= 1.0
    if p <= base or p <= 0.5:
        assert size == 0.0


def test_confidence_is_the_weight_on_the_ensembles_side_of_the_base_rate() -> None:
    weights = {"a": 0.5, "b": 0.3, "c": 0.2}
    members = {"a": 0.6, "b": 0.55, "c": 0.4}
    assert agreement(0.57, members, weights, 0.48) == pytest.approx(0.8)
    assert agreement(0.40, members, weights, 0.48) == pytest.approx(0.2)
    assert agreement(0.48, members, weights, 0.48) == 0.0
    assert agreement(0.57, {}, weights, 0.48) == 0.0


def test_what_training_saw_is_familiar_and_an_extreme_is_not() -> None:
    rng = np.random.default_rng(5)
    seen = rng.standard_normal((10_000, 3))
    fitted = fit_familiar(seen, (0, 1, -1))
    assert np.mean(fitted.distance(seen) <= fitted.limit) == pytest.approx(0.995, abs=1e-3)
    odd = np.array([[9.0, 0, 0], [-9, 0, 0], [0, 9, 0], [0, -9, 0], [0, 0, 9], [0, 0, -9]])
    is_odd = fitted.distance(odd) > fitted.limit
    assert is_odd.tolist() == [True, True, True, False, False, True]


def test_auc_counts_ties_half() -> None:
    assert auc(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True])) == 1.0
    assert auc(np.full(4, 0.5), np.array([True, False, True, False])) == 0.5
    assert auc(np.array([0.4, 0.3, 0.2]), np.array([False, False, True])) == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, bool]]) -> None:
    up = [score for score, is_up in pairs if is_up]
    down = [score for score, is_up in pairs if not is_up]
    found = auc(np.array([s for s, _ in pairs], dtype=float), np.array([u for _, u in pairs]))
    if not up or not down:
        assert np.isnan(found)
        return
    wins = sum((u > d) + 0.5 * (u == d) for u in up for d in down)
    assert found == pytest.approx(wins / (len(up) * len(down)))


def test_calibration_error_is_nothing_for_frequencies_and_the_gap_for_a_bias() -> None:
    rng = np.random.default_rng(6)
    probability = rng.random(50_000)
    is_up = rng.random(50_000) < probability
    assert expected_calibration_error(probability, is_up) < 0.01
    shifted = np.clip(probability + 0.2, 0, 1)
    assert expected_calibration_error(shifted, is_up) > 0.15


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_row_that_counts_twice_is_a_row_that_occurs_twice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, moved = rng.integers(0, 12, (2, 40)) / 11.0
    is_up = rng.random(40) < 0.5
    count = rng.integers(0, 4, 40)
    rows, times = np.repeat(np.arange(40), count), count.astype(np.float64)
    counted = (
        auc_counted(dense_ranks(probability), is_up, times),
        rank_correlation_counted(dense_ranks(probability), dense_ranks(moved), times),
        expected_calibration_error(probability, is_up, times),
    )
    repeated = (
        auc(probability[rows], is_up[rows]),
        rank_correlation_counted(
            dense_ranks(probability[rows]), dense_ranks(moved[rows]), np.ones(len(rows))
        ),
        expected_calibration_error(probability[rows], is_up[rows]),
    )
    assert counted == pytest.approx(repeated, nan_ok=True)


def test_days_are_resampled_whole() -> None:
    day = np.repeat(np.arange(10), 1_000)
    is_up = day < 5  # one outcome a day: ten outcomes, not ten thousand
    figure = by_day(lambda count: float(np.average(is_up, weights=count)), day, seed=1)
    assert figure.value == 0.5
    assert figure.high - figure.low > 0.4


def test_a_few_days_give_no_interval() -> None:
    figure = by_day(lambda count: float(count.sum()), np.repeat(np.arange(4), 10), seed=1)
    assert figure.value == 40
    assert np.isnan(figure.low)
    assert np.isnan(figure.high)


def test_log_loss_of_the_base_rate_is_the_entropy() -> None:
    is_up = np.arange(1_000) % 4 == 0
    assert log_loss(np.full(1_000, 0.25), is_up) == pytest.approx(0.5623, abs=1e-4)
