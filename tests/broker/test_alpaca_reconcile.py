"""The broker's word against the books: restarts, sales by hand, strangers, splits, deposits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.commands import Ack, AdoptPosition
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.engine.obey import adopt
from tests.broker.alpaca_desk import AlpacaDesk, running
from tests.servers.alpaca_trading import AlpacaTrading, serve_trading


@pytest.fixture
def server(calendar: TradingCalendar) -> Iterator[AlpacaTrading]:
    with serve_trading(calendar, seed=1) as served:
        served.set_price("AAPL", 100.0)
        yield served


async def bought(desk: AlpacaDesk, quantity: int = 10) -> None:
    desk.quote("AAPL", 100.0)
    desk.buy("AAPL", quantity)
    await desk.until(lambda: desk.is_protected("AAPL") and not desk.state.orders)
    # The confirmation of the stop reaches the journal as well.
    await desk.until(lambda: "AAPL" in desk.state.stop_serials)


async def test_what_was_filled_while_away_is_booked_and_nothing_is_sent_twice(
    server: AlpacaTrading,
) -> None:
    first = AlpacaDesk(server)
    async with running(first):
        await bought(first)
    server.set_price("AAPL", 89.0)
    second = AlpacaDesk(server, first.state)
    async with running(second):
        await second.until(lambda: not second.state.positions)
    assert second.state.trades[-1].exit_reason == ExitReason.HARD_STOP
    second.check_books()
    assert len(server.orders()) == 2


async def test_a_restart_finds_its_resting_stop_and_places_no_other(server: AlpacaTrading) -> None:
    first = AlpacaDesk(server)
    async with running(first):
        await bought(first)
    second = AlpacaDesk(server, first.state)
    async with running(second):
        await second.until(lambda: bool(second.of(ev.StopConfirmed)))
    assert len(server.orders()) == 2
    assert second.is_protected("AAPL")


async def test_a_position_at_rest_is_compared_and_settled_at_once(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        server.deposit(5_000)
        asked = len(server.asked())
        desk.broker._reconciler.soon()
        await desk.until(lambda: desk.state.cash > 100_000)
        await asyncio.sleep(2.5)
        desk.cycle()
    # One comparison, and not another every two seconds for as long as the stop rests.
    assert len(server.asked()) - asked <= 10


async def test_a_position_without_its_stop_gets_one_at_once(server: AlpacaTrading) -> None:
    first = AlpacaDesk(server)
    async with running(first):
        await bought(first)
    for order in server.orders():
        if order["type"] == "stop":
            server.cancel_by_hand(order["id"])
    second = AlpacaDesk(server, first.state)
    async with running(second):
        await second.until(lambda: second.is_protected("AAPL"), 5)


async def test_an_intent_that_never_went_is_cancelled_and_one_that_did_is_booked(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
    desk.quote("AAPL", 100.0)
    desk.buy("AAPL", 10)
    second = AlpacaDesk(server, desk.state)
    async with running(second):
        await second.until(lambda: not second.state.orders)
    assert server.orders() == []
    (ended,) = second.of(ev.OrderCancelled)
    assert isinstance(ended, ev.OrderCancelled)
    assert "moment" in ended.reason
    third = AlpacaDesk(server, second.state)
    sent = third.buy("AAPL", 10)
    server.by_hand(
        symbol="AAPL", side="buy", type="limit", time_in_force="ioc", qty="10",
        limit_price="100.5", client_order_id=sent,
    )  # fmt: skip
    fourth = AlpacaDesk(server, third.state)
    async with running(fourth):
        await fourth.until(lambda: fourth.is_protected("AAPL") and not fourth.state.orders)
    fourth.check_books()
    assert fourth.state.positions["AAPL"].quantity == 10


async def test_an_exit_goes_on_after_a_restart_wherever_it_stood(server: AlpacaTrading) -> None:
    first = AlpacaDesk(server)
    async with running(first):
        await bought(first)
    first.quote("AAPL", 101.0)
    first.sell("AAPL")
    second = AlpacaDesk(server, first.state)
    async with running(second):
        await second.until(lambda: not second.state.positions and not second.state.orders)
    second.check_books()
    sold = [order for order in server.orders() if order["type"] == "market"]
    assert [order["status"] for order in sold] == ["filled"]


async def test_a_position_closed_by_hand_is_booked_as_a_sale_by_hand(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        server.close_by_hand("AAPL")
        await desk.until(lambda: not desk.state.positions)
        assert desk.state.trades[-1].exit_reason == ExitReason.MANUAL
        desk.check_books()


@pytest.mark.parametrize("is_restart", [False, True])
async def test_a_stop_that_fills_while_positions_are_read_is_a_fill_and_no_surprise(
    server: AlpacaTrading, monkeypatch: pytest.MonkeyPatch, is_restart: bool
) -> None:
    desk = AlpacaDesk(server, with_stream=False)
    async with running(desk):
        await bought(desk)
        if not is_restart:
            fill_before_positions(desk, server, monkeypatch)
            desk.broker._reconciler.soon()
            await desk.until(lambda: not desk.state.positions)
    if is_restart:
        desk = AlpacaDesk(server, desk.state, with_stream=False)
        fill_before_positions(desk, server, monkeypatch)
        async with running(desk):
            await desk.until(lambda: not desk.state.positions)
    assert desk.state.trades[-1].exit_reason == ExitReason.HARD_STOP
    assert desk.of(ev.PositionObserved) == []
    desk.check_books()


def fill_before_positions(
    desk: AlpacaDesk, server: AlpacaTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have the stop fill after the fills were read, and before the positions are."""
    gateway = desk.broker._reconciler._gateway
    positions = gateway.positions

    def read() -> object:
        server.set_price("AAPL", 85.0)
        return positions()

    monkeypatch.setattr(gateway, "positions", read)


