"""Bars: one interval of trading in one symbol, a slice across symbols, and a series over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DAY_SECONDS = 86_400


class Bar(NamedTuple):
    """Prices in dollars and volume in shares of one interval."""

    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSlice:
    """The bars of all symbols that share one start and became known at one instant.

    ``feeds`` holds (symbol, feed) where a symbol's bars come from another feed from here on.
    """

    start: datetime
    known_at: datetime
    bars: Mapping[str, Bar]
    feeds: tuple[tuple[str, str], ...] = ()


class Pages(Protocol):
    """Where columns lie that need not stay in memory: what was read of them can be let go."""

    def release(self) -> None:
        """Let go what was read of one symbol; it is read again where it is looked at again."""

    def release_all(self) -> None:
        """Let go what was read of every symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """The regular-session bars of one symbol, oldest first.

    ``start`` and ``known_at`` are UTC epoch seconds; prices are dollars, volume is shares. A bar is
    known at the smaller of its end and the close of its session. ``feed`` is that of the last bar;
    where it changes on the way ``feeds`` holds each stretch as (start of its first bar, feed).
    ``pages`` are those of columns that lie outside of memory, where they do.
    """

    symbol: str
    interval: int
    feed: str
    start: IntArray
    known_at: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    feeds: tuple[tuple[int, str], ...] = ()
    pages: Pages | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.start)

    def release(self) -> None:
        """Say that this series is not looked at for a while: memory that it can do without goes."""
        if self.pages is not None:
            self.pages.release()

    def slice(self, first: int, last: int) -> BarSeries:
        """Return bars ``first`` (included) to ``last`` (excluded) without copying."""
        if first == 0 and last >= len(self):
            return self
        return BarSeries(
            symbol=self.symbol,
            interval=self.interval,
            feed=self.feed,
            start=self.start[first:last],
            known_at=self.known_at[first:last],
            open=self.open[first:last],
            high=self.high[first:last],
            low=self.low[first:last],
            close=self.close[first:last],
            volume=self.volume[first:last],
            feeds=self.feeds,
            pages=self.pages,
        )

    @property
    def feed_names(self) -> tuple[str, ...]:
        """The feeds that ``feed_codes`` counts."""
        return tuple(dict.fromkeys(feed for _, feed in self.feeds)) or (self.feed,)

    def feed_codes(self) -> IntArray:
        """Return which of ``feed_names`` each bar comes from, (bars,)."""
        if not self.feeds:
            return np.zeros(len(self), dtype=np.int64)
        names = self.feed_names
        firsts = np.array([first for first, _ in self.feeds], dtype=np.int64)
        codes = np.array([names.index(feed) for _, feed in self.feeds], dtype=np.int64)
        return codes[np.maximum(np.searchsorted(firsts, self.start, side="right") - 1, 0)]

    def own_feeds(self) -> list[tuple[int, str]]:
        """Return (start of the first bar, feed) of each stretch that has a bar of this series."""
        codes, names = self.feed_codes(), self.feed_names
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        return [(int(self.start[i]), names[int(codes[i])]) for i in first]

    def known_by(self, instant: int) -> BarSeries:
        """Return the bars whose end is not after ``instant`` (UTC epoch seconds)."""
        return self.slice(0, int(np.searchsorted(self.known_at, instant, side="right")))


class DerivedSeries(Mapping[str, BarSeries]):
    """Series by symbol that are made each time one is asked for, and not kept."""

    def __init__(self, symbols: Iterable[str], make: Callable[[str], BarSeries]) -> None:
        self._symbols = dict.fromkeys(symbols)
        self._make = make

    def __getitem__(self, symbol: str) -> BarSeries:
        if symbol not in self._symbols:
            raise KeyError(symbol)
        return self._make(symbol)

    def __iter__(self) -> Iterator[str]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)


def feed_changes(stretches: Sequence[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """Return stretches as ``BarSeries.feeds`` holds them: none where all are of one feed."""
    found: list[tuple[int, str]] = []
    for first, feed in stretches:
        if not found or found[-1][1] != feed:
            found.append((first, feed))
    return tuple(found) if len(found) > 1 else ()


def joined(earlier: BarSeries, later: BarSeries) -> BarSeries:
    """Return the bars of two series of a symbol that follow each other, each with its feed."""
    if not len(earlier) or not len(later):
        return later if len(later) else earlier
    return BarSeries(
        symbol=later.symbol,
        interval=later.interval,
        feed=later.feed,
        start=np.concatenate((earlier.start, later.start)),
        known_at=np.concatenate((earlier.known_at, later.known_at)),
        open=np.concatenate((earlier.open, later.open)),
        high=np.concatenate((earlier.high, later.high)),
        low=np.concatenate((earlier.low, later.low)),
        close=np.concatenate((earlier.close, later.close)),
        volume=np.concatenate((earlier.volume, later.volume)),
        feeds=feed_changes([*earlier.own_feeds(), *later.own_feeds()]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and ask in dollars, and when they were quoted."""

    symbol: str
    bid: float
    ask: float
    at: datetime

    @property
    def mid(self) -> float:
        """The middle of bid and ask."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """A headline, counted from the instant it was received, never from its publication."""

    id: str
    received_at: datetime
    symbols: tuple[str, ...]
    headline: str
    source: str = ""
    url: str = ""
    body: str = ""
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """A split (``ratio`` new shares for one old) or a dividend (``amount`` dollars a share)."""

    symbol: str
    ex_at: datetime
    ratio: float = 1.0
    amount: float = 0.0
