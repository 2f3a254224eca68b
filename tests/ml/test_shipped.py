"""What the shipped models do on data that they were not made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.llm.local import LocalAnalyst
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.sim_profiles import SimulatedConfig
from hybrid_tui.market.simulated import SimulatedMarket
from hybrid_tui.ml.model_files import find_model, load_model, shipped_models
from hybrid_tui.ml.predictor import predict_history, score_news
from tests.ml.builders import instant, seconds

BROKEN_DAYS = [date(2026, 3, day) for day in (16, 17, 18, 19)]
SOUND_DAYS = [date(2026, 3, day) for day in (13, 23)]


def test_good_news_on_the_simulated_market_makes_entries_possible(
    calendar: TradingCalendar,
) -> None:
    model = load_model(find_model("champion", [shipped_models()], "simulated"))
    market = SimulatedMarket(SimulatedConfig(seed=23), calendar)
    series, news = market.history(date(2026, 1, 12), 5)
    scores = score_news(news, LocalAnalyst().score)
    answers = predict_history(
        model,
        series,
        calendar,
        instant("2026-01-13T00:00:00"),
        news=news,
        score=LocalAnalyst().score,
    )
    made = {(a.symbol, a.at): a for a in answers if isinstance(a, MLPrediction)}
    reached = [
        any(
            prediction.buy_probability >= 0.70
            and prediction.confidence >= 0.70
            and prediction.familiar
            for (symbol, at), prediction in made.items()
            if symbol == item.symbols[0]
            and timedelta(0) <= at - item.received_at <= timedelta(minutes=10)
        )
        for item in news
        if scores[item.id] > 0.5
        and (session := calendar.session_at(item.received_at))
        and session.close - item.received_at > timedelta(hours=1)
        and session.day > date(2026, 1, 12)
    ]
    assert len(reached) > 50
    assert np.mean(reached) > 0.5
    outcomes = [
        closes_higher(series[symbol].close, series[symbol].known_at, prediction)
        for (symbol, _), prediction in made.items()
        if prediction.buy_probability >= 0.70
    ]
    assert len(outcomes) > 200
    assert np.mean(outcomes) > 0.65
    positions = [p.target_position for p in made.values() if p.buy_probability >= 0.8]
    assert max(positions) <= 0.25
    assert np.median(positions) > 0.05


def closes_higher(
    close: np.ndarray[tuple[int], np.dtype[np.float64]],
    known_at: np.ndarray[tuple[int], np.dtype[np.int64]],
    prediction: MLPrediction,
) -> bool:
    last = int(np.searchsorted(known_at, seconds(prediction.horizon_end), side="right")) - 1
    return bool(close[last] / prediction.reference_price - 1 > prediction.threshold_bps / 1e4)


@pytest.fixture(scope="module")
def yahoo(shared_data: Path, calendar: TradingCalendar) -> list[MLPrediction]:
    """The real market's model on Yahoo bars of March 2026; four days have broken volume."""
    model = load_model(find_model("champion", [shipped_models()], "real"))
    files = read_bars([shared_data / "yahoo_1m_2026"], calendar=calendar, tz="UTC")
    answers = predict_history(model, files.series, calendar)
    return [answer for answer in answers if isinstance(answer, MLPrediction)]


def share_familiar(predictions: list[MLPrediction], days: list[date]) -> float:
    return float(np.mean([p.familiar for p in predictions if p.at.date() in days]))


def test_broken_volume_is_unfamiliar_and_sound_days_are_not(yahoo: list[MLPrediction]) -> None:
    broken = [prediction for prediction in yahoo if prediction.symbol != "SPY"]
    assert share_familiar(broken, BROKEN_DAYS) < 0.05
    assert share_familiar(yahoo, SOUND_DAYS) > 0.90


def test_the_real_markets_model_promises_no_more_than_it_measured(
    yahoo: list[MLPrediction],
) -> None:
    probabilities = np.array([prediction.buy_probability for prediction in yahoo])
    assert probabilities.max() < 0.70
    assert np.median(probabilities) == pytest.approx(0.47, abs=0.05)


def test_a_jump_of_volume_that_nobody_told_of_is_seen_at_the_real_change_of_feeds(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    # On 22 January 2026 the volume grows 10 to 80 times: another feed, named in the files.
    folder = shared_data / "bars_1min_2025"
    paths = [folder / f"{name}.csv.gz" for name in ("COIN", "NVDA", "QQQ", "SPY")]
    told = read_bars(paths, calendar=calendar).series
    untold = {symbol: replace(bars, feeds=()) for symbol, bars in told.items()}
    model = load_model(find_model("champion", [shipped_models()], "real"))
    opened = instant("2026-01-22T14:30:00")

    def familiar(series: dict[str, BarSeries], first: int, last: int) -> float:
        answers = predict_history(
            model,
            series,
            calendar,
            opened + timedelta(minutes=first),
            opened + timedelta(minutes=last),
        )
        return float(np.mean([a.familiar for a in answers if isinstance(a, MLPrediction)]))

    assert familiar(told, 0, 120) > 0.95
    assert familiar(untold, 0, 120) < 0.70
    assert familiar(untold, 270, 385) > 0.95, "a whole look-back later it is the usual again"
