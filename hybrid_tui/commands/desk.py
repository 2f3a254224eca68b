"""Composing a running engine: mode, feed, broker, tiers, journal and recovery."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from hybrid_tui.commands.compose import (
    MarketKind,
    check_hybrid,
    make_predictor,
    make_strategist,
    minimum_probability,
)
from hybrid_tui.commands.context import CliState
from hybrid_tui.config import WATCHLIST, Config
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.ports import Feed, Predictor
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.engine.publisher import Publisher
    from hybrid_tui.engine.runtime import Runtime
    from hybrid_tui.journal.journal import Journal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """What a start of the desk asks for beside the configuration."""

    recorded_day: date | None = None
    speed: float | None = None


@dataclass(slots=True, kw_only=True)
class Desk:
    """A composed engine, ready to run."""

    runtime: Runtime
    journal: Journal
    publisher: Publisher
    state: DeskState
    begins_at: datetime
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    feed: Feed
    begins_at: datetime
    day: str
    kind: MarketKind
    source: str


def forced_by(options: DeskOptions) -> dict[str, object]:
    """Return the configuration keys that options stand for."""
    return {"app.mode": "recorded"} if options.recorded_day is not None else {}


def compose_desk(state: CliState, options: DeskOptions) -> Desk:
    """Open the journal, recover or begin a run, and put the engine together.

    Raises ConfigError or DataError. The caller holds the profile's lock.
    """
    from hybrid_tui.broker.paper import PaperBroker
    from hybrid_tui.domain.events import EngineStarted
    from hybrid_tui.engine.clock import ScaledClock
    from hybrid_tui.engine.engine import Engine, EngineSetup
    from hybrid_tui.engine.publisher import Publisher
    from hybrid_tui.engine.recorder import Recorder
    from hybrid_tui.engine.runtime import Runtime
    from hybrid_tui.engine.tier_host import TierHost
    from hybrid_tui.journal.journal import Journal

    config = state.config(forced=forced_by(options))
    check_supported(config)
    threshold = minimum_probability(config)
    calendar = state.calendar()
    journal = Journal(state.paths.journal)
    market = _market(state, config, calendar, options, journal)
    run, desk_state, resumed = _recover(journal, config.app.mode, market)
    publisher = Publisher(journal)
    recorder = Recorder(desk_state, publisher)
    journal.follow(run, desk_state)
    speed = options.speed if options.speed is not None else _default_speed(config)
    tiers = frozenset(config.app.tiers)
    strategist = make_strategist(config) if "llm" in tiers else None
    begins_at = desk_state.now if resumed and desk_state.now else market.begins_at
    recorder.emit(
        EngineStarted,
        begins_at,
        run=run,
        mode=config.app.mode,
        hybrid=config.app.hybrid.value,
        tiers=tuple(sorted(tiers)),
        policy=config.approval.policy,
        watchlist=market.feed.symbols,
        cash=config.broker.cash,
        resumed=resumed,
        speed=speed,
        sources={
            "market": market.source,
            "broker": "paper broker",
            "llm": "local analyst, no LLM" if strategist else "off",
        },
        settings={
            "min_buy_probability": threshold,
            "min_confidence": config.rules.min_confidence,
            "monthly_cap_usd": config.llm.monthly_cap_usd,
            "entry": config.rules.entry,
        },
    )
    broker = PaperBroker(
        cash=config.broker.cash,
        slippage_bps=config.broker.slippage_bps,
        commission=config.broker.commission,
    )
    if resumed:
        broker.restore(
            desk_state.cash,
            desk_state.positions.values(),
            desk_state.orders.values(),
            desk_state.filled,
        )
    engine = Engine(
        EngineSetup(
            config=config,
            tiers=tiers,
            calendar=calendar,
            symbols=market.feed.symbols,
            interval=market.feed.interval,
            feed_name=market.source,
            min_probability=threshold,
        ),
        recorder,
        broker,
    )
    engine.warm_up(market.feed.warm_up(begins_at), market.feed.earlier_news(begins_at))

    def load_predictor() -> Predictor:
        return make_predictor(state, config, calendar, market.kind, strategist)

    runtime = Runtime(
        engine,
        market.feed,
        ScaledClock(calendar, speed),
        TierHost(load_predictor if "ml" in tiers else None, strategist),
        checkpoint=journal.checkpoint,
        flush=journal.flush,
    )
    return Desk(
        runtime=runtime,
        journal=journal,
        publisher=publisher,
        state=desk_state,
        begins_at=begins_at,
        mode=config.app.mode,
    )


def check_supported(config: Config) -> None:
    """Raise ConfigError for what this version cannot run."""
    if config.app.mode in ("paper", "live"):
        raise ConfigError(
            f"app.mode {config.app.mode!r} is not in this version",
            hint="app.mode 'sim' or 'recorded'",
        )
    wanted = {"sim": "sim", "recorded": "recorded"}[config.app.mode]
    if config.market.provider not in (None, wanted):
        raise ConfigError(
            f"market.provider {config.market.provider!r} does not go with app.mode"
            f" {config.app.mode!r}",
            hint=f"leave it out, or use {wanted!r}",
        )
    check_hybrid(config)


def _default_speed(config: Config) -> float:
    return config.sim.speed if config.app.mode == "sim" else 1.0


def _market(
    state: CliState,
    config: Config,
    calendar: TradingCalendar,
    options: DeskOptions,
    journal: Journal,
) -> _Market:
    if config.app.mode == "sim":
        return _simulated(config, calendar)
    return _recorded(state, config, calendar, options.recorded_day, journal)


def _simulated(config: Config, calendar: TradingCalendar) -> _Market:
    from hybrid_tui.market.sim_profiles import SimulatedConfig
    from hybrid_tui.market.simulated import SimulatedMarket

    chosen = SimulatedConfig(seed=config.sim.seed, symbols=tuple(config.app.watchlist))
    if config.sim.edge_bps is not None:
        from dataclasses import replace

        chosen = replace(chosen, edge=config.sim.edge_bps)
    feed = SimulatedMarket(chosen, calendar)
    return _Market(
        feed=feed,
        begins_at=feed.begins_at,
        day=_identity(f"seed{config.sim.seed}", config),
        kind="simulated",
        source="simulated market",
    )


def _identity(label: str, config: Config) -> str:
    """Return what tells one run from another: an account belongs to one market and watchlist."""
    chosen = [config.app.watchlist, config.sim.edge_bps if config.app.mode == "sim" else None]
    if chosen == [WATCHLIST, None]:
        return label
    return f"{label} {hashlib.sha256(repr(chosen).encode()).hexdigest()[:6]}"


def _recorded(
    state: CliState,
    config: Config,
    calendar: TradingCalendar,
    day: date | None,
    journal: Journal,
) -> _Market:
    from hybrid_tui.domain.calendar import NEW_YORK
    from hybrid_tui.engine.clock import BEFORE_OPEN
    from hybrid_tui.journal.reader import read_news
    from hybrid_tui.market.recorded import RecordedMarket
    from hybrid_tui.market.store import BarStore

    wanted = None if config.app.watchlist == WATCHLIST else list(config.app.watchlist)
    series = BarStore(state.paths.bars).load(wanted, 60)
    if not series:
        raise DataError(
            f"{state.paths.bars}: the bar store has no one-minute bars",
            hint="hybrid-tui data import PATH",
        )
    if day is None:
        first = min(int(found.start[0]) for found in series.values())
        day = datetime.fromtimestamp(first, UTC).astimezone(NEW_YORK).date()
    session = calendar.session_on(day)
    if session is None:
        raise ConfigError(f"--recorded {day}: not a trading day")
    opens = int(session.open.timestamp())
    last = max(int(found.known_at[-1]) for found in series.values())
    if last <= opens or not any(
        ((found.start >= opens) & (found.known_at <= int(session.close.timestamp()))).any()
        for found in series.values()
    ):
        first = min(int(found.start[0]) for found in series.values())
        spans = " to ".join(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (first, last))
        raise DataError(
            f"--recorded {day}: the bar store has no one-minute bars of that day",
            hint=f"it spans {spans}",
        )
    begins_at = session.open - BEFORE_OPEN
    feed = RecordedMarket(
        series, read_news(journal.connection), calendar=calendar, begins_at=begins_at
    )
    return _Market(
        feed=feed,
        begins_at=begins_at,
        day=_identity(str(day), config),
        kind="real",
        source="recorded bars",
    )


def _recover(journal: Journal, mode: str, market: _Market) -> tuple[str, DeskState, bool]:
    """Return the run to go on with and its state, or a new run."""
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.journal.reader import read_state, runs

    before = runs(journal.connection)
    for info in reversed(before):
        if info.mode == mode and info.day == market.day and not info.finished:
            state = read_state(journal.connection, info.run)
            if state.now is not None:
                log.info("going on with run %s at %s", info.run, state.now)
                return info.run, state, True
            return info.run, state, False
    run = f"{mode}-{market.day.replace(' ', '-')}-{len(before) + 1}"
    journal.start_run(run, mode, market.day, market.begins_at)
    return run, DeskState(), False
