"""The local broker through the real alpaca-py: orders, protection, money, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.models import Order
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, serve_trading

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DAY, GTC, IOC = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1) as running:
        running.set_price("AAPL", 190.0, bid=189.9, ask=190.1)
        yield running


@pytest.fixture
def client(server: AlpacaTrading) -> TradingClient:
    return client_of(server)


def client_of(server: AlpacaTrading) -> TradingClient:
    client = TradingClient(KEYS.key_id, KEYS.secret, url_override=server.url)
    client._retry = 0
    return client


def buy(client: TradingClient, qty: float = 10, **more: Any) -> Order:
    """Buy at the market."""
    wanted = MarketOrderRequest(symbol="AAPL", qty=qty, side=BUY, time_in_force=DAY, **more)
    return taken(client.submit_order(wanted))


def rest_stop(client: TradingClient, price: float = 180.0, qty: float = 10) -> Order:
    """Rest a protective stop."""
    return taken(
        client.submit_order(
            StopOrderRequest(symbol="AAPL", qty=qty, side=SELL, stop_price=price, time_in_force=GTC)
        )
    )


def taken(answer: object) -> Order:
    assert isinstance(answer, Order)
    return answer


def status(client: TradingClient, order: Order) -> str:
    return taken(client.get_order_by_id(order.id)).status.value


def refusal(error: pytest.ExceptionInfo[APIError]) -> tuple[int, dict[str, Any]]:
    body = json.loads(str(error.value))
    return error.value.status_code, body


def test_a_marketable_limit_fills_at_the_ask_and_the_books_agree(
    server: AlpacaTrading, client: TradingClient
) -> None:
    order = taken(
        client.submit_order(
            LimitOrderRequest(symbol="AAPL", qty=10, side=BUY, limit_price=190.5, time_in_force=IOC)
        )
    )
    assert order.filled_qty == "0"
    assert status(client, order) == "filled"
    ledger = server.ledger()
    assert ledger.cash == Decimal("98099.0")
    assert ledger.positions == {"AAPL": Decimal(10)}
    assert [(fill.qty, fill.price) for fill in ledger.fills] == [(Decimal(10), Decimal("190.1"))]
    server.check()


def test_what_an_immediate_order_cannot_fill_is_cancelled(
    server: AlpacaTrading, client: TradingClient
) -> None:
    server.set_price("AAPL", 190.0, ask_size=4)
    order = taken(
        client.submit_order(
            LimitOrderRequest(symbol="AAPL", qty=10, side=BUY, limit_price=191, time_in_force=IOC)
        )
    )
    order = taken(client.get_order_by_id(order.id))
    assert (order.status.value, order.filled_qty) == ("canceled", "4")


def test_a_stop_protects_a_position_until_it_sells_it(
    server: AlpacaTrading, client: TradingClient
) -> None:
    buy(client)
    (gap,) = server.unprotected()
    assert gap.end is None
    stop = rest_stop(client)
    (gap,) = server.unprotected()
    assert gap.end is not None
    assert gap.shares == 10
    server.set_price("AAPL", 181)
    assert status(client, stop) == "new"
    server.set_price("AAPL", 179.5)
    assert status(client, stop) == "filled"
    assert server.ledger().cash == Decimal(100_000) - 1901 + 1795


def test_the_shares_of_a_resting_stop_are_held(
    server: AlpacaTrading, client: TradingClient
) -> None:
    buy(client)
    stop = rest_stop(client)
    (position,) = client.get_all_positions()
    assert position.qty_available == "0"  # type: ignore[union-attr]
    with pytest.raises(APIError) as caught:
        client.close_position("AAPL")
    code, body = refusal(caught)
    assert code == 403
    assert body["message"] == "insufficient qty available for order (requested: 10, available: 0)"
    assert body["related_orders"] == [str(stop.id)]


def test_a_buy_beside_a_resting_stop_is_a_wash_trade(
    server: AlpacaTrading, client: TradingClient
) -> None:
    buy(client)
    stop = rest_stop(client)
    with pytest.raises(APIError) as caught:
        buy(client, 1)
    code, body = refusal(caught)
    assert (code, body["existing_order_id"]) == (403, str(stop.id))
    assert body["message"] == "potential wash trade detected. use complex orders"


def test_a_client_order_id_is_used_once(server: AlpacaTrading, client: TradingClient) -> None:
    buy(client, client_order_id="once")
    with pytest.raises(APIError) as caught:
        buy(client, client_order_id="once")
    assert refusal(caught) == (
        422,
        {"code": 40010001, "message": "client_order_id must be unique"},
    )
    assert len(server.ledger().fills) == 1


def test_a_lost_answer_leaves_the_order_that_was_taken(
    server: AlpacaTrading, client: TradingClient
) -> None:
    server.fault(where="request", kind="lost_after", method="POST")
    with pytest.raises(requests.ConnectionError):
        buy(client, client_order_id="lost")
    assert taken(client.get_order_by_client_id("lost")).status.value == "filled"
    server.fault(where="request", kind="lost_before", method="POST")
    with pytest.raises(requests.ConnectionError):
        buy(client, client_order_id="never")
    with pytest.raises(APIError) as caught:
        client.get_order_by_client_id("never")
    assert refusal(caught)[0] == 404


def test_a_replacement_is_another_order(server: AlpacaTrading, client: TradingClient) -> None:
    buy(client)
    old = rest_stop(client)
    new = taken(client.replace_order_by_id(old.id, ReplaceOrderRequest(stop_price=182)))
    assert new.id != old.id
    assert new.replaces == old.id
    again = taken(client.get_order_by_id(old.id))
    assert (again.status.value, again.replaced_by) == ("replaced", new.id)
    assert status(client, new) == "new"
    assert len(server.unprotected()) == 1


def test_a_bracket_protects_from_its_fill_on(server: AlpacaTrading, client: TradingClient) -> None:
    order = taken(
        client.submit_order(
            LimitOrderRequest(
                symbol="AAPL",
                qty=10,
                side=BUY,
                limit_price=190.5,
                time_in_force=GTC,
                order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=200),
                stop_loss=StopLossRequest(stop_price=180),
            )
        )
    )
    assert order.legs is not None
    nested = taken(client.get_order_by_id(order.id))
    assert nested.status.value == "filled"
    profit, loss = order.legs
    assert (status(client, profit), status(client, loss)) == ("new", "held")
    assert [gap.seconds for gap in server.unprotected()] == []
    server.set_price("AAPL", 179)
    assert (status(client, profit), status(client, loss)) == ("canceled", "filled")
    assert server.ledger().positions == {}


def test_a_trailing_stop_follows_and_sells(server: AlpacaTrading, client: TradingClient) -> None:
    buy(client)
    stop = taken(
        client.submit_order(
            TrailingStopOrderRequest(
                symbol="AAPL", qty=10, side=SELL, trail_percent=5, time_in_force=GTC
            )
        )
    )
    for last in (200, 196):
        server.set_price("AAPL", last)
    seen = taken(client.get_order_by_id(stop.id))
    assert (seen.hwm, seen.stop_price) == ("200", "190")
    server.set_price("AAPL", 189.5)
    assert status(client, stop) == "filled"


def test_a_cancel_can_come_too_late(server: AlpacaTrading, client: TradingClient) -> None:
    buy(client)
    stop = rest_stop(client)
    client.cancel_order_by_id(stop.id)
    assert status(client, stop) == "canceled"
    with pytest.raises(APIError) as caught:
        client.cancel_order_by_id(stop.id)
    assert refusal(caught) == (
        422,
        {"code": 42210000, "message": 'order is already in "canceled" state'},
    )


def test_a_half_is_closed(server: AlpacaTrading, client: TradingClient) -> None:
    buy(client)
    client.close_position("AAPL", ClosePositionRequest(percentage="50"))
    assert server.ledger().positions == {"AAPL": Decimal(5)}


def test_open_orders_are_listed_newest_first(server: AlpacaTrading, client: TradingClient) -> None:
    buy(client)
    first, second = rest_stop(client, 170, 4), rest_stop(client, 171, 6)
    listed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, symbols=["AAPL"]))
    assert [taken(order).id for order in listed] == [second.id, first.id]
