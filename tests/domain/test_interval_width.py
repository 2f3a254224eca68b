"""Intervals hold as often as they say, whatever the market does to the model's own width."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.interval_width import FIRST_RATE, FIRST_STEPS, RATE, IntervalWidth
from hybrid_tui.domain.live_calibration import LiveCalibration, Outcome, Pending, tempered
from hybrid_tui.domain.signals import MOST_DOLLARS, Interval, MLPrediction
from tests.domain.test_live_calibration import FIRST, HOUR, made


def said(low: float, high: float, forecast: float = 100.0) -> MLPrediction:
    return replace(
        made(FIRST, 0.5),
        reference_price=100.0,
        price_forecast_1h=forecast,
        interval=Interval(level=0.9, low=low, high=high),
    )


@pytest.mark.parametrize("wilder", [0.6, 1.0, 1.7])
def test_outcomes_lie_inside_as_often_as_said_in_calm_and_wild_markets(wilder: float) -> None:
    """90 % of normal moves lie within 1.645 deviations; the market's are ``wilder`` times that."""
    rng = np.random.default_rng(1)
    record = LiveCalibration()
    held: list[bool] = []
    for step in range(20 * 77):
        at = FIRST + timedelta(minutes=5 * step)
        held += [
            bool(one.held) for one in record.settle(at, lambda _: wilder * rng.normal(0, 0.01))
        ]
        raw = [replace(said(98.355, 101.645), symbol=f"S{n}", at=at) for n in range(5)]
        record.note(
            replace(tempered(one, 1.0, record.width(one.symbol)), horizon_end=at + HOUR)
            for one in raw
        )
    assert np.mean(held) == pytest.approx(0.90, abs=0.02)
    widths = [record.width(f"S{n}") for n in range(5)]
    assert np.mean(widths) == pytest.approx(wilder, rel=0.25)


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=20))
def test_the_share_of_misses_is_off_by_what_the_width_went(instants: list[list[bool]]) -> None:
    width, missed = IntervalWidth(), []
    for held in instants:
        width.learn(held, 0.9)
        missed += [1 - sum(held) / len(held)] if held else []
    assert width.log == pytest.approx(FIRST_RATE * (sum(missed) - 0.1 * len(missed)), abs=1e-12)


def test_the_first_outcomes_teach_more() -> None:
    width = IntervalWidth()
    logs = [width.log]
    for step in range(FIRST_STEPS + 2):
        width.learn([step % 10 > 0], 0.9)
        logs.append(width.log)
    assert logs[1] - logs[0] == pytest.approx(FIRST_RATE * 0.9)
    assert logs[-1] - logs[-2] == pytest.approx(-RATE * 0.1)


@pytest.mark.parametrize(("held", "factor"), [(True, 1 / 3), (False, 3.0)])
def test_a_width_has_its_limits(held: bool, factor: float) -> None:
    width = IntervalWidth()
    for _ in range(1000):
        width.learn([held], 0.9)
    assert width.factor == pytest.approx(factor)


def test_absurd_prices_stay_numbers() -> None:
    wide = tempered(said(0.0, MOST_DOLLARS, 1e-300), 1.0, 3.0)
    assert 0.0 == wide.interval.low <= wide.interval.high <= MOST_DOLLARS


@pytest.mark.parametrize(
    ("low", "high", "forecast"), [(99.0, 102.0, 100.5), (0.0, 1e80, 100.0), (0.0, 0.0, 0.0)]
)
def test_an_interval_widens_around_the_forecast_in_log_prices(
    low: float, high: float, forecast: float
) -> None:
    raw = said(low, high, forecast)
    wide = tempered(raw, 1.0, 2.0)
    assert replace(wide, interval=raw.interval) == raw
    assert 0.0 <= wide.interval.low <= raw.interval.low
    assert raw.interval.high <= wide.interval.high <= MOST_DOLLARS
    if low > 0:
        assert math.log(wide.interval.low / forecast) == pytest.approx(2 * math.log(low / forecast))
    assert tempered(raw, 1.0, 1.0) is raw


def test_a_symbol_learns_from_its_own_outcomes_and_ends_of_one_instant_are_one_step() -> None:
    record = LiveCalibration()
    record.note(replace(said(99.0, 101.0), symbol=symbol) for symbol in ("A", "B", "A"))
    moves = iter([0.5, 0.0, 0.0])
    outcomes = record.settle(FIRST + HOUR, lambda _: next(moves))
    assert [one.held for one in outcomes] == [False, True, True]
    assert math.log(record.width("A")) == pytest.approx(FIRST_RATE * (0.5 - 0.1))
    assert math.log(record.width("B")) == pytest.approx(FIRST_RATE * (0.0 - 0.1))
    assert record.width("C") == 1.0
    record.note([replace(said(99.0, 101.0), model_id="other")])
    assert record.width("A") == 1.0


def test_records_of_before_intervals_were_kept_teach_nothing() -> None:
    record = LiveCalibration()
    fields = {"reference_bar": FIRST, "horizon_end": FIRST + HOUR, "threshold_bps": 2.0}
    record.waiting.append(Pending(symbol="A", probability=0.5, **fields))  # type: ignore[arg-type]
    (outcome,) = record.settle(FIRST + HOUR, lambda _: 0.9)
    assert outcome.held is None
    assert outcome == Outcome(symbol="A", horizon_end=FIRST + HOUR, probability=0.5, came_true=True)
    assert record.widths == {}
