"""Composing a running engine: mode, feed, broker, tiers, journal and recovery."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from hybrid_tui.commands.account import (
    careful,
    check_live_switch,
    make_broker,
    open_account,
    trades_at_alpaca,
)
from hybrid_tui.commands.compose import (
    NO_LEVEL,
    MarketKind,
    check_hybrid,
    find_manifest,
    labelled,
    leaves_level,
    make_predictor,
    minimum_probability,
    seldom_fresh,
)
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.markets import DeskMarket, open_market
from hybrid_tui.commands.model import caps_of, make_strategist, real_time, unpaid_by_hand
from hybrid_tui.commands.model_life import (
    FileShelf,
    life_plan,
    load_challenger,
    make_trainer,
    max_age_of,
    measure_drift,
)
from hybrid_tui.commands.rehearsal import LOCAL
from hybrid_tui.config import Config
from hybrid_tui.errors import ConfigError, Refused

if TYPE_CHECKING:
    from hybrid_tui.broker.paper import HalfSpread, PaperBroker
    from hybrid_tui.commands.account import OpenAccount
    from hybrid_tui.domain.briefing import EarningsDue
    from hybrid_tui.domain.exchange import Exchange
    from hybrid_tui.domain.ports import Predictor, Strategist
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.engine.ledger import Handover
    from hybrid_tui.engine.publisher import Publisher
    from hybrid_tui.engine.runtime import Runtime
    from hybrid_tui.journal.journal import Journal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """What a start of the desk asks for beside the configuration."""

    recorded_day: date | None = None
    speed: float | None = None
    only_run: str | None = None


@dataclass(slots=True, kw_only=True)
class Desk:
    """A composed engine, ready to run; ``account`` holds its lock as long as the desk lives."""

    runtime: Runtime
    journal: Journal
    publisher: Publisher
    state: DeskState
    begins_at: datetime
    mode: str
    account: OpenAccount | None = None
    requests_left: Callable[[], float] | None = None


def forced_by(options: DeskOptions) -> dict[str, object]:
    """Return the configuration keys that options stand for."""
    return {"app.mode": "recorded"} if options.recorded_day is not None else {}


def compose_desk(state: CliState, options: DeskOptions) -> Desk:
    """Open the journal, recover or begin a run, and put the engine together.

    Raises ConfigError or DataError. The caller holds the profile's lock.
    """
    from hybrid_tui.domain.events import Alert, EngineStarted
    from hybrid_tui.domain.models import UNREACHABLE
    from hybrid_tui.engine.clock import ScaledClock, WallClock
    from hybrid_tui.engine.engine import Engine, EngineSetup
    from hybrid_tui.engine.ledger import EngineLedger, Handover
    from hybrid_tui.engine.publisher import Publisher
    from hybrid_tui.engine.recorder import Recorder
    from hybrid_tui.engine.runtime import Runtime
    from hybrid_tui.engine.tier_host import TierHost
    from hybrid_tui.journal.journal import Journal
    from hybrid_tui.journal.reader import read_charges
    from hybrid_tui.market.halts import AnyHalt, Halts

    config = state.config(forced=forced_by(options))
    check_supported(state, config)
    if options.recorded_day is not None and config.app.mode != "recorded":
        raise ConfigError(
            f"--recorded {options.recorded_day} and app.mode {config.app.mode!r} contradict",
            hint="leave one of them out",
        )
    calendar = state.calendar()
    kind: MarketKind = "simulated" if config.app.mode == "sim" else "real"
    threshold = minimum_probability(config, lambda: find_manifest(state, config, kind))
    journal = Journal(state.paths.journal)
    account = open_account(state, config) if trades_at_alpaca(config) else None
    if account is not None:
        config = careful(state, config, account)
    market = open_market(state, config, calendar, options.recorded_day, journal)
    if account is not None:
        market = replace(market, day=f"account {account.name}")
    if options.only_run is not None and market.source is not None and account is None:
        raise Refused(
            "a live market is sold on by the running desk only", hint="start hybrid-tui, then again"
        )
    run, desk_state, resumed = _recover(journal, config.app.mode, market, options.only_run)
    publisher = Publisher(journal)
    recorder = Recorder(desk_state, publisher)
    journal.follow(run, desk_state)
    speed = options.speed if options.speed is not None else _default_speed(config)
    tiers = frozenset(config.app.tiers)
    handover = Handover()
    ledger = EngineLedger(
        recorder, handover, caps_of(config), partial(read_charges, journal.connection), real_time
    )
    hang_up = threading.Event()
    strategist = None
    if "llm" in tiers:
        keep = partial(_keep_exchanges, handover, journal)
        strategist = make_strategist(state, config, ledger, hang_up, keep)
    reader = labelled(state, strategist) if strategist is not None else None
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
        cash=config.broker.cash if account is None else float(account.row.cash),
        resumed=resumed,
        speed=speed,
        sources={
            "market": market.name,
            "broker": "paper broker" if account is None else _named(config, account),
            "llm": _said_of(strategist),
        },
        settings={
            "min_buy_probability": threshold,
            "min_confidence": config.rules.min_confidence,
            "max_quote_age_s": config.rules.max_quote_age_s,
            "monthly_cap_usd": config.llm.monthly_cap_usd,
            "entry": config.rules.entry,
            "max_position": config.risk.max_position,
        },
    )
    if strategist is not None and config.llm.provider == "openai":
        ledger.read_meter(begins_at)
    halts = Halts(market.feed.symbols)
    link = make_broker(account, config, desk_state, halts) if account is not None else None
    if link is not None and resumed:
        link.restore()
    broker = link or _paper_broker(config, desk_state, resumed=resumed)
    shelf = FileShelf(
        state, journal.connection, market.kind, max_age_of(config), is_auto=leaves_level(config)
    )
    engine = Engine(
        EngineSetup(
            config=config,
            tiers=tiers,
            calendar=calendar,
            symbols=market.feed.symbols,
            interval=market.feed.interval,
            feed_name=market.name,
            min_probability=threshold,
            quotes_age=market.source is not None,
            halted=market.halted if account is None else AnyHalt(halts, market.halted),
            dead_man=timedelta(hours=config.broker.dead_man_hours),
            watches_moves=config.events.watch,
            full_briefs=config.llm.provider != "local",
            holds_sessions=options.only_run is None,
            unpaid=partial(unpaid_by_hand, strategist, ledger),
            earnings=_earnings_due(state) if market.source is not None else lambda now: (),
            life=None
            if options.only_run is not None
            else life_plan(state, config, market, journal.connection, shelf),
        ),
        recorder,
        broker,
    )
    behind = None if resumed else _left_behind(journal, run)
    hopeless = NO_LEVEL if threshold == UNREACHABLE and "ml" in tiers else None
    for text in (behind, hopeless, seldom_fresh(config)):
        if text is not None:
            recorder.emit(Alert, begins_at, text=text)
    engine.warm_up(market.feed.warm_up(begins_at), market.feed.earlier_news(begins_at))

    def load_predictor() -> Predictor:
        record = desk_state.live_calibration
        return make_predictor(state, config, calendar, market.kind, reader, record)

    host = TierHost(
        load_predictor if "ml" in tiers else None,
        reader,
        thinks=config.llm.provider == "openai",
        hang_up=hang_up.set,
        load_challenger=partial(load_challenger, state, calendar, market.kind, reader),
        measure_drift=partial(measure_drift, state, calendar, market.kind, reader),
    )
    shelf.told = host.reload
    runtime = Runtime(
        engine,
        market.feed,
        ScaledClock(calendar, speed) if market.source is None else WallClock(),
        host,
        checkpoint=journal.checkpoint,
        flush=journal.flush,
        source=market.source,
        handover=handover,
        broker=link,
        trainer=make_trainer(state, config, market, calendar, shelf),
    )
    return Desk(
        runtime=runtime,
        journal=journal,
        publisher=publisher,
        state=desk_state,
        begins_at=begins_at,
        mode=config.app.mode,
        account=account,
        requests_left=link.requests_left if link is not None else None,
    )


def _keep_exchanges(handover: Handover, journal: Journal, found: Sequence[Exchange]) -> None:
    """Have the journal's one writer keep what was said to a model."""
    try:
        handover.call(lambda: journal.keep_exchanges(found))
    except Refused as error:
        log.info("not kept: %s", error.message)


