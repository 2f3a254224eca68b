"""The known market: what has become known so far, and views of it that cannot see further."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from hybrid_tui.domain.bars import (
    Bar,
    BarSeries,
    BarSlice,
    CorporateAction,
    FloatArray,
    IntArray,
    NewsItem,
    feed_changes,
)
from hybrid_tui.domain.splits import known_before, restate
from hybrid_tui.errors import DataError, LookAheadError

FIRST_CAPACITY = 4_096
MOST_WAITING = 512
COLUMNS = ("open", "high", "low", "close", "volume")


class _History:
    """One symbol's bars in arrays that grow; ``values`` has shape (5, capacity)."""

    __slots__ = ("count", "feed", "feeds", "known_at", "start", "values")

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.feeds: list[tuple[int, str]] = []
        self.count = 0
        self.start = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self.known_at = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self.values = np.empty((len(COLUMNS), FIRST_CAPACITY))

    def extend(self, start: IntArray, known_at: IntArray, values: Iterable[FloatArray]) -> None:
        """Take in bars that follow the last: their times, and their five columns."""
        last = self.count + len(start)
        if last > len(self.start):
            self._grow(last)
        self.start[self.count : last] = start
        self.known_at[self.count : last] = known_at
        for row, column in enumerate(values):
            self.values[row, self.count : last] = column
        self.count = last

    def comes_from(self, first: int, feed: str) -> None:
        """Note the feed of the bars from ``first`` on."""
        if not self.feeds or self.feeds[-1][1] != feed:
            self.feeds.append((first, feed))

    def feeds_until(self, last: int) -> tuple[tuple[int, str], ...]:
        """Return where the feed changed in the bars that start up to ``last``."""
        if len(self.feeds) < 2:
            return ()
        return feed_changes([one for one in self.feeds if one[0] <= last])

    @property
    def first_feed(self) -> str:
        """The feed of the first bar."""
        return self.feeds[0][1] if self.feeds else self.feed

    def split(self, action: CorporateAction) -> None:
        """Restate the bars before an action; views given out earlier stay."""
        self.values = self.values.copy()
        restate(self.values, known_before(self.known_at[: self.count], action), action.ratio)

    def _grow(self, needed: int) -> None:
        capacity = max(needed, 2 * len(self.start))
        for name in ("start", "known_at"):
            grown = np.empty(capacity, dtype=np.int64)
            grown[: self.count] = getattr(self, name)[: self.count]
            setattr(self, name, grown)
        values = np.empty((len(COLUMNS), capacity))
        values[:, : self.count] = self.values[:, : self.count]
        self.values = values


