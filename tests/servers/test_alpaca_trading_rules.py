"""What Alpaca takes and refuses, and what the market does to orders: hours, halts, auctions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
from alpaca.trading.models import Position, TradeAccount
from alpaca.trading.requests import (
    LimitOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_client import Client, refusal
from tests.servers.alpaca_trading import AlpacaTrading, serve_trading

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC
OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    settings = {"at": OPEN + timedelta(hours=1), "speed": 0, "is_open": None}
    with serve_trading(calendar, seed=1, **settings) as running:
        running.set_price("AAPL", 190.0, bid=189.9, ask=190.1)
        yield running


@pytest.fixture
def client(server: AlpacaTrading) -> Client:
    return Client(server)


def refused(send: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(APIError) as caught:
        send()
    status, body = refusal(caught.value)
    return status, str(body["message"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"price": 190.123}, "sub-penny"),
        ({"price": 0.12345}, "sub-penny"),
        ({"qty": 0.5, "time_in_force": GTC}, "fractional orders must be DAY orders"),
        ({"symbol": "NONE"}, 'asset "NONE" not found'),
        ({"extended_hours": True}, "extended hours order must be DAY or GTC limit orders"),
        ({"client_order_id": "x" * 129}, "no more than 128 characters"),
        ({"qty": 0.001, "time_in_force": DAY}, "minimal amount of order 1"),
    ],
)
def test_what_is_no_order_is_unprocessable(
    client: Client, fields: dict[str, Any], message: str
) -> None:
    given = {"qty": 10, "price": 190.5} | fields
    status, said = refused(lambda: client.limit(**given))
    assert status == 422
    assert message in said


def test_a_price_below_a_dollar_has_four_decimals(server: AlpacaTrading, client: Client) -> None:
    server.set_price("AAPL", 0.5)
    assert client.status(client.limit(10, 0.5012)) == "filled"


def test_buying_power_bounds_what_is_bought(server: AlpacaTrading, client: Client) -> None:
    client.limit(500, 190, time_in_force=GTC)
    status, said = refused(lambda: client.limit(600, 190.5))
    assert (status, said) == (403, "insufficient buying power")
    account = client.api.get_account()
    assert isinstance(account, TradeAccount)
    assert account.buying_power == "105000"
    assert account.pattern_day_trader is None
    assert account.daytrade_count is None


def test_nothing_is_sold_that_is_not_held(client: Client) -> None:
    assert refused(client.sell) == (403, "account is not allowed to short")
    client.buy(5)
    assert refused(client.sell)[1] == (
        "insufficient qty available for order (requested: 10, available: 5)"
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("account_blocked", "account is blocked"),
        ("trading_blocked", "trading is blocked on this account"),
        ("trade_suspended_by_user", "new orders are rejected by user request"),
    ],
)
def test_a_restricted_account_takes_no_orders(
    server: AlpacaTrading, client: Client, flag: str, message: str
) -> None:
    server.set_flag(flag, True)
    account = client.api.get_account()
    assert getattr(account, flag) is True
    assert refused(client.buy) == (403, message)


def test_keys_are_looked_at(server: AlpacaTrading) -> None:
    other = Client(server, key_id="AKOTHER")
    assert refused(other.api.get_account) == (401, "request is not authorized")
    server.set_read_only(True)
    reader = Client(server)
    reader.api.get_account()
    assert refused(reader.buy) == (403, "forbidden.")


def test_more_than_200_requests_a_minute_are_too_many(
    server: AlpacaTrading, client: Client
) -> None:
    for _ in range(200):
        client.api.get_clock()
    assert refused(client.api.get_clock) == (429, "rate limit exceeded")
    server.advance(60)
    client.api.get_clock()


def test_opposite_limits_that_cannot_trade_are_no_wash_trade(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    client.limit(10, 200, side=SELL, time_in_force=GTC)
    client.limit(1, 190, time_in_force=GTC)
    status, said = refused(lambda: client.limit(1, 200))
    assert status == 403
    assert "wash trade" in said


def test_an_oco_holds_its_shares_once_and_one_cancels_the_other(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    pair = client.send(
        LimitOrderRequest(
            symbol="AAPL",
            qty=10,
            side=SELL,
            time_in_force=GTC,
            order_class=OrderClass.OCO,
            take_profit=TakeProfitRequest(limit_price=200),
            stop_loss=StopLossRequest(stop_price=180),
        )
    )
    assert pair.legs is not None
    (loss,) = pair.legs
    assert (client.status(pair), client.status(loss)) == ("new", "held")
    server.set_price("AAPL", 201, bid_size=4)
    assert client.order(pair).filled_qty == "4"
    assert client.order(loss).qty == "6"
    server.set_price("AAPL", 201)
    assert (client.status(pair), client.status(loss)) == ("filled", "canceled")


def test_an_entry_takes_its_leg_along_when_it_ends(server: AlpacaTrading, client: Client) -> None:
    entry = client.limit(
        5,
        180,
        time_in_force=DAY,
        order_class=OrderClass.OTO,
        stop_loss=StopLossRequest(stop_price=170),
    )
    assert entry.legs is not None
    client.cancel(entry)
    assert [client.status(order) for order in (entry, entry.legs[0])] == ["canceled", "canceled"]


def test_an_entry_with_one_leg_protects_what_it_bought(
    server: AlpacaTrading, client: Client
) -> None:
    entry = client.limit(
        5,
        191,
        time_in_force=DAY,
        order_class=OrderClass.OTO,
        stop_loss=StopLossRequest(stop_price=170),
    )
    assert entry.legs is not None
    assert client.status(entry.legs[0]) == "new"
    assert server.unprotected() == []


def test_a_stop_limit_does_not_sell_below_its_limit(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.send(
        StopLimitOrderRequest(
            symbol="AAPL", qty=10, side=SELL, time_in_force=GTC, stop_price=180, limit_price=179
        )
    )
    server.set_price("AAPL", 170)
    assert client.status(stop) == "new"
    server.set_price("AAPL", 179.5)
    assert client.order(stop).filled_avg_price == "179.5"


def test_dollars_buy_a_fraction(server: AlpacaTrading, client: Client) -> None:
    order = client.buy(None, notional=100)
    assert client.order(order).filled_qty == "0.526038926"
    (position,) = client.api.get_all_positions()
    assert isinstance(position, Position)
    assert position.qty == "0.526038926"
    assert refused(lambda: client.stop(qty=0.5))[1] == "fractional orders must be DAY orders"
    client.stop(qty=0.5, time_in_force=DAY)


def test_a_halt_holds_everything_back(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    server.halt("AAPL")
    server.set_price("AAPL", 150)
    assert client.status(stop) == "new"
    server.resume("AAPL")
    assert client.order(stop).filled_avg_price == "150"
    server.halt("AAPL")
    assert client.status(client.limit(1, 200)) == "canceled"


def test_a_day_order_ends_with_its_session_and_a_gtc_stop_stays(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    stop = client.stop(qty=9)
    day = client.limit(1, 250, side=SELL, time_in_force=DAY)
    server.move_to(CLOSE)
    assert (client.status(day), client.status(stop)) == ("expired", "new")
    server.set_price("AAPL", 150)
    assert client.status(stop) == "new"
    server.move_to(OPEN + timedelta(days=1))
    assert client.order(stop).filled_avg_price == "150"


def test_an_order_of_the_night_waits_for_the_opening(server: AlpacaTrading, client: Client) -> None:
    server.move_to(CLOSE + timedelta(hours=1))
    order = client.buy()
    assert client.status(order) == "accepted"
    change = ReplaceOrderRequest(qty=5)
    assert refused(lambda: client.api.replace_order_by_id(order.id, change))[0] == 422
    assert client.status(client.limit(1, 200)) == "canceled"
    server.move_to(OPEN + timedelta(days=1))
    assert client.status(order) == "filled"


def test_orders_for_the_auctions_trade_there_or_end(server: AlpacaTrading, client: Client) -> None:
    at_close = client.buy(time_in_force=TimeInForce.CLS)
    assert client.status(at_close) == "new"
    server.move_to(CLOSE)
    assert client.status(at_close) == "filled"
    server.advance(4 * 3600)
    at_open = client.limit(1, 100, time_in_force=TimeInForce.OPG)
    assert client.status(at_open) == "accepted"
    server.move_to(OPEN + timedelta(days=1))
    assert client.status(at_open) == "canceled"


def test_a_split_ends_the_orders_and_keeps_the_cost(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    server.split("AAPL", 4)
    assert client.status(stop) == "canceled"
    ledger = server.ledger()
    assert ledger.positions == {"AAPL": Decimal(40)}
    assert ledger.costs == {"AAPL": Decimal(1901)}
    server.check()
    (position,) = client.api.get_all_positions()
    assert isinstance(position, Position)
    assert (position.avg_entry_price, position.current_price) == ("47.525", "47.5")
    assert server.unprotected()[-1].end is None


def test_money_that_is_no_trade_is_an_activity(server: AlpacaTrading, client: Client) -> None:
    client.buy(3)
    server.dividend("AAPL", "0.335")
    server.fee("0.02")
    server.deposit(500)
    assert server.ledger().cash == Decimal("100000") - Decimal("570.3") + Decimal("500.99")
    server.check()
    rows = client.api.get("/account/activities", {"activity_types": "DIV,FEE"})
    assert [(row["activity_type"], row["net_amount"]) for row in rows] == [
        ("FEE", "-0.02"),
        ("DIV", "1.01"),
    ]


def test_activities_come_in_pages(server: AlpacaTrading, client: Client) -> None:
    for _ in range(5):
        client.buy(1)
        server.advance(1)
    path, query = "/account/activities/FILL", {"page_size": 2, "direction": "asc"}
    seen: list[str] = []
    while rows := client.api.get(path, query):
        seen += [row["id"] for row in rows]
        query["page_token"] = seen[-1]
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen)
    since = {"after": (server.clock.now() - timedelta(seconds=2)).isoformat()}
    assert len(client.api.get(path, since)) == 1


def test_what_is_done_by_hand_is_marked(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    server.close_by_hand("AAPL")
    assert client.status(stop) == "canceled"
    assert [fill.external for fill in server.ledger().fills] == [False, True]
    assert server.ledger().positions == {}


def test_a_replaced_sell_that_filled_in_part_wants_too_much(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    server.fault(where="order", kind="partial", quantity=4)
    stop = client.stop()
    server.set_price("AAPL", 179)
    assert client.status(stop) == "partially_filled"
    change = ReplaceOrderRequest(stop_price=181)
    status, said = refused(lambda: client.api.replace_order_by_id(stop.id, change))
    assert status == 403
    assert said == "insufficient qty available for order (requested: 10, available: 6)"


def test_a_replacement_has_to_change_something(client: Client) -> None:
    client.buy()
    stop = client.stop(180)
    change = ReplaceOrderRequest(stop_price=180)
    assert refused(lambda: client.api.replace_order_by_id(stop.id, change)) == (
        422,
        "order parameters are not changed",
    )


def test_all_is_sold_when_the_orders_go_first(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    client.stop()
    (refusing,) = client.api.close_all_positions(cancel_orders=False)
    assert refusing.status == 403  # type: ignore[union-attr]
    client.api.close_all_positions(cancel_orders=True)
    assert server.ledger().positions == {}


def test_a_suspended_order_does_not_trade_and_does_not_protect(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    stop = client.stop()
    server.announce(str(stop.id), "suspended", "suspended")
    server.set_price("AAPL", 150)
    assert client.status(stop) == "suspended"
    assert server.unprotected()[-1].end is None
    server.announce(str(stop.id), "new", "new")
    server.set_price("AAPL", 150)
    assert client.status(stop) == "filled"
