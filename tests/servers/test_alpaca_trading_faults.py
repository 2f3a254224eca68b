"""Faults to order: what each does to a request, an order, a cancel and a replacement."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderClass, TimeInForce
from alpaca.trading.models import Clock
from alpaca.trading.requests import StopLossRequest, TakeProfitRequest

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_client import Client, refusal, wait_for
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, Fault, FaultPlan, serve_trading


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1, speed=0) as running:
        running.set_price("AAPL", 190.0)
        yield running


@pytest.fixture
def client(server: AlpacaTrading) -> Client:
    return Client(server)


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("lost_before", False),
        ("lost_after", True),
        ("error", False),
        ("error_after", True),
        ("truncated", True),
        ("html", True),
    ],
)
def test_an_answer_that_did_not_come_says_nothing_about_the_order(
    server: AlpacaTrading, client: Client, kind: str, taken: bool
) -> None:
    server.fault(where="request", kind=kind, method="POST", status=504)
    with pytest.raises((requests.RequestException, APIError)):
        client.buy(client_order_id="asked")
    assert [fill.client_order_id for fill in server.ledger().fills] == ["asked"] * taken
    if taken:
        assert client.by_client_id("asked").filled_qty == "10"
    else:
        with pytest.raises(APIError) as caught:
            client.by_client_id("asked")
        assert refusal(caught.value)[0] == 404


def test_a_request_that_comes_twice_is_one_order(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="request", kind="twice", method="POST")
    client.buy(client_order_id="asked")
    assert len(server.ledger().fills) == 1


@pytest.mark.parametrize(("kind", "taken"), [("delay", False), ("late", True)])
def test_an_answer_can_take_longer_than_the_client_waits(
    server: AlpacaTrading, client: Client, kind: str, taken: bool
) -> None:
    server.fault(where="request", kind=kind, method="POST", seconds=0.8)
    body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    keys = {"APCA-API-KEY-ID": KEYS.key_id, "APCA-API-SECRET-KEY": KEYS.secret}
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{server.url}/v2/orders", json=body, headers=keys, timeout=0.1)
    assert len(server.ledger().fills) == taken
    wait_for(lambda: server.ledger().fills)


def test_a_storm_of_429_ends(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="request", kind="error", status=429, times=3, skip=1)
    client.api.get_account()
    for _ in range(3):
        with pytest.raises(APIError) as caught:
            client.api.get_account()
        assert refusal(caught.value) == (429, {"code": 42910000, "message": "rate limit exceeded"})
    client.api.get_account()


def test_an_order_can_fill_in_parts(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="order", kind="partial", quantity=4)
    order = client.buy(10)
    assert client.order(order).filled_qty == "4"
    server.set_price("AAPL", 191)
    assert client.status(order) == "partially_filled"
    server.set_price("AAPL", 192)
    assert client.status(order) == "filled"
    assert [fill.qty for fill in server.ledger().fills] == [4, 4, 2]
    assert [fill.cum_qty for fill in server.ledger().fills] == [4, 8, 10]
    assert [fill.leaves_qty for fill in server.ledger().fills] == [6, 2, 0]


def test_an_immediate_order_can_fill_in_part_and_end(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="order", kind="partial", quantity=4, side="buy")
    order = client.order(client.limit(10, 191))
    assert (order.status.value, order.filled_qty) == ("canceled", "4")


def test_an_order_can_be_rejected_after_it_was_taken(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="order", kind="reject")
    order = client.buy()
    assert order.status.value == "pending_new"
    assert client.status(order) == "rejected"
    assert client.order(order).failed_at is not None


def test_an_order_can_be_rejected_late(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="order", kind="reject_late", seconds=2)
    order = client.buy()
    assert client.status(order) == "pending_new"
    server.advance(2)
    assert client.status(order) == "rejected"
    assert server.ledger().positions == {}


def test_a_slow_order_is_first_unsent_then_unfilled(server: AlpacaTrading, client: Client) -> None:
    server.fault(where="order", kind="unsent", seconds=2)
    order = client.buy()
    assert client.status(order) == "pending_new"
    server.advance(2)
    assert client.status(order) == "filled"
    server.fault(where="order", kind="slow", seconds=2)
    order = client.limit(1, 191)
    assert client.status(order) == "new"
    server.advance(2)
    assert client.status(order) == "filled"


def test_a_fill_can_win_against_a_cancel(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    server.fault(where="cancel", kind="fills_first")
    client.cancel(stop)
    assert client.status(stop) == "filled"
    assert server.ledger().positions == {}


def test_a_cancel_can_take_its_time_and_the_price_comes_first(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    stop = client.stop()
    server.fault(where="cancel", kind="slow", seconds=3)
    client.cancel(stop)
    assert client.status(stop) == "pending_cancel"
    with pytest.raises(APIError) as caught:
        client.sell()
    assert refusal(caught.value)[0] == 403
    server.set_price("AAPL", 179)
    assert client.status(stop) == "filled"
    server.advance(3)
    assert client.status(stop) == "filled"


def test_a_cancel_can_be_refused_after_its_204(server: AlpacaTrading, client: Client) -> None:
    client.buy()
    stop = client.stop()
    server.fault(where="cancel", kind="rejected")
    client.cancel(stop)
    assert client.status(stop) == "new"
    assert server.events()[-1]["event"] == "order_cancel_rejected"


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [("fills_first", "filled", "rejected"), ("rejected", "new", "rejected")],
)
def test_a_replacement_can_fail_after_its_200(
    server: AlpacaTrading, client: Client, kind: str, old: str, new: str
) -> None:
    client.buy()
    stop = client.stop()
    server.fault(where="replace", kind=kind)
    placed = client.replace(stop, stop_price=182)
    assert client.status(stop) == old
    assert client.status(placed) == new
    assert [event["event"] for event in server.events()[-2:]] == [
        "order_replace_rejected",
        "rejected",
    ]


def test_a_replacement_can_take_its_time_and_bars_other_changes(
    server: AlpacaTrading, client: Client
) -> None:
    client.buy()
    stop = client.stop()
    server.fault(where="replace", kind="slow", seconds=3)
    placed = client.replace(stop, stop_price=182)
    for change in (
        lambda: client.cancel(stop),
        lambda: client.replace(stop, stop_price=183),
    ):
        with pytest.raises(APIError) as caught:
            change()
        assert refusal(caught.value)[0] == 422
    assert [gap.end is None for gap in server.unprotected()] == [False]
    server.advance(3)
    assert client.status(placed) == "new"
    assert client.status(stop) == "replaced"


def test_a_clock_that_is_off_shows_on_the_wire_only(server: AlpacaTrading, client: Client) -> None:
    server.skew(-300)
    clock = client.api.get_clock()
    assert isinstance(clock, Clock)
    off = (datetime.now(UTC) - clock.timestamp).total_seconds()
    assert 299 < off < 310
    answer = requests.get(f"{server.url}/v2/clock", timeout=5)
    dated = email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert 298 < (datetime.now(UTC) - dated).total_seconds() < 310
    client.buy()
    (fill,) = server.ledger().fills
    assert abs((datetime.now(UTC) - fill.at).total_seconds()) < 10


def test_a_seed_draws_the_same_faults_whatever_else_happens() -> None:
    def drawn(plan: FaultPlan, between: bool) -> list[Fault | None]:
        faults = []
        for _ in range(200):
            faults.append(plan.take("request", method="POST", path="/v2/orders"))
            if between:
                plan.take("event", event="fill")
        return faults

    first = drawn(FaultPlan(7, 0.3), False)
    assert first == drawn(FaultPlan(7, 0.3), True)
    assert first != drawn(FaultPlan(8, 0.3), False)
    assert 30 < sum(fault is not None for fault in first) < 90
    assert len({fault.kind for fault in first if fault is not None}) == 9
    only = drawn(FaultPlan(7, 0.3, ["request/html"]), False)
    assert {fault.kind for fault in only if fault is not None} == {"html"}


def test_an_unknown_fault_names_those_there_are(server: AlpacaTrading) -> None:
    with pytest.raises(ValueError, match="lost_after"):
        server.fault(where="request", kind="lost")


def test_the_books_hold_after_every_fault(calendar: TradingCalendar) -> None:
    with serve_trading(calendar, seed=5, fault_rate=0.35) as server:
        server.set_price("AAPL", 190)
        client = Client(server)
        for number in range(60):
            server.set_price("AAPL", 190 + number % 7)
            try:
                (client.buy, client.sell, client.stop)[number % 3]()
            except (requests.RequestException, APIError):
                continue
        server.clear_faults()
        server.check()
        assert server.made()
        assert server.ledger().cash != Decimal(100_000)


def test_a_replacement_of_a_leg_ends_with_its_group(server: AlpacaTrading, client: Client) -> None:
    entry = client.limit(
        10,
        191,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=200),
        stop_loss=StopLossRequest(stop_price=180),
    )
    assert entry.legs is not None
    profit, loss = entry.legs
    server.fault(where="replace", kind="slow", seconds=3)
    moved = client.replace(profit, limit_price=210)
    server.set_price("AAPL", 179)
    server.advance(3)
    assert client.status(loss) == "filled"
    ended = [event["order"]["id"] for event in server.events() if event["event"] == "rejected"]
    assert client.status(moved) == "canceled"
    assert ended == []
    assert server.ledger().positions == {}
