"""One life of the whole engine in a virtual time: what ``run --headless`` is, on a scripted market.

Patched are the time, the market and nothing else: account, broker, journal, lock, socket, recovery
and the end are the program's own.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from hybrid_tui.domain.bars import BarSlice, Quote
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.commands import ClosePosition, Command, Flatten
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.market.live import LiveFeed
from tests.survival.loop import VirtualPolicy, VirtualTime
from tests.survival.script import (
    BAR_S,
    BEGIN,
    END_S,
    HALF_SPREAD,
    PLANNED_S,
    SWEEP_S,
    Script,
    at,
)
from tests.survival.week import Week

SETTLED_S = 5
EARLY = (
    "alpaca.trading.client",
    "netrc",
    "logging.handlers",
    "talib",
    "websockets.asyncio.client",
    "hybrid_tui.broker.alpaca",
    "hybrid_tui.commands.desk",
    "hybrid_tui.commands.event_stream",
    "hybrid_tui.commands.run",
    "hybrid_tui.engine.clock",
    "hybrid_tui.engine.ledger",
    "hybrid_tui.engine.runtime",
    "hybrid_tui.engine.server",
    "hybrid_tui.journal.journal",
    "hybrid_tui.journal.reader",
    "hybrid_tui.market.earnings",
    "hybrid_tui.market.live",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a life is told: its home, settings, market, and where in its own journal it dies.

    ``dies_at`` is (``before`` or ``after``, kind of event, how many are let pass); ``days`` and
    ``minutes`` of each are the length of a soak (0: a script of the crash matrix), ``many`` the
    number of a script's symbols where it is not the seed's.
    """

    home: str
    overrides: tuple[str, ...]
    seed: int
    dies_at: tuple[str, str, int] | None = None
    days: int = 0
    minutes: int = 390
    many: int = 0


class ScriptedSource:
    """Delivers the script's quotes and bars, and gives a person's commands."""

    def __init__(self, script: Script, clock: VirtualTime) -> None:
        self.script = script
        self.clock = clock
        self.desk: Any = None
        self._asked: set[asyncio.Task[Any]] = set()

    async def run(
        self, put: Callable[[MarketUpdate], None], on_status: Callable[[str, bool], None]
    ) -> None:
        """Deliver until it is over."""
        on_status("the script runs", True)
        second = int((self.clock.now() - BEGIN).total_seconds())
        flat_since: int | None = None
        while True:
            second += 1
            await asyncio.sleep(max((at(second) - self.clock.now()).total_seconds(), 0.0))
            put(self._update(second))
            state = self.desk.state
            if second >= PLANNED_S and self.script.exit == "close" and "AAPL" in state.positions:
                self._ask(ClosePosition(symbol="AAPL", by="person"))
            if second == PLANNED_S and self.script.exit == "flatten":
                self._ask(Flatten(by="person"))
            if second >= SWEEP_S and state.positions and state.flattening is None:
                self._ask(Flatten(by="person"))
            is_flat = not (state.positions or state.orders) and second > PLANNED_S
            flat_since = (flat_since or second) if is_flat else None
            if flat_since is not None and second - flat_since >= SETTLED_S:
                self.desk.runtime.stop("the script is over")

    def feed(self) -> LiveFeed:
        """Return the feed of a life that begins now."""
        second = int((self.clock.now() - BEGIN).total_seconds())
        symbols = self.script.symbols
        history = {symbol: self.script.series(symbol, second) for symbol in symbols}
        return LiveFeed(symbols, BAR_S, history=history)

    def _update(self, second: int) -> MarketUpdate:
        quotes = []
        for symbol in self.script.symbols:
            price = self.script.price(symbol, second)
            quotes.append(
                Quote(
                    symbol=symbol,
                    at=at(second),
                    bid=round(price - HALF_SPREAD, 2),
                    ask=round(price + HALF_SPREAD, 2),
                )
            )
        bars: tuple[BarSlice, ...] = ()
        if second % BAR_S == 0 and second > 0:
            start = second - BAR_S
            ended = {symbol: self.script.bar(symbol, start) for symbol in self.script.symbols}
            bars = (BarSlice(start=at(start), known_at=at(second), bars=ended),)
        return MarketUpdate(bars=bars, quotes=tuple(quotes))

    def _ask(self, command: Command) -> None:
        if not self._asked:
            task = asyncio.create_task(self.desk.runtime.obey(command))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)


