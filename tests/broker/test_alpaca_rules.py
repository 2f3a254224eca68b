"""What is sent to Alpaca: ticks, whole and fractional shares, cash and never margin, never a short.

And stops that are lifted every few seconds at most and never loosened, whatever is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.broker.alpaca import AlpacaBroker
from hybrid_tui.broker.alpaca_budget import Urgency
from hybrid_tui.broker.alpaca_gateway import AlpacaGateway, Lost
from hybrid_tui.broker.alpaca_rows import OrderRow
from hybrid_tui.broker.alpaca_send import Sender
from hybrid_tui.broker.lane_book import LaneBook
from hybrid_tui.broker.lanes import (
    ASK_AGAIN_S,
    RAISE_EVERY_S,
    Ask,
    Replace,
    Role,
    Submit,
    next_step,
    stop_id,
)
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.order_life import OrderReport, Stage
from hybrid_tui.domain.state import DeskState
from tests.broker.alpaca_desk import AlpacaDesk, running
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, serve_trading


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1) as served:
        served.set_price("AAPL", 100.0)
        yield served


async def bought(desk: AlpacaDesk, quantity: int = 10, price: float = 100.0) -> None:
    desk.quote("AAPL", price, spread=0.02 if price > 1 else 0.0002)
    desk.buy("AAPL", quantity)
    await desk.until(lambda: desk.is_protected("AAPL") and not desk.state.orders)


async def test_below_a_dollar_prices_have_four_decimals_and_are_taken(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    server.set_price("AAPL", 0.8)
    async with running(desk):
        await bought(desk, 20_000, price=0.8)
    entry, stop = server.orders()
    # The ask of 0.8001 and 20 basis points, down; 0.9 of the fill, down.
    assert (entry["limit_price"], stop["stop_price"]) == ("0.8017", "0.72")
    assert not [one for one in server.asked() if one.status == 422]
    desk.check_books()


async def test_nothing_trades_outside_the_session_and_all_is_sold_to_close(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        desk.sell("AAPL")
        await desk.until(lambda: not desk.state.positions)
    sent = [one.body for one in server.asked() if one.method == "POST"]
    assert [body["position_intent"] for body in sent] == [
        "buy_to_open", "sell_to_close", "sell_to_close"
    ]  # fmt: skip
    assert not any(body.get("extended_hours") for body in sent)
    assert {body.get("order_class", "simple") for body in sent} == {"simple"}


async def test_a_fraction_that_is_held_is_sold_and_its_whole_shares_are_protected(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        server.split("AAPL", 0.35)
        desk.broker._reconciler.soon()
        await desk.until(lambda: desk.state.positions["AAPL"].quantity == 3.5)
        await desk.until(
            lambda: any(o["qty"] == "3" and o["status"] == "new" for o in server.orders())
        )
        desk.sell("AAPL")
        await desk.until(lambda: not desk.state.positions)
    assert server.ledger().positions == {}
    sale = server.orders()[-1]
    assert (sale["qty"], sale["time_in_force"], sale["type"]) == ("3.5", "day", "market")


async def test_entries_are_whole_shares_within_the_cash_though_margin_would_pay_for_more(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    server.set_price("MSFT", 70.0)
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
        assert desk.state.account is not None
        assert desk.state.account.buying_power == 200_000
        desk.quote("AAPL", 100.0)
        desk.quote("MSFT", 70.0)
        desk.buy("AAPL", 700)
        desk.buy("MSFT", 700)
        await desk.until(lambda: not desk.state.orders)
        await desk.until(lambda: desk.is_protected("AAPL") and desk.is_protected("MSFT"))
        desk.check_books()
    bought = [one.body for one in server.asked() if one.body.get("side") == "buy"]
    assert all(Decimal(body["qty"]) == int(Decimal(body["qty"])) for body in bought)
    assert sum(Decimal(body["qty"]) * Decimal(body["limit_price"]) for body in bought) <= 100_000
    assert 0 <= server.ledger().cash < 1_000


async def test_buying_power_below_the_cash_is_not_passed(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    server.set_price("MSFT", 100.0)
    # An order of another program reserves most of it.
    server.by_hand(
        symbol="MSFT", side="buy", type="limit", time_in_force="day", qty="1950", limit_price="90"
    )
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
        desk.quote("AAPL", 100.0)
        desk.buy("AAPL", 500)
        await desk.until(lambda: not desk.state.orders)
    assert desk.state.positions["AAPL"].quantity < 250
    assert not [one for one in server.asked() if one.status == 403]


async def test_a_sale_by_hand_in_the_middle_of_an_exit_opens_no_short(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server, with_stream=False)
    async with running(desk):
        await bought(desk)
        # Nobody tells the desk: it cancels a stop that has ended and sells what is not there.
        server.close_by_hand("AAPL")
        desk.sell("AAPL")
        await desk.until(lambda: not desk.state.positions and not desk.state.orders, 15)
    assert server.ledger().positions == {}
    sales = [one for one in server.asked() if one.body.get("type") == "market"]
    assert sales
    assert all("sell_to_open" in one.refusal for one in sales)
    desk.check_books()


levels = st.lists(st.tuples(st.floats(0.05, 30.0), st.floats(0.5, 300.0)), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None)
@given(levels)
def test_a_stop_is_lifted_every_few_seconds_at_most_and_never_loosened(
    wishes: list[tuple[float, float]],
) -> None:
    gateway = AlpacaGateway(KEYS, "http://127.0.0.1:1", is_live=False)
    broker = AlpacaBroker(
        gateway, DeskState(), collar_bps=20.0, forbid=lambda *_: None, forbid_symbol=lambda *_: None
    )
    lane = broker.book.lane("AAPL")
    lane.held, lane.base = Decimal(10), "20260317T140030Z-AAPL-buy"
    now, lifted, rested = 1_000.0, list[float](), list[Decimal]()
    for seconds, level in wishes:
        now += seconds
        broker.place_stop("AAPL", level, "trailing_stop")
        step = next_step(lane, now, None)
        if step is None:
            continue
        assert isinstance(step, (Submit, Replace))
        assert step.quantity == 10
        assert step.price is not None
        if isinstance(step, Replace):
            lane.raised_at = now
            lifted.append(now)
            old = lane.tickets[step.client_id]
            broker.book.report(lane, old, OrderReport(stage=Stage.REPLACED), now)
        rested.append(step.price)
        client_id = stop_id(lane.base, lane.serial)
        ticket = broker.book.sent(lane, Role.STOP, client_id, f"{lane.base}-stop", Decimal(10), now)
        ticket.price = step.price
        broker.book.report(lane, ticket, OrderReport(stage=Stage.WORKING), now)
    assert rested == sorted(rested)
    assert all(b - a >= RAISE_EVERY_S for a, b in pairwise(lifted))
    highest = max(level for _, level in wishes)
    assert rested[-1] <= Decimal(repr(highest))
    now += RAISE_EVERY_S
    last = next_step(lane, now, None)
    # Every wish is met in the end: what was held back is sent as soon as it may be.
    assert last is None or (isinstance(last, Replace) and last.price > rested[-1])


delays = st.floats(0.0, 20.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(delays, delays, st.booleans()), min_size=2, max_size=6))
def test_the_broker_too_sees_replacements_seconds_apart(
    ways: list[tuple[float, float, bool]],
) -> None:
    """``ways``: how long a request and its answer take, and whether the answer arrives."""
    now, came, way = 1_000.0, list[float](), iter(ways)
    book = LaneBook()

    async def request(urgency: Urgency, call: object, venue: str, client_id: str, *_: Any) -> Any:
        nonlocal now
        there, back, is_answered = next(way)
        now += there
        came.append(now)
        now += back
        if not is_answered:
            raise Lost(text="no answer")
        row = {"id": f"v{client_id}", "client_order_id": client_id, "symbol": "AAPL"}
        return OrderRow.model_validate(row | {"side": "sell", "type": "stop", "status": "new"})

    reconciler: Any = None
    sender = Sender(
        book,
        AlpacaGateway(KEYS, "http://127.0.0.1:1", is_live=False),
        DeskState(),
        request,
        reconciler,
        forbid=lambda *_: None,
        tell=lambda *_: None,
        clock=lambda: now,
    )
    lane = book.lane("AAPL")
    lane.held, lane.base, lane.level = Decimal(10), "20260317T140030Z-AAPL-buy", 90.0
    ticket = book.sent(lane, Role.STOP, stop_id(lane.base, 1), "stop", Decimal(10), now)
    ticket.price = Decimal(90)
    book.report(lane, ticket, OrderReport(stage=Stage.WORKING), now)
    for _ in ways:
        lane.level += 1.0
        while not isinstance(step := next_step(lane, now, None), Replace):
            now += 0.25
        asyncio.run(sender.execute(lane, step))
        for ticket in lane.open(Role.STOP):
            # Later it is heard that the order is there, where its answer was lost.
            is_old = ticket.life.client_id == step.client_id
            stage = Stage.REPLACED if is_old else Stage.WORKING
            book.report(lane, ticket, OrderReport(stage=stage), now)
    assert len(came) == len(ways)
    assert all(b - a >= RAISE_EVERY_S for a, b in pairwise(came))


def test_a_stop_that_stays_accepted_is_asked_about_once() -> None:
    book, now = LaneBook(), 1_000.0
    lane = book.lane("AAPL")
    lane.held, lane.base, lane.level = Decimal(10), "20260317T140030Z-AAPL-buy", 90.0
    client_id = stop_id(lane.base, 1)
    ticket = book.sent(lane, Role.STOP, client_id, "stop", Decimal(10), now)
    ticket.price = Decimal(90)
    book.report(lane, ticket, OrderReport(stage=Stage.ACCEPTED), now)
    assert next_step(lane, now + 1, None) is None
    assert next_step(lane, now + ASK_AGAIN_S, None) == Ask(client_id=client_id)
    ticket.is_checked = True
    assert next_step(lane, now + 3_600, None) is None


async def test_a_stop_is_lifted_where_the_level_rises_and_the_events_say_so(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        for level in (91.0, 92.0, 93.0, 92.5):
            desk.broker.place_stop("AAPL", level, "trailing_stop")
            desk.cycle()
        await desk.until(lambda: any(o["stop_price"] == "93" for o in server.orders()), 12)
        await desk.until(lambda: len(desk.of(ev.StopConfirmed)) > 1)
    assert len([one for one in server.asked() if one.method == "PATCH"]) <= 2
