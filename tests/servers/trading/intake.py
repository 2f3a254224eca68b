"""Taking orders: what the account may not do is refused, the rest goes into the book."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.servers.trading.book import Book
from tests.servers.trading.matching import cost_of, wash
from tests.servers.trading.records import Order, Refused, forbidden, unprocessable
from tests.servers.trading.requests import decimals, leg_prices, read_order
from tests.servers.trading.venue import life
from tests.servers.trading.wire import text

DUPLICATE = 40010001


def place(book: Book, fields: Mapping[str, Any], *, external: bool = False) -> Order:
    """Take an order; raises Refused (403, 422). It reaches the venue with the next work."""
    check_account(book)
    order = read_order(fields, book.fresh(external=external))
    limit, stop, stop_limit = leg_prices(fields, order)
    if order.client_order_id in book.by_client:
        raise Refused(422, DUPLICATE, "client_order_id must be unique")
    _check_asset(book, order)
    _check_intent(book, order, fields)
    if order.order_class == "bracket":
        _check_bracket(book, order, stop)
    check_shares(book, order)
    _check_wash(book, order)
    _check_money(book, order)
    life(book, order)
    book.add(order)
    _add_legs(book, order, limit, stop, stop_limit)
    _spoil(book, order)
    book.tell("pending_new", order)
    return order


def check_account(book: Book) -> None:
    """Refuse every order of an account that may not trade."""
    flags = book.flags
    if book.status != "ACTIVE":
        raise forbidden("account is not active")
    if flags["account_blocked"]:
        raise forbidden("account is blocked")
    if flags["trading_blocked"]:
        raise forbidden("trading is blocked on this account")
    if flags["trade_suspended_by_user"] or book.configuration["suspend_trade"]:
        raise forbidden("new orders are rejected by user request")


def _check_intent(book: Book, order: Order, fields: Mapping[str, Any]) -> None:
    """Refuse an order that says what it is for, and would be something else."""
    given = fields.get("position_intent")
    is_held = book.account.shares(order.symbol) > 0
    inferred = "buy_to_open" if order.side == "buy" else "sell_to_close"
    if order.side == "sell" and not is_held:
        inferred = "sell_to_open"
    if given is not None and given != inferred:
        raise unprocessable(f"position intent mismatch, inferred: {inferred}, specified: {given}")


def _check_asset(book: Book, order: Order) -> None:
    symbol = order.symbol
    if symbol not in book.quotes:
        raise unprocessable(f'asset "{symbol}" not found')
    if symbol in book.untradable:
        raise unprocessable(f"asset {symbol} is not tradable")
    quantity = order.qty
    fractional = quantity is None or decimals(quantity) > 0
    if fractional and symbol in book.whole_only:
        raise forbidden(f'asset "{symbol}" is not fractionable')
    if fractional and not book.configuration["fractional_trading"]:
        raise forbidden("account is not allowed to trade fractional shares")
    if order.side == "buy" and cost_of(order, book.quotes[symbol]) < 1:
        raise unprocessable("cost basis must be >= minimal amount of order 1")


def _check_bracket(book: Book, order: Order, stop: Decimal | None) -> None:
    base = order.limit_price or book.quotes[order.symbol].last
    if order.side != "buy":
        raise forbidden("account is not allowed to short")
    if stop is not None and stop > base - Decimal("0.01"):
        raise unprocessable("stop_loss.stop_price must be <= base_price - 0.01")


def check_shares(book: Book, order: Order, *, freed: Decimal = Decimal(0)) -> None:
    """Refuse a sell of more than is free; ``freed`` shares come from the order it replaces."""
    if order.side != "sell":
        return
    held = book.account.shares(order.symbol)
    if not held:
        raise forbidden("account is not allowed to short")
    wanted = order.qty
    if wanted is None:
        assert order.notional is not None
        wanted = order.notional / book.quotes[order.symbol].bid
    reserved = book.reserved(order.symbol)
    available = held - reserved + freed
    if wanted > available:
        raise forbidden(
            f"insufficient qty available for order (requested: {text(wanted)}, "
            f"available: {text(available)})",
            symbol=order.symbol,
            available=text(available),
            existing_qty=text(held),
            held_for_orders=text(reserved),
            related_orders=[
                other.id for other in book.open_orders(order.symbol) if other.side == "sell"
            ],
        )


def _check_wash(book: Book, order: Order) -> None:
    for other in book.open_orders(order.symbol):
        reason = wash(order, other)
        if reason is not None:
            raise forbidden(
                "potential wash trade detected. use complex orders",
                reject_reason=reason,
                existing_order_id=other.id,
            )


def _check_money(book: Book, order: Order, *, freed: Decimal = Decimal(0)) -> None:
    if order.side != "buy":
        return
    cost, power = cost_of(order, book.quotes[order.symbol]), book.buying_power() + freed
    if cost > power:
        raise forbidden(
            "insufficient buying power", buying_power=f"{power:.2f}", cost_basis=f"{cost:.2f}"
        )


def _add_legs(
    book: Book,
    order: Order,
    limit: Decimal | None,
    stop: Decimal | None,
    stop_limit: Decimal | None,
) -> None:
    """Put the legs of a bracket, OCO or OTO into the book; they wait for their entry."""
    if order.order_class == "simple":
        return
    order.group = order.id
    pair = order.order_class == "oco"
    order.role = "take_profit" if pair else "entry"
    wanted: list[tuple[str, str]] = []
    if limit is not None and not pair:
        wanted.append(("take_profit", "limit"))
    if stop is not None:
        wanted.append(("stop_loss", "stop" if stop_limit is None else "stop_limit"))
    for role, kind in wanted:
        leg = copy.deepcopy(order)
        fresh = book.fresh()
        leg.id = leg.client_order_id = fresh.id
        leg.sequence, leg.legs, leg.role, leg.type = fresh.sequence, [], role, kind
        leg.side, leg.status, leg.parent = "sell", "held", order.id
        leg.limit_price = limit if role == "take_profit" else stop_limit
        leg.stop_price = stop if role == "stop_loss" else None
        leg.armed, leg.extended_hours = pair, False
        book.add(leg)
        order.legs.append(leg.id)


def _spoil(book: Book, order: Order) -> None:
    """Let an order meet its fault."""
    fault = book.plan.take("order", **facts(order))
    if fault is None:
        return
    if fault.kind == "partial":
        order.limit_of_fill = Decimal(str(fault.quantity))
    elif fault.kind == "reject":
        book.later(0, lambda: _reject(book, order))
    else:
        until = book.clock.now() + timedelta(seconds=fault.seconds)
        if fault.kind == "slow":
            order.not_before = until
        else:
            order.sent_after = until
        is_rejected = fault.kind == "reject_late"
        book.later(fault.seconds, lambda: _reject(book, order) if is_rejected else None)


def _reject(book: Book, order: Order) -> None:
    if order.open:
        book.set_status(order, "rejected")
        for other in book.group(order):
            book.set_status(other, "canceled")


def facts(order: Order) -> dict[str, str]:
    """Return what faults look at in an order."""
    return {
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "client_order_id": order.client_order_id,
    }
