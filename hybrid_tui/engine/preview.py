"""What approving a list would make possible now: the rules' own answer, as if it were done."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.engine.explanation import Known
from hybrid_tui.rules.checks import is_taken, stale_symbols
from hybrid_tui.rules.entries import decide_entries
from hybrid_tui.rules.exits import in_overnight_window
from hybrid_tui.rules.guardian import day_volatility


def preview(known: Known, found: SignalState) -> dict[str, Any]:
    """Return for each symbol of a list the ``shares`` of its next confirmed entry, or ``why`` none.

    As if all of the list were approved at ``known.now`` and each symbol confirmed on its own.
    """
    state, now = known.state, known.now
    supposed = _approved(state, found)
    symbols = tuple(symbol for symbol in found.symbols if symbol in state.closes)
    answer: dict[str, dict[str, Any]] = {
        symbol: {"shares": 0, "why": "no price is known yet"} for symbol in found.symbols
    }
    for symbol in symbols:
        answer[symbol] = _next_entry(known, supposed, symbol, now)
    return {"signal_id": found.signal.id, "symbols": answer}


def _approved(state: DeskState, found: SignalState) -> DeskState:
    """Return a state in which a list is approved and in force; the given one stays as it is."""
    symbols = {
        symbol: "approved" if status == "pending" else status
        for symbol, status in found.symbols.items()
    }
    approved = replace(found, status="approved", symbols=symbols)
    name = found.signal.id
    return replace(state, strategy_id=name, signals={**state.signals, name: approved})


def _next_entry(known: Known, state: DeskState, symbol: str, now: datetime) -> dict[str, Any]:
    if is_taken(state, symbol):
        why = "held: nothing is added" if symbol in state.positions else "an order is open"
        return {"shares": 0, "why": why}

    def volatility(name: str) -> float | None:
        prediction = state.prediction(name, now) if known.setup.use_ml else None
        return day_volatility(prediction, known.bars(name), known.calendar)

    entries, refusals = decide_entries(
        state,
        now,
        confirmed=(symbol,),
        stale=stale_symbols(state, (symbol,), now, known.setup.rules) if known.is_live else (),
        halted=state.halts,
        in_overnight_window=in_overnight_window(state, now, known.setup.rules),
        setup=known.setup,
        equity=state.equity(),
        volatility_of=volatility,
    )
    if entries:
        return {"shares": entries[0].quantity, "why": entries[0].note}
    return {"shares": 0, "why": refusals[0].reason if refusals else "not now"}
