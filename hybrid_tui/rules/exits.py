"""Decided exits: what is sold at the next open, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import overload

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BoolArray, FloatArray
from hybrid_tui.domain.orders import ExitReason, Position
from hybrid_tui.domain.state import DeskState


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitDecision:
    """A whole position to sell."""

    symbol: str
    reason: ExitReason


def decide_exits(
    state: DeskState,
    now: datetime,
    *,
    symbols: Collection[str],
    leaving: Collection[str],
    invalidated: Collection[str],
    rules: RulesConfig,
    in_overnight_window: bool,
) -> list[ExitDecision]:
    """Return the exits decided at ``now`` among ``symbols`` (those with a bar ending), by symbol.

    The first reason that matches wins: thesis, signal, overnight. ``leaving`` are the symbols
    whose last closed bar says sell, ``invalidated`` those with an approved thesis that came true.
    """
    if not (leaving or invalidated or state.predictions or in_overnight_window):
        return []
    exiting = {order.symbol for order in state.orders.values() if order.symbol in state.positions}
    going = {*invalidated, *leaving, *_given_up(state, now, rules)} - exiting
    decided = []
    for symbol in sorted(state.positions.keys() & going):
        if symbol in symbols:
            lost = symbol in invalidated
            reason = ExitReason.THESIS_INVALIDATED if lost else ExitReason.SIGNAL_EXIT
            decided.append(ExitDecision(symbol=symbol, reason=reason))
    if in_overnight_window:
        going = exiting | {decision.symbol for decision in decided}
        decided += _overnight(state, now, symbols, going)
    return decided


def in_overnight_window(state: DeskState, now: datetime, rules: RulesConfig) -> bool:
    """Whether exposure is brought down for the night: close to the close, a strategy in force."""
    session = state.session
    return (
        state.strategy_id is not None
        and session is not None
        and now >= session.close - timedelta(minutes=rules.overnight_minutes)
        and state.strategy(now) is not None
    )


def _given_up(state: DeskState, now: datetime, rules: RulesConfig) -> list[str]:
    """Return the held symbols with a fresh buy probability below ``rules.exit_probability``."""
    if not state.predictions:
        return []
    fresh = ((symbol, state.prediction(symbol, now)) for symbol in state.positions)
    return [symbol for symbol, p in fresh if p and gives_up(p.buy_probability, rules)]


@overload
def gives_up(probability: float, rules: RulesConfig) -> bool: ...
@overload
def gives_up(probability: FloatArray, rules: RulesConfig) -> BoolArray: ...
def gives_up(probability: float | FloatArray, rules: RulesConfig) -> bool | BoolArray:
    """Whether a held symbol is sold at a fresh buy probability: one, or each of many."""
    return probability < rules.exit_probability


def _overnight(
    state: DeskState, now: datetime, symbols: Collection[str], going: Collection[str]
) -> list[ExitDecision]:
    strategy = state.strategy(now)
    if strategy is None:
        return []
    allowed = strategy.signal.overnight_target * state.equity()
    staying = [held for name, held in state.positions.items() if name not in going]
    gross = sum(held.quantity * state.closes[held.symbol] for held in staying)

    def order(held: Position) -> tuple[bool, float, str]:
        prediction = state.prediction(held.symbol, now)
        return (
            prediction is not None,
            prediction.buy_probability if prediction else 0.0,
            held.symbol,
        )

    decided = []
    for held in sorted(staying, key=order):
        if gross <= allowed:
            break
        if held.symbol in symbols:
            decided.append(ExitDecision(symbol=held.symbol, reason=ExitReason.OVERNIGHT))
            gross -= held.quantity * state.closes[held.symbol]
    return decided