def _earnings_due(state: CliState) -> Callable[[datetime], tuple[EarningsDue, ...]]:
    """Return who knows the earnings dates that ``data earnings`` has asked for."""
    from hybrid_tui.domain.briefing import EarningsDue
    from hybrid_tui.market.earnings import kept_earnings

    def due(now: datetime) -> tuple[EarningsDue, ...]:
        kept = kept_earnings(state.paths.cache / "yahoo" / "earnings.json", now)
        return tuple(EarningsDue(symbol=s, dates=dates) for s, dates in sorted(kept.items()))

    return due


def _said_of(strategist: Strategist | None) -> str:
    if strategist is None:
        return "off"
    return "local analyst, no LLM" if strategist.source == "local" else strategist.source


def _named(config: Config, account: OpenAccount) -> str:
    from hybrid_tui.broker.alpaca_gateway import is_loopback

    where = LOCAL if is_loopback(config.broker.trading_url) else ""
    return f"Alpaca {'LIVE' if account.is_live else 'paper'} {account.name}{where}"


def _paper_broker(config: Config, desk: DeskState, *, resumed: bool) -> PaperBroker:
    from hybrid_tui.broker.paper import PaperBroker

    broker = PaperBroker(
        cash=config.broker.cash,
        slippage_bps=config.broker.slippage_bps,
        commission=config.broker.commission,
        participation=config.broker.participation,
        half_spread=_half_spread(config, desk),
    )
    if resumed:
        broker.restore(desk.cash, desk.positions.values(), desk.orders.values(), desk.filled)
    return broker


