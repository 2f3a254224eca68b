"""What alpaca-py and Alpaca do that a caller would not expect, and that costs this desk nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.broker.alpaca_gateway import (
    AlpacaGateway,
    Lost,
    No,
    Refusal,
    is_live_url,
    stream_url_of,
)
from hybrid_tui.broker.alpaca_updates import TradeUpdates
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import Fatal
from tests.broker.alpaca_desk import TIMEOUT_S, AlpacaDesk, running
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, serve_trading

TEN = Decimal(10)


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1) as served:
        served.set_price("AAPL", 100.0)
        yield served


def gateway(url: str) -> AlpacaGateway:
    return AlpacaGateway(KEYS, url, is_live=False, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_request_that_fails_is_made_once_and_nothing_sleeps(
    server: AlpacaTrading, status: int
) -> None:
    """alpaca-py repeats a POST after 429 and 504 three times, three seconds apart."""
    server.fault(where="request", kind="error", status=status, method="POST", times=9)
    begun = time.monotonic()
    with pytest.raises((Refusal, Lost)):
        gateway(server.url).sell("one", "AAPL", TEN)
    assert time.monotonic() - begun < 2.5
    assert len(server.asked()) == 1


def test_a_broker_that_does_not_answer_is_waited_for_so_long_and_no_longer(
    server: AlpacaTrading,
) -> None:
    """alpaca-py has no time-out."""
    server.fault(where="request", kind="late", seconds=20, method="GET")
    begun = time.monotonic()
    with pytest.raises(Lost) as lost:
        gateway(server.url).account()
    assert "in time" in lost.value.text
    assert time.monotonic() - begun < 10


@contextmanager
def saying(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer to everything; give where."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    doors = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=doors.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{doors.server_address[1]}"
    finally:
        doors.shutdown()
        doors.server_close()
        thread.join()


HELD = (
    b'{"code":40310000,"message":"insufficient qty available for order (requested: 10,'
    b' available: 0)","held_for_orders":"10","related_orders":["x"]}'
)
WASH = (
    b'{"code":40310000,"message":"potential wash trade detected. use complex orders",'
    b'"existing_order_id":"x","reject_reason":"opposite side market/stop order exists"}'
)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, HELD, No.SHARES_HELD),
        (403, WASH, No.WASH_TRADE),
        (403, b'{"code":40310000,"message":"insufficient buying power"}', No.FUNDS),
        (422, b'{"code":40010001,"message":"client_order_id must be unique"}', No.DUPLICATE),
        (422, b'{"code":42210000,"message":"order is not open"}', No.TOO_LATE),
        (401, b'{"code":40110000,"message":"request is not authorized"}', No.KEYS),
        (404, b'{"code":40410000,"message":"order not found"}', No.NOT_FOUND),
        # Its code and its message raise where the body is not what alpaca-py expects.
        (403, b"", No.KEYS),
        (429, b"", No.RATE),
        (422, b"{}", No.OTHER),
        (422, b'{"message":"no code here"}', No.OTHER),
        (400, b"<html>bad request</html>", No.OTHER),
        (400, b"[]", No.OTHER),
    ],
)
def test_a_refusal_is_told_by_what_it_says_whatever_it_looks_like(
    status: int, body: bytes, kind: No
) -> None:
    with saying(status, body) as url, pytest.raises(Refusal) as refused:
        gateway(url).sell("one", "AAPL", TEN)
    assert (refused.value.kind, refused.value.status) == (kind, status)
    assert str(status) in refused.value.text


@pytest.mark.parametrize(
    ("url", "mode", "is_live"),
    [
        # alpaca-py trades real money at this one with paper=True, too.
        ("https://api.alpaca.markets", "paper", True),
        ("https://API.alpaca.markets:443/", "paper", True),
        ("https://paper-api.alpaca.markets", "live", False),
        ("https://elsewhere.example", "paper", True),
        (None, "paper", False),
        (None, "live", True),
        ("http://127.0.0.1:4010", "paper", False),
    ],
)
def test_real_money_is_judged_by_the_url(url: str | None, mode: str, is_live: bool) -> None:
    assert is_live_url(url, mode) is is_live


def test_the_stream_is_the_accounts_own() -> None:
    assert stream_url_of(None, is_live=True) == "wss://api.alpaca.markets/stream"
    assert stream_url_of(None, is_live=False) == "wss://paper-api.alpaca.markets/stream"


async def test_wrong_keys_end_the_stream_at_once_and_are_not_shown(server: AlpacaTrading) -> None:
    """alpaca-py tries them for ever, and only its log says so."""
    keys = AlpacaKeys(key_id="PKWRONG", secret="not-the-secret")
    stream = TradeUpdates(
        keys,
        server.stream_url,
        on_update=lambda _: None,
        on_up=lambda: None,
        on_down=lambda _: None,
    )
    with pytest.raises(Fatal) as fatal:
        await stream.run()
    assert "refused the keys" in fatal.value.render()
    assert keys.secret not in fatal.value.render()
    assert server.updates.connects == 1


async def test_what_the_stream_does_not_know_is_no_loss(server: AlpacaTrading) -> None:
    """alpaca-py drops an update whose status is not in its list, and whoever listens never hears.

    A status that nobody knows is an order that may fill; a rare event is no end.
    """
    desk = AlpacaDesk(server)
    async with running(desk):
        desk.quote("AAPL", 100.0)
        desk.buy("AAPL", 10)
        await desk.until(lambda: desk.is_protected("AAPL") and not desk.state.orders)
        (stop,) = [order for order in server.orders() if order["type"] == "stop"]
        for event in ("order_cancel_rejected", "restated", "trade_bust", "never_heard_of"):
            server.announce(stop["id"], event)
        server.announce(stop["id"], "held_for_review", status="held_for_review")
        server.announce(stop["id"], "new", status="new")
        desk.broker.place_stop("AAPL", 95.0, "trailing_stop")
        await desk.until(lambda: any(o["stop_price"] == "95" for o in server.orders()))
        await desk.until(lambda: desk.is_protected("AAPL"))
        desk.quote("AAPL", 94.0)
        await desk.until(lambda: not desk.state.positions)
    desk.check_books()
    assert len(desk.of(ev.OrderFilled)) == 2


async def test_an_entry_beside_a_foreign_stop_ends_with_the_brokers_words(
    server: AlpacaTrading,
) -> None:
    """A resting sell of anyone's makes a buy a wash trade."""
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
        server.by_hand(symbol="AAPL", side="buy", type="market", time_in_force="day", qty="1")
        server.by_hand(
            symbol="AAPL",
            side="sell",
            type="stop",
            time_in_force="gtc",
            qty="1",
            stop_price="80",
        )
        desk.quote("AAPL", 100.0)
        desk.buy("AAPL", 10)
        await desk.until(lambda: not desk.state.orders)
    (ended,) = [event for event in desk.kept.events if isinstance(event, ev.OrderCancelled)]
    assert "wash trade" in ended.reason
    assert server.ledger().positions == {"AAPL": Decimal(1)}


async def test_a_stop_that_the_broker_ends_after_90_days_is_placed_again(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        desk.quote("AAPL", 100.0)
        desk.buy("AAPL", 10)
        await desk.until(lambda: desk.is_protected("AAPL") and not desk.state.orders)
        server.advance(timedelta(days=91).total_seconds())
        ended = next(order for order in server.orders() if order["type"] == "stop")
        assert ended["status"] == "expired"
        await desk.until(lambda: desk.is_protected("AAPL"))
    assert any("stop was expired" in text for text in desk.alerts())
    assert desk.longest_bare() < 5
