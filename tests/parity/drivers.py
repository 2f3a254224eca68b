"""One case, run by every driver: bar by bar, by skipping, and live on a stepped clock."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import numpy as np

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem
from hybrid_tui.domain.events import EngineStarted
from hybrid_tui.domain.ports import Abstained, MarketView, StrategistBrief
from hybrid_tui.domain.signals import (
    Abstention,
    Direction,
    MLPrediction,
    RiskLevel,
    StrategySignal,
    Thesis,
)
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.agenda import Agenda
from hybrid_tui.engine.backtest import NOT_KEPT, Ledger, run_backtest
from hybrid_tui.engine.clock import ScaledClock
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.fast.forecasts import Forecasts, SymbolForecasts
from hybrid_tui.engine.fast.history import RecordedPast
from hybrid_tui.engine.fast.run import Record, run_fast
from hybrid_tui.engine.publisher import Publisher
from hybrid_tui.engine.recorder import Recorder, Sink
from hybrid_tui.engine.runtime import Runtime
from hybrid_tui.engine.tier_host import TierHost
from hybrid_tui.market.recorded import RecordedMarket
from tests.semantics.desk import calendar, config_of, prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that a run depends on; ``seed`` is that of tiers 2 and 3.

    ``cut_at`` ends a run before the bars do.
    """

    traded: dict[str, BarSeries] = field(repr=False)
    before: dict[str, BarSeries] = field(repr=False)
    interval: int
    settings: dict[str, Any]
    tiers: tuple[str, ...]
    seed: int
    news: tuple[NewsItem, ...] = ()
    actions: tuple[CorporateAction, ...] = ()
    cut_at: datetime | None = None

    @property
    def config(self) -> Config:
        """The configuration, with sessions of tier 3 where it is on."""
        return config_of({"llm.sessions": SESSIONS, **self.settings}, self.tiers)

    @property
    def begins_at(self) -> datetime:
        """Just before the first bar, with tier 3 just before its session opens.

        A desk that starts after tier 3's hour holds the session late; a backtest does not start.
        """
        first = min(int(series.start[0]) for series in self.traded.values())
        instant = datetime.fromtimestamp(first, UTC)
        session = calendar().session_at(instant)
        if "llm" in self.tiers and session is not None:
            instant = session.open
        return instant - timedelta(seconds=1)


SESSIONS = [time(9, 40), time(10, 5), time(15, 30), time(15, 50)]


