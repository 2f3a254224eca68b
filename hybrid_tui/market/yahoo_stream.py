"""Yahoo's live market: prices over its socket, finished bars and headlines by asking politely.

Bars come by asking only, so a lost connection leaves no hole in them: each question reaches back to
the last bar that came. What a lost connection takes away is the price of this moment, and without
that nothing may be bought.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.errors import HybridError, Retryable
from hybrid_tui.market.alpaca_rows import slices
from hybrid_tui.market.halts import VIEW_ONLY, Halts
from hybrid_tui.market.yahoo_history import YahooHistory
from hybrid_tui.market.yahoo_rows import SETTLE_S, streamed_quote

log = logging.getLogger(__name__)

INTERVAL_S = 60
SILENT_S = 60.0
LONGEST_BACKOFF_S = 300.0
ASK_AT_S = 3
"""The second of each minute at which the bars that have settled are asked for."""
LATE_S = 300
"""For so long after its end a bar is still asked for where it did not come."""
NEWS_ROUND_MINUTES = 10
NEWS_REACH = timedelta(days=3)
CAUSE = "stream"

Put = Callable[[MarketUpdate], None]
OnStatus = Callable[[str, bool], None]


class Pause:
    """Sleeps in a thread until it is stopped; then it raises Retryable."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def __call__(self, seconds: float) -> None:
        """Wait for some seconds."""
        if self._stopped.wait(seconds):
            raise Retryable("the desk is stopping")

    def stop(self) -> None:
        """End the waiting, for good."""
        self._stopped.set()


class YahooStream:
    """A LiveSource of Yahoo's last prices, one-minute bars and headlines.

    ``since`` is an instant whose known bars the desk has already. Without the socket, or while it
    is silent in a session, ``halts`` forbids entries. ``dropped`` counts by reason what came over
    the socket and could not be used. ``pause`` is what the history sleeps with.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        history: YahooHistory,
        *,
        calendar: TradingCalendar,
        halts: Halts,
        stream_url: str | None = None,
        since: datetime,
        pause: Pause,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        silent_s: float = SILENT_S,
    ) -> None:
        self.symbols = tuple(symbols)
        self.dropped: Counter[str] = Counter()
        self._prices = _Prices(self, stream_url, silent_s)
        self._questions = _Questions(self, since)
        self.history = history
        self.calendar = calendar
        self.halts = halts
        self.clock = clock
        self.sleep = sleep
        self._pause = pause

    async def run(self, put: Put, on_status: OnStatus) -> None:
        """Deliver until cancelled; a lost connection is made again after 1, 2, 4 ... 300 s.

        Raises ConfigError where the stream's URL is none.
        """
        tasks = [
            asyncio.create_task(self._prices.run(put, on_status)),
            asyncio.create_task(self._questions.run(put, on_status)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            self._pause.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Prices:
    """The socket: the last prices, and whether there are any."""

    def __init__(self, stream: YahooStream, url: str | None, silent_s: float) -> None:
        self._stream = stream
        self._url = url
        self._silent_s = silent_s
        self._last: dict[str, datetime] = {}
        self._is_live: bool | None = None
        self._heard_at = datetime.min.replace(tzinfo=UTC)
        self._fails = 0

    async def run(self, put: Put, on_status: OnStatus) -> None:
        # Here, not above: importing yfinance takes most of a second.
        from hybrid_tui.market.yahoo_socket import STREAM_URL, Down

        self._stream.halts.note_market(CAUSE, VIEW_ONLY)
        url = self._url or STREAM_URL
        while True:
            try:
                await self._connection(url, put, on_status)
            except Down as error:
                wait_s = min(2.0 ** min(self._fails, 10), LONGEST_BACKOFF_S)
                self._fails += 1
                self._stream.halts.note_market(CAUSE, VIEW_ONLY)
                if self._is_live is not False:
                    on_status(f"{error}: view only, no entries; connecting again", False)
                self._is_live = False
                log.warning("%s; connecting again in %.0f s", error, wait_s)
                await self._stream.sleep(wait_s)

    async def _connection(self, url: str, put: Put, on_status: OnStatus) -> None:
        """Take in one connection's messages until it is lost."""
        from hybrid_tui.market.yahoo_socket import Down, Garbage, messages

        stream, silent = self._stream, timedelta(seconds=self._silent_s)
        self._heard_at = stream.clock()
        is_new = True
        async with aclosing(messages(url, stream.symbols, self._silent_s)) as received:
            async for message in received:
                now = stream.clock()
                if isinstance(message, Garbage):
                    self._drop(message.why, on_status)
                elif message is not None:
                    self._take(message, now, put, on_status)
                elif stream.calendar.session_at(now) is None:
                    self._heard_at = now
                    self._fails = self._fails if is_new else 0
                    self._live(on_status)
                is_new = False
                in_session = stream.calendar.session_at(now - silent) is not None
                if in_session and now - self._heard_at >= silent:
                    raise Down(f"Yahoo's stream had no price for {self._silent_s:.0f} s")

    def _take(
        self, message: Mapping[str, Any], now: datetime, put: Put, on_status: OnStatus
    ) -> None:
        stream = self._stream
        before = stream.dropped.copy()
        quote = streamed_quote(message, stream.symbols, now, stream.dropped)
        if quote is None:
            for reason in stream.dropped - before:
                self._told(reason, on_status)
            return
        last = self._last.get(quote.symbol)
        if last is not None and quote.at < last:
            self._drop("a price older than the one before", on_status)
            return
        if quote.at == last:
            # Yahoo says the last price again with each subscription, which is repeated.
            stream.dropped["stream: a price that came before"] += 1
        else:
            self._last[quote.symbol] = quote.at
            put(MarketUpdate(quotes=(quote,)))
        self._heard_at = now
        self._fails = 0
        self._live(on_status)

    def _live(self, on_status: OnStatus) -> None:
        if not self._is_live:
            self._is_live = True
            self._stream.halts.note_market(CAUSE, None)
            on_status("Yahoo: live", True)

    def _drop(self, reason: str, on_status: OnStatus) -> None:
        self._stream.dropped[f"stream: {reason}"] += 1
        self._told(f"stream: {reason}", on_status)

    def _told(self, reason: str, on_status: OnStatus) -> None:
        """Tell a reason when it comes up first; the count goes on."""
        if self._stream.dropped[reason] == 1:
            on_status(f"Yahoo's {reason}: left out and counted", bool(self._is_live))


