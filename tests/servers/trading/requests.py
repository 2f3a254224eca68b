"""Reading a request for an order: what Alpaca answers with 422 before it looks at the account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.servers.trading.records import ZERO, Order, unprocessable

TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
LIVES = ("day", "gtc", "opg", "cls", "ioc", "fok")
CLASSES = ("simple", "bracket", "oco", "oto")


def number(fields: Mapping[str, Any], name: str) -> Decimal | None:
    """Return an amount of a request, sent as a string or a JSON number; raises Refused."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise unprocessable(f"{name} must be a number") from None
    if not amount.is_finite() or amount <= ZERO:
        raise unprocessable(f"{name} must be > 0")
    return amount


def decimals(amount: Decimal) -> int:
    """Return how many decimals an amount has, trailing zeros left out."""
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def check_tick(name: str, price: Decimal | None) -> None:
    """Refuse a price finer than a cent, or than a hundredth of one below a dollar."""
    if price is not None and decimals(price) > (2 if price >= 1 else 4):
        raise unprocessable(
            f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria"
        )


def check_prices(order: Order) -> None:
    """Refuse an order that lacks a price of its type, or has one that its type does not take."""
    wanted = {
        "limit": order.type in ("limit", "stop_limit"),
        "stop": order.type in ("stop", "stop_limit"),
    }
    for name, price in (("limit", order.limit_price), ("stop", order.stop_price)):
        if wanted[name] and price is None:
            raise unprocessable(f"{order.type} orders require {name} price")
        if not wanted[name] and price is not None and order.type != "trailing_stop":
            raise unprocessable(f"{order.type} orders require no {name} price")
        check_tick(f"{name}_price", price)
    if order.type == "trailing_stop" and (order.trail_price is None) == (
        order.trail_percent is None
    ):
        raise unprocessable(
            "trailing_stop orders require exactly one of trail_price, trail_percent"
        )


def check_life(order: Order) -> None:
    """Refuse the quantities and times in force that do not go together."""
    if (order.qty is None) == (order.notional is None):
        raise unprocessable("exactly one of qty or notional is required")
    amount = order.qty if order.qty is not None else order.notional
    assert amount is not None
    if decimals(amount) > (9 if order.qty is not None else 2):
        raise unprocessable("qty takes 9 decimals, notional 2")
    fractional = order.notional is not None or decimals(amount) > 0
    if fractional and order.time_in_force != "day":
        raise unprocessable("fractional orders must be DAY orders")
    if fractional and order.order_class != "simple":
        raise unprocessable("fractional orders must be simple orders")
    if fractional and order.type == "trailing_stop":
        raise unprocessable("fractional orders cannot be trailing_stop orders")
    if order.extended_hours and not (
        order.type == "limit" and order.time_in_force in ("day", "gtc")
    ):
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if order.time_in_force in ("opg", "cls") and order.type not in ("market", "limit"):
        raise unprocessable(f"{order.time_in_force} orders must be market or limit orders")
    if order.is_stop and order.time_in_force not in ("day", "gtc"):
        raise unprocessable(f"{order.type} orders must be DAY or GTC orders")


def read_order(fields: Mapping[str, Any], fresh: Order) -> Order:
    """Fill a fresh order from a request; raises Refused (422) for what is no order."""
    for name, values in (
        ("side", ("buy", "sell")),
        ("type", TYPES),
        ("time_in_force", LIVES),
        ("order_class", CLASSES),
    ):
        given = fields.get(name) or ("simple" if name == "order_class" else None)
        if given not in values:
            raise unprocessable(f"invalid {name}: {given}")
        setattr(fresh, name, given)
    if not fields.get("symbol"):
        raise unprocessable("symbol is required")
    client_id = str(fields.get("client_order_id") or fresh.id)
    if len(client_id) > 128:
        raise unprocessable("client_order_id must be no more than 128 characters")
    fresh.symbol, fresh.client_order_id = str(fields["symbol"]), client_id
    for name in ("qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent"):
        setattr(fresh, name, number(fields, name))
    fresh.extended_hours = bool(fields.get("extended_hours"))
    take_profit = (fields.get("take_profit") or {}).get("limit_price")
    if fresh.order_class == "oco" and fresh.limit_price is None and take_profit is not None:
        fresh.limit_price = number({"limit_price": take_profit}, "limit_price")
    check_life(fresh)
    check_prices(fresh)
    return fresh


def leg_prices(
    fields: Mapping[str, Any], order: Order
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return take-profit limit, stop and stop limit of the legs; raises Refused (422)."""
    profit, loss = fields.get("take_profit") or {}, fields.get("stop_loss") or {}
    limit = number(profit, "limit_price")
    stop, stop_limit = number(loss, "stop_price"), number(loss, "limit_price")
    for name, price in (
        ("take_profit.limit_price", limit),
        ("stop_loss.stop_price", stop),
        ("stop_loss.limit_price", stop_limit),
    ):
        check_tick(name, price)
    if order.order_class in ("bracket", "oco") and (limit is None or stop is None):
        raise unprocessable(f"{order.order_class} orders require take_profit and stop_loss")
    if order.order_class == "oto" and (limit is None) == (stop is None):
        raise unprocessable("oto orders require one of take_profit, stop_loss")
    if order.order_class != "simple" and order.time_in_force not in ("day", "gtc"):
        raise unprocessable("complex orders must be DAY or GTC orders")
    if order.order_class == "oco" and (order.side != "sell" or order.type != "limit"):
        raise unprocessable("oco orders must be limit orders that exit a position")
    if limit is not None and stop is not None:
        above = (
            limit > stop if (order.order_class == "oco") or order.side == "buy" else limit < stop
        )
        if not above:
            raise unprocessable("take_profit.limit_price and stop_loss.stop_price are reversed")
    return limit, stop, stop_limit
