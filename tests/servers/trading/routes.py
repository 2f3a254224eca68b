"""The REST routes: from a request to the broker's books and back to JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hybrid_tui.domain.calendar import NEW_YORK, Session
from tests.servers.trading.book import Book
from tests.servers.trading.changes import cancel, close_position, replace
from tests.servers.trading.intake import place
from tests.servers.trading.records import ENDED, Order, Refused, unprocessable
from tests.servers.trading.venue import work
from tests.servers.trading.wire import (
    ACCOUNT_ID,
    Stamp,
    amount,
    asset_id,
    asset_json,
    fill_json,
    move_json,
    order_json,
    position_json,
    stamp_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, signed on: what is in the path beside the route, the query and the body."""

    parts: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


Answer = tuple[int, Any]
Route = Callable[[Book, Request], Answer]


def _stamp(book: Book) -> Stamp:
    return stamp_of(book.clock.skew)


def account(book: Book, request: Request) -> Answer:
    """GET /v2/account, without the pattern-day-trader fields that ended in July 2026."""
    value, equity, power = book.market_value(), book.equity(), book.buying_power()
    cash = book.account.cash
    margin = book.initial_margin()
    return 200, {
        "id": ACCOUNT_ID,
        "account_number": "PA000LOCAL01",
        "status": book.status,
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": amount(cash, 6),
        "equity": amount(equity, 6),
        "last_equity": amount(book.account.last_equity, 6),
        "portfolio_value": amount(equity, 6),
        "long_market_value": amount(value, 6),
        "short_market_value": "0",
        "buying_power": amount(power, 2),
        "regt_buying_power": amount(power, 2),
        "non_marginable_buying_power": amount(max(Decimal(0), min(cash, power)), 2),
        "options_buying_power": amount(max(Decimal(0), min(cash, power)), 2),
        "initial_margin": amount(margin, 2),
        "maintenance_margin": amount(value * Decimal("0.3"), 2),
        "last_maintenance_margin": "0",
        "multiplier": str(book.multiplier),
        "sma": "0",
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "balance_asof": f"{book.clock.now().astimezone(NEW_YORK).date() - timedelta(days=1)}",
        "created_at": "2026-01-02T15:00:00Z",
        "shorting_enabled": False,
        "options_approved_level": 0,
        "options_trading_level": 0,
        **book.flags,
    }


def configurations(book: Book, request: Request) -> Answer:
    """GET and PATCH /v2/account/configurations."""
    unknown = set(request.body) - set(book.configuration)
    if unknown - {"dtbp_check", "pdt_check"}:
        raise unprocessable(f"unknown configuration: {', '.join(sorted(unknown))}")
    book.configuration |= {
        name: value
        for name, value in request.body.items()
        if name in book.configuration and value is not None
    }
    book.flags["trade_suspended_by_user"] = bool(book.configuration["suspend_trade"])
    return 200, book.configuration


def activities(book: Book, request: Request) -> Answer:
    """GET /v2/account/activities and .../{type}: pages by the id of the last one seen."""
    query, stamp = request.query, _stamp(book)
    kinds = request.parts or tuple(filter(None, query.get("activity_types", "").split(",")))
    rows = [(fill.at, fill_json(fill, stamp)) for fill in book.account.fills]
    rows += [(move.at, move_json(move, stamp)) for move in book.account.moves]
    rows = [
        (at, row)
        for at, row in rows
        if (not kinds or row["activity_type"] in kinds)
        and ("after" not in query or at > _instant(query["after"]))
        and ("until" not in query or at < _instant(query["until"]))
        and ("date" not in query or str(at.astimezone(NEW_YORK).date()) == query["date"][:10])
        and ("order_id" not in query or row.get("order_id") == query["order_id"])
    ]
    found = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    if query.get("direction", "desc") == "desc":
        found.reverse()
    ids = [row["id"] for row in found]
    token = query.get("page_token")
    first = ids.index(token) + 1 if token in ids else 0
    size = int(query.get("page_size", 100))
    if not 1 <= size <= 100:
        raise unprocessable("page_size must be between 1 and 100")
    return 200, found[first : first + size]


