"""What goes over the wire: orders, positions, activities and the account as Alpaca writes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hybrid_tui.domain.calendar import NEW_YORK
from tests.servers.trading.records import CashMove, Execution, Holding, Order, Quote

ACCOUNT_ID = str(uuid.uuid5(uuid.NAMESPACE_URL, "local-alpaca-account"))
STAMPS = ("filled", "expired", "canceled", "failed", "replaced")

Stamp = Callable[[datetime], str]


def asset_id(symbol: str) -> str:
    """Return the id of a symbol, the same on every server."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"local-alpaca-asset/{symbol}"))


def text(amount: Decimal | None) -> str | None:
    """Return an amount as Alpaca writes it: plain digits, no trailing zeros."""
    if amount is None:
        return None
    plain = f"{amount:f}"
    return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain


def amount(value: Decimal, places: int = 9) -> str:
    """Return an amount rounded to so many places."""
    return text(round(value, places)) or "0"


def stamp_of(skew: timedelta) -> Stamp:
    """Return the writer of instants of a broker whose clock is off by ``skew``."""

    def stamp(at: datetime) -> str:
        return f"{at + skew:%Y-%m-%dT%H:%M:%S.%f}000Z"

    return stamp


def order_json(order: Order, stamp: Stamp, legs: Sequence[Order] = ()) -> dict[str, Any]:
    """Return an order; ``legs`` are shown where the request wants them nested."""
    body: dict[str, Any] = {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": stamp(order.at),
        "updated_at": stamp(max(order.stamps.values(), default=order.at)),
        "submitted_at": stamp(order.stamps.get("submitted", order.at)),
    }
    for name in STAMPS:
        at = order.stamps.get(name)
        body[f"{name}_at"] = None if at is None else stamp(at)
    body |= {
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": asset_id(order.symbol),
        "symbol": order.symbol,
        "asset_class": "us_equity",
        "notional": text(order.notional),
        "qty": text(order.qty) if order.notional is None else None,
        "filled_qty": text(order.filled_qty),
        "filled_avg_price": None if order.average is None else amount(order.average, 6),
        "order_class": "" if order.order_class == "simple" else order.order_class,
        "order_type": order.type,
        "type": order.type,
        "side": order.side,
        "position_intent": "buy_to_open" if order.side == "buy" else "sell_to_close",
        "time_in_force": order.time_in_force,
        "limit_price": text(order.limit_price),
        "stop_price": text(order.stop_price),
        "status": order.status,
        "extended_hours": order.extended_hours,
        "legs": [order_json(leg, stamp) for leg in legs] or None,
        "trail_percent": text(order.trail_percent),
        "trail_price": text(order.trail_price),
        "hwm": text(order.hwm),
        "subtag": None,
        "source": None,
    }
    if "expires" in order.stamps and order.parent is None:
        body["expires_at"] = stamp(order.stamps["expires"])
    if order.group is not None:
        body |= {"group_id": order.group, "group_role": order.role}
    return body


def position_json(held: Holding, quote: Quote, reserved: Decimal) -> dict[str, Any]:
    """Return a long position; ``reserved`` shares are held for open orders."""
    value = held.qty * quote.last
    today = quote.last - quote.lastday
    gain = value - held.cost
    before = held.qty * quote.lastday
    figures = {
        "avg_entry_price": amount(held.cost / held.qty),
        "market_value": amount(value),
        "cost_basis": amount(held.cost),
        "unrealized_pl": amount(gain),
        "unrealized_plpc": amount(gain / held.cost if held.cost else Decimal(0)),
        "unrealized_intraday_pl": amount(today * held.qty),
        "unrealized_intraday_plpc": amount(today * held.qty / before if before else Decimal(0)),
        "current_price": amount(quote.last),
        "lastday_price": amount(quote.lastday),
        "change_today": amount(today / quote.lastday if quote.lastday else Decimal(0)),
    }
    return {
        "asset_id": asset_id(held.symbol),
        "symbol": held.symbol,
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": text(held.qty),
        "qty_available": text(held.qty - reserved),
        "side": "long",
        **figures,
        "usd": dict(figures),
    }


def fill_json(fill: Execution, stamp: Stamp) -> dict[str, Any]:
    """Return a fill as an account activity."""
    return {
        "id": activity_id(fill.at, fill.id),
        "activity_type": "FILL",
        "transaction_time": stamp(fill.at),
        "type": "fill" if fill.order_status == "filled" else "partial_fill",
        "price": text(fill.price),
        "qty": text(fill.qty),
        "side": fill.side,
        "symbol": fill.symbol,
        "leaves_qty": text(fill.leaves_qty),
        "order_id": fill.order_id,
        "cum_qty": text(fill.cum_qty),
        "order_status": fill.order_status,
    }


def move_json(move: CashMove, stamp: Stamp) -> dict[str, Any]:
    """Return a deposit, dividend, fee or split as an account activity."""
    body = {
        "id": activity_id(move.at, move.id),
        "activity_type": move.kind,
        "date": f"{move.at.astimezone(NEW_YORK):%Y-%m-%d}T00:00:00Z",
        "created_at": stamp(move.at),
        "net_amount": text(move.amount),
        "status": "executed",
        "description": move.note,
    }
    extra = {"symbol": move.symbol, "qty": text(move.qty), "per_share_amount": text(move.per_share)}
    return body | {name: value for name, value in extra.items() if value is not None}


def activity_id(at: datetime, key: str) -> str:
    """Return an activity's id, which sorts by time: the instant to milliseconds, then its own."""
    local = at.astimezone(NEW_YORK)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}::{key}"


def asset_json(symbol: str, fractionable: bool, tradable: bool) -> dict[str, Any]:
    """Return what can be known of a symbol."""
    return {
        "id": asset_id(symbol),
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": symbol,
        "name": f"{symbol} Common Stock",
        "status": "active",
        "tradable": tradable,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "shortable": True,
        "easy_to_borrow": True,
        "fractionable": fractionable,
        "attributes": [],
    }