def _draw(*words: object) -> float:
    """Return a number in [0, 1) that the words alone decide."""
    digest = hashlib.blake2b("|".join(map(str, words)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class FakePredictor:
    """Answers at random, depending on every bit of the last close that it is shown."""

    model_id = "fake"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def predict(
        self,
        view: MarketView,
        symbols: Sequence[str],
        *,
        session_close: datetime,
        strategy_id: str | None,
    ) -> list[MLPrediction | Abstention]:
        """Return a prediction or an abstention for each symbol."""
        found: list[MLPrediction | Abstention] = []
        for symbol in symbols:
            bars = view.bars(symbol)
            last = (len(bars), float(bars.close[-1]).hex()) if bars is not None else None
            draw = _draw(self._seed, view.now, symbol, last, strategy_id)
            if draw < 0.2:
                found.append(Abstention(at=view.now, symbol=symbol, reason="fake", model_id="fake"))
                continue
            found.append(
                prediction(
                    symbol,
                    view.now,
                    (0.2, 0.45, 0.75, 0.8, 0.85, 0.9)[int(draw * 1000) % 6],
                    confidence=0.5 if int(draw * 10_000) % 6 == 0 else 0.9,
                    target=draw / 2,
                    familiar=int(draw * 100_000) % 9 > 0,
                    lasts=timedelta(minutes=10),
                )
            )
        return found


class FakeStrategist:
    """Proposes at random, depending on all that it is told of execution."""

    source = "fake"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def propose(self, brief: StrategistBrief) -> StrategySignal | Abstained:
        """Return a signal, or an abstention."""
        told = asdict(brief.execution) if brief.execution is not None else {}
        told.pop("heartbeats", None)  # those that nobody keeps differ between sinks
        words = (self._seed, brief.id, told, brief.scores, [item.id for item in brief.news])
        draws = [_draw(*words, number) for number in range(8)]
        if draws[0] < 0.2:
            return Abstained(reason="fake")
        chosen = [s for s in brief.watchlist if _draw(*words, s) < 0.8]
        conditions = ("close_1m < sma_1m(5)", "drawdown > 0.01", "rsi_5m(5) > 60", "nonsense (")
        return StrategySignal(
            id=brief.id,
            at=brief.now,
            expires_at=brief.expires_at,
            session=brief.session,
            direction=tuple(Direction)[int(draws[1] * 12) % 5 % 3],
            focus_stocks=tuple(chosen),
            sentiment_scores={s: 2 * _draw(*words, s, "mood") - 1 for s in chosen[:2]},
            risk_level=tuple(RiskLevel)[int(draws[2] * 3)],
            overnight_target=(0.0, 0.1, 0.5, 1.0)[int(draws[3] * 4)],
            theses=tuple(
                Thesis(symbol=s, claim="", invalid_if=conditions[int(draws[5] * 4)])
                for s in chosen[:1]
                if draws[4] < 0.5
            ),
        )

    def score(self, items: Sequence[NewsItem]) -> Sequence[float]:
        """Return a score for each headline."""
        return [2 * _draw(self._seed, item.id) - 1 for item in items]


@dataclass(slots=True)
class Parts:
    """What a run is made of."""

    setup: EngineSetup
    recorder: Recorder
    ledger: Ledger
    broker: PaperBroker
    host: TierHost


def _parts(case: Case, sink_of: Callable[[Ledger], Sink] = lambda ledger: ledger) -> Parts:
    config = case.config
    state = DeskState()
    ledger = Ledger(state)
    recorder = Recorder(state, sink_of(ledger), left_out=NOT_KEPT)
    names = tuple(sorted(case.traded))
    recorder.emit(
        EngineStarted,
        case.begins_at,
        run="test",
        mode="recorded",
        hybrid=config.app.hybrid.value,
        tiers=case.tiers,
        policy="auto",
        watchlist=names,
        cash=config.broker.cash,
        resumed=False,
        speed=0.0,
        sources={},
        settings={},
    )
    setup = EngineSetup(
        config=config,
        tiers=frozenset(case.tiers),
        calendar=calendar(),
        symbols=names,
        interval=case.interval,
        feed_name="test",
        min_probability=float(config.rules.min_buy_probability),
        judged=ledger.judge if case.tiers != ("rules",) else None,
    )
    broker = PaperBroker(
        cash=config.broker.cash,
        slippage_bps=config.broker.slippage_bps,
        commission=config.broker.commission,
        participation=config.broker.participation,
    )
    host = TierHost(lambda: FakePredictor(case.seed), FakeStrategist(case.seed))
    return Parts(setup, recorder, ledger, broker, host)


def _fed(case: Case, parts: Parts) -> tuple[Engine, RecordedMarket]:
    """Return an engine that streams its indicators, and its feed."""
    feed = RecordedMarket(
        case.traded,
        case.news,
        calendar=calendar(),
        begins_at=case.begins_at,
        actions=case.actions,
        with_quotes=False,
    )
    engine = Engine(parts.setup, parts.recorder, parts.broker)
    engine.warm_up(case.before, feed.earlier_news(case.begins_at))
    return engine, feed


def by_bar(case: Case) -> Ledger:
    """Run a case on the event path."""
    parts = _parts(case)
    engine, feed = _fed(case, parts)
    run_backtest(engine, feed, case.begins_at, case.cut_at or feed.ends_at, parts.host.run)
    return parts.ledger


def by_skipping(case: Case, *, foretold: bool = False) -> Ledger:
    """Run a case on the fast path; ``foretold``: tier 2 is asked for all instants ahead."""
    parts = _parts(case)
    feed = RecordedMarket(case.traded, calendar=calendar(), begins_at=case.begins_at)
    record = Record(
        before=case.before,
        traded=case.traded,
        news=case.news,
        actions=case.actions,
        begins_at=case.begins_at,
        ends_at=case.cut_at or feed.ends_at,
    )
    run_fast(
        record,
        parts.setup,
        parts.recorder,
        parts.ledger,
        parts.broker,
        parts.host.run,
        ahead=partial(_foretold, case) if foretold else None,
    )
    return parts.ledger


def _foretold(
    case: Case, after: datetime, until: datetime, progress: Callable[[datetime], None] | None
) -> Forecasts:
    """Return what the fake predictor says after one instant up to another, without tier 3."""
    market = RecordedPast(case.traded, case.interval, "test")
    for series in case.before.values():
        market.warm(series)
    minutes = case.config.ml.interval_minutes
    agenda = Agenda(calendar(), prediction_minutes=minutes, strategist_clocks=None)
    predictor, symbols = FakePredictor(case.seed), tuple(sorted(case.traded))
    said: dict[str, list[MLPrediction]] = {symbol: [] for symbol in symbols}
    now = agenda.upcoming(after)
    while now <= until:
        if agenda.predictions_due(now):
            view = market.view(now)
            found = predictor.predict(view, symbols, session_close=now, strategy_id=None)
            for answer in found:
                if isinstance(answer, MLPrediction):
                    said[answer.symbol].append(answer)
        now = agenda.upcoming(now)
    return Forecasts(
        symbols={
            symbol: SymbolForecasts(
                at=np.array([int(one.at.timestamp()) for one in found], dtype=np.int64),
                probability=np.array([one.buy_probability for one in found]),
                confidence=np.array([one.confidence for one in found]),
                target=np.array([one.target_position for one in found]),
                familiar=np.array([one.familiar for one in found], dtype=np.bool_),
            )
            for symbol, found in said.items()
        },
        lasts=600,
    )


def live(case: Case) -> Ledger:
    """Run a case on the live driver with a clock that steps from instant to instant."""
    parts = _parts(case, Publisher)
    engine, feed = _fed(case, parts)
    runtime = Runtime(
        engine,
        feed,
        ScaledClock(calendar(), 0.0),
        parts.host,
        checkpoint=lambda: None,
        flush=lambda: None,
    )
    asyncio.run(runtime.run(case.begins_at))
    return parts.ledger


def check_same(one: Ledger, other: Ledger) -> None:
    """Assert that two runs came to the same, to the bit."""
    assert other.trades == one.trades
    assert repr(other.trades) == repr(one.trades)
    assert other.equity == one.equity
    assert other.daily == one.daily
    assert (other.marks.gross == one.marks.gross).all()
    for name in (
        "bars", "turnover", "fees", "slippage", "predictions", "reached", "abstained", "signals",
        "entries_cancelled", "entries_decided", "entries_refused",
    ):  # fmt: skip
        assert getattr(other, name) == getattr(one, name), name
    assert other.state.positions == one.state.positions
    assert other.state.cash == one.state.cash
    assert {s: other.state.closes[s] for s in one.state.positions} == {
        s: one.state.closes[s] for s in one.state.positions
    }
