"""Alpaca's live market: bars, quotes, halts and headlines; the holes of lost connections filled.

``updatedBars`` (a bar restated half a minute later for late trades) are not asked for: a decision
was made on the bar as it first came, and a backtest of the day must see what the desk saw.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.errors import HybridError
from hybrid_tui.market.alpaca_history import AlpacaHistory
from hybrid_tui.market.alpaca_rows import (
    bar_rows,
    bar_series,
    halt_reason,
    instant,
    news_item,
    quote,
    slices,
    spelled,
)

log = logging.getLogger(__name__)

STREAM_URL = "wss://stream.data.alpaca.markets"
INTERVAL_S = 60
SETTLE_S = 3.0
"""The REST side has a bar a moment after the stream: the hole is asked for after that."""
FREE_QUOTES = 30
POLL_S = 10.0
CANCEL_AGAIN_S = 0.5
HALTED, RESUMED = frozenset("2HP"), frozenset("3T")
"""Status codes of tapes A and B (digits) and C (letters): halt, volatility pause; resumption."""

Put = Callable[[MarketUpdate], None]
OnStatus = Callable[[str, bool], None]


class AlpacaStream:
    """A LiveSource of one-minute bars, quotes, halts and all headlines over Alpaca's sockets.

    ``since`` is an instant whose known bars the desk has already: what became known between it and
    the first connection is filled like a hole. ``on_halt`` takes a symbol and why trading in it is
    halted (None: it goes on). The free feed ``iex`` streams quotes of 30 symbols; the others' are
    asked for every ten seconds. ``dropped`` counts by reason what came and was not what it claims.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        symbols: Sequence[str],
        history: AlpacaHistory,
        *,
        calendar: TradingCalendar,
        stream_url: str | None = None,
        since: datetime | None = None,
        on_halt: Callable[[str, str | None], None] = lambda symbol, reason: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.symbols = tuple(symbols)
        self.dropped: Counter[str] = Counter()
        self._keys = keys
        self._history = history
        self._calendar = calendar
        self._url = (stream_url or STREAM_URL).rstrip("/")
        self._since = since
        self._on_halt = on_halt
        self._clock = clock
        self._sleep = sleep

    async def run(self, put: Put, on_status: OnStatus) -> None:
        """Deliver until cancelled; a lost connection is made again after 1, 2, 4 ... 60 s.

        Raises Fatal where the service refuses the keys, the plan or the number of connections.
        """
        # Here, not above: it imports alpaca-py's sockets, and those pandas.
        from hybrid_tui.market.alpaca_socket import NewsSocket, StockSocket

        status = _Status(f"Alpaca {self._history.feed}: live", on_status)
        stocks = _Stocks(self, put, status)
        news = _News(self, put, status)
        common: dict[str, Any] = {"keys": self._keys, "sleep": self._sleep}
        stock_socket = StockSocket(
            f"{self._url}/v2/{self._history.feed}",
            self._history.feed,
            listener=stocks,
            **common,
        )
        names = tuple(spelled(self.symbols))
        streamed = names[:FREE_QUOTES] if self._history.feed == "iex" else names
        stock_socket.subscribe_bars(stock_socket.on_data, *names)
        stock_socket.subscribe_quotes(stock_socket.on_data, *streamed)
        stock_socket.subscribe_trading_statuses(stock_socket.on_data, *names)
        news_socket = NewsSocket(f"{self._url}/v1beta1/news", listener=news, **common)
        news_socket.subscribe_news(news_socket.on_data, "*")
        work: list[Coroutine[Any, Any, None]] = [stock_socket.serve(), news_socket.serve()]
        polled = self.symbols[len(streamed) :]
        if polled:
            work.append(self._poll(polled, put))
        tasks = [asyncio.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            tasks += [task for task in (stocks.stop(), news.stop()) if task is not None]
            await _end(tasks)

    async def _poll(self, symbols: Sequence[str], put: Put) -> None:
        """Ask for the quotes that the feed does not stream."""
        while True:
            try:
                quotes = await asyncio.to_thread(self._history.latest_quotes, symbols)
                now = self._clock()
                put(MarketUpdate(quotes=tuple(replace(q, at=min(q.at, now)) for q in quotes)))
            except HybridError as error:
                log.warning("%s", error.render())
            await self._sleep(POLL_S)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: the library waits with ``asyncio.wait_for``, which before Python 3.12 loses
    a cancellation that comes together with a message.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()


class _Status:
    """One line about both connections, told when it changes."""

    def __init__(self, live: str, on_status: OnStatus) -> None:
        self._live = live
        self._on_status = on_status
        self._wrong: dict[str, str | None] = {
            "stocks": "connecting to Alpaca",
            "news": "connecting to Alpaca's news",
        }
        self._told: tuple[str, bool] | None = None

    def set(self, name: str, wrong: str | None) -> None:
        self._wrong[name] = wrong
        text = next((text for text in self._wrong.values() if text), None)
        line = (self._live, True) if text is None else (text, False)
        if line != self._told:
            self._told = line
            self._on_status(*line)


class _Channel:
    """What both connections share: filling the hole after (re)connecting, in a thread."""

    name = ""

    def __init__(self, stream: AlpacaStream, put: Put, status: _Status) -> None:
        self.stream = stream
        self.put = put
        self.status = status
        self.ready_at: datetime | None = None
        self._filling: asyncio.Task[None] | None = None
        self._stopped = threading.Event()

    def ready(self) -> None:
        """Fill what is missing since the last connection, then say that all is well."""
        self.ready_at = self.ready_at or self.stream._clock()
        self.stop()
        self._stopped = threading.Event()
        self._filling = asyncio.create_task(self._fill(self._stopped))

    def down(self, why: str, wait_s: float) -> None:
        """Say that the connection is lost."""
        self.stop()
        self.status.set(self.name, f"{self.name}: {why}; connecting again in {wait_s:.0f} s")

    def stop(self) -> asyncio.Task[None] | None:
        """End the filling of a hole; what it has found by then is asked for again."""
        self._stopped.set()
        if self._filling is not None:
            self._filling.cancel()
        return self._filling

    async def _fill(self, stopped: threading.Event) -> None:
        wrong: str | None = None
        since = self.since()
        try:
            if since is not None:
                await self.stream._sleep(SETTLE_S)
                update = await asyncio.to_thread(self.missing, stopped)
                self.hand_out(update)
        except HybridError as error:
            span = f"since {since:%H:%M} UTC " if since else ""
            wrong = f"{self.name}: what came {span}is missing: {error.render()}"
            log.warning("%s", wrong)
        except Exception as error:
            # Whatever it is, the live bars must not be held back for ever.
            log.exception("the hole in %s was not filled", self.name)
            wrong = f"{self.name}: filling the hole failed ({type(error).__name__})"
        self.filled()
        self.status.set(self.name, wrong)

    def since(self) -> datetime | None:
        """Return the instant from which on something may be missing; None: nothing is."""
        raise NotImplementedError

    def missing(self, stopped: threading.Event) -> MarketUpdate:
        """Ask for what came since then; called in a thread."""
        raise NotImplementedError

    def hand_out(self, update: MarketUpdate) -> None:
        """Put an update and remember how far it reaches."""
        raise NotImplementedError

    def filled(self) -> None:
        """Note that the hole is closed, as well as it could be."""


class _Stocks(_Channel):
    """Bars, quotes and halts."""

    name = "stocks"

    def __init__(self, stream: AlpacaStream, put: Put, status: _Status) -> None:
        super().__init__(stream, put, status)
        self._names = spelled(stream.symbols)
        self._last: dict[str, datetime] = {}
        self._halted_at: dict[str, datetime] = {}
        self._held: list[BarSeries] | None = None
        # The minute that had begun by then was not known yet.
        self._from = stream._since and stream._since.replace(second=0, microsecond=0)

    def ready(self) -> None:
        """Hold live bars back until the older ones are there: bars go out oldest first."""
        if self._held is None:
            self._held = []
        super().ready()

    def down(self, why: str, wait_s: float) -> None:
        """Say that the connection is lost; from the first one on there is a hole to fill."""
        if self._from is None and self.ready_at is not None:
            self._from = self.ready_at - timedelta(seconds=INTERVAL_S)
        super().down(why, wait_s)

    def message(self, message: dict[str, Any]) -> None:
        """Take in one message of the stock stream."""
        symbol = self._names.get(str(message.get("S")))
        if symbol is None:
            return
        kind = message.get("T")
        if kind == "b":
            self._bar(symbol, message)
        elif kind == "q":
            self._quote(symbol, message)
        elif kind == "s":
            self._trading_status(symbol, message)

    def _bar(self, symbol: str, message: dict[str, Any]) -> None:
        start, values = bar_rows([message], self.stream.dropped)
        # The bar is here, so it has ended, whatever this machine's clock says: its own end is now.
        ended = start[-1] + INTERVAL_S if len(start) else 0
        now = max(self.stream._clock(), datetime.fromtimestamp(int(ended), UTC))
        series = bar_series(
            symbol,
            INTERVAL_S,
            self.stream._history.feed,
            start,
            values,
            calendar=self.stream._calendar,
            now=now,
        )
        if not len(series):
            return
        halted_at = self._halted_at.get(symbol)
        if halted_at is not None and int(series.start[-1]) >= halted_at.timestamp():
            # Bars are made of trades: the message of the resumption was lost with a connection.
            self._halt(symbol, None)
        if self._held is not None:
            self._held.append(series)
        else:
            self.hand_out(MarketUpdate(bars=slices([series])))

    def hand_out(self, update: MarketUpdate) -> None:
        """Put bars and remember the last one of each symbol."""
        for one in update.bars:
            for symbol in one.bars:
                self._last[symbol] = max(one.start, self._last.get(symbol, one.start))
        self.put(update)

    def _quote(self, symbol: str, message: dict[str, Any]) -> None:
        one = quote(symbol, message, self.stream.dropped)
        if one is not None:
            # An exchange's clock may be ahead of this one; nothing is quoted in the future.
            now = self.stream._clock()
            self.put(MarketUpdate(quotes=(replace(one, at=min(one.at, now)),)))

    def _trading_status(self, symbol: str, message: dict[str, Any]) -> None:
        code = str(message.get("sc"))
        if code in HALTED:
            since = instant(message.get("t")) or self.stream._clock()
            self._halt(symbol, since, halt_reason(message))
        elif code in RESUMED:
            self._halt(symbol, None)

    def _halt(self, symbol: str, since: datetime | None, reason: str | None = None) -> None:
        if since is not None:
            self._halted_at[symbol] = since
        elif self._halted_at.pop(symbol, None) is None:
            return
        self.stream._on_halt(symbol, reason)

    def since(self) -> datetime | None:
        """Return the oldest last bar of a symbol."""
        starts = [s for symbol in self.stream.symbols if (s := self._since(symbol)) is not None]
        return min(starts, default=None)

    def _since(self, symbol: str) -> datetime | None:
        last = self._last.get(symbol)
        return self._from if last is None else last + timedelta(seconds=INTERVAL_S)

    def missing(self, stopped: threading.Event) -> MarketUpdate:
        """Ask for each symbol's bars since its last one."""
        found: list[BarSeries] = []
        until = self.stream._clock()
        for symbol in self.stream.symbols:
            since = self._since(symbol)
            if stopped.is_set() or since is None or since >= until:
                continue
            found += self.stream._history.bars(symbol, INTERVAL_S, since, until)
        return MarketUpdate(bars=slices(found))

    def filled(self) -> None:
        """Hand out the live bars that were held back; the feed drops those it has by now."""
        held, self._held = self._held or [], None
        if held:
            self.hand_out(MarketUpdate(bars=slices(held)))


class _News(_Channel):
    """Headlines."""

    name = "news"

    def __init__(self, stream: AlpacaStream, put: Put, status: _Status) -> None:
        super().__init__(stream, put, status)
        self._names = spelled(stream.symbols)
        self._heard_at = stream._since

    def message(self, message: dict[str, Any]) -> None:
        """Take in a headline, received now."""
        now = self.stream._clock()
        item = news_item(message, self._names, self.stream.dropped, now)
        if item is not None:
            self.hand_out(MarketUpdate(news=(item,)))

    def hand_out(self, update: MarketUpdate) -> None:
        """Put headlines and remember when the last one was received."""
        for item in update.news:
            self._heard_at = item.received_at
        self.put(update)

    def down(self, why: str, wait_s: float) -> None:
        """Say that the connection is lost; from the first one on there is a hole to fill."""
        self._heard_at = self._heard_at or self.ready_at
        super().down(why, wait_s)

    def since(self) -> datetime | None:
        """Return when the last headline came."""
        return self._heard_at

    def missing(self, stopped: threading.Event) -> MarketUpdate:
        """Ask for the headlines since then; they are received only now."""
        now = self.stream._clock()
        found: list[NewsItem] = []
        since = (self._heard_at or now) - timedelta(seconds=INTERVAL_S)
        for item in self.stream._history.news((), since, now):
            if stopped.is_set():
                break
            found.append(replace(item, received_at=now))
        return MarketUpdate(news=tuple(found))
