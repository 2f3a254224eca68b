"""The live market: what sources put in, handed out as it becomes known on the wall clock."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice, CorporateAction, NewsItem, Quote
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.market.halts import Halts
from hybrid_tui.market.stories import Stories

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=5)
NEWS_REACH = timedelta(days=3)
MOST_WAITING_QUOTES = 1_000


class LiveSource(Protocol):
    """Where live data comes from."""

    async def run(
        self,
        put: Callable[[MarketUpdate], None],
        on_status: Callable[[str, bool], None],
    ) -> None:
        """Deliver updates until cancelled; ``on_status`` takes a text and whether all is well.

        Raises Fatal where only a person can mend what is wrong.
        """


class LiveSources:
    """Several sources as one: the first that fails ends them all."""

    def __init__(self, *sources: LiveSource) -> None:
        self._sources = sources

    async def run(
        self,
        put: Callable[[MarketUpdate], None],
        on_status: Callable[[str, bool], None],
    ) -> None:
        """Deliver what all of them do."""
        tasks = [asyncio.create_task(one.run(put, on_status)) for one in self._sources]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class LiveFeed:
    """A feed over the wall clock; ``put`` may be called from any thread.

    ``history`` holds each symbol's past bars, ``news`` the headlines of the last days. A bar is
    handed out once and never after a later one of its symbol: what comes too late stays out of the
    decisions, as it was out of them when they were made. ``halts`` says why a symbol may not be
    bought. The feed never ends.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        interval: int,
        *,
        history: Mapping[str, BarSeries] | None = None,
        news: Iterable[NewsItem] = (),
    ) -> None:
        self.symbols = tuple(symbols)
        self.interval = interval
        self.halts = Halts(symbols)
        self.late_bars = 0
        self._wanted = frozenset(symbols)
        self._history = {s: b for s, b in (history or {}).items() if s in self._wanted and len(b)}
        self._lock = threading.Lock()
        self._bars: dict[tuple[datetime, datetime], dict[str, Bar]] = {}
        self._last_start: dict[str, datetime] = {}
        self._waiting_quotes: dict[str, deque[Quote]] = {
            symbol: deque(maxlen=MOST_WAITING_QUOTES) for symbol in self.symbols
        }
        self._quotes: dict[str, Quote] = {}
        self._waiting_news: list[NewsItem] = []
        self._waiting_actions: list[CorporateAction] = []
        self._seen_actions: set[CorporateAction] = set()
        self._stories = Stories(symbols)
        self._earlier_news = self._stories.take_all(news)

    def put(self, update: MarketUpdate) -> None:
        """Take in what a source received; symbols that the feed does not have are left out."""
        with self._lock:
            for one in update.bars:
                self._put_bars(one)
            for quote in update.quotes:
                if quote.symbol in self._wanted:
                    self._waiting_quotes[quote.symbol].append(quote)
            self._waiting_news += self._stories.take_all(update.news)
            for action in update.actions:
                if action.symbol in self._wanted and action not in self._seen_actions:
                    self._seen_actions.add(action)
                    self._waiting_actions.append(action)

    def upcoming(self, after: datetime) -> datetime:
        """Return the next 5-second boundary, or the instant before it at which a bar is known."""
        boundary = after + STEP - (after - EPOCH) % STEP
        with self._lock:
            known = (known_at for _, known_at in self._bars if known_at > after)
            return min(boundary, min(known, default=boundary))

    def read(self, now: datetime) -> MarketUpdate:
        """Return what became known since the last call: bars and news oldest first, last quotes."""
        with self._lock:
            return MarketUpdate(
                bars=self._read_bars(now),
                quotes=self._read_quotes(now),
                news=self._read_news(now),
                actions=self._read_actions(now),
            )

    def warm_up(self, before: datetime) -> Mapping[str, BarSeries]:
        """Return the past bars known at ``before``; later ones are handed out by ``read``."""
        known = int(before.timestamp())
        past: dict[str, BarSeries] = {}
        with self._lock:
            for symbol, series in self._history.items():
                past[symbol] = series.known_by(known)
                count = len(past[symbol])
                if count:
                    self._delivered(
                        symbol, datetime.fromtimestamp(int(series.start[count - 1]), UTC)
                    )
                for one in _slices(series.slice(count, len(series))):
                    self._put_bars(one)
        return past

    def earlier_news(self, before: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in the three days up to ``before``, oldest first."""
        since = before - NEWS_REACH
        with self._lock:
            later = [item for item in self._earlier_news if item.received_at > before]
            self._earlier_news = [n for n in self._earlier_news if n.received_at <= before]
            self._waiting_news += later
            return [item for item in self._earlier_news if since <= item.received_at <= before]

    def quote_age(self, symbol: str, now: datetime) -> float | None:
        """Return the seconds since a symbol's last quote that was read; None: there is none."""
        with self._lock:
            quote = self._quotes.get(symbol)
        return None if quote is None else (now - quote.at).total_seconds()

    def _put_bars(self, one: BarSlice) -> None:
        for symbol, bar in one.bars.items():
            if symbol not in self._wanted:
                continue
            if one.start <= self._last_start.get(symbol, EPOCH):
                self.late_bars += 1
                continue
            # The first that came stays: it is what a decision would have been made on.
            self._bars.setdefault((one.start, one.known_at), {}).setdefault(symbol, bar)

    def _read_bars(self, now: datetime) -> tuple[BarSlice, ...]:
        due = sorted(key for key in self._bars if key[1] <= now)
        read: list[BarSlice] = []
        for start, known_at in due:
            bars = self._bars.pop((start, known_at))
            fresh = {
                s: b for s, b in sorted(bars.items()) if start > self._last_start.get(s, EPOCH)
            }
            self.late_bars += len(bars) - len(fresh)
            for symbol in fresh:
                self._delivered(symbol, start)
            if fresh:
                read.append(BarSlice(start=start, known_at=known_at, bars=fresh))
        return tuple(read)

    def _delivered(self, symbol: str, start: datetime) -> None:
        self._last_start[symbol] = max(start, self._last_start.get(symbol, EPOCH))

    def _read_quotes(self, now: datetime) -> tuple[Quote, ...]:
        read: list[Quote] = []
        for symbol, waiting in sorted(self._waiting_quotes.items()):
            due = [quote for quote in waiting if quote.at <= now]
            later = [quote for quote in waiting if quote.at > now]
            waiting.clear()
            waiting.extend(later)
            last = self._quotes.get(symbol)
            newest = max(reversed(due), key=lambda quote: quote.at, default=None)
            if newest is not None and (last is None or newest.at > last.at):
                self._quotes[symbol] = newest
                read.append(newest)
        return tuple(read)

    def _read_news(self, now: datetime) -> tuple[NewsItem, ...]:
        due = sorted((n for n in self._waiting_news if n.received_at <= now), key=_received)
        self._waiting_news = [n for n in self._waiting_news if n.received_at > now]
        return tuple(due)

    def _read_actions(self, now: datetime) -> tuple[CorporateAction, ...]:
        due = [action for action in self._waiting_actions if action.ex_at <= now]
        self._waiting_actions = [action for action in self._waiting_actions if action.ex_at > now]
        return tuple(sorted(due, key=lambda action: (action.ex_at, action.symbol)))


def _received(item: NewsItem) -> tuple[datetime, str]:
    return item.received_at, item.id


def _slices(series: BarSeries) -> Iterable[BarSlice]:
    for i in range(len(series)):
        yield BarSlice(
            start=datetime.fromtimestamp(int(series.start[i]), UTC),
            known_at=datetime.fromtimestamp(int(series.known_at[i]), UTC),
            bars={
                series.symbol: Bar(
                    float(series.open[i]),
                    float(series.high[i]),
                    float(series.low[i]),
                    float(series.close[i]),
                    float(series.volume[i]),
                )
            },
        )
