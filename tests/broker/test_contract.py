"""What every broker does, whatever fills its orders: the paper broker and Alpaca's, one suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar, BarSlice
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import ExitReason, Order
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.orders import OrderDesk
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.rules.entries import EntryDecision
from tests.broker.alpaca_desk import AlpacaDesk, Kept, running
from tests.servers.alpaca_trading import serve_trading

BEGIN = datetime(2026, 3, 20, 13, 30, tzinfo=UTC)


class Desk(Protocol):
    """An order desk on some broker, at a price that the test sets."""

    state: DeskState
    orders: OrderDesk

    def quote(self, symbol: str, price: float) -> None:
        """Let the market stand at a price."""

    def buy(self, symbol: str, quantity: int) -> str:
        """Decide and send an entry; return its id."""

    def sell(self, symbol: str, reason: ExitReason = ExitReason.SIGNAL_EXIT) -> None:
        """Decide and send an exit."""

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        """Let the market go on until something holds."""


class PaperDesk:
    """The order desk on the paper broker: one flat bar a step."""

    def __init__(self) -> None:
        self.state = DeskState()
        self.recorder = Recorder(self.state, Kept())
        self.recorder.emit(
            ev.EngineStarted, BEGIN, run="test", mode="sim", hybrid="hierarchical",
            tiers=("rules",), policy="auto", watchlist=("AAPL",), cash=100_000.0, resumed=False,
            speed=1.0, sources={}, settings={},
        )  # fmt: skip
        broker = PaperBroker(cash=100_000.0, slippage_bps=0.0)
        self.orders = OrderDesk(self.recorder, broker, Config())
        self.broker = broker
        self._now = BEGIN
        self._prices: dict[str, float] = {}

    def quote(self, symbol: str, price: float) -> None:
        self._prices[symbol] = price

    def buy(self, symbol: str, quantity: int) -> str:
        entry = EntryDecision(
            symbol=symbol, quantity=quantity, priority=0.8, prediction=None, strategy_id=None
        )
        self.orders.buy(self._now, entry, 100_000.0, cause=None)
        self.orders.send()
        return next(reversed(self.state.orders))

    def sell(self, symbol: str, reason: ExitReason = ExitReason.SIGNAL_EXIT) -> None:
        self.orders.sell(self._now, symbol, reason)
        self.orders.send()

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        for _ in range(20):
            if holds():
                return
            start, self._now = self._now, self._now + timedelta(minutes=1)
            bars = {s: Bar(p, p, p, p, 1_000.0) for s, p in self._prices.items()}
            self.orders.collect(self._now)
            self.orders.trade_through(
                self._now, BarSlice(start=start, known_at=self._now, bars=bars)
            )
            self.orders.go_on_flattening(self._now)
            self.orders.send()
        raise AssertionError("it never came")


@asynccontextmanager
async def desk_on(kind: str, calendar: TradingCalendar) -> AsyncIterator[Desk]:
    if kind == "paper":
        yield PaperDesk()
        return
    with serve_trading(calendar, seed=1) as server:
        for symbol in ("AAPL", "MSFT"):
            server.set_price(symbol, 100.0)
        made = AlpacaDesk(server)
        async with running(made):
            await made.until(lambda: made.state.account is not None)
            yield made


@pytest.fixture(params=["paper", "alpaca"])
async def desk(request: pytest.FixtureRequest, calendar: TradingCalendar) -> AsyncIterator[Desk]:
    async with desk_on(request.param, calendar) as made:
        made.quote("AAPL", 100.0)
        yield made


async def held(desk: Desk, quantity: int = 10) -> str:
    sent = desk.buy("AAPL", quantity)
    await desk.until(lambda: "AAPL" in desk.state.positions and not desk.state.orders)
    return sent


async def test_an_entry_becomes_a_position_with_a_stop_under_it(desk: Desk) -> None:
    await held(desk)
    position = desk.state.positions["AAPL"]
    assert position.quantity == 10
    assert position.level == pytest.approx(position.entry_price * 0.9)
    assert desk.state.cash == pytest.approx(100_000 - 10 * position.entry_price)


async def test_an_exit_sells_everything_and_keeps_its_reason(desk: Desk) -> None:
    await held(desk)
    desk.sell("AAPL", ExitReason.OVERNIGHT)
    await desk.until(lambda: not desk.state.positions and not desk.state.orders)
    assert [trade.exit_reason for trade in desk.state.trades] == [ExitReason.OVERNIGHT]


async def test_a_price_through_the_stop_sells_for_the_stops_reason(desk: Desk) -> None:
    await held(desk)
    await asyncio.sleep(0.5)
    desk.quote("AAPL", 85.0)
    await desk.until(lambda: not desk.state.positions)
    assert desk.state.trades[-1].exit_reason == ExitReason.HARD_STOP


async def test_the_same_order_twice_is_one_order(desk: Desk) -> None:
    sent = desk.buy("AAPL", 10)
    again: Order = desk.state.orders[sent]
    desk.orders._broker.submit(again)
    await desk.until(lambda: not desk.state.orders)
    desk.orders._broker.submit(again)
    desk.quote("MSFT", 100.0)
    desk.buy("MSFT", 20)
    await desk.until(lambda: "MSFT" in desk.state.positions)
    assert desk.state.positions["AAPL"].quantity == 10


async def test_an_entry_is_cut_to_what_the_cash_pays(desk: Desk) -> None:
    await held(desk, 5_000)
    position = desk.state.positions["AAPL"]
    assert 900 < position.quantity < 1_001
    assert 0 <= desk.state.cash < 1_000