def dies(where: str, kind: str, skip: int) -> None:
    """Have the journal kill its process before or after it commits an event of a kind."""
    from hybrid_tui.journal.journal import Journal

    flush, left = Journal.flush, skip

    def flush_or_die(journal: Journal) -> None:
        nonlocal left
        met = kind in {named(event) for event in journal._pending}
        if met and left > 0:
            left, met = left - 1, False
        if met and where == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        flush(journal)
        if met:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(Journal, "flush", flush_or_die)  # noqa: B010


def named(event: Any) -> str:
    """Return what a step of the matrix calls an event: its kind, and the side of an order."""
    kind = type(event).__name__
    order = getattr(event, "order", None) or getattr(event, "fill", None)
    return f"{kind}/{order.side}" if order is not None else kind


class Market(Protocol):
    """A source that also says what was known when a life began; ``desk`` is set before it runs."""

    desk: Any

    async def run(
        self, put: Callable[[MarketUpdate], None], on_status: Callable[[str, bool], None]
    ) -> None:
        """Deliver until it is over."""

    def feed(self) -> LiveFeed:
        """Return the feed of a life that begins now."""


def patch(source: Market, clock: VirtualTime) -> None:
    """Put the virtual time and the market in, in this process only."""
    import websockets.asyncio.client as sockets

    from hybrid_tui.broker import alpaca_gateway, alpaca_updates
    from hybrid_tui.commands import account as accounts
    from hybrid_tui.commands import desk as desks
    from hybrid_tui.commands.markets import DeskMarket
    from hybrid_tui.engine import clock as clocks

    def open_market(*_: Any) -> DeskMarket:
        feed = source.feed()
        return DeskMarket(
            feed=feed,
            begins_at=clock.now(),
            day="account",
            kind="real",
            name="script",
            source=source,
            halted=feed.halts,
        )

    class VirtualWall(clocks.WallClock):
        """The wall clock of the virtual time."""

        def now(self) -> datetime:
            return clock.now() - self._lag

    class HeldUpdates(alpaca_updates.TradeUpdates):
        """Time stands while the stream signs on."""

        async def _listen(self) -> None:
            with clock.hold() as let_go:
                up = self._on_up

                def on_up() -> None:
                    let_go()
                    up()

                self._on_up = on_up
                try:
                    await super()._listen()
                finally:
                    self._on_up = up

    compose = desks.compose_desk

    def composed(*given: Any) -> Any:
        source.desk = compose(*given)
        return source.desk

    for module, name, stand_in in (
        (accounts, "sleep", lambda seconds: None),
        (desks, "open_market", open_market),
        (desks, "compose_desk", composed),
        (clocks, "WallClock", VirtualWall),
        (alpaca_updates, "TradeUpdates", HeldUpdates),
    ):
        setattr(module, name, stand_in)
    sockets.connect = functools.partial(sockets.connect, ping_interval=None)  # type: ignore
    gateway = functools.partial(alpaca_gateway.AlpacaGateway, now=clock.now)
    alpaca_gateway.AlpacaGateway = gateway  # type: ignore[assignment,misc]


def live(job: Job, clock: VirtualTime, calendar: TradingCalendar) -> None:
    """Be the engine until the script is over; never returns."""
    from hybrid_tui.commands.context import CliState
    from hybrid_tui.commands.desk import DeskOptions
    from hybrid_tui.commands.run import serve

    home = Path(job.home)
    said = (home / "said.txt").open("a")
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    os.environ["HYBRID_TUI_HOME"] = job.home
    code = 1
    try:
        source: Market = ScriptedSource(Script.of(job.seed, job.many), clock)
        until = at(END_S)
        if job.days:
            from tests.survival.soak import WeekSource

            week = Week(calendar, job.seed, job.days, job.minutes)
            source = WeekSource(week, clock, home)
            until = week.sessions()[-1].close + timedelta(hours=1)
        patch(source, clock)
        if job.dies_at is not None:
            dies(*job.dies_at)
        asyncio.set_event_loop_policy(VirtualPolicy(clock))
        state = CliState(overrides=job.overrides, _calendar=calendar)
        serve(state, DeskOptions(), until=until, as_json=False)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def use(clock: VirtualTime) -> None:
    """Have everything that is imported from here on measure by the virtual time."""
    time.monotonic = clock.monotonic


def warm() -> None:
    """Import and build what a life would, so that it is there before the fork."""
    for name in EARLY:
        importlib.import_module(name)
    from hybrid_tui.domain.events import EVENTS
    from hybrid_tui.journal.codec import _adapter

    for kind in EVENTS.values():
        _adapter(kind)
