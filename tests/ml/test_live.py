"""Confidence that follows the model's own record: the same in the desk, in batch and restarted."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from hybrid_tui.commands.compose import HistoryPredictor
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.live_calibration import CHANCE, LiveCalibration, Outcome
from hybrid_tui.domain.signals import Abstention, MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.codec import dump_event, load_event
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.ml.live import Recalibrated, recalibrated_history
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.prediction_cache import PredictedHistory, predicted_blocks
from hybrid_tui.ml.predictor import EnsemblePredictor, predict_history
from hybrid_tui.ml.ticks import session_ticks
from tests.ml.builders import instant, random_walk, seconds

SYMBOLS = ("AMD", "NVDA", "SPY")
START = instant("2026-02-03T00:00:00")
Said = list[MLPrediction | Abstention]


@pytest.fixture(scope="module")
def series(calendar: TradingCalendar) -> dict[str, BarSeries]:
    return {symbol: random_walk(calendar, symbol, sessions=3) for symbol in SYMBOLS}


@pytest.fixture(scope="module")
def batch(model: Model, series: dict[str, BarSeries], calendar: TradingCalendar) -> Said:
    return list(recalibrated_history(predict_history(model, series, calendar, START), series))


class Desk:
    """The desk's predictor, asked at each instant; its answers go through events as JSON."""

    def __init__(self, model: Model, calendar: TradingCalendar) -> None:
        self.model, self.calendar = model, calendar
        self.state = DeskState()
        self.said: Said = []
        self.restart()

    def restart(self) -> None:
        """Begin a process anew, from what the events left."""
        raw = EnsemblePredictor(self.model, self.calendar)
        self.predictor = Recalibrated(raw, deepcopy(self.state.live_calibration))

    def ask(self, market: KnownMarket, at: int) -> None:
        now = instant("1970-01-01T00:00:00") + timedelta(seconds=at)
        session = self.calendar.session_at(now)
        assert session is not None
        found = self.predictor.predict(
            market.view(now), SYMBOLS, session_close=session.close, strategy_id=None
        )
        event = ev.PredictionsMade(
            id=len(self.said) + 1,
            at=now + timedelta(seconds=2),
            predictions=tuple(x for x in found if isinstance(x, MLPrediction)),
            abstentions=tuple(x for x in found if isinstance(x, Abstention)),
            outcomes=tuple(x for x in found if isinstance(x, Outcome)),
        )
        self.state.apply(load_event("PredictionsMade", dump_event(event)))
        self.said += [x for x in found if not isinstance(x, Outcome)]


@pytest.mark.parametrize("restarts", [False, True])
def test_the_desk_says_what_the_batch_says(
    model: Model,
    series: dict[str, BarSeries],
    calendar: TradingCalendar,
    batch: Said,
    restarts: bool,
) -> None:
    market = KnownMarket(SYMBOLS, 60, "test")
    for bars in series.values():
        market.warm(bars)
    sessions = [session for session in calendar.sessions if session.open > START][:2]
    desk = Desk(model, calendar)
    for number, at in enumerate(session_ticks(sessions).at.tolist()):
        if restarts and number % 20 == 7:
            desk.restart()
        desk.ask(market, at)
    assert desk.said == batch
    record = desk.state.live_calibration
    assert record.outcomes > 100
    assert record == desk.predictor._record


def test_a_backtests_predictor_says_it_too(
    model: Model, series: dict[str, BarSeries], calendar: TradingCalendar, batch: Said
) -> None:
    asked = PredictedHistory(
        manifest=model.manifest,
        load=lambda: model,
        series=series,
        fingerprint="",
        calendar=calendar,
        begins_at=START,
    )
    tier2 = HistoryPredictor(model.manifest, predicted_blocks(asked, None, lambda _: None), series)
    market = KnownMarket(SYMBOLS, 60, "test")
    said: Said = []
    sessions = [session for session in calendar.sessions if session.open > START][:2]
    for session in sessions:
        for at in session_ticks([session]).at.tolist():
            view = market.view(instant("1970-01-01T00:00:00") + timedelta(seconds=at))
            found = tier2.predict(view, SYMBOLS, session_close=session.close, strategy_id=None)
            said += [answer for answer in found if not isinstance(answer, Outcome)]
    assert said == batch


def test_the_record_is_that_of_the_prices_and_shrinks_confidence(
    model: Model, series: dict[str, BarSeries], calendar: TradingCalendar, batch: Said
) -> None:
    raw = list(predict_history(model, series, calendar, START))
    shrunk = [
        (said, plain)
        for said, plain in zip(batch, raw, strict=True)
        if isinstance(said, MLPrediction)
        and isinstance(plain, MLPrediction)
        and said.confidence != plain.confidence
    ]
    said, plain = shrunk[-1]
    known: list[tuple[int, float, bool, int]] = []
    for made in raw:
        if isinstance(made, MLPrediction) and made.horizon_end <= said.at:
            bars = series[made.symbol]
            last = np.searchsorted(bars.known_at, seconds(made.horizon_end), side="right") - 1
            moved = bars.close[last] / made.reference_price - 1
            is_up = bool(moved > made.threshold_bps / 1e4)
            overlap = sum(
                other.symbol == made.symbol and other.at <= made.at < other.horizon_end
                for other in raw
                if isinstance(other, MLPrediction)
            )
            known.append((made.horizon_end.day, made.buy_probability, is_up, overlap))
    beyond = 0.0
    for place in range(10):
        inside = [one for one in known if int(one[1] * 10) == place]
        gaps = [
            sum(p - up for when, p, up, _ in inside if when == day)
            for day in {when for when, *_ in known}
        ]
        spread = sum(overlap * p * (1 - p) for _, p, _, overlap in inside)
        beyond += abs(sum(gaps)) - CHANCE * min(math.hypot(*gaps), math.sqrt(spread))
    assert said.confidence == pytest.approx(plain.confidence * 0.03 / (beyond / len(known)))
    assert said.target_position <= plain.target_position
    early = [made for made in batch if made.at < START + timedelta(hours=15)]
    assert early == raw[: len(early)], "before 100 outcomes nothing shrinks"


def test_a_record_without_its_reference_bar_is_left_out(
    model: Model, series: dict[str, BarSeries], calendar: TradingCalendar
) -> None:
    record = LiveCalibration()
    answers = list(predict_history(model, series, calendar, START))
    record.note(made for made in answers[:3] if isinstance(made, MLPrediction))
    from hybrid_tui.ml.live import move_in

    moved = replace(series["SPY"], start=series["SPY"].start + 1)
    outcomes = record.settle(START + timedelta(days=1), move_in({**series, "SPY": moved}.get))
    assert [outcome.symbol for outcome in outcomes] == ["AMD", "NVDA"]
