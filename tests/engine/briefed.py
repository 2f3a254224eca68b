"""A small market of quarter hours, and a strategist that keeps what it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.domain.commands import Approve
from hybrid_tui.domain.ports import Abstained, Arriving, StrategistBrief
from hybrid_tui.domain.signals import Direction, StrategySignal
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import NOTHING, Ledger, finish, run_backtest
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.tier_host import TierHost
from hybrid_tui.market.recorded import RecordedMarket

INTERVAL = 900
NAMES = ("SPY", "AAA", "BBB")
FIRST = datetime(2026, 3, 2, tzinfo=UTC)

Kind = TypeVar("Kind", bound=ev.Event)


def sessions(calendar: TradingCalendar, count: int, first: datetime = FIRST) -> list[Session]:
    """Return the first sessions from 2 March 2026, or another instant, on."""
    found = [calendar.next_session(first)]
    while len(found) < count:
        found.append(calendar.session_after(found[-1]))
    return found


def market(
    calendar: TradingCalendar, days: int, seed: int, first: datetime = FIRST
) -> dict[str, BarSeries]:
    """Return random walks of three symbols over some sessions."""
    starts = np.array(
        [
            int(day.open.timestamp()) + step
            for day in sessions(calendar, days, first)
            for step in range(0, int((day.close - day.open).total_seconds()), INTERVAL)
        ],
        dtype=np.int64,
    )
    found = {}
    for index, name in enumerate(NAMES):
        random = np.random.default_rng([seed, index])
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.004, len(starts))))
        open_ = np.concatenate(([100.0], close[:-1]))
        found[name] = BarSeries(
            symbol=name,
            interval=INTERVAL,
            feed="test",
            start=starts,
            known_at=starts + INTERVAL,
            open=open_,
            high=np.maximum(open_, close) * 1.001,
            low=np.minimum(open_, close) * 0.999,
            close=close,
            volume=np.full(len(starts), 1e5),
        )
    return found


def stories(calendar: TradingCalendar, days: int, seed: int) -> list[NewsItem]:
    """Return random headlines over the same sessions, some of them at night."""
    random = np.random.default_rng(seed)
    span = sessions(calendar, days)
    seconds = (span[-1].close - span[0].open).total_seconds()
    words = ["beats forecasts", "faces a lawsuit", "raises guidance", "misses estimates"]
    return sorted(
        (
            NewsItem(
                id=f"h{number}",
                received_at=span[0].open + timedelta(seconds=float(at)),
                symbols=(NAMES[number % 3],),
                headline=f"{NAMES[number % 3]} {words[number % 4]} in case {number}",
                source=f"Wire {number % 2}",
            )
            for number, at in enumerate(random.uniform(0, seconds, 12 * days))
        ),
        key=lambda item: item.received_at,
    )


@dataclass
class Spy:
    """A strategist that keeps its briefs and answers by a function."""

    answer: Callable[[StrategistBrief], StrategySignal | Abstained | Arriving]
    briefs: list[StrategistBrief] = field(default_factory=list)
    source: str = "spy"

    def propose(self, brief: StrategistBrief) -> StrategySignal | Abstained | Arriving:
        """Keep the brief and answer."""
        self.briefs.append(brief)
        return self.answer(brief)

    def score(self, items: Sequence[NewsItem]) -> Sequence[float]:
        """Score by the length of the headline: what it is does not matter here."""
        return [(len(item.headline) % 21 - 10) / 10 for item in items]


def bullish(brief: StrategistBrief) -> StrategySignal:
    """Return a signal that likes AAA."""
    return StrategySignal(
        id=brief.id,
        at=brief.now,
        expires_at=brief.expires_at,
        session=brief.session,
        direction=Direction.BULLISH,
        focus_stocks=("AAA",),
        sentiment_scores={"AAA": 0.6, "BBB": -0.3},
        overnight_target=0.5,
        source="spy",
    )


class Kept:
    """A sink that keeps every event."""

    def __init__(self, ledger: Ledger) -> None:
        self.events: list[ev.Event] = []
        self._ledger = ledger

    def append(self, event: ev.Event) -> None:
        """Take an event."""
        self.events.append(event)
        self._ledger.append(event)

    def commit(self) -> None:
        """Nothing is on a disk."""


@dataclass(kw_only=True)
class Composed:
    """An engine of tiers 1 and 3 with what it is driven by."""

    engine: Engine
    feed: RecordedMarket
    host: TierHost
    state: DeskState
    events: list[ev.Event]
    begins: datetime
    ends: datetime

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def compose(
    calendar: TradingCalendar,
    series: dict[str, BarSeries],
    news: Sequence[NewsItem],
    spy: Spy,
    *,
    begins: datetime | None = None,
    state: DeskState | None = None,
    tiers: Sequence[str] = ("rules", "llm"),
    holds_sessions: bool = True,
    **settings: Any,
) -> Composed:
    """Return an engine over a market, new or going on with a state."""
    config = Config.model_validate({"app": {"tiers": list(tiers)}} | settings)
    resumed = state is not None
    state = state or DeskState()
    kept = Kept(Ledger(state))
    recorder = Recorder(state, kept)
    setup = EngineSetup(
        config=config,
        tiers=frozenset(tiers),
        calendar=calendar,
        symbols=NAMES,
        interval=INTERVAL,
        feed_name="test",
        min_probability=0.7,
        full_briefs=True,
        holds_sessions=holds_sessions,
    )
    begins = begins or datetime.fromtimestamp(int(series["SPY"].start[0]) - 1, UTC)
    recorder.emit(
        ev.EngineStarted, begins, run="test", mode="recorded", hybrid="hierarchical",
        tiers=tuple(sorted(tiers)), policy=config.approval.policy, watchlist=NAMES, cash=100_000.0,
        resumed=resumed, speed=0.0, sources={}, settings={},
    )  # fmt: skip
    broker = PaperBroker(cash=100_000.0, slippage_bps=1.0, commission=0.0)
    engine = Engine(setup, recorder, broker)
    feed = RecordedMarket(series, list(news), calendar=calendar, begins_at=begins)
    engine.warm_up(feed.warm_up(begins), feed.earlier_news(begins))
    return Composed(
        engine=engine,
        feed=feed,
        host=TierHost(None, spy),
        state=state,
        events=kept.events,
        begins=begins,
        ends=datetime.fromtimestamp(int(series["SPY"].known_at[-1]), UTC),
    )


def run(
    calendar: TradingCalendar,
    series: dict[str, BarSeries],
    news: Sequence[NewsItem],
    spy: Spy,
    *,
    policy: str = "auto",
    entry: str = "rsi_macd",
    approved: Collection[str] = (),
) -> tuple[Engine, list[ev.Event]]:
    """Run the engine with tiers 1 and 3 over a market; return it and its events.

    The proposals ``approved`` are approved by a person right after they are made.
    """
    made = compose(calendar, series, news, spy, approval={"policy": policy}, rules={"entry": entry})

    def decide(now: datetime) -> None:
        for found in made.state.pending(now):
            if found.signal.id in approved and found.status == "pending":
                command = Approve(signal_id=found.signal.id)
                cycle = made.engine.cycle(now + timedelta(seconds=1), NOTHING, [command])
                finish(cycle, made.host.run)

    run_backtest(made.engine, made.feed, made.begins, made.ends, made.host.run, decide)
    return made.engine, made.events
