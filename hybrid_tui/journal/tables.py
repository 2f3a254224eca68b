"""The read tables as a projection of events: rows to write for each event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.orders import Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.model_tables import MODEL_PROJECTIONS

Write = tuple[str, tuple[Any, ...]]


def rows_of(run: str, event: ev.Event, state: DeskState) -> Iterator[Write]:
    """Yield the statements that bring the read tables up to ``event``; ``state`` knows it."""
    projection = _PROJECTIONS.get(type(event))
    if projection is not None:
        yield from projection(run, event, state)


def _insert(table: str, **values: Any) -> Write:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    return f"insert or replace into {table} ({names}) values ({marks})", tuple(values.values())


def _intended(run: str, event: ev.OrderIntended, _state: DeskState) -> Iterator[Write]:
    order = event.order
    yield _insert(
        "orders",
        run=run,
        id=order.id,
        event_id=event.id,
        at=iso(order.at),
        symbol=order.symbol,
        side=order.side.value,
        quantity=order.quantity,
        kind=order.kind.value,
        reason=str(order.reason),
        status="open",
        prediction_id=order.prediction_id,
        strategy_id=order.strategy_id,
    )


def _filled(run: str, event: ev.OrderFilled, state: DeskState) -> Iterator[Write]:
    fill = event.fill
    yield _insert(
        "fills",
        run=run,
        event_id=event.id,
        order_id=fill.order_id,
        at=iso(fill.at),
        symbol=fill.symbol,
        side=fill.side.value,
        quantity=fill.quantity,
        price=fill.price,
        commission=fill.commission,
        slippage=fill.slippage,
        reason=str(fill.reason),
    )
    yield (
        "update orders set filled = filled + ?, status = ? where run = ? and id = ?",
        (fill.quantity, "filled" if fill.final else "partly filled", run, fill.order_id),
    )
    if fill.side is Side.SELL:
        values = asdict(state.trades[-1])
        values["entry_at"], values["exit_at"] = iso(values["entry_at"]), iso(values["exit_at"])
        values["exit_reason"] = str(values["exit_reason"])
        yield _insert("trades", run=run, event_id=event.id, **values)
    yield from _position(run, fill.symbol, state)


def _position(run: str, symbol: str, state: DeskState) -> Iterator[Write]:
    held = state.positions.get(symbol)
    if held is None:
        yield "delete from positions where run = ? and symbol = ?", (run, symbol)
        return
    yield _insert(
        "positions",
        run=run,
        symbol=symbol,
        quantity=held.quantity,
        entry_price=held.entry_price,
        entry_at=iso(held.entry_at),
        entry_reason=held.entry_reason,
        high=held.high,
        level=held.level,
        level_from=held.level_from.value,
        entry_order_id=held.entry_order_id,
    )


def _cancelled(run: str, event: ev.OrderCancelled, _state: DeskState) -> Iterator[Write]:
    yield (
        "update orders set status = 'cancelled', note = ? where run = ? and id = ?",
        (event.reason, run, event.order_id),
    )


def _stop_moved(run: str, event: ev.StopMoved, state: DeskState) -> Iterator[Write]:
    yield from _position(run, event.symbol, state)


def _highs_rose(run: str, event: ev.HighsRose, state: DeskState) -> Iterator[Write]:
    for symbol in event.highs:
        yield from _position(run, symbol, state)


def _acted(run: str, event: ev.ActionApplied, state: DeskState) -> Iterator[Write]:
    yield from _position(run, event.action.symbol, state)


def _observed(run: str, event: ev.PositionObserved, state: DeskState) -> Iterator[Write]:
    yield from _position(run, event.symbol, state)


def _adopted(run: str, event: ev.PositionAdopted, state: DeskState) -> Iterator[Write]:
    yield from _position(run, event.symbol, state)


def _predicted(run: str, event: ev.PredictionsMade, _state: DeskState) -> Iterator[Write]:
    for found in event.predictions:
        yield _insert(
            "predictions",
            run=run,
            id=found.id,
            event_id=event.id,
            at=iso(found.at),
            symbol=found.symbol,
            buy_probability=found.buy_probability,
            confidence=found.confidence,
            reference_price=found.reference_price,
            price_forecast_1h=found.price_forecast_1h,
            volatility_forecast=found.volatility_forecast,
            target_position=found.target_position,
            familiar=int(found.familiar),
            model_id=found.model_id,
            horizon_end=iso(found.horizon_end),
        )


def _proposed(run: str, event: ev.SignalProposed, state: DeskState) -> Iterator[Write]:
    signal = event.signal
    yield _insert(
        "signals",
        run=run,
        id=signal.id,
        event_id=event.id,
        at=iso(signal.at),
        session=signal.session,
        status=state.signals[signal.id].status,
        direction=signal.direction.value,
        risk_level=signal.risk_level.value,
        overnight_target=signal.overnight_target,
        focus=json.dumps(signal.focus_stocks),
        sentiment=json.dumps(dict(signal.sentiment_scores)),
        source=signal.source,
        cost_usd=signal.cost_usd,
        pending_until=iso(event.pending_until),
        expires_at=iso(signal.expires_at),
    )


def _decided(run: str, event: ev.SignalDecided, state: DeskState) -> Iterator[Write]:
    for symbol in event.symbols or ("",):
        yield _insert(
            "approvals",
            run=run,
            event_id=event.id,
            at=iso(event.at),
            signal_id=event.signal_id,
            symbol=symbol,
            decision=event.decision,
            decided_by=event.by,
            reason=event.reason,
        )
    yield (
        "update signals set status = ? where run = ? and id = ?",
        (state.signals[event.signal_id].status, run, event.signal_id),
    )


def _undone(run: str, event: ev.DecisionUndone, state: DeskState) -> Iterator[Write]:
    for symbol in event.symbols or ("",):
        yield _insert(
            "approvals",
            run=run,
            event_id=event.id,
            at=iso(event.at),
            signal_id=event.signal_id,
            symbol=symbol,
            decision="undone",
            decided_by=event.by,
            reason="",
        )
    yield (
        "update signals set status = ? where run = ? and id = ?",
        (state.signals[event.signal_id].status, run, event.signal_id),
    )


def _locked(run: str, event: ev.LockSet, _state: DeskState) -> Iterator[Write]:
    lock = event.lock
    yield _insert(
        "locks",
        run=run,
        event_id=event.id,
        name=lock.name,
        symbol=lock.symbol,
        start=iso(lock.start),
        until=iso(lock.until) if lock.until else None,
        reason=lock.reason,
    )


def _lifted(run: str, event: ev.LockLifted, _state: DeskState) -> Iterator[Write]:
    yield (
        "update locks set lifted_at = ?"
        " where run = ? and name = ? and symbol is ? and lifted_at is null",
        (iso(event.at), run, event.name, event.symbol),
    )


def _charged(run: str, event: ev.LlmCharged, _state: DeskState) -> Iterator[Write]:
    yield _insert(
        "llm_calls",
        run=run,
        call_id=event.call_id,
        at=iso(event.at),
        model=event.model,
        reserved_usd=event.reserved_usd,
        settled_usd=event.settled_usd,
        paid_at=iso(event.paid_at or event.at),
        purpose=event.purpose,
        decision=event.decision or event.call_id,
    )


def _marked(run: str, event: ev.EquityMarked, _state: DeskState) -> Iterator[Write]:
    yield _insert(
        "equity",
        run=run,
        event_id=event.id,
        at=iso(event.at),
        equity=event.equity,
        cash=event.cash,
        gross=event.gross,
    )


def _stopped(run: str, event: ev.EngineStopped, _state: DeskState) -> Iterator[Write]:
    if event.reason == "the data has ended":
        yield "update runs set finished = 1 where run = ?", (run,)


_PROJECTIONS: dict[type[ev.Event], Callable[[str, Any, DeskState], Iterator[Write]]] = {
    ev.OrderIntended: _intended,
    ev.OrderFilled: _filled,
    ev.OrderCancelled: _cancelled,
    ev.StopMoved: _stop_moved,
    ev.HighsRose: _highs_rose,
    ev.ActionApplied: _acted,
    ev.PositionObserved: _observed,
    ev.PositionAdopted: _adopted,
    ev.PredictionsMade: _predicted,
    ev.SignalProposed: _proposed,
    ev.SignalDecided: _decided,
    ev.DecisionUndone: _undone,
    ev.LockSet: _locked,
    ev.LockLifted: _lifted,
    ev.LlmCharged: _charged,
    ev.EquityMarked: _marked,
    ev.EngineStopped: _stopped,
    **MODEL_PROJECTIONS,
}
