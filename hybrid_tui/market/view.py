"""The known market: what has become known so far, and views of it that cannot see further."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice, CorporateAction, NewsItem
from hybrid_tui.domain.splits import known_before, restate
from hybrid_tui.errors import DataError, LookAheadError

FIRST_CAPACITY = 4_096
COLUMNS = ("open", "high", "low", "close", "volume")


class _History:
    """One symbol's bars in arrays that grow; ``values`` has shape (5, capacity)."""

    __slots__ = ("count", "feed", "known_at", "start", "values")

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.count = 0
        self.start = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self.known_at = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self.values = np.empty((len(COLUMNS), FIRST_CAPACITY))

    def append(self, start: int, known_at: int, bar: Bar) -> None:
        if self.count == len(self.start):
            self._grow(self.count + 1)
        self.start[self.count] = start
        self.known_at[self.count] = known_at
        self.values[:, self.count] = bar
        self.count += 1

    def extend(self, series: BarSeries) -> None:
        last = self.count + len(series)
        if last > len(self.start):
            self._grow(last)
        self.start[self.count : last] = series.start
        self.known_at[self.count : last] = series.known_at
        for row, name in enumerate(COLUMNS):
            self.values[row, self.count : last] = getattr(series, name)
        self.count = last
        self.feed = series.feed

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
    """Bars and headlines in the order in which they became known."""

    def __init__(self, symbols: Sequence[str], interval: int, feed: str) -> None:
        self.symbols = tuple(symbols)
        self.interval = interval
        self.feed = feed
        self._histories: dict[str, _History] = {}
        self._news: list[NewsItem] = []

    def warm(self, series: BarSeries) -> None:
        """Take in a symbol's past at once; DataError if it does not follow what is known."""
        if len(series) == 0:
            return
        history = self._history(series.symbol)
        self._check_order(series.symbol, history, int(series.start[0]))
        history.extend(series)

    def append(self, bars: BarSlice) -> None:
        """Take in the bars of one instant; DataError if one does not follow what is known."""
        start, known_at = int(bars.start.timestamp()), int(bars.known_at.timestamp())
        for symbol, bar in bars.bars.items():
            history = self._histories.get(symbol) or self._history(symbol)
            if history.count and start <= history.start[history.count - 1]:
                self._check_order(symbol, history, start)
            history.append(start, known_at, bar)

    def add_news(self, item: NewsItem) -> None:
        """Take in a headline, whatever the order it comes in."""
        insort(self._news, item, key=_received_at)

    def adjust(self, action: CorporateAction) -> None:
        """Apply a corporate action: a split restates the past, a dividend leaves prices alone."""
        history = self._histories.get(action.symbol)
        if history is not None and action.ratio != 1.0:
            history.split(action)

    def view(self, now: datetime) -> KnownView:
        """Return a view that shows what is known at ``now`` and refuses to show more."""
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
        return BarSeries(
            symbol=symbol,
            interval=self.interval,
            feed=history.feed,
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
