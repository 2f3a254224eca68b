"""Why a symbol is, or is not, bought or sold: the engine's own rules on what the journal says."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.errors import ConfigError, HybridError

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.events import EngineStarted
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.journal.reader import RunInfo
    from hybrid_tui.rules.checks import Check, EntryRules
    from hybrid_tui.rules.explain import Finding
    from hybrid_tui.rules.technical import Rule, Technicals

INTERVAL = 60
LIVE_MODES = ("paper", "live")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one symbol and of everything held, as of ``now``."""

    state: DeskState
    config: Config
    calendar: TradingCalendar
    series: Mapping[str, BarSeries]
    now: datetime
    setup: EntryRules
    technicals: Technicals
    is_live: bool
    warnings: list[str]


def gather(cli: CliState, symbol: str) -> Known:
    """Read the newest run; raises ConfigError for a symbol that it does not follow."""
    from hybrid_tui.commands.show import open_desk
    from hybrid_tui.domain.conditions import nearest
    from hybrid_tui.errors import Refused
    from hybrid_tui.journal.reader import latest_run
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
    return Known(
        state=state,
        config=config,
        calendar=calendar,
        series=series,
        now=now,
        setup=EntryRules.of(config, started.tiers, float(threshold)),
        technicals=Technicals.of(config.rules),
        is_live=started.mode in LIVE_MODES,
        warnings=[*warnings, *_other_settings(started, config)],
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


def explain(known: Known, symbol: str) -> dict[str, Any]:
    """Return what holds for a symbol now, what is missing, and what its position waits for."""
    bars = known.series.get(symbol)
    return {
        "symbol": symbol,
        "at": iso(known.now),
        "last_bar": iso(datetime.fromtimestamp(int(bars.start[-1]), UTC))
        if bars is not None and len(bars)
        else None,
        "close": known.state.closes.get(symbol),
        "entry": _entry(known, symbol),
        "position": _position(known, symbol) if symbol in known.state.positions else None,
        "warnings": known.warnings,
    }


def _entry(known: Known, symbol: str) -> dict[str, Any]:
    from hybrid_tui.rules.checks import Check, entry_checks, is_taken, stale_symbols
    from hybrid_tui.rules.entries import decide_entries
    from hybrid_tui.rules.exits import in_overnight_window
    from hybrid_tui.rules.guardian import day_volatility

    state, now, setup = known.state, known.now, known.setup
    stale = stale_symbols(state, [symbol], now, setup.rules) if known.is_live else set()
    in_window = in_overnight_window(state, now, setup.rules)
    is_open = state.session is not None and state.session.contains(now)
    checks = [
        Check("session open", None if is_open else "no regular session is open"),
        Check("not held", "held, or an order in it is open" if is_taken(state, symbol) else None),
        *entry_checks(
            state,
            symbol,
            now,
            stale=stale,
            halted=state.halts,
            in_overnight_window=in_window,
            setup=setup,
        ),
    ]
    technical, is_confirmed = _technical(known, symbol, known.technicals.entry)
    checks.append(
        Check("confirmed", None if is_confirmed else f"{setup.rules.entry} does not hold")
    )
    quantity = None
    if symbol in state.closes and all(
        check.reason is None for check in checks if check.name != "confirmed"
    ):
        # Size and room are asked for as if it were confirmed: they are what would come next.
        entries, refusals = decide_entries(
            state,
            now,
            confirmed=[symbol],
            stale=stale,
            halted=state.halts,
            in_overnight_window=in_window,
            setup=setup,
            volatility_of=lambda name: day_volatility(
                state.prediction(name, now) if setup.use_ml else None,
                known.series.get(name),
                known.calendar,
            ),
        )
        checks.append(Check("room", refusals[0].reason if refusals else None))
        quantity = entries[0].quantity if entries else None
    missing = [check.reason for check in checks if check.reason is not None]
    return {
        "set": setup.rules.entry,
        "would_buy": quantity if not missing else None,
        "missing": missing,
        "conditions": _rows(checks),
        "technical": technical,
    }


def _rows(checks: list[Check]) -> list[dict[str, Any]]:
    return [
        {
            "name": check.name,
            "met": check.reason is None,
            "reason": check.reason,
            "value": check.value,
        }
        for check in checks
    ]


def _technical(known: Known, symbol: str, rule: Rule | None) -> tuple[list[dict[str, Any]], bool]:
    from hybrid_tui.rules.explain import findings
    from hybrid_tui.rules.indicators import indicators_of

    bars = known.series.get(symbol)
    if rule is None or bars is None or len(bars) == 0:
        return [], False
    indicators = indicators_of(bars, known.technicals.lines)
    rows = [_finding(found) for found in findings(rule, indicators)]
    return rows, bool(rule.holds(indicators)[-1])


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "set": found.of,
        "join": found.join,
        "condition": found.text,
        "met": found.is_met,
        "held_bars_ago": found.bars_ago,
        "values": dict(found.values),
    }


def _position(known: Known, symbol: str) -> dict[str, Any]:
    from hybrid_tui.domain.orders import ExitReason
    from hybrid_tui.engine.backtest import Ledger
    from hybrid_tui.engine.recorder import Recorder
    from hybrid_tui.engine.theses import ThesisWatch
    from hybrid_tui.market.view import KnownMarket
    from hybrid_tui.rules.exits import decide_exits, in_overnight_window
    from hybrid_tui.rules.risk import stop_widths

    state, now, rules = known.state, known.now, known.setup.rules
    held, close = state.positions[symbol], state.closes[symbol]
    market = KnownMarket(tuple(known.series), INTERVAL, "journal")
    for series in known.series.values():
        market.warm(series)
    watch = ThesisWatch(Recorder(state, Ledger(state)), known.calendar, INTERVAL)
    lost = watch.came_true(now, lambda: market.view(now), set(state.positions))
    leaving = {
        name for name in state.positions if _technical(known, name, known.technicals.exit)[1]
    }
    decided = decide_exits(
        state,
        now,
        symbols=set(state.positions),
        leaving=leaving,
        invalidated=lost,
        rules=rules,
        in_overnight_window=in_overnight_window(state, now, rules),
    )
    reason = next((found.reason for found in decided if found.symbol == symbol), None)
    forecast = decide_exits(
        state,
        now,
        symbols={symbol},
        leaving=(),
        invalidated=(),
        rules=rules,
        in_overnight_window=False,
    )
    order = state.exit_order(symbol)
    hard, trail = stop_widths(state, symbol, now, known.config.risk)
    prediction = state.prediction(symbol, now)
    return {
        "quantity": held.quantity,
        "entry_price": held.entry_price,
        "close": close,
        "stop": held.level,
        "stop_reason": held.level_from.value,
        "to_stop": 1 - held.level / close,
        "high": held.high,
        "hard": hard,
        "trail": trail,
        "selling": order.reason if order is not None else None,
        "would_sell": reason.value if reason is not None else None,
        "conditions": [
            {"name": ExitReason.THESIS_INVALIDATED.value, "holds": symbol in lost, "value": None},
            {"name": "technical", "holds": symbol in leaving, "value": None},
            {
                "name": f"buy probability < {rules.exit_probability:g}",
                "holds": bool(forecast),
                "value": prediction.buy_probability if prediction is not None else None,
            },
            {
                "name": ExitReason.OVERNIGHT.value,
                "holds": reason is ExitReason.OVERNIGHT,
                "value": None,
            },
        ],
        "technical": _technical(known, symbol, known.technicals.exit)[0],
    }