class KnownMarket:
    """Bars and headlines in the order in which they became known.

    Slices are kept as they come and go into the symbols' arrays when a view is made, many at once:
    a bar's end must not wait for hundreds of arrays. Views may be read by other threads.
    """

    def __init__(self, symbols: Sequence[str], interval: int, feed: str) -> None:
        self.symbols = tuple(symbols)
        self.interval = interval
        self.feed = feed
        self._histories: dict[str, _History] = {}
        self._waiting: list[BarSlice] = []
        self._last_start: datetime | None = None
        self._news: list[NewsItem] = []

    def warm(self, series: BarSeries) -> None:
        """Take in a symbol's past at once; DataError if it does not follow what is known."""
        if len(series) == 0:
            return
        self._settle()
        history = self._history(series.symbol)
        self._check_order(series.symbol, history, int(series.start[0]))
        columns = [getattr(series, name) for name in COLUMNS]
        history.extend(series.start, series.known_at, columns)
        for first, feed in series.own_feeds():
            history.comes_from(first, feed)
        last = datetime.fromtimestamp(int(series.start[-1]), UTC)
        self._last_start = max(last, self._last_start or last)

    def append(self, bars: BarSlice) -> None:
        """Take in the bars of one instant; DataError if one does not follow what is known."""
        if self._last_start is not None and bars.start <= self._last_start:
            self._settle()
            start = int(bars.start.timestamp())
            for symbol in bars.bars:
                self._check_order(symbol, self._history(symbol), start)
        else:
            self._last_start = bars.start
        self._waiting.append(bars)
        if len(self._waiting) >= MOST_WAITING:
            self._settle()

    def add_news(self, item: NewsItem) -> None:
        """Take in a headline, whatever the order it comes in."""
        insort(self._news, item, key=_received_at)

    def adjust(self, action: CorporateAction) -> None:
        """Apply a corporate action: a split restates the past, a dividend leaves prices alone."""
        self._settle()
        history = self._histories.get(action.symbol)
        if history is not None and action.ratio != 1.0:
            history.split(action)

    def view(self, now: datetime) -> KnownView:
        """Return a view that shows what is known at ``now`` and refuses to show more."""
        self._settle()
        return KnownView(self, now)

    def bars_known(self, symbol: str, instant: datetime) -> BarSeries | None:
        """Return a symbol's bars known at an instant without copying, or None."""
        history = self._histories.get(symbol)
        if history is None or history.count == 0:
            return None
        second = int(instant.timestamp())
        last = history.count
        if history.known_at[last - 1] > second:
            last = int(np.searchsorted(history.known_at[:last], second, side="right"))
        if last == 0:
            return None
        open_, high, low, close, volume = history.values[:, :last]
        feeds = history.feeds_until(int(history.start[last - 1]))
        return BarSeries(
            symbol=symbol,
            interval=self.interval,
            feed=feeds[-1][1] if feeds else history.first_feed,
            feeds=feeds,
            start=history.start[:last],
            known_at=history.known_at[:last],
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )

    def news_between(self, since: datetime, until: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in [since, until], oldest first."""
        first = bisect_left(self._news, since, key=_received_at)
        return self._news[first : bisect_right(self._news, until, lo=first, key=_received_at)]

    def _settle(self) -> None:
        """Put the slices that wait into their symbols' arrays."""
        if not self._waiting:
            return
        slices, self._waiting = self._waiting, []
        times = [(int(bars.start.timestamp()), int(bars.known_at.timestamp())) for bars in slices]
        found: dict[str, tuple[list[tuple[int, int]], list[Bar]]] = {}
        for at, bars in zip(times, slices, strict=True):
            for symbol, bar in bars.bars.items():
                kept = found.get(symbol)
                if kept is None:
                    kept = found[symbol] = ([], [])
                kept[0].append(at)
                kept[1].append(bar)
            for symbol, feed in bars.feeds:
                self._history(symbol).comes_from(at[0], feed)
        for symbol, (ats, rows) in found.items():
            start, known_at = np.array(ats, dtype=np.int64).T
            self._history(symbol).extend(start, known_at, np.array(rows).T)

    def _history(self, symbol: str) -> _History:
        return self._histories.setdefault(symbol, _History(self.feed))

    def _check_order(self, symbol: str, history: _History, start: int) -> None:
        if history.count and start <= history.start[history.count - 1]:
            at, last = (
                datetime.fromtimestamp(int(second), UTC).isoformat()
                for second in (start, history.start[history.count - 1])
            )
            raise DataError(f"{symbol}: a bar of {at} came after one of {last}")


class KnownView:
    """Everything known at ``now``, and nothing else."""

    __slots__ = ("_market", "_now")

    def __init__(self, market: KnownMarket, now: datetime) -> None:
        self._market = market
        self._now = now

    @property
    def now(self) -> datetime:
        """The instant that bounds this view."""
        return self._now

    def bars(self, symbol: str, until: datetime | None = None) -> BarSeries | None:
        """Return a symbol's bars known at ``until`` (default: now), oldest first, or None.

        Raises LookAheadError where ``until`` is later than the view.
        """
        return self._market.bars_known(symbol, self._bounded(until))

    def news(self, since: datetime, until: datetime | None = None) -> Sequence[NewsItem]:
        """Return the headlines received in [since, until] (default: now), oldest first.

        Raises LookAheadError where ``until`` or ``since`` is later than the view.
        """
        self._bounded(since)
        return self._market.news_between(since, self._bounded(until))

    def _bounded(self, instant: datetime | None) -> datetime:
        if instant is None:
            return self._now
        if instant > self._now:
            raise LookAheadError(
                f"{instant.isoformat()} was asked for at {self._now.isoformat()}",
                hint="nothing later than the view's instant is known",
            )
        return instant


def _received_at(item: NewsItem) -> datetime:
    return item.received_at