class _Questions:
    """Bars once a minute and headlines every ten, one question after the other."""

    def __init__(self, stream: YahooStream, since: datetime) -> None:
        self._stream = stream
        # The minute that had begun by then was not known yet, nor those that had not settled.
        first = since.replace(second=0, microsecond=0) - timedelta(seconds=SETTLE_S)
        self._from = dict.fromkeys(stream.symbols, first)
        self._wrong: dict[str, str] = {}
        self._defects: set[str] = set()
        self._fails = 0

    async def run(self, put: Put, on_status: OnStatus) -> None:
        symbols = self._stream.symbols
        share = ceil(len(symbols) / NEWS_ROUND_MINUTES)
        turn = 0
        news = symbols
        order = deque(symbols)
        while True:
            try:
                for _ in symbols:
                    # The next one first after a failure: one symbol's must not starve the others.
                    symbol = order[0]
                    order.rotate(-1)
                    if self._is_due(symbol):
                        await self._ask(symbol, "bars", self._bars, put, on_status)
                for symbol in news:
                    await self._ask(symbol, "headlines", self._news, put, on_status)
                self._fails = 0
            except Retryable as error:
                self._fails += 1
                wait_s = min(60.0 * 2.0 ** min(self._fails - 1, 10), 2 * LONGEST_BACKOFF_S)
                if self._fails == 1:
                    on_status(f"Yahoo's bars and headlines: {error.render()}", False)
                log.warning("%s; asking again in %.0f s", error.render(), wait_s)
                await self._stream.sleep(wait_s)
            else:
                news = tuple(symbols[(turn + i) % len(symbols)] for i in range(share))
                turn += share
            second = self._stream.clock().timestamp() % INTERVAL_S
            await self._stream.sleep((ASK_AT_S - second) % INTERVAL_S or INTERVAL_S)

    def _is_due(self, symbol: str) -> bool:
        """Whether a bar of the symbol may have settled since the last that is known."""
        since = self._from[symbol]
        until = self._stream.clock() - timedelta(seconds=SETTLE_S + INTERVAL_S)
        calendar = self._stream.calendar
        session = calendar.session_at(since) or calendar.next_session(since)
        return max(session.open, since) <= until

    async def _ask(
        self,
        symbol: str,
        what: str,
        question: Callable[[str], MarketUpdate],
        put: Put,
        on_status: OnStatus,
    ) -> None:
        """Put a question's answer; what concerns one symbol only is told, once."""
        key = f"{symbol} {what}"
        try:
            update = await asyncio.to_thread(question, symbol)
        except Retryable:
            raise
        except HybridError as error:
            if self._wrong.get(key) != error.message:
                self._wrong[key] = error.message
                on_status(f"{symbol}'s {what} from Yahoo: {error.render()}", False)
            return
        for reason in self._stream.history.dropped:
            if reason.startswith("rows: ") and reason not in self._defects:
                self._defects.add(reason)
                on_status(f"Yahoo's chart of {symbol}: {reason}: left out and counted", False)
        if self._wrong.pop(key, None) is not None:
            on_status(f"{symbol}'s {what} come from Yahoo again", True)
        put(update)

    def _bars(self, symbol: str) -> MarketUpdate:
        """Return the bars that have settled since the last one; called in a thread."""
        since, asked_at = self._from[symbol], self._stream.clock()
        # From the session's first bar, so that defects of a day's volume can be seen.
        session = self._stream.calendar.session_at(since)
        begin = session.open if session is not None else since
        found: list[BarSeries] = []
        for page in self._stream.history.bars(symbol, INTERVAL_S, begin, asked_at):
            fresh = page.slice(int(np.searchsorted(page.start, since.timestamp())), len(page))
            if len(fresh):
                found.append(fresh)
                since = datetime.fromtimestamp(int(fresh.start[-1]) + INTERVAL_S, UTC)
        late = asked_at - timedelta(seconds=SETTLE_S + INTERVAL_S + LATE_S)
        self._from[symbol] = max(since, late)
        return MarketUpdate(bars=slices(found))

    def _news(self, symbol: str) -> MarketUpdate:
        """Return the headlines that Yahoo shows of a symbol, received now; called in a thread."""
        now = self._stream.clock()
        items = self._stream.history.news((symbol,), now - NEWS_REACH, now)
        return MarketUpdate(news=tuple(replace(item, received_at=now) for item in items))