def _half_spread(config: Config, desk: DeskState) -> HalfSpread | None:
    """Return where fills find half of the spread last quoted, if the configuration asks for it."""
    if config.broker.slippage_model == "fixed":
        return None

    def half(symbol: str, _at: datetime) -> float | None:
        bid, ask = desk.quotes.get(symbol, (0.0, 0.0))
        # A recorded bar's close stands as both sides: no spread was recorded.
        return (ask - bid) / (ask + bid) if 0 < bid < ask else None

    return half


def check_supported(state: CliState, config: Config) -> None:
    """Raise ConfigError or Refused for what contradicts itself, or what this version cannot run."""
    check_live_switch(state, config)
    fits = {
        "sim": ("sim",),
        "recorded": ("recorded",),
        "paper": ("alpaca", "yahoo"),
        "live": ("alpaca",),
    }
    wanted = fits[config.app.mode]
    if config.market.provider not in (None, *wanted):
        raise ConfigError(
            f"market.provider {config.market.provider!r} does not go with app.mode"
            f" {config.app.mode!r}",
            hint=f"leave it out, or use {' or '.join(map(repr, wanted))}",
        )
    check_hybrid(config)


def _default_speed(config: Config) -> float:
    return config.sim.speed if config.app.mode == "sim" else 1.0


def _recover(
    journal: Journal, mode: str, market: DeskMarket, only_run: str | None
) -> tuple[str, DeskState, bool]:
    """Return the run to go on with and its state, or a new run (never, with ``only_run``)."""
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.journal.reader import read_state, runs

    before = runs(journal.connection)
    for info in reversed(before):
        if info.mode == mode and info.day == market.day and not info.finished:
            if only_run not in (None, info.run):
                break
            state = read_state(journal.connection, info.run)
            log.info("going on with run %s at %s", info.run, state.now)
            return info.run, state, state.now is not None
    if only_run is not None:
        raise Refused(
            f"run {only_run} has ended, or belongs to another market or watchlist",
            hint="give the same --set options that it was started with",
        )
    run = f"{mode}-{market.day.replace(' ', '-')}-{len(before) + 1}"
    journal.start_run(run, mode, market.day, market.begins_at)
    return run, DeskState(), False


def _left_behind(journal: Journal, run: str) -> str | None:
    """Return what to say where another run holds positions that this one does not see."""
    rows = journal.connection.execute(
        "select run, count(*) from positions join runs using (run)"
        " where run <> ? and not finished group by run order by run",
        (run,),
    ).fetchall()
    if not rows:
        return None
    behind = ", ".join(f"{other} holds {count}" for other, count in rows)
    return f"this run sees only its own account; beside it {behind}"
