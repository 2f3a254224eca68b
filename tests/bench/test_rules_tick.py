"""How long tier 1 needs for one bar's end with 100 positions: goal p99 250 us, 0.2 of TA-Lib."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
import talib

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain.bars import Bar, BarSlice
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.events import EngineStarted, Heartbeat, OrderFilled, OrderIntended, StopMoved
from hybrid_tui.domain.orders import Fill, Order, Side
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger, finish
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.tier_host import TierHost
from tests.bench.form import rounds

SYMBOLS = tuple(f"S{number:03}" for number in range(100))
WARM_UP = 100
ROUNDS = 280
PASSES = rounds(7, 2)


def held_everywhere(calendar: TradingCalendar, opens: datetime) -> Engine:
    """Return an engine that holds ten shares of every symbol; its exits are never met."""
    config = Config.model_validate(
        {"rules": {"rsi_exit": 100}, "broker": {"cash": 1e6}, "risk": {"protections": "none"}}
    )
    state = DeskState()
    recorder = Recorder(state, Ledger(state), left_out=(Heartbeat,))
    recorder.emit(
        EngineStarted,
        opens,
        run="bench",
        mode="recorded",
        hybrid="hierarchical",
        tiers=("rules",),
        policy="ask",
        watchlist=SYMBOLS,
        cash=1e6,
        resumed=False,
        speed=0.0,
        sources={},
        settings={},
    )
    for symbol in SYMBOLS:
        order = Order(
            id=f"buy-{symbol}", at=opens, symbol=symbol, side=Side.BUY, quantity=10, reason="bench"
        )
        fill = Fill(
            order_id=order.id,
            at=opens,
            symbol=symbol,
            side=Side.BUY,
            quantity=10,
            price=100.0,
            commission=0.0,
            slippage=0.0,
            reason="bench",
        )
        recorder.emit(OrderIntended, opens, order=order)
        recorder.emit(OrderFilled, opens, fill=fill)
        recorder.emit(
            StopMoved, opens, symbol=symbol, level=50.0, high=100.0, level_from="hard_stop"
        )
    broker = PaperBroker(cash=state.cash)
    broker.restore(state.cash, state.positions.values(), (), {})
    setup = EngineSetup(
        config=config,
        tiers=frozenset({"rules"}),
        calendar=calendar,
        symbols=SYMBOLS,
        interval=60,
        feed_name="bench",
        min_probability=0.7,
    )
    return Engine(setup, recorder, broker)


def slices(opens: datetime, count: int) -> Iterator[BarSlice]:
    steps = np.random.default_rng(5).normal(0, 0.0004, (count, len(SYMBOLS)))
    closes = 100 * np.exp(np.cumsum(steps, axis=0))
    for minute, row in enumerate(closes.tolist()):
        start = opens + timedelta(minutes=minute)
        bars = {
            symbol: Bar(close, close * 1.0002, close * 0.9998, close, 1000.0)
            for symbol, close in zip(SYMBOLS, row, strict=True)
        }
        yield BarSlice(start=start, known_at=start + timedelta(minutes=1), bars=bars)


@pytest.mark.bench
def test_one_bars_end_with_100_positions(
    calendar: TradingCalendar, capsys: pytest.CaptureFixture[str]
) -> None:
    session = calendar.sessions[5000]
    known = list(slices(session.open, WARM_UP + ROUNDS))
    # In turns: a slow spell of the machine meets both.
    turns = [(ticks_of(calendar, known), talib_afresh(known[:WARM_UP])) for _ in range(PASSES)]
    ticks, afresh = np.array(turns).swapaxes(0, 1)
    with capsys.disabled():
        print("\n100 positions, 100 symbols, CPU of a bar's end (goal: p99 250 us, ratio 0.20)")  # noqa: T201
        for name, ours, theirs in (
            (f"all of {PASSES} passes over the same bars", ticks, afresh),
            ("the median of each bar", np.median(ticks, 0), np.median(afresh, 0)),
            ("the least of each bar: what the machine adds left out", ticks.min(0), afresh.min(0)),
        ):
            middle, high = np.percentile(ours, [50, 99])
            usual, worst = np.percentile(theirs, [50, 99])
            print(  # noqa: T201
                f"{name}: p50 {middle:.0f} us, p99 {high:.0f} us; TA-Lib afresh p50 {usual:.0f},"
                f" p99 {worst:.0f}: ratio {middle / usual:.2f}, {high / worst:.2f}"
            )
        middle, high = np.percentile(counting(), [50, 99])
        print(f"a loop that only counts, on this machine: p50 {middle:.0f} us, p99 {high:.0f}")  # noqa: T201


def ticks_of(calendar: TradingCalendar, known: list[BarSlice]) -> list[float]:
    """Return what an engine's cycle takes at the end of each bar after the first 100, CPU us."""
    engine = held_everywhere(calendar, known[0].start)
    host = TierHost(None, None)
    spent = []
    for bars in known:
        begun = time.process_time_ns()
        finish(engine.cycle(bars.known_at, MarketUpdate(bars=(bars,))), host.run)
        spent.append((time.process_time_ns() - begun) / 1000)
    assert len(engine.state.positions) == len(SYMBOLS)
    return spent[WARM_UP:]


def talib_afresh(known: list[BarSlice]) -> list[float]:
    """Return what RSI, MACD and bands of each symbol's 100 closes take, CPU microseconds."""
    closes = [np.array([bars.bars[symbol].close for bars in known]) for symbol in SYMBOLS]
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for series in closes:
            talib.RSI(series, 14)
            talib.MACD(series, 12, 26, 9)
            talib.BBANDS(series, 20, 2.0, 2.0)
        spent.append((time.process_time_ns() - begun) / 1000)
    return spent


def counting() -> list[float]:
    """Return what a loop takes that touches no memory: how uneven the machine itself is, CPU us."""
    spent = []
    for _ in range(ROUNDS * PASSES):
        begun = time.process_time_ns()
        for _ in range(4_000):
            pass
        spent.append((time.process_time_ns() - begun) / 1000)
    return spent
