"""Cancelling, replacing, closing: what Alpaca accepts, and how it can still come out otherwise."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.servers.trading.book import Book
from tests.servers.trading.intake import DUPLICATE, check_account, check_shares, facts, place
from tests.servers.trading.matching import cost_of, price_of
from tests.servers.trading.records import ZERO, Order, Refused, forbidden, unprocessable
from tests.servers.trading.requests import LIVES, check_prices, decimals, number
from tests.servers.trading.venue import end, execute

UNSENT = frozenset({"accepted", "pending_new", "pending_cancel", "pending_replace"})


def cancel(book: Book, order_id: str, *, plainly: bool = False) -> None:
    """Take a request to cancel; raises Refused (404, 422). ``plainly``: at once and without faults.

    The answer says only that the request was taken: the end comes with the next work or later.
    """
    order = book.find(order_id)
    if plainly:
        end(book, order, "canceled")
        return
    if not order.open or order.status in ("pending_cancel", "pending_replace"):
        raise unprocessable(f'order is already in "{order.status}" state')
    before = order.status
    fault = book.plan.take("cancel", **facts(order))
    if order.status != "accepted":
        book.set_status(order, "pending_cancel")

    def finish() -> None:
        if not order.open:
            return
        if fault is not None and fault.kind == "rejected":
            order.status = _after(order, before)
            book.tell("order_cancel_rejected", order)
            return
        if fault is not None and fault.kind == "fills_first" and _fill_whole(book, order):
            return
        end(book, order, "canceled")

    slow = fault is not None and fault.kind == "slow"
    book.later(fault.seconds if fault is not None and slow else 0, finish)


def _after(order: Order, before: str) -> str:
    """Return the state that an order goes back to when nothing came of a change."""
    return "partially_filled" if order.filled_qty else before


def _fill_whole(book: Book, order: Order) -> bool:
    """Let the venue fill what is left before it hears of the change; False where it cannot."""
    quote = book.quotes[order.symbol]
    if not book.hours.is_open(book.clock.now()) or quote.halted or not order.armed:
        return False
    if order.notional is not None or order.status == "accepted":
        return False
    price = price_of(order, quote)
    if price is None:
        price = order.limit_price or order.stop_price
    if price is None or (order.side == "sell" and book.account.shares(order.symbol) <= ZERO):
        return False
    qty = order.remaining
    if order.side == "sell":
        qty = min(qty, book.account.shares(order.symbol))
    order.triggered = True
    execute(book, order, qty, price)
    return not order.open


def replace(book: Book, order_id: str, fields: Mapping[str, Any]) -> Order:
    """Take a request to replace and return the new order; raises Refused (403, 404, 422).

    Without a quantity the new order has the old one's in full, also where a part of it has filled
    (Alpaca's issue 165), which a sell of what is held then cannot be.
    """
    old = book.find(order_id)
    check_account(book)
    if not old.open:
        raise unprocessable(f'order is already in "{old.status}" state')
    if old.status in UNSENT:
        raise unprocessable("unable to replace order, order isn't sent to exchange yet")
    if old.notional is not None:
        raise unprocessable("notional orders cannot be replaced")
    new = _changed(book, old, fields)
    check_shares(book, new, freed=old.remaining)
    if new.side == "buy":
        quote = book.quotes[new.symbol]
        power = book.buying_power() + cost_of(old, quote)
        if cost_of(new, quote) > power:
            raise forbidden(
                "insufficient buying power",
                buying_power=f"{power:.2f}",
                cost_basis=f"{cost_of(new, quote):.2f}",
            )
    before = old.status
    book.add(new)
    old.replaced_by = new.id
    book.set_status(old, "pending_replace")
    fault = book.plan.take("replace", **facts(old))
    kind = "" if fault is None else fault.kind
    book.later(
        fault.seconds if fault is not None and kind == "slow" else 0,
        _finish_replace(book, old, new, before, kind),
    )
    return new


def _changed(book: Book, old: Order, fields: Mapping[str, Any]) -> Order:
    """Return the new order that takes the old one's place; raises Refused (422)."""
    new, fresh = copy.deepcopy(old), book.fresh()
    new.id, new.sequence, new.at = fresh.id, fresh.sequence, fresh.at
    new.client_order_id = str(fields.get("client_order_id") or new.id)
    new.filled_qty = new.filled_value = ZERO
    new.stamps = {name: at for name, at in old.stamps.items() if name == "expires"}
    new.status, new.replaces, new.replaced_by = "pending_new", old.id, None
    new.triggered = new.external = False
    new.limit_of_fill = new.sent_after = new.not_before = None
    if new.client_order_id in book.by_client:
        raise Refused(422, DUPLICATE, "client_order_id must be unique")
    qty = number(fields, "qty")
    if qty is not None:
        assert old.qty is not None
        if decimals(old.qty) or decimals(qty):
            raise unprocessable("qty of fractional orders cannot be changed")
        if qty <= old.filled_qty:
            raise unprocessable("qty must be > filled_qty")
        new.qty = qty
    new.limit_price = number(fields, "limit_price") or new.limit_price
    new.stop_price = number(fields, "stop_price") or new.stop_price
    life = fields.get("time_in_force")
    if life is not None:
        if life not in LIVES:
            raise unprocessable(f"invalid time_in_force: {life}")
        new.time_in_force = life
    trail = number(fields, "trail")
    if trail is not None:
        name = "trail_price" if old.trail_price is not None else "trail_percent"
        setattr(new, name, trail)
    check_prices(new)
    same = ("qty", "limit_price", "stop_price", "time_in_force", "trail_price", "trail_percent")
    if all(getattr(new, name) == getattr(old, name) for name in same):
        raise unprocessable("order parameters are not changed")
    return new


def _finish_replace(
    book: Book, old: Order, new: Order, before: str, kind: str
) -> Callable[[], None]:
    def finish() -> None:
        if kind == "fills_first" and old.open:
            _fill_whole(book, old)
        if old.open and new.open and kind != "rejected":
            book.set_status(old, "replaced")
            if before == "held":
                new.status = "held"
            parent = book.orders.get(old.parent or "")
            if parent is not None:
                parent.legs[parent.legs.index(old.id)] = new.id
            for leg in book.legs(old):
                leg.parent = new.id
            return
        old.replaced_by = None
        if old.open:
            old.status = _after(old, before)
        book.tell("order_replace_rejected", old)
        # It may have ended with its group before.
        if new.open:
            book.set_status(new, "rejected")

    return finish


def close_position(book: Book, symbol: str, query: Mapping[str, str]) -> Order:
    """Sell a position or a part of it at the market; raises Refused (403, 404)."""
    held = book.account.shares(symbol)
    if not held:
        raise Refused(404, 40410000, "position does not exist")
    qty = number(query, "qty")
    share = number(query, "percentage")
    if share is not None:
        qty = round(held * share / Decimal(100), 9)
    if qty is not None and qty > held:
        raise unprocessable("qty must be <= the position's")
    fields = {
        "symbol": symbol,
        "side": "sell",
        "type": "market",
        "time_in_force": "day",
        "qty": str(held if qty is None else qty),
    }
    return place(book, fields)
