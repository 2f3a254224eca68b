"""When an order trades, and at what price: pure functions of the order and the quote."""

from __future__ import annotations

from decimal import Decimal

from tests.servers.trading.records import ZERO, Order, Quote

HUNDRED = Decimal(100)
CENT = Decimal("0.01")


def follow(order: Order, quote: Quote) -> bool:
    """Let a trailing stop follow the last price; True where its stop moved."""
    if order.type != "trailing_stop" or order.triggered:
        return False
    best = max if order.side == "sell" else min
    mark = quote.last if order.hwm is None else best(order.hwm, quote.last)
    if mark == order.hwm:
        return False
    order.hwm = mark
    trail = order.trail_price
    if trail is None:
        assert order.trail_percent is not None
        trail = mark * order.trail_percent / HUNDRED
    stop = mark - trail if order.side == "sell" else mark + trail
    order.stop_price = round(stop, 2 if stop >= 1 else 4)
    return True


def touched(order: Order, quote: Quote) -> bool:
    """Whether a stop that waits is touched by the last price."""
    if not order.is_stop or order.triggered or order.stop_price is None:
        return False
    if order.side == "sell":
        return quote.last <= order.stop_price
    return quote.last >= order.stop_price


def price_of(order: Order, quote: Quote) -> Decimal | None:
    """Return the price at which an order trades now, dollars; None: it does not."""
    if order.is_stop and not order.triggered:
        return None
    price = quote.bid if order.side == "sell" else quote.ask
    if price <= ZERO:
        return None
    limit = order.limit_price if order.type in ("limit", "stop_limit") else None
    if limit is not None and (price < limit if order.side == "sell" else price > limit):
        return None
    return price


def size_of(order: Order, quote: Quote) -> Decimal | None:
    """Return the shares that the quote has left on the other side; None: without end."""
    return quote.bid_size if order.side == "sell" else quote.ask_size


def take(order: Order, quote: Quote, qty: Decimal) -> None:
    """Use up what an execution takes from the quote."""
    if order.side == "sell" and quote.bid_size is not None:
        quote.bid_size -= qty
    if order.side == "buy" and quote.ask_size is not None:
        quote.ask_size -= qty


def cost_of(order: Order, quote: Quote) -> Decimal:
    """Return the buying power that a buy reserves: market orders with the collar of 2.5 or 4 %."""
    if order.notional is not None:
        return order.notional
    if order.type in ("limit", "stop_limit") and order.limit_price is not None:
        return order.limit_price * order.remaining
    base = max(quote.ask, order.stop_price or ZERO)
    collar = Decimal("1.04") if base < 50 else Decimal("1.025")
    return base * collar * order.remaining


def wash(new: Order, old: Order) -> str | None:
    """Return why two opposite orders of one symbol could trade with each other; None: they cannot.

    Complex and trailing orders are exempt, as Alpaca's page on user protection has it.
    """
    if new.side == old.side or new.symbol != old.symbol:
        return None
    for order in (new, old):
        if order.order_class != "simple" or order.type == "trailing_stop":
            return None
    if new.type != "limit" or old.type != "limit":
        return "opposite side market/stop order exists"
    buy, sell = (new, old) if new.side == "buy" else (old, new)
    assert buy.limit_price is not None
    assert sell.limit_price is not None
    if buy.limit_price >= sell.limit_price:
        return "opposite side limit order exists"
    return None
