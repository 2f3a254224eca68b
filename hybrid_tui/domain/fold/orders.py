"""Orders, fills, stops, locks and equity, folded into the desk's state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.fold.table import Handlers
from hybrid_tui.domain.orders import STOP_REASONS, Fill, Position, Side, Trade, profit

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState

MOST_BOOKED = 2_000
LIFTED_FOR_THE_DAY = frozenset({"daily_loss", "max_entries", "hard_daily_loss"})


def _intended(state: DeskState, event: ev.OrderIntended) -> None:
    order = event.order
    state.orders[order.id] = order
    state.intents[order.id] = event.id
    if order.side is Side.BUY:
        state.entries_today += 1
        strategy = state.signals.get(order.strategy_id or "")
        if strategy is not None and order.symbol not in strategy.acted:
            strategy.acted.append(order.symbol)


def _filled(state: DeskState, event: ev.OrderFilled) -> None:
    fill = event.fill
    state.fees += fill.commission
    if fill.side is Side.BUY:
        _bought(state, fill)
    else:
        _sold(state, fill)
    if fill.venue_order:
        _book(state, fill)
    state.filled[fill.order_id] = state.filled.get(fill.order_id, 0.0) + fill.quantity
    if fill.final:
        _order_over(state, fill.order_id)


def _book(state: DeskState, fill: Fill) -> None:
    quantity, value = state.booked.pop(fill.venue_order, (0.0, 0.0))
    booked = (quantity + fill.quantity, value + fill.quantity * fill.price)
    state.booked[fill.venue_order] = booked
    while len(state.booked) > MOST_BOOKED:
        del state.booked[next(iter(state.booked))]


def _bought(state: DeskState, fill: Fill) -> None:
    state.cash -= fill.cost
    held = state.positions.get(fill.symbol)
    if held is None:
        order = state.orders.get(fill.order_id)
        state.positions[fill.symbol] = Position(
            symbol=fill.symbol,
            quantity=fill.quantity,
            entry_price=fill.price,
            entry_at=fill.at,
            entry_reason=order.reason if order else fill.reason,
            entry_fees=fill.commission,
            high=fill.price,
            level=0.0,
            entry_order_id=fill.order_id,
            strategy_id=order.strategy_id if order else None,
        )
        _keep_sorted(state.positions)
        state.closes.setdefault(fill.symbol, fill.price)
        return
    total = held.quantity + fill.quantity
    held.entry_price = (held.entry_price * held.quantity + fill.price * fill.quantity) / total
    held.quantity = total
    held.entry_fees += fill.commission
    held.high = max(held.high, fill.price)


def _keep_sorted(positions: dict[str, Position]) -> None:
    """Keep positions in the symbols' order: equity is one sum, whoever adds it up, to the bit."""
    names = list(positions)
    if len(names) > 1 and names[-1] < names[-2]:
        ordered = sorted(positions.items())
        positions.clear()
        positions.update(ordered)


def _sold(state: DeskState, fill: Fill) -> None:
    held = state.positions[fill.symbol]
    share = fill.quantity / held.quantity
    entry_fees = held.entry_fees * share
    fees = entry_fees + fill.commission
    state.cash -= fill.cost
    pnl = profit(fill.quantity, held.entry_price, fill.price, fees)
    state.trades.append(
        Trade(
            symbol=fill.symbol,
            quantity=fill.quantity,
            entry_at=held.entry_at,
            entry_price=held.entry_price,
            entry_reason=held.entry_reason,
            exit_at=fill.at,
            exit_price=fill.price,
            exit_reason=fill.reason,
            fees=fees,
            pnl=pnl,
            entry_order_id=held.entry_order_id,
            exit_order_id=fill.order_id,
        )
    )
    state.trades_closed += 1
    state.realized += pnl
    if fill.reason in STOP_REASONS and fill.final:
        state.stop_fills.append(fill.at)
        horizon = fill.at - timedelta(days=1)
        state.stop_fills = [at for at in state.stop_fills if at >= horizon]
    if fill.quantity >= held.quantity:
        del state.positions[fill.symbol]
    else:
        held.quantity -= fill.quantity
        held.entry_fees -= entry_fees


def _cancelled(state: DeskState, event: ev.OrderCancelled) -> None:
    order = state.orders.get(event.order_id)
    if (
        order is not None
        and order.side is Side.BUY
        and event.order_id not in state.filled
        and state.session is not None
        and order.at >= state.session.open
    ):
        state.entries_today -= 1
    _order_over(state, event.order_id)


