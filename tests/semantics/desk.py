"""A desk over a few scripted bars: the real engine, paper broker and recorded market.

Predictions, signals and commands are scripted by instant, so that a test shows everything that
the desk knew. Times of day are New York's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries, CorporateAction, Quote
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.ports import Abstained, MarketUpdate, MarketView, StrategistBrief
from hybrid_tui.domain.signals import (
    Abstention,
    Direction,
    Interval,
    MLPrediction,
    RiskLevel,
    StrategySignal,
)
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.jobs import Job, JobResult, PredictJob, ProposeJob
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.market.calendar import xnys
from hybrid_tui.market.recorded import RecordedMarket
from hybrid_tui.market.sessions import regular_session
from tests.semantics.outcome import Outcome as Outcome

DAY = date(2025, 10, 1)
MINUTE = timedelta(minutes=1)
Row = tuple[datetime, float, float, float, float]
Script = Mapping[datetime, Sequence[Command]]


@functools.cache
def calendar() -> TradingCalendar:
    """The XNYS calendar, made once."""
    return xnys()


def at(clock: str, day: date = DAY) -> datetime:
    """Return the UTC instant of a New York time of day, ``HH:MM`` or ``HH:MM:SS``."""
    return datetime.combine(day, time.fromisoformat(clock), NEW_YORK).astimezone(UTC)


def bars(
    clock: str,
    *prices: float | tuple[float, float, float, float],
    day: date = DAY,
    minutes: int = 1,
) -> list[Row]:
    """Return consecutive bars from a time of day on: (open, high, low, close), or one price."""
    start = at(clock, day)
    rows = []
    for index, price in enumerate(prices):
        ohlc = price if isinstance(price, tuple) else (price, price, price, price)
        rows.append((start + index * minutes * MINUTE, *ohlc))
    return rows


def daily(day: date, *prices: float | tuple[float, float, float, float]) -> list[Row]:
    """Return daily bars, labelled by midnight New York, of the sessions from ``day`` on."""
    session = calendar().session_on(day)
    rows: list[Row] = []
    for price in prices:
        assert session is not None
        ohlc = price if isinstance(price, tuple) else (price, price, price, price)
        rows.append((at("00:00", session.day), *ohlc))
        session = calendar().session_after(session)
    return rows


def series_of(
    symbol: str,
    rows: Sequence[Row],
    interval: int,
    volumes: Mapping[datetime, float] | None = None,
) -> BarSeries:
    """Return rows as a series, each known when the calendar says; all must be regular bars.

    ``volumes`` gives the volume of the bars that start at an instant, where it is not 1,000.
    """
    traded = volumes or {}
    start = np.array([int(row[0].timestamp()) for row in rows], dtype=np.int64)
    regular, known_at = regular_session(calendar(), start, interval)
    assert regular.all(), f"{symbol} has bars outside regular sessions"
    columns = [np.array([row[i] for row in rows], dtype=float) for i in range(1, 5)]
    return BarSeries(
        symbol=symbol,
        interval=interval,
        feed="test",
        start=start,
        known_at=known_at,
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=np.array([traded.get(row[0], 1000.0) for row in rows]),
    )


def prediction(
    symbol: str,
    instant: datetime,
    probability: float = 0.80,
    *,
    confidence: float = 0.80,
    target: float = 0.20,
    familiar: bool = True,
    lasts: timedelta = timedelta(minutes=10),
) -> MLPrediction:
    """Return a prediction that lets an entry through unless a field says otherwise."""
    return MLPrediction(
        id=f"{symbol}-{instant:%H%M}",
        at=instant,
        expires_at=instant + lasts,
        symbol=symbol,
        buy_probability=probability,
        confidence=confidence,
        price_forecast_1h=100.0,
        volatility_forecast=0.01,
        target_position=target,
        model_id="scripted",
        members={"a": probability},
        familiar=familiar,
        strategy_id=None,
        reference_price=100.0,
        reference_bar=instant - MINUTE,
        horizon_end=instant + timedelta(hours=1),
        threshold_bps=2.0,
        interval=Interval(level=0.9, low=90.0, high=110.0),
        trained_until=instant - timedelta(days=30),
    )


def signal(
    name: str,
    instant: datetime,
    *symbols: str,
    direction: str = "bullish",
    risk: str = "moderate",
    overnight: float = 1.0,
    sentiment: Mapping[str, float] | None = None,
    expires_at: datetime | None = None,
) -> StrategySignal:
    """Return a proposal for ``symbols``; it expires at 10:30 of the next session."""
    last = calendar().last_session(instant)
    assert last is not None
    return StrategySignal(
        id=name,
        at=instant,
        expires_at=expires_at or calendar().session_after(last).at(time(10, 30)),
        session=f"{instant.astimezone(NEW_YORK):%H:%M}",
        direction=Direction(direction),
        focus_stocks=symbols,
        sentiment_scores=sentiment or {},
        risk_level=RiskLevel(risk),
        overnight_target=overnight,
    )


class _Kept:
    """A sink that keeps every event, and the ledger of the backtest."""

    def __init__(self, ledger: Ledger) -> None:
        self.events: list[ev.Event] = []
        self._ledger = ledger

    def append(self, event: ev.Event) -> None:
        self.events.append(event)
        self._ledger.append(event)

    def commit(self) -> None:
        self._ledger.commit()


class _Scripted:
    """A predictor that says what its script has for an instant."""

    model_id = "scripted"

    def __init__(self, script: Sequence[MLPrediction]) -> None:
        self._script: dict[datetime, list[MLPrediction]] = {}
        for found in script:
            self._script.setdefault(found.at, []).append(found)

    def predict(self, view: MarketView, symbols: Sequence[str]) -> list[MLPrediction | Abstention]:
        found = {p.symbol: p for p in self._script.get(view.now, [])}
        return [
            found.get(s) or Abstention(at=view.now, symbol=s, reason="not scripted", model_id="")
            for s in sorted(symbols)
        ]


def config_of(settings: Mapping[str, object] | None, tiers: Sequence[str]) -> Config:
    """Return a configuration: no slippage, no LLM sessions of its own, then ``settings``."""
    tree: dict[str, Any] = {}
    flat: dict[str, object] = {
        "app.mode": "recorded",
        "app.tiers": list(tiers),
        "broker.slippage_bps": 0.0,
        "llm.sessions": [],
        **(settings or {}),
    }
    for key, value in flat.items():
        *tables, last = key.split(".")
        node = tree
        for table in tables:
            node = node.setdefault(table, {})
        node[last] = value
    return Config.model_validate(tree)


def run_desk(
    rows: Mapping[str, Sequence[Row]],
    settings: Mapping[str, object] | None = None,
    *,
    tiers: Sequence[str] = ("rules",),
    predictions: Sequence[MLPrediction] = (),
    signals: Sequence[StrategySignal] = (),
    commands: Script | None = None,
    actions: Sequence[CorporateAction] = (),
    before: Mapping[str, Sequence[Row]] | None = None,
    interval: int = 60,
    halted: Mapping[str, str] | None = None,
    quotes: Mapping[datetime, Sequence[Quote]] | None = None,
    participation: float | None = None,
    volumes: Mapping[datetime, float] | None = None,
    broker_kind: type[PaperBroker] = PaperBroker,
    watches_moves: bool = False,
    propose: Callable[[ProposeJob], JobResult] | None = None,
) -> Outcome:
    """Run the desk over ``rows`` (symbol to bars) and everything scripted, to the last close.

    With ``quotes`` (those read at an instant) entries need recent ones, as they do live.
    """
    config, script = config_of(settings, tiers), commands or {}
    state = DeskState()
    ledger = Ledger(state)
    kept = _Kept(ledger)
    recorder = Recorder(state, kept)
    broker = broker_kind(
        cash=config.broker.cash,
        slippage_bps=config.broker.slippage_bps,
        commission=config.broker.commission,
        participation=participation,
    )
    names = tuple(sorted(rows))
    setup = EngineSetup(
        config=config,
        tiers=frozenset(tiers),
        calendar=calendar(),
        symbols=names,
        interval=interval,
        feed_name="test",
        min_probability=float(config.rules.min_buy_probability),
        quotes_age=quotes is not None,
        halted=halted or {},
        watches_moves=watches_moves,
        dead_man=timedelta(hours=config.broker.dead_man_hours),
    )
    series = {s: series_of(s, found, interval, volumes) for s, found in rows.items()}
    begins_at = min(found[0][0] for found in rows.values()) - timedelta(seconds=1)
    feed = RecordedMarket(series, calendar=calendar(), begins_at=begins_at, actions=actions)
    recorder.emit(
        ev.EngineStarted,
        begins_at,
        run="test",
        mode="backtest",
        hybrid=config.app.hybrid.value,
        tiers=tuple(tiers),
        policy=config.approval.policy,
        watchlist=names,
        cash=config.broker.cash,
        resumed=False,
        speed=0.0,
        sources={},
        settings={},
    )
    engine = Engine(setup, recorder, broker)
    engine.warm_up({s: series_of(s, found, interval) for s, found in (before or {}).items()})
    outcome = Outcome(state=state, broker=broker, events=kept.events, ledger=ledger)
    predictor, now = _Scripted(predictions), begins_at
    read = quotes or {}
    scripted = sorted({*script, *read, *(found.at for found in signals)})
    assert all(instant > begins_at for instant in scripted), "scripted before the first bar"
    while True:
        due = [engine.upcoming(now), *(instant for instant in scripted if instant > now)]
        data = feed.upcoming(now)
        now = min([*due, data] if data is not None else due)
        if now > feed.ends_at:
            return outcome
        update = feed.read(now) if now == data else MarketUpdate()
        if now in read:
            update = replace(update, quotes=tuple(read[now]))
        answers = [(_session(found, names), found) for found in signals if found.at == now]
        outcome.acks += _finish(
            engine, now, update, script.get(now, ()), answers, predictor, propose
        )


def _finish(
    engine: Engine,
    now: datetime,
    update: MarketUpdate,
    commands: Sequence[Command],
    answers: Sequence[tuple[Job, JobResult]],
    predictor: _Scripted,
    propose: Callable[[ProposeJob], JobResult] | None = None,
) -> list[Ack]:
    cycle = engine.cycle(now, update, commands, answers)
    try:
        job = next(cycle)
        while True:
            result: JobResult = Abstained(reason="nothing is scripted")
            if isinstance(job, PredictJob):
                result = predictor.predict(job.view, job.symbols)
            elif isinstance(job, ProposeJob) and propose is not None:
                result = propose(job)
            job = cycle.send(result)
    except StopIteration as stop:
        acks: list[Ack] = stop.value
        return acks


def _session(found: StrategySignal, names: tuple[str, ...]) -> ProposeJob:
    brief = StrategistBrief(
        id=found.id,
        session=found.session,
        now=found.at,
        expires_at=found.expires_at,
        watchlist=names,
        news=(),
    )
    return ProposeJob(brief=brief)
