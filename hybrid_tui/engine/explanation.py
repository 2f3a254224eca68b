"""What holds for a symbol at an instant, and what is missing: the rules' own answer, in figures.

One implementation for ``hybrid-tui rules explain``, which reads a journal, and for the running
engine, which a screen asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hybrid_tui.config import RiskConfig
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.domain.ports import MarketView
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.theses import ThesisWatch
from hybrid_tui.rules.checks import Check, EntryRules, entry_checks, is_taken, stale_symbols
from hybrid_tui.rules.entries import decide_entries
from hybrid_tui.rules.exits import decide_exits, in_overnight_window
from hybrid_tui.rules.explain import Finding, findings
from hybrid_tui.rules.guardian import day_volatility
from hybrid_tui.rules.indicators import indicators_of
from hybrid_tui.rules.risk import stop_widths
from hybrid_tui.rules.technical import Rule, Technicals


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a symbol and of everything held as of ``now``, and the rules in force."""

    state: DeskState
    now: datetime
    view: MarketView
    calendar: TradingCalendar
    setup: EntryRules
    risk: RiskConfig
    technicals: Technicals
    theses: ThesisWatch
    is_live: bool
    warnings: tuple[str, ...] = ()

    def bars(self, symbol: str) -> BarSeries | None:
        """Return a symbol's known bars, or None where there is none."""
        return self.view.bars(symbol)


def explain(known: Known, symbol: str) -> dict[str, Any]:
    """Return what holds for a symbol now, what is missing, and what its position waits for."""
    bars = known.bars(symbol)
    return {
        "symbol": symbol,
        "at": iso(known.now),
        "last_bar": iso(datetime.fromtimestamp(int(bars.start[-1]), UTC))
        if bars is not None and len(bars)
        else None,
        "close": known.state.closes.get(symbol),
        "entry": _entry(known, symbol),
        "position": _position(known, symbol) if symbol in known.state.positions else None,
        "warnings": list(known.warnings),
    }


def _entry(known: Known, symbol: str) -> dict[str, Any]:
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
            equity=state.equity(),
            confirmed=[symbol],
            stale=stale,
            halted=state.halts,
            in_overnight_window=in_window,
            setup=setup,
            volatility_of=lambda name: day_volatility(
                state.prediction(name, now) if setup.use_ml else None,
                known.bars(name),
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
    bars = known.bars(symbol)
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
    state, now, rules = known.state, known.now, known.setup.rules
    held = state.positions[symbol]
    close = state.closes.get(symbol, held.entry_price)
    lost = known.theses.came_true(now, lambda: known.view, set(state.positions))
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
    hard, trail = stop_widths(state, symbol, now, known.risk)
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