def _instant(text: str) -> datetime:
    """Read an instant or a New York date of a query; raises Refused (422)."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise unprocessable(f"invalid timestamp: {text}") from None
    return at if at.tzinfo else at.replace(tzinfo=NEW_YORK)


def clock(book: Book, request: Request) -> Answer:
    """GET /v2/clock, in New York's offset; off by the clock's skew."""
    now = book.clock.now()
    later = book.hours.next_open(now), book.hours.next_close(now)
    local = (now + book.clock.skew).astimezone(NEW_YORK)
    return 200, {
        "timestamp": local.isoformat(timespec="microseconds").replace(
            f".{local.microsecond:06d}", f".{local.microsecond:06d}000"
        ),
        "is_open": book.hours.is_open(now),
        "next_open": later[0].astimezone(NEW_YORK).isoformat(),
        "next_close": later[1].astimezone(NEW_YORK).isoformat(),
    }


def calendar(book: Book, request: Request) -> Answer:
    """GET /v2/calendar: sessions of [start, end], times naive in New York."""
    query = request.query
    try:
        first, last = (
            date.fromisoformat(query[name][:10]) if name in query else None
            for name in ("start", "end")
        )
    except ValueError:
        raise unprocessable("invalid date") from None
    sessions = book.hours.calendar.sessions
    return 200, [
        _day(session, sessions[place + 1] if place + 1 < len(sessions) else session)
        for place, session in enumerate(sessions)
        if (first is None or session.day >= first) and (last is None or session.day <= last)
    ]


def _day(session: Session, following: Session) -> dict[str, str]:
    return {
        "date": str(session.day),
        "open": f"{session.open.astimezone(NEW_YORK):%H:%M}",
        "close": f"{session.close.astimezone(NEW_YORK):%H:%M}",
        "session_open": "0400",
        "session_close": "1700" if session.is_half_day else "2000",
        "settlement_date": str(following.day),
    }


def assets(book: Book, request: Request) -> Answer:
    """GET /v2/assets and /v2/assets/{symbol or id}."""
    known = {symbol: _asset(book, symbol) for symbol in sorted(book.quotes)}
    if not request.parts:
        return 200, list(known.values())
    symbol = _symbol(book, request.parts[0])
    if symbol not in known:
        raise Refused(404, 40410000, f"asset not found for {request.parts[0]}")
    return 200, known[symbol]


def _asset(book: Book, symbol: str) -> dict[str, Any]:
    return asset_json(symbol, symbol not in book.whole_only, symbol not in book.untradable)


def _symbol(book: Book, name: str) -> str:
    """Return the symbol that a path means by its symbol or its asset id."""
    return next((symbol for symbol in book.quotes if asset_id(symbol) == name), name)


def orders(book: Book, request: Request) -> Answer:
    """GET /v2/orders: open ones, newest first, unless the query says otherwise."""
    query, stamp = request.query, _stamp(book)
    wanted = query.get("status", "open")
    symbols = set(filter(None, query.get("symbols", "").split(",")))
    nested = query.get("nested", "false").lower() == "true"
    found = [
        order
        for order in book.orders.values()
        if (wanted == "all" or (order.status in ENDED) == (wanted == "closed"))
        and (not symbols or order.symbol in symbols)
        and (query.get("side") in (None, order.side))
        and ("after" not in query or order.at > _instant(query["after"]))
        and ("until" not in query or order.at < _instant(query["until"]))
        and not (nested and order.parent is not None)
    ]
    found.sort(key=lambda order: order.sequence, reverse=query.get("direction", "desc") == "desc")
    limit = int(query.get("limit", 50))
    if not 1 <= limit <= 500:
        raise unprocessable("limit must be between 1 and 500")
    return 200, [
        order_json(order, stamp, book.legs(order) if nested else ()) for order in found[:limit]
    ]


def submit(book: Book, request: Request) -> Answer:
    """POST /v2/orders. The answer is the order as it was taken; fills come afterwards."""
    order = place(book, request.body)
    return 200, order_json(order, _stamp(book), book.legs(order))


def order_by_id(book: Book, request: Request) -> Answer:
    """GET /v2/orders/{id}."""
    order = book.find(request.parts[0])
    nested = request.query.get("nested", "false").lower() == "true"
    return 200, order_json(order, _stamp(book), book.legs(order) if nested else ())


def order_by_client_id(book: Book, request: Request) -> Answer:
    """GET /v2/orders:by_client_order_id."""
    client_id = request.query.get("client_order_id", "")
    if client_id not in book.by_client:
        raise Refused(404, 40410000, f"order not found for {client_id}")
    return 200, order_json(book.orders[book.by_client[client_id]], _stamp(book))


def patch(book: Book, request: Request) -> Answer:
    """PATCH /v2/orders/{id}: the new order."""
    return 200, order_json(replace(book, request.parts[0], request.body), _stamp(book))


def cancel_one(book: Book, request: Request) -> Answer:
    """DELETE /v2/orders/{id}."""
    cancel(book, request.parts[0])
    return 204, None


def cancel_all(book: Book, request: Request) -> Answer:
    """DELETE /v2/orders: one line for each open order."""
    rows = []
    for order in book.open_orders():
        if not order.open or (order.parent is not None and book.orders[order.parent].open):
            continue
        try:
            cancel(book, order.id)
            rows.append({"id": order.id, "status": 200})
        except Refused as refusal:
            rows.append({"id": order.id, "status": refusal.status, "body": refusal.body})
    return 207, rows


def positions(book: Book, request: Request) -> Answer:
    """GET /v2/positions."""
    return 200, [_position(book, symbol) for symbol in sorted(book.account.holdings)]


def position(book: Book, request: Request) -> Answer:
    """GET /v2/positions/{symbol or asset id}."""
    symbol = _symbol(book, request.parts[0])
    if symbol not in book.account.holdings:
        raise Refused(404, 40410000, "position does not exist")
    return 200, _position(book, symbol)


def _position(book: Book, symbol: str) -> dict[str, Any]:
    held = book.account.holdings[symbol]
    return position_json(held, book.quotes[symbol], book.reserved(symbol))


def close_one(book: Book, request: Request) -> Answer:
    """DELETE /v2/positions/{symbol}: open orders that hold its shares are not cancelled."""
    symbol = _symbol(book, request.parts[0])
    return 200, order_json(close_position(book, symbol, request.query), _stamp(book))


def close_all(book: Book, request: Request) -> Answer:
    """DELETE /v2/positions: with cancel_orders the open orders go first."""
    if request.query.get("cancel_orders", "false").lower() == "true":
        for order in book.open_orders():
            cancel(book, order.id, plainly=True)
    rows: list[dict[str, Any]] = []
    for symbol in sorted(book.account.holdings):
        try:
            sold: Order = close_position(book, symbol, {})
            body, status = order_json(sold, _stamp(book)), 200
        except Refused as refusal:
            body, status = refusal.body, refusal.status
        rows.append({"symbol": symbol, "status": status, "body": body})
    return 207, rows


ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", r"/v2/account", account),
    ("GET", r"/v2/account/configurations", configurations),
    ("PATCH", r"/v2/account/configurations", configurations),
    ("GET", r"/v2/account/activities", activities),
    ("GET", r"/v2/account/activities/([A-Z]+)", activities),
    ("GET", r"/v2/clock", clock),
    ("GET", r"/v2/calendar", calendar),
    ("GET", r"/v2/assets", assets),
    ("GET", r"/v2/assets/([^/]+)", assets),
    ("GET", r"/v2/orders", orders),
    ("POST", r"/v2/orders", submit),
    ("DELETE", r"/v2/orders", cancel_all),
    ("GET", r"/v2/orders:by_client_order_id", order_by_client_id),
    ("GET", r"/v2/orders/([^/:]+)", order_by_id),
    ("PATCH", r"/v2/orders/([^/:]+)", patch),
    ("DELETE", r"/v2/orders/([^/:]+)", cancel_one),
    ("GET", r"/v2/positions", positions),
    ("DELETE", r"/v2/positions", close_all),
    ("GET", r"/v2/positions/([^/]+)", position),
    ("DELETE", r"/v2/positions/([^/]+)", close_one),
)


def answer(
    book: Book, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
) -> Answer:
    """Return status and JSON of the right answer, with the market moved on before and after."""
    for verb, pattern, route in ROUTES:
        found = re.fullmatch(pattern, path)
        if found is None or verb != method:
            continue
        work(book)
        try:
            return route(book, Request(parts=found.groups(), query=query, body=body))
        except Refused as refusal:
            return refusal.status, refusal.body
        finally:
            work(book)
    return 404, {"message": "endpoint not found"}
