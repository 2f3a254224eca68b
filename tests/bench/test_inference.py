"""How long tier 2 needs for 20 symbols, features included (goal: below 50 ms)."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.ml.model_files import find_model, load_model, shipped_models
from hybrid_tui.ml.predictor import EnsemblePredictor
from tests.ml.builders import instant, random_walk, seconds

SYMBOLS = ["SPY", *(f"S{number:02}" for number in range(19))]
ROUNDS = 100


@pytest.mark.bench
def test_predictions_for_20_symbols(
    calendar: TradingCalendar, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(find_model("champion", [shipped_models()], "real"))
    predictor = EnsemblePredictor(model, calendar)
    at = instant("2026-02-09T15:00:00")
    close = instant("2026-02-09T21:00:00")
    market = KnownMarket(SYMBOLS, 60, "test")
    for symbol in SYMBOLS:
        market.warm(random_walk(calendar, symbol, sessions=7).known_by(seconds(close)))
    spent = []
    for n in range(ROUNDS):
        view = market.view(at + timedelta(minutes=5 * (n % 60)))
        begun, busy = time.perf_counter(), time.process_time()
        answers = predictor.predict(view, SYMBOLS, session_close=close, strategy_id=None)
        spent.append((time.perf_counter() - begun, time.process_time() - busy))
        assert all(isinstance(answer, MLPrediction) for answer in answers)
    wall, cpu = np.percentile(np.array(spent) * 1000, [50, 99], axis=0).T
    with capsys.disabled():
        print(  # noqa: T201
            f"\n20 symbols: wall p50 {wall[0]:.1f} ms, p99 {wall[1]:.1f} ms; "
            f"CPU p50 {cpu[0]:.1f} ms, p99 {cpu[1]:.1f} ms (goal 50 ms)"
        )