async def test_a_stop_cancelled_by_hand_is_placed_again(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        (stop,) = [order for order in server.orders() if order["type"] == "stop"]
        server.cancel_by_hand(stop["id"])
        await desk.until(lambda: desk.is_protected("AAPL"))
    assert any("stop was cancelled" in text for text in desk.alerts())
    assert desk.longest_bare() < 5


async def test_a_stop_whose_end_was_missed_is_placed_again_at_the_next_comparison(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        (stop,) = [order for order in server.orders() if order["type"] == "stop"]
        server.fault(where="event", kind="drop", type="stop", times=None)
        server.cancel_by_hand(stop["id"])
        # Nobody tells, and a resting stop is not asked about.
        desk.broker._reconciler.soon()
        await desk.until(
            lambda: any(
                order["type"] == "stop" and order["status"] in ("new", "accepted")
                for order in server.orders()
            )
        )
        await desk.until(lambda: desk.is_protected("AAPL"))
    assert any("stop was cancelled" in text for text in desk.alerts())


async def test_a_stop_rejected_late_is_noticed_though_its_message_is_lost(
    server: AlpacaTrading,
) -> None:
    server.fault(where="order", kind="reject_late", type="stop", seconds=0.5)
    server.fault(where="event", kind="drop", event="rejected", type="stop")
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        await desk.until(lambda: desk.is_protected("AAPL"))
    assert any("stop was rejected" in text for text in desk.alerts())
    assert desk.longest_bare() < 5


async def test_what_is_not_ours_is_shown_and_left_alone(server: AlpacaTrading) -> None:
    server.set_price("MSFT", 50.0)
    server.by_hand(symbol="MSFT", side="buy", type="market", time_in_force="day", qty="7")
    server.by_hand(
        symbol="MSFT", side="sell", type="limit", time_in_force="gtc", qty="7", limit_price="80"
    )
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.externals is not None)
        await bought(desk)
    assert desk.state.externals is not None
    assert dict(desk.state.externals.positions) == {"MSFT": 7.0}
    assert desk.state.externals.orders == ("MSFT sell 7 limit",)
    assert "outside this desk" in desk.forbidden["MSFT"]
    assert set(desk.state.positions) == {"AAPL"}
    assert server.ledger().positions["MSFT"] == 7


def adopted(desk: AlpacaDesk, symbol: str) -> Ack:
    command = AdoptPosition(symbol=symbol)
    return adopt(desk.now(), command, desk.orders, desk.recorder)


async def test_what_is_adopted_gets_a_stop_survives_a_restart_and_is_sold_by_it(
    server: AlpacaTrading,
) -> None:
    server.by_hand(symbol="AAPL", side="buy", type="market", time_in_force="day", qty="7")
    first = AlpacaDesk(server)
    async with running(first):
        await first.until(lambda: first.state.externals is not None)
        assert adopted(first, "AAPL").message == "no price of AAPL is known yet"
        assert adopted(first, "MSFT").ok is False
        first.quote("AAPL", 100.0)
        before = first.state.equity() - first.state.reference_equity
        assert adopted(first, "AAPL").message == "7 AAPL are the desk's from 100.00 on"
        assert first.state.equity() - first.state.reference_equity == before
        await first.until(lambda: first.is_protected("AAPL"))
        await first.until(lambda: "AAPL" in first.state.stop_serials)
        await first.until(lambda: "AAPL" not in first.forbidden)
        assert adopted(first, "AAPL").ok is False
    second = AlpacaDesk(server, first.state)
    async with running(second):
        await second.until(lambda: bool(second.of(ev.StopConfirmed)))
        assert second.state.positions["AAPL"].level == 90.0
        server.set_price("AAPL", 89.0)
        await second.until(lambda: not second.state.positions)
    assert second.state.trades[-1].exit_reason == ExitReason.HARD_STOP
    second.check_books()


async def test_what_others_have_on_order_or_in_fractions_is_not_adopted(
    server: AlpacaTrading,
) -> None:
    server.by_hand(symbol="AAPL", side="buy", type="market", time_in_force="day", qty="7")
    server.by_hand(
        symbol="AAPL", side="sell", type="limit", time_in_force="gtc", qty="7", limit_price="180"
    )
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.externals is not None)
        desk.quote("AAPL", 100.0)
        assert "cancel them first" in adopted(desk, "AAPL").message
    outside = desk.state.externals
    assert outside is not None
    desk.state.externals = replace(outside, positions={"AAPL": 1.5, "GLD": 2.0}, orders=())
    assert "not whole shares" in adopted(desk, "AAPL").message
    assert "not on the watchlist" in adopted(desk, "GLD").message


