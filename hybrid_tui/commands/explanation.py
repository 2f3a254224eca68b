"""Why a symbol is, or is not, bought or sold: the engine's own rules on what the journal says."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState
from hybrid_tui.errors import ConfigError, HybridError

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.events import EngineStarted
    from hybrid_tui.engine.explanation import Known
    from hybrid_tui.journal.reader import RunInfo

INTERVAL = 60
LIVE_MODES = ("paper", "live")


def gather(cli: CliState, symbol: str) -> Known:
    """Read the newest run; raises ConfigError for a symbol that it does not follow."""
    from hybrid_tui.commands.show import open_desk
    from hybrid_tui.domain.conditions import nearest
    from hybrid_tui.engine.explanation import Known
    from hybrid_tui.engine.theses import ThesisWatch
    from hybrid_tui.errors import Refused
    from hybrid_tui.journal.reader import latest_run
    from hybrid_tui.market.view import KnownMarket
    from hybrid_tui.rules.checks import EntryRules
    from hybrid_tui.rules.technical import Technicals

    connection, run, state = open_desk(cli)
    try:
        started, now, info = state.started, state.now, latest_run(connection)
        if started is None or now is None or info is None:
            raise Refused(f"run {run} has not begun yet", hint="start hybrid-tui first")
        if symbol not in started.watchlist:
            raise ConfigError(
                f"{symbol}: run {run} does not follow it",
                hint=nearest(symbol, dict.fromkeys(started.watchlist)),
            )
        forced: dict[str, object] = {
            "app.mode": started.mode,
            "app.hybrid": started.hybrid,
            "app.tiers": list(started.tiers),
        }
        if started.mode == "sim":
            forced |= {"app.watchlist": list(started.watchlist)}
            forced |= {"sim.seed": int(info.day.split()[0].removeprefix("seed"))}
        forced |= _as_started(cli, started)
        config, calendar = cli.config(forced=forced), cli.calendar()
        wanted = sorted({symbol, *state.positions})
        series, warnings = _bars(cli, config, calendar, connection, info, wanted, now)
    finally:
        connection.close()
    threshold = started.settings.get("min_buy_probability", config.rules.min_buy_probability)
    market = KnownMarket(tuple(series), INTERVAL, "journal")
    for known in series.values():
        market.warm(known)
    return Known(
        state=state,
        now=now,
        view=market.view(now),
        calendar=calendar,
        setup=EntryRules.of(config, started.tiers, float(threshold)),
        risk=config.risk,
        technicals=Technicals.of(config.rules),
        theses=ThesisWatch(state, calendar, INTERVAL),
        is_live=started.mode in LIVE_MODES,
        warnings=(*warnings, *_other_settings(started, config)),
    )


def _as_started(cli: CliState, started: EngineStarted) -> dict[str, object]:
    """Return the keys of the rules as the engine was started, those that can be read here."""
    from hybrid_tui.domain.rulesets import BUILT_IN

    known = {**BUILT_IN, **cli.config().rules.sets}
    return {
        f"rules.{key}": started.settings[key]
        for key in ("entry", "min_confidence")
        if key in started.settings and (key != "entry" or started.settings[key] in known)
    }


def _other_settings(started: EngineStarted, config: Config) -> list[str]:
    """Say where the engine was started with other rules than are looked at here."""
    ours: dict[str, float | str] = {
        "entry": config.rules.entry,
        "min_confidence": config.rules.min_confidence,
    }
    return [
        f"the engine runs with rules.{key} {started.settings[key]}, here it is {value}: give the"
        " same --set options that it was started with"
        for key, value in ours.items()
        if key in started.settings and started.settings[key] != value
    ]


def _bars(
    cli: CliState,
    config: Config,
    calendar: TradingCalendar,
    connection: sqlite3.Connection,
    info: RunInfo,
    symbols: list[str],
    now: datetime,
) -> tuple[Mapping[str, BarSeries], list[str]]:
    """Return the bars known at ``now`` that a starting engine would warm up with."""
    from hybrid_tui.commands.markets import simulated_market
    from hybrid_tui.journal.reader import read_bars
    from hybrid_tui.market.actions import adjusted
    from hybrid_tui.market.store import BarStore

    said = "other data than the engine's"
    if info.mode == "sim":
        market = simulated_market(config, calendar)
        if market.day == info.day:
            whole = market.feed.warm_up(now)
            return {symbol: whole[symbol] for symbol in symbols if symbol in whole}, []
        said = "the simulated market is configured otherwise than the engine's"
    elif info.mode == "recorded":
        try:
            stored, actions = BarStore(cli.paths.bars).load_with_actions(symbols, INTERVAL)
            known = {
                symbol: adjusted(bars.known_by(int(now.timestamp())), actions, now)
                for symbol, bars in stored.items()
            }
            return {symbol: bars for symbol, bars in known.items() if len(bars)}, []
        except HybridError as error:
            said = error.message
    found = read_bars(connection, info.run, symbols, INTERVAL)
    count = max((len(bars) for bars in found.values()), default=0)
    if info.mode in LIVE_MODES:
        said = "live history is not fetched again"
    warning = f"{said}: indicators are from the {count} bars that this run has in the journal"
    return found, [warning]