def _order_over(state: DeskState, order_id: str) -> None:
    state.orders.pop(order_id, None)
    state.filled.pop(order_id, None)
    state.intents.pop(order_id, None)


def _stop_confirmed(state: DeskState, event: ev.StopConfirmed) -> None:
    state.stop_serials[event.symbol] = event.serial


def _account(state: DeskState, event: ev.AccountObserved) -> None:
    state.account = event
    state.cash = event.cash
    state.transfers.update(event.activities)
    # Deposits and withdrawals do not count in the protections.
    state.reference_equity += event.transferred
    state.peak_equity += event.transferred


def _position(state: DeskState, event: ev.PositionObserved) -> None:
    held = state.positions.get(event.symbol)
    if event.ratio != 1.0:
        state.splits_seen[event.symbol] = (event.ratio, event.at)
        if event.symbol in state.closes:
            state.closes[event.symbol] /= event.ratio
        if held is not None:
            held.entry_price /= event.ratio
            held.high /= event.ratio
            held.level /= event.ratio
    if held is None:
        return
    if event.quantity > 0:
        held.quantity = event.quantity
    else:
        del state.positions[event.symbol]


def _adopted(state: DeskState, event: ev.PositionAdopted) -> None:
    state.positions[event.symbol] = Position(
        symbol=event.symbol,
        quantity=event.quantity,
        entry_price=event.price,
        entry_at=event.at,
        entry_reason="adopted",
        entry_fees=0.0,
        high=event.price,
        level=0.0,
        entry_order_id=event.order_id,
    )
    _keep_sorted(state.positions)
    # As with a deposit: what was there already is no gain of the day. It counts at one price in
    # equity and in what equity is held against, also until the next bar.
    state.closes[event.symbol] = event.price
    value = event.quantity * event.price
    state.reference_equity += value
    state.peak_equity += value
    if state.externals is not None:
        left = {s: held for s, held in state.externals.positions.items() if s != event.symbol}
        state.externals = replace(state.externals, positions=left)


def _externals(state: DeskState, event: ev.ExternalsObserved) -> None:
    state.externals = event


def _stop_moved(state: DeskState, event: ev.StopMoved) -> None:
    held = state.positions[event.symbol]
    held.level = event.level
    held.high = event.high
    held.level_from = type(held.level_from)(event.level_from)


def _highs_rose(state: DeskState, event: ev.HighsRose) -> None:
    for symbol, high in event.highs.items():
        state.positions[symbol].high = high


def _lock_set(state: DeskState, event: ev.LockSet) -> None:
    state.locks.append(event.lock)


def _lock_lifted(state: DeskState, event: ev.LockLifted) -> None:
    if event.name in LIFTED_FOR_THE_DAY:
        state.lifted.add(event.name)
    state.locks = [
        lock for lock in state.locks if (lock.name, lock.symbol) != (event.name, event.symbol)
    ]
    if event.name == "max_drawdown":
        state.peak_equity = state.equity()


def _paused(state: DeskState, _event: ev.EntriesPaused) -> None:
    state.paused = True


def _resumed(state: DeskState, _event: ev.EntriesResumed) -> None:
    state.paused = False


def _flatten_began(state: DeskState, event: ev.FlattenBegan) -> None:
    state.flattening = event.reason


def _flatten_ended(state: DeskState, _event: ev.FlattenEnded) -> None:
    state.flattening = None


def _marked(state: DeskState, event: ev.EquityMarked) -> None:
    state.peak_equity = max(state.peak_equity, event.equity)


HANDLERS: Handlers = {
    ev.OrderIntended: _intended,
    ev.OrderFilled: _filled,
    ev.OrderCancelled: _cancelled,
    ev.StopConfirmed: _stop_confirmed,
    ev.AccountObserved: _account,
    ev.PositionObserved: _position,
    ev.ExternalsObserved: _externals,
    ev.PositionAdopted: _adopted,
    ev.StopMoved: _stop_moved,
    ev.HighsRose: _highs_rose,
    ev.LockSet: _lock_set,
    ev.LockLifted: _lock_lifted,
    ev.EntriesPaused: _paused,
    ev.EntriesResumed: _resumed,
    ev.FlattenBegan: _flatten_began,
    ev.FlattenEnded: _flatten_ended,
    ev.EquityMarked: _marked,
}
