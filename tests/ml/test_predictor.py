"""What tier 2 says and when it is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.signals import Abstention, MLPrediction
from hybrid_tui.errors import DataError
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.features import Windows
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.networks import run_in_blocks, standardised
from hybrid_tui.ml.predictor import EnsemblePredictor, predict_history
from tests.ml.builders import FIRST_DAY, all_kinds, headline, instant, random_walk, seconds


def good(items: Sequence[NewsItem]) -> list[float]:
    return [0.9 for _ in items]


@pytest.fixture(scope="module")
def series(calendar: TradingCalendar) -> dict[str, BarSeries]:
    return all_kinds(calendar)


def test_headlines_change_the_figures_from_their_reception_on(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    received = instant("2026-02-03T17:00:00")
    with_news = predict_history(
        model, series, calendar, symbols=["NVDA"], news=[headline(received)], score=good
    )
    without = predict_history(model, series, calendar, symbols=["NVDA"])
    changed = [
        one.at
        for one, other in zip(with_news, without, strict=True)
        if isinstance(one, MLPrediction) and one != other
    ]
    assert changed
    assert min(changed) == received


def test_a_windows_figures_do_not_depend_on_its_neighbours_or_its_place(
    model: Model, small_data: Dataset
) -> None:
    inputs = standardised(small_data.values[:200], model.mean, model.scale)
    order = np.random.default_rng(0).permutation(200)
    for member in model.members.values():
        together = run_in_blocks(member, inputs)
        assert np.array_equal(run_in_blocks(member, inputs[order]), together[order])
        for row in (0, 31, 32, 33, 199):
            assert np.array_equal(run_in_blocks(member, inputs[row : row + 1])[0], together[row])


def test_lines_come_by_instant_then_symbol_and_expire_after_ten_minutes(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    answers = list(predict_history(model, series, calendar))
    keys = [(answer.at, answer.symbol) for answer in answers]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 2 * 77 * 4
    for answer in answers:
        if isinstance(answer, MLPrediction):
            assert answer.expires_at - answer.at == timedelta(minutes=10)
            assert answer.id == f"{answer.at:%Y%m%dT%H%M%S}-{answer.symbol}"
            assert answer.interval.low < answer.price_forecast_1h < answer.interval.high
            assert answer.reference_bar < answer.at < answer.horizon_end


def test_too_little_history_and_silence_are_abstentions_with_their_reason(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    second = calendar.session_on(FIRST_DAY + timedelta(days=1))
    assert second is not None
    late = predict_history(model, series, calendar, second.open, symbols=["LATE", "NONE"])
    reasons = {(answer.at, answer.symbol): answer for answer in late}
    first = reasons[second.open + timedelta(minutes=5), "LATE"]
    assert isinstance(first, Abstention)
    assert first.reason == "needs 260 bars, has 195"
    ready = reasons[second.open + timedelta(minutes=70), "LATE"]
    assert isinstance(ready, MLPrediction)
    missing = reasons[second.open + timedelta(minutes=70), "NONE"]
    assert isinstance(missing, Abstention)
    assert missing.reason == "no bar for 15 minutes"


def test_a_halted_symbol_is_silent_after_15_minutes_and_not_before(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    halted = series["NVDA"].known_by(seconds(instant("2026-02-03T16:00:00")))
    answers = predict_history(
        model,
        {"NVDA": halted, "SPY": series["SPY"]},
        calendar,
        instant("2026-02-03T15:55:00"),
        instant("2026-02-03T16:30:00"),
        symbols=["NVDA"],
    )
    spoken = {f"{answer.at:%H:%M}": isinstance(answer, MLPrediction) for answer in answers}
    assert spoken == {
        "16:00": True,
        "16:05": True,
        "16:10": True,
        "16:15": True,
        "16:20": False,
        "16:25": False,
        "16:30": False,
    }


def test_bars_after_an_instant_do_not_change_its_prediction(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    at = instant("2026-02-03T18:00:00")
    whole = predict_history(model, series, calendar, instant("2026-02-03T00:00:00"), at)
    cut = {symbol: bars.known_by(seconds(at)) for symbol, bars in series.items()}
    assert list(whole) == list(
        predict_history(model, cut, calendar, instant("2026-02-03T00:00:00"))
    )


def test_the_start_of_the_history_does_not_matter_once_it_is_long_enough(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    long = {symbol: series[symbol] for symbol in ("NVDA", "SPY")}
    short = {symbol: bars.slice(110, len(bars)) for symbol, bars in long.items()}
    start = instant("2026-02-03T00:00:00")
    assert list(predict_history(model, long, calendar, start)) == list(
        predict_history(model, short, calendar, start)
    )


def test_outside_a_session_there_is_no_prediction(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    market = KnownMarket(["NVDA"], 60, "test")
    market.warm(series["NVDA"])
    close = instant("2026-02-03T21:00:00")
    (answer,) = EnsemblePredictor(model, calendar).predict(
        market.view(close), ["NVDA"], session_close=close, strategy_id=None
    )
    assert isinstance(answer, Abstention)


def test_each_headline_is_scored_once(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    read: list[str] = []

    def score(items: Sequence[NewsItem]) -> list[float]:
        read.extend(item.id for item in items)
        return [0.5 for _ in items]

    market = KnownMarket(["NVDA"], 60, "test")
    market.warm(series["NVDA"])
    for name in ("a", "b"):
        market.add_news(headline(instant("2026-02-03T15:00:00"), name=name))
    predictor = EnsemblePredictor(model, calendar, score)
    for minute in (5, 10, 15):
        view = market.view(instant(f"2026-02-03T16:{minute:02}:00"))
        predictor.predict(
            view, ["NVDA"], session_close=instant("2026-02-03T21:00:00"), strategy_id=None
        )
    assert read == ["a", "b"]


def test_a_scorer_that_loses_headlines_is_an_error(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    news = [headline(instant("2026-02-03T15:00:00"))]
    with pytest.raises(DataError, match="0 scores for 1"):
        list(predict_history(model, series, calendar, news=news, score=lambda items: []))


def test_a_strategy_is_named_in_the_predictions_made_under_it(
    model: Model, calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    start: datetime = instant("2026-02-03T20:00:00")
    answers = predict_history(
        model, series, calendar, start, symbols=["NVDA"], strategy_id="20260203-1000"
    )
    named = {a.strategy_id for a in answers if isinstance(a, MLPrediction)}
    assert named == {"20260203-1000"}


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    factor=st.sampled_from([1e-4, 0.5, 1.0, 1e4]),
    jump=st.sampled_from([0.01, 1.0, 50.0]),
    volume=st.sampled_from([0.0, 1.0, 1e9]),
)
def test_odd_bars_give_figures_in_range(
    model: Model, calendar: TradingCalendar, seed: int, factor: float, jump: float, volume: float
) -> None:
    bars = random_walk(calendar, sessions=2, seed=seed)
    later = np.where(np.arange(len(bars)) > 420 + seed % 100, jump, 1.0) * factor
    odd = replace(
        bars,
        open=bars.open * later,
        high=bars.high * later,
        low=bars.low * later,
        close=bars.close * later,
        volume=bars.volume * np.where(np.arange(len(bars)) % 7 == 0, volume, 1.0),
    )
    answers = predict_history(model, {"NVDA": odd}, calendar)
    made = [answer for answer in answers if isinstance(answer, MLPrediction)]
    assert len(made) == 77 + 26
    for prediction in made:
        assert 0 < prediction.interval.low < prediction.interval.high < np.inf
        assert prediction.volatility_forecast > 0


def test_broken_volume_is_unfamiliar(model: Model, small_data: Dataset) -> None:
    sound = small_data.windows
    broken = sound.summary.copy()
    broken[:, 2] += 5.0  # the spread of log volume
    outlook_of = replace(sound, summary=broken)
    assert not any(outlook.is_familiar for outlook in outlooks(model, first_rows(outlook_of)))
    assert all(outlook.is_familiar for outlook in outlooks(model, first_rows(sound)))


def first_rows(windows: Windows) -> Windows:
    return Windows(
        values=windows.values[:20],
        sigma=windows.sigma[:20],
        horizon_minutes=windows.horizon_minutes[:20],
        summary=windows.summary[:20],
    )
