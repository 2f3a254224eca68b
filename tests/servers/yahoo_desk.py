"""A desk on a local Yahoo: its stream as the program runs it, and what came out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hybrid_tui.domain.bars import Quote
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.market.live import LiveFeed, LiveSource
from hybrid_tui.market.yahoo_history import YahooHistory
from hybrid_tui.market.yahoo_stream import Pause, YahooStream
from tests.servers.yahoo import Share, Yahoo
from tests.servers.yahoo_socket import YahooSocket, price, serve_prices

OPEN = datetime(2026, 3, 24, 13, 30, tzinfo=UTC)
NIGHT = datetime(2026, 3, 24, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def rows(first: datetime, count: int) -> list[Any]:
    """Return bars of consecutive minutes, each a dollar above the one before."""
    begin = int(first.timestamp())
    return [
        (begin + 60 * i, 100.0 + i, 101.0 + i, 99.0 + i, 100.5 + i, 500.0) for i in range(count)
    ]


class Desk:
    """A stream on local servers, a feed that takes it in, and a clock that the test moves.

    ``minutes`` lets the waiting between two rounds of questions pass, each to the next minute.
    """

    def __init__(
        self, yahoo: Yahoo, socket: YahooSocket, calendar: TradingCalendar, cache: Path
    ) -> None:
        self.yahoo, self.socket = yahoo, socket
        self.now = OPEN + 10 * MINUTE + 10 * SECOND
        self.slept: list[float] = []
        self.rounds = 0
        self.said: list[tuple[str, bool]] = []
        self.quotes: list[Quote] = []
        self.feed = LiveFeed(("AAA", "BBB"), 60)
        self.task: asyncio.Task[None] | None = None
        self._round = asyncio.Event()
        self._calendar, self._cache = calendar, cache

    def start(self, *, url: str | None = None, silent_s: float = 60.0) -> YahooStream:
        pause = Pause()
        history = YahooHistory(
            self._cache,
            calendar=self._calendar,
            sleep=lambda seconds: None,
            clock=lambda: self.now,
            timeout_s=0.3,
            life=timedelta(0),
            data_url=f"http://127.0.0.1:{self.yahoo.port}",
        )
        stream = YahooStream(
            ("AAA", "BBB"),
            history,
            calendar=self._calendar,
            halts=self.feed.halts,
            stream_url=url or self.socket.url,
            since=OPEN + 5 * MINUTE,
            pause=pause,
            clock=lambda: self.now,
            sleep=self.sleep,
            silent_s=silent_s,
        )

        def put(update: MarketUpdate) -> None:
            self.quotes.extend(update.quotes)
            self.feed.put(update)

        source: LiveSource = stream
        self.task = asyncio.create_task(
            source.run(put, lambda text, well: self.said.append((text, well)))
        )
        return stream

    async def sleep(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.slept.append(seconds)
        if "_Questions" in repr(task.get_coro()):
            self.rounds += 1
            self._round.clear()
            await self._round.wait()
        else:
            await asyncio.sleep(0.01)

    async def minutes(self, count: int = 1) -> None:
        """Let whole minutes pass, with a round of questions in each."""
        for _ in range(count):
            await self.round(MINUTE)

    async def round(self, after: timedelta) -> None:
        """Let time pass, and a round of questions begin and end."""
        asked = self.rounds
        self.now += after
        self._round.set()
        await self.until(lambda: self.rounds > asked)

    async def until(self, done: Callable[[], object]) -> None:
        assert self.task is not None
        async with asyncio.timeout(10):
            while not done():
                if self.task.done():
                    await self.task
                    raise AssertionError("the stream ended")
                await asyncio.sleep(0.005)

    async def live(self) -> None:
        """Connect, and have one price of AAA taken in."""
        await self.until(lambda: self.rounds)
        await self.socket.subscribed()
        await self.socket.send(price("AAA", self.now, 100.0))
        await self.until(lambda: not self.feed.halts)

    def starts(self, symbol: str) -> list[datetime]:
        """Return the starts of the bars that the feed hands out now."""
        return [one.start for one in self.feed.read(self.now).bars if symbol in one.bars]


@asynccontextmanager
async def yahoo_desk(server: Yahoo, calendar: TradingCalendar, cache: Path) -> AsyncIterator[Desk]:
    """Give a desk on a server with three hours of two shares, and end it."""
    from yfinance.data import YfData

    YfData.cache_get.cache_clear()
    server.shares.clear()
    server.faults.clear()
    server.asked.clear()
    for symbol in ("AAA", "BBB"):
        server.shares[symbol] = Share(rows={"1m": rows(OPEN, 200), "1d": rows(OPEN, 1)})
    async with serve_prices() as socket:
        desk = Desk(server, socket, calendar, cache)
        try:
            yield desk
        finally:
            if desk.task is not None:
                desk.task.cancel()
                await asyncio.gather(desk.task, return_exceptions=True)
