"""The local broker through the real alpaca-py: orders, protection, money, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.models import Order, Position
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrdersRequest,
    StopLossRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_client import Client, refusal
from tests.servers.alpaca_trading import AlpacaTrading, serve_trading

GTC = TimeInForce.GTC


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1) as running:
        running.set_price("AAPL", 190.0, bid=189.9, ask=190.1)
        yield running


@pytest.fixture
def client(server: AlpacaTrading) -> Client:
    return Client(server)


def test_a_marketable_limit_fills_at_the_ask_and_the_books_agree(
    server: AlpacaTrading, client: Client
) -> None:
    order = client.limit(10, 190.5)
    assert order.filled_qty == "0"
    assert client.status(order) == "filled"
    ledger = server.ledger()
    assert ledger.cash == Decimal("98099.0")
    assert ledger.positions == {"AAPL": Decimal(10)}
    assert [(fill.qty, fill.price) for fill in ledger.fills] == [(Decimal(10), Decimal("190.1"))]
    server.check()


def test_what_an_immediate_order_cannot_fill_is_cancelled(
    server: AlpacaTrading, client: Client
) -> None:
    server.set_price("AAPL", 190.0, ask_size=4)
    order = client.limit(10, 191)
    order = client.order(order)
    assert (order.status.value, order.filled_qty) == ("canceled", "4")


def test_a_stop_protects_a_position_until_it_sells_it(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    (gap,) = server.unprotected()
    assert gap.end is None
    stop = client.stop()
    (gap,) = server.unprotected()
    assert gap.end is not None
    assert gap.shares == 10
    server.set_price("AAPL", 181)
    assert client.status(stop) == "new"
    server.set_price("AAPL", 179.5)
    assert client.status(stop) == "filled"
    assert server.ledger().cash == Decimal(100_000) - 1901 + 1795


def test_the_shares_of_a_resting_stop_are_held(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    (position,) = client.api.get_all_positions()
    assert isinstance(position, Position)
    assert position.qty_available == "0"
    with pytest.raises(APIError) as caught:
        client.api.close_position("AAPL")
    code, body = refusal(caught.value)
    assert code == 403
    assert body["message"] == "insufficient qty available for order (requested: 10, available: 0)"
    assert body["related_orders"] == [str(stop.id)]


def test_a_buy_beside_a_resting_stop_is_a_wash_trade(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    with pytest.raises(APIError) as caught:
        client.buy(1)
    code, body = refusal(caught.value)
    assert (code, body["existing_order_id"]) == (403, str(stop.id))
    assert body["message"] == "potential wash trade detected. use complex orders"


def test_a_client_order_id_is_used_once(server: AlpacaTrading, client: Client) -> None:
    client.buy(client_order_id="once")
    with pytest.raises(APIError) as caught:
        client.buy(client_order_id="once")
    assert refusal(caught.value) == (
        422,
        {"code": 40010001, "message": "client_order_id must be unique"},
    )
    assert len(server.ledger().fills) == 1


def test_a_lost_answer_leaves_the_order_that_was_taken(
    server: AlpacaTrading, client: Client
) -> None:
    server.fault(where="request", kind="lost_after", method="POST")
    with pytest.raises(requests.ConnectionError):
        client.buy(client_order_id="lost")
    assert client.by_client_id("lost").status.value == "filled"
    server.fault(where="request", kind="lost_before", method="POST")
    with pytest.raises(requests.ConnectionError):
        client.buy(client_order_id="never")
    with pytest.raises(APIError) as caught:
        client.by_client_id("never")
    assert refusal(caught.value)[0] == 404


def test_a_replacement_is_another_order(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    old = client.stop()
    new = client.replace(old, stop_price=182)
    assert new.id != old.id
    assert new.replaces == old.id
    again = client.order(old)
    assert (again.status.value, again.replaced_by) == ("replaced", new.id)
    assert client.status(new) == "new"
    assert len(server.unprotected()) == 1


def test_a_bracket_protects_from_its_fill_on(server: AlpacaTrading, client: Client) -> None:
    order = client.limit(
        10,
        190.5,
        time_in_force=GTC,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=200),
        stop_loss=StopLossRequest(stop_price=180),
    )
    assert order.legs is not None
    nested = client.order(order)
    assert nested.status.value == "filled"
    profit, loss = order.legs
    assert (client.status(profit), client.status(loss)) == ("new", "held")
    assert [gap.seconds for gap in server.unprotected()] == []
    server.set_price("AAPL", 179)
    assert (client.status(profit), client.status(loss)) == ("canceled", "filled")
    assert server.ledger().positions == {}


def test_a_trailing_stop_follows_and_sells(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.send(
        TrailingStopOrderRequest(
            symbol="AAPL", qty=10, side=OrderSide.SELL, trail_percent=5, time_in_force=GTC
        )
    )
    for last in (200, 196):
        server.set_price("AAPL", last)
    seen = client.order(stop)
    assert (seen.hwm, seen.stop_price) == ("200", "190")
    server.set_price("AAPL", 189.5)
    assert client.status(stop) == "filled"


def test_a_cancel_can_come_too_late(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    client.cancel(stop)
    assert client.status(stop) == "canceled"
    with pytest.raises(APIError) as caught:
        client.cancel(stop)
    assert refusal(caught.value) == (
        422,
        {"code": 42210000, "message": 'order is already in "canceled" state'},
    )


def test_a_half_is_closed(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    client.api.close_position("AAPL", ClosePositionRequest(percentage="50"))
    assert server.ledger().positions == {"AAPL": Decimal(5)}


def test_open_orders_are_listed_newest_first(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    first, second = client.stop(170, 4), client.stop(171, 6)
    listed = client.api.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, symbols=["AAPL"]))
    assert [order.id for order in listed if isinstance(order, Order)] == [second.id, first.id]
