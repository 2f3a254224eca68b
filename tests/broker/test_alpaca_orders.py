"""Orders at the local Alpaca server: bought, protected, sold, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import ExitReason
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


async def test_an_entry_is_a_collared_limit_and_its_stop_rests_at_the_broker(
    server: AlpacaTrading,
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
    entry, stop = server.orders()
    assert (entry["type"], entry["time_in_force"]) == ("limit", "ioc")
    assert (entry["limit_price"], entry["filled_avg_price"]) == ("100.21", "100.01")
    # 100.01 x 0.9 = 90.009, rounded down to the cent.
    assert (stop["type"], stop["time_in_force"], stop["stop_price"]) == ("stop", "gtc", "90")
    desk.check_books()
    assert desk.longest_bare() < 5


async def test_an_exit_cancels_the_stop_and_then_sells(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        desk.sell("AAPL")
        await desk.until(lambda: not desk.state.positions)
    assert [order["status"] for order in server.orders()] == ["filled", "canceled", "filled"]
    desk.check_books()
    (trade,) = desk.state.trades
    assert trade.exit_reason == ExitReason.SIGNAL_EXIT
    assert not desk.state.orders


async def test_a_touched_stop_is_booked_with_its_reason(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        desk.quote("AAPL", 89.0)
        await desk.until(lambda: not desk.state.positions)
    assert desk.state.trades[-1].exit_reason == ExitReason.HARD_STOP
    desk.check_books()


async def test_a_stop_follows_its_level_and_never_falls(server: AlpacaTrading) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await bought(desk)
        desk.broker.place_stop("AAPL", 95.128, "trailing_stop")
        await desk.until(lambda: any(o["stop_price"] == "95.12" for o in server.orders()))
        desk.broker.place_stop("AAPL", 91.0, "hard_stop")
        await asyncio.sleep(0.5)
        desk.cycle()
        await desk.until(lambda: desk.is_protected("AAPL"))
    working = [o["stop_price"] for o in server.orders() if o["status"] == "new"]
    assert working == ["95.12"]


FAULTS: list[dict[str, Any]] = [
    {"where": "request", "kind": "lost_before", "method": "POST"},
    {"where": "request", "kind": "lost_after", "method": "POST"},
    {"where": "request", "kind": "error", "status": 503, "method": "POST"},
    {"where": "request", "kind": "error_after", "status": 504, "method": "POST"},
    {"where": "request", "kind": "error", "status": 429, "method": "POST"},
    {"where": "request", "kind": "late", "seconds": 1.0, "method": "POST"},
    {"where": "request", "kind": "truncated", "method": "POST"},
    {"where": "request", "kind": "html", "method": "POST"},
    {"where": "request", "kind": "twice", "method": "POST"},
    {"where": "request", "kind": "lost_after", "method": "DELETE"},
    {"where": "request", "kind": "lost_before", "method": "GET", "times": 3},
    {"where": "event", "kind": "drop", "times": 4},
    {"where": "event", "kind": "twice", "times": 4},
    {"where": "event", "kind": "swap", "times": 3},
    {"where": "event", "kind": "cut"},
    {"where": "event", "kind": "garbage", "times": 2},
    {"where": "order", "kind": "partial", "quantity": 3.0, "side": "buy"},
    {"where": "cancel", "kind": "slow", "seconds": 1.0},
    {"where": "cancel", "kind": "fills_first"},
    {"where": "cancel", "kind": "rejected"},
]


def named(fault: dict[str, Any]) -> str:
    return "-".join(str(fault[key]) for key in ("where", "kind", "method") if key in fault)


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("fault", FAULTS, ids=named)
async def test_whatever_is_lost_nothing_is_doubled_and_all_is_protected(
    server: AlpacaTrading, fault: dict[str, Any], skip: int
) -> None:
    desk = AlpacaDesk(server)
    async with running(desk):
        await desk.until(lambda: desk.state.account is not None)
        server.fault(**fault, skip=skip)
        desk.quote("AAPL", 100.0)
        desk.buy("AAPL", 10)
        await desk.until(
            lambda: (
                not desk.state.orders and (not desk.state.positions or desk.is_protected("AAPL"))
            ),
            20,
        )
        if desk.state.positions:
            desk.sell("AAPL")
        await desk.until(lambda: not desk.state.positions and not desk.state.orders, 20)
    desk.check_books()
    assert desk.longest_bare() < 5
    fills = [event for event in desk.kept.events if isinstance(event, ev.OrderFilled)]
    assert sum(e.fill.quantity for e in fills if e.fill.side == "buy") <= 10