async def test_a_split_at_the_broker_is_seen_once(server: AlpacaTrading) -> None:
    first = AlpacaDesk(server)
    async with running(first):
        await bought(first)
    server.split("AAPL", 4)
    second = AlpacaDesk(server, first.state)
    async with running(second):
        await second.until(lambda: second.is_protected("AAPL"))
    held = second.state.positions["AAPL"]
    assert held.quantity == 40
    assert held.entry_price == pytest.approx(100.01 / 4)
    assert second.state.splits_seen["AAPL"][0] == 4.0
    second.check_books()


async def test_a_deposit_is_cash_and_no_profit(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
        before = desk.state.reference_equity
        server.deposit(5_000)
        desk.broker._reconciler.soon()
        await desk.until(lambda: desk.state.cash == 105_000)
        assert desk.state.reference_equity == before + 5_000
        server.fee(1.25)
        desk.broker._reconciler.soon()
        await desk.until(lambda: desk.state.cash == 104_998.75)
        assert desk.state.reference_equity == before + 5_000


BLOCKS: list[tuple[Callable[[AlpacaTrading], None], str]] = [
    (lambda server: server.set_flag("trading_blocked", True), "blocked trading"),
    (lambda server: server.set_flag("account_blocked", True), "blocked the account"),
    (lambda server: server.set_flag("trade_suspended_by_user", True), "own settings"),
    (lambda server: server.set_status("ACCOUNT_CLOSED"), "ACCOUNT_CLOSED"),
]


@pytest.mark.parametrize(("block", "said"), BLOCKS, ids=[said for _, said in BLOCKS])
async def test_an_account_that_may_not_trade_forbids_entries(
    server: AlpacaTrading, block: Callable[[AlpacaTrading], None], said: str
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
        block(server)
        desk.broker._reconciler.soon()
        await desk.until(lambda: said in desk.forbidden.get("account", ""))


async def test_a_silent_broker_is_said_and_forgotten_when_it_is_back(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        server.outage(True)
        desk.broker._reconciler.soon()
        await desk.until(lambda: "broker" in desk.forbidden)
        server.outage(False)
        await desk.until(lambda: "broker" not in desk.forbidden, 20)
        desk.sell("AAPL")
        await desk.until(lambda: not desk.state.positions and not desk.state.orders, 20)
    desk.check_books()
    assert any("does not answer" in text for text in desk.alerts())


async def test_a_stop_that_the_price_has_passed_sells_at_the_market(
    server: AlpacaTrading,
) -> None:
    first = AlpacaDesk(server)
    async with running(first):
        await bought(first)
    for order in server.orders():
        if order["type"] == "stop":
            server.cancel_by_hand(order["id"])
    second = AlpacaDesk(server, first.state)
    second.quote("AAPL", 85.0)
    async with running(second):
        await second.until(lambda: not second.state.positions)
    assert second.state.trades[-1].exit_reason == ExitReason.HARD_STOP
    second.check_books()


async def test_a_clock_that_is_off_puts_no_fill_before_its_decision(server: AlpacaTrading) -> None:
    server.skew(-3_600)
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
    assert desk.state.positions["AAPL"].entry_at >= desk.now() - timedelta(minutes=1)


async def test_flattening_ends_with_nothing_held_though_an_entry_was_open(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    server.set_price("MSFT", 50.0)
    async with running(desk):
        await bought(desk)
        server.fault(where="order", kind="slow", seconds=1.0, symbol="MSFT")
        desk.quote("MSFT", 50.0)
        desk.buy("MSFT", 10)
        desk.orders.flatten(desk.now(), ExitReason.FLATTEN, "person")
        desk.orders.send()
        await desk.until(lambda: desk.state.flattening is None, 20)
    assert not desk.state.positions
    desk.check_books()
