"""The trade-updates stream of the local broker, through alpaca-py's TradingStream."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_client import Client, Listener, listening_to, wait_for
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, serve_trading


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1) as running:
        running.set_price("AAPL", 190.0, bid=189.9, ask=190.1)
        yield running


@pytest.fixture
def client(server: AlpacaTrading) -> Client:
    return Client(server)


@pytest.fixture
def listener(server: AlpacaTrading) -> Iterator[Listener]:
    with listening_to(server) as running:
        yield running


def test_a_fill_carries_its_own_and_the_cumulative_amounts(
    server: AlpacaTrading, client: Client, listener: Listener
) -> None:
    server.set_price("AAPL", 190, ask_size=4)
    client.buy(10)
    server.set_price("AAPL", 191)
    listener.until("pending_new", "new", "partial_fill", "fill")
    part, last = listener.got[-2:]
    assert (part.qty, part.price, part.position_qty, part.order.filled_qty) == (4, 190, 4, "4")
    assert (last.qty, last.price, last.position_qty, last.order.filled_qty) == (6, 191, 10, "10")
    assert last.order.filled_avg_price == "190.6"
    assert part.execution_id != last.execution_id


def test_a_replacement_tells_of_the_old_order_and_then_of_the_new(
    client: Client, listener: Listener
) -> None:
    client.buy()
    old = client.stop()
    client.replace(old, stop_price=182)
    listener.until("pending_replace", "replaced", "new")
    replaced, new = listener.got[-2:]
    assert replaced.order.id == old.id
    assert replaced.order.replaced_by == new.order.id
    assert new.order.replaces == old.id


@pytest.mark.parametrize(
    ("kind", "came"),
    [
        ("drop", ["pending_new", "fill"]),
        ("twice", ["pending_new", "new", "new", "fill"]),
        ("swap", ["pending_new", "fill", "new"]),
        ("late", ["pending_new", "fill", "new"]),
    ],
)
def test_an_event_can_be_lost_doubled_or_late(
    server: AlpacaTrading, client: Client, listener: Listener, kind: str, came: list[str]
) -> None:
    server.fault(where="event", kind=kind, event="new", seconds=0.1)
    client.buy()
    listener.until(*came)
    assert listener.events == came


@pytest.mark.parametrize("kind", ["cut", "cut_after", "garbage"])
def test_a_broken_stream_is_listened_to_again(
    server: AlpacaTrading, client: Client, listener: Listener, kind: str
) -> None:
    server.fault(where="event", kind=kind, event="fill")
    first = server.updates.connects
    client.buy()
    wait_for(lambda: kind == "garbage" or server.updates.connects > first)
    listener.listening()
    client.sell()
    wait_for(lambda: listener.events.count("pending_new") == 2 and listener.events[-1] == "fill")
    assert listener.events[:2] == ["pending_new", "new"]
    fills = [update.order.side for update in listener.got if update.event == "fill"]
    assert len(fills) == (2 if kind == "cut_after" else 1)


def test_wrong_keys_are_told_so_and_hear_nothing(server: AlpacaTrading, client: Client) -> None:
    sign_on = {"action": "authenticate", "data": {"key_id": "PKOTHER", "secret_key": "x"}}
    listen = {"action": "listen", "data": {"streams": ["trade_updates"]}}
    with connect(server.stream_url) as socket:
        for asked in (sign_on, listen):
            socket.send(json.dumps(asked))
            frame = socket.recv(5)
            assert isinstance(frame, bytes)
            assert json.loads(frame)["data"]["status"] == "unauthorized"
        client.buy()
        with pytest.raises(TimeoutError):
            socket.recv(0.1)


def test_a_handshake_can_be_refused_and_a_sign_on_unanswered(server: AlpacaTrading) -> None:
    server.fault(where="connect", kind="refuse", status=429)
    with pytest.raises(InvalidStatus):
        connect(server.stream_url)
    server.fault(where="connect", kind="mute")
    with connect(server.stream_url) as socket:
        keys = {"key_id": KEYS.key_id, "secret_key": KEYS.secret}
        socket.send(json.dumps({"action": "authenticate", "data": keys}))
        with pytest.raises(TimeoutError):
            socket.recv(0.1)


def test_an_outage_ends_for_everyone(
    server: AlpacaTrading, client: Client, listener: Listener
) -> None:
    server.outage(True)
    with pytest.raises(requests.ConnectionError):
        client.buy()
    wait_for(lambda: not server.updates.listening)
    server.outage(False)
    listener.listening()
    client.buy()
    listener.until("pending_new", "new", "fill")
