"""The venue: orders become known to it, wait, are touched, trade, expire with their session."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import ROUND_DOWN, Decimal

from tests.servers.trading.account import NINE
from tests.servers.trading.book import Book
from tests.servers.trading.matching import follow, price_of, size_of, take, touched
from tests.servers.trading.records import ZERO, Order, Quote

EXTENDED_CLOSE = time(20, 0)
IDLE = frozenset({"suspended", "done_for_day", "stopped", "calculated"})
GTC_LIFE = timedelta(days=90)


def work(book: Book) -> None:
    """Do what is due now: jobs, the session's turns, every order that can move."""
    now = book.clock.now()
    for job in book.due(now):
        job()
    _turn(book)
    moved = True
    while moved:
        moved = False
        for order in book.open_orders():
            moved = _step(book, order) or moved
    book.account.watch(now, book.covered())


def _turn(book: Book) -> None:
    """Take note of the session's opening or close, and end what lives no longer than it."""
    now = book.clock.now()
    is_open = book.hours.is_open(now)
    if book.was_open and not is_open:
        for order in book.open_orders():
            quote = book.quotes[order.symbol]
            if order.time_in_force == "cls":
                _trade(book, order, quote, price=quote.last)
            if order.open and _dies_with_session(order):
                end(book, order, "expired")
        book.account.last_equity = book.equity()
        for quote in book.quotes.values():
            quote.lastday = quote.last
    book.was_open = is_open
    for order in book.open_orders():
        expires = order.stamps.get("expires")
        if expires is not None and expires <= now:
            end(book, order, "expired")


def _dies_with_session(order: Order) -> bool:
    if order.time_in_force == "gtc" or order.extended_hours or order.status == "accepted":
        return False
    return order.status != "pending_new"


def life(book: Book, order: Order) -> None:
    """Set when an order ends by itself: GTC after 90 days, day orders after their session's day."""
    if order.time_in_force == "gtc":
        order.stamps["expires"] = order.at + GTC_LIFE
    elif order.time_in_force == "day":
        order.stamps["expires"] = book.hours.session(order.at).at(EXTENDED_CLOSE)


def _step(book: Book, order: Order) -> bool:
    """Move one order on; True where something happened that may move others."""
    if not order.open or not order.armed or order.status in IDLE:
        return False
    now = book.clock.now()
    if order.status in ("pending_new", "accepted"):
        return _acknowledge(book, order)
    if order.not_before is not None and now < order.not_before:
        return False
    quote = book.quotes[order.symbol]
    is_open = book.hours.is_open(now)
    if quote.halted or not (is_open or order.extended_hours):
        return _kill_remainder(book, order) if is_open else False
    if order.time_in_force == "cls":
        return False
    follow(order, quote)
    if touched(order, quote):
        _trigger(book, order)
    before = order.filled_qty
    price = price_of(order, quote)
    if price is not None:
        _trade(book, order, quote, price=price)
    return _kill_remainder(book, order) or order.filled_qty != before


def _acknowledge(book: Book, order: Order) -> bool:
    """Let the venue take an order on, or hold it back until the session opens."""
    now = book.clock.now()
    if order.status == "pending_new":
        if book.waits(order):
            return False
        if order.sent_after is not None and now < order.sent_after:
            return False
    if book.hours.is_open(now) or order.extended_hours:
        book.set_status(order, "new")
        return True
    if order.status == "pending_new":
        if order.time_in_force in ("ioc", "fok"):
            end(book, order, "canceled")
        else:
            book.set_status(order, "accepted")
    return False


def _trigger(book: Book, order: Order) -> None:
    """A touched stop becomes a market (or limit) order; its take-profit goes first."""
    order.triggered = True
    if order.status == "held":
        for other in book.group(order):
            book.set_status(other, "canceled")
        book.set_status(order, "new")


def _trade(book: Book, order: Order, quote: Quote, *, price: Decimal) -> None:
    """Execute what the quote's size and the order's faults allow at ``price``."""
    if order.notional is not None:
        order.qty = (order.notional / price).quantize(NINE, ROUND_DOWN)
    wanted = order.remaining
    size = size_of(order, quote)
    if size is not None:
        wanted = min(wanted, size)
    if order.limit_of_fill is not None:
        if order.filled_at_version == quote.version:
            return
        wanted = min(wanted, order.limit_of_fill)
    if order.side == "sell":
        wanted = min(wanted, book.account.shares(order.symbol))
    if wanted <= ZERO or (order.time_in_force == "fok" and wanted < order.remaining):
        return
    order.filled_at_version = quote.version
    take(order, quote, wanted)
    execute(book, order, wanted, price)


def execute(book: Book, order: Order, qty: Decimal, price: Decimal) -> None:
    """Fill a part of an order, and let its group follow."""
    book.fill(order, qty, price)
    if order.role == "entry":
        if order.status == "filled":
            _arm(book, order)
        return
    for other in book.group(order):
        assert other.qty is not None
        other.qty -= qty
        if other.remaining <= ZERO:
            other.qty += qty
            book.set_status(other, "canceled")


def _arm(book: Book, entry: Order) -> None:
    """Bring the legs of a filled entry to life: the stop of a pair is held until it is touched."""
    legs = [leg for leg in book.legs(entry) if leg.open]
    for leg in legs:
        leg.armed = True
        if leg.role == "stop_loss" and len(legs) > 1:
            continue
        book.set_status(leg, "new")


def _kill_remainder(book: Book, order: Order) -> bool:
    """End what an immediate order or one for the opening auction could not fill."""
    if not order.open or order.time_in_force not in ("ioc", "fok", "opg"):
        return False
    end(book, order, "canceled")
    return True


def end(book: Book, order: Order, status: str) -> None:
    """End an order without (further) fills, and with it the orders of its group."""
    if not order.open:
        return
    book.set_status(order, status)
    for other in book.group(order):
        if other.open:
            book.set_status(other, "canceled")
