"""A desk on local servers: Alpaca's stream as the program runs it, and what came out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.bars import NewsItem, Quote
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.errors import HybridError
from hybrid_tui.market.alpaca_history import AlpacaHistory
from hybrid_tui.market.alpaca_stream import AlpacaStream
from hybrid_tui.market.live import LiveSource
from tests.servers.alpaca_data import KEYS, AlpacaData, serve_data
from tests.servers.alpaca_socket import (
    AlpacaSocket,
    serve_socket,
)

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Desk:
    """A stream, its servers, and what came out of it."""

    def __init__(self, data: AlpacaData, socket: AlpacaSocket, calendar: TradingCalendar) -> None:
        self.data = data
        self.socket = socket
        self.now = OPEN + 10 * MINUTE
        self.slept: list[float] = []
        self.updates: list[MarketUpdate] = []
        self.statuses: list[tuple[str, bool]] = []
        self.halts: list[tuple[str, str | None]] = []
        self._calendar = calendar
        self.task: asyncio.Task[None] | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.01)

    def start(
        self,
        *symbols: str,
        keys: AlpacaKeys = KEYS,
        since: datetime | None = None,
        url: str | None = None,
    ) -> AlpacaStream:
        history = AlpacaHistory(
            KEYS,
            self.data.url,
            "iex",
            calendar=self._calendar,
            sleep=lambda seconds: None,
            clock=lambda: self.now,
        )
        stream = AlpacaStream(
            keys,
            symbols or ("AAPL", "BRK-B"),
            history,
            calendar=self._calendar,
            stream_url=url or self.socket.url,
            since=since,
            on_halt=lambda symbol, reason: self.halts.append((symbol, reason)),
            clock=lambda: self.now,
            sleep=self.sleep,
        )

        def on_status(text: str, well: bool) -> None:
            self.statuses.append((text, well))

        source: LiveSource = stream
        self.task = asyncio.create_task(source.run(self.updates.append, on_status))
        return stream

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until something holds; fails with the stream's own error where that ends first."""
        assert self.task is not None
        async with asyncio.timeout(10):
            while not done():
                if self.task.done():
                    await self.task
                    raise AssertionError("the stream ended")
                await asyncio.sleep(0.005)

    async def live(self) -> None:
        await self.until(lambda: self.statuses and self.statuses[-1][1])

    async def refused(self) -> HybridError:
        """Return the error that the stream ends with."""
        assert self.task is not None
        with pytest.raises(HybridError) as caught:
            await asyncio.wait_for(self.task, 10)
        return caught.value

    @property
    def bars(self) -> list[tuple[str, datetime, float]]:
        return [
            (symbol, one.start, bar.close)
            for update in self.updates
            for one in update.bars
            for symbol, bar in one.bars.items()
        ]

    @property
    def quotes(self) -> list[Quote]:
        return [one for update in self.updates for one in update.quotes]

    @property
    def news(self) -> list[NewsItem]:
        return [one for update in self.updates for one in update.news]


@asynccontextmanager
async def desk_of(calendar: TradingCalendar) -> AsyncIterator[Desk]:
    with serve_data() as data:
        async with serve_socket() as socket:
            desk = Desk(data, socket, calendar)
            try:
                yield desk
            finally:
                if desk.task is not None:
                    desk.task.cancel()
                    await asyncio.gather(desk.task, return_exceptions=True)
