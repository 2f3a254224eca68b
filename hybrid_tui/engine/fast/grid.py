"""The instants at which any bar becomes known, and which bar is a symbol's last one then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from hybrid_tui.domain.bars import BarSeries, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar

ARRAYS_AT_ONCE = 16


class Grid:
    """``known``: the instants (UTC epoch seconds), rising.

    Symbols that have a bar at every instant share ``known`` itself, and need no look-up.
    """

    def __init__(self, series: Mapping[str, BarSeries]) -> None:
        self.series = {symbol: series[symbol] for symbol in sorted(series)}
        self.known, self._whole = _union(self.series)

    @cached_property
    def starts(self) -> IntArray:
        """The start of the bars of each instant, where :attr:`is_plain`."""
        starts = np.zeros(len(self.known), dtype=np.int64)
        for symbol, bars in self.series.items():
            if symbol in self._whole:
                return bars.start
            starts[self.known.searchsorted(bars.known_at)] = bars.start
            bars.release()
        return starts

    @cached_property
    def is_plain(self) -> bool:
        """Whether all bars of an instant have one start, and none begins before one has ended."""
        starts = self.starts
        if (starts[1:] < self.known[:-1]).any():
            return False
        for symbol, bars in self.series.items():
            if bars.start is not starts and (bars.start != self._at(symbol, starts)).any():
                return False
            bars.release()
        return True

    def _at(self, symbol: str, values: IntArray) -> IntArray:
        if symbol in self._whole:
            return values
        found: IntArray = values[self.known.searchsorted(self.series[symbol].known_at)]
        return found

    def release(self) -> None:
        """Let go what was read of bars outside of memory."""
        pages = next(iter(self.series.values())).pages
        if pages is not None:
            pages.release_all()

    @property
    def is_whole(self) -> bool:
        """Whether every symbol has exactly one bar at every instant."""
        return len(self._whole) == len(self.series)

    def sessions(self, calendar: TradingCalendar) -> list[tuple[int, int]]:
        """Return (first instant, number in the calendar) of each session that instants end in."""
        closes = calendar.close_seconds
        first, last = closes.searchsorted((self.known[0], self.known[-1]))
        ends = self.known.searchsorted(closes[first : last + 1], side="right").tolist()
        begins = [0, *ends[:-1]]
        numbers = range(int(first), int(last) + 1)
        return [
            (begin, number)
            for begin, end, number in zip(begins, ends, numbers, strict=True)
            if end > begin
        ]

    def after(self, instant: datetime) -> int:
        """Return the index of the first instant after a time."""
        return bisect_right(self.known, instant.timestamp())

    def before(self, instant: datetime) -> int:
        """Return the index after the last instant before a time."""
        return bisect_left(self.known, instant.timestamp())

    def instant(self, index: int) -> datetime:
        """Return an instant."""
        return datetime.fromtimestamp(int(self.known[index]), UTC)

    def row(self, symbol: str, index: int) -> int:
        """Return a symbol's first bar that is not known before an instant of the grid."""
        if symbol in self._whole:
            return index
        bars = self.series[symbol]
        if index >= len(self.known):
            return len(bars)
        return int(bars.known_at.searchsorted(self.known[index]))

    def index(self, symbol: str, row: int) -> int:
        """Return the index of the instant at which a symbol's bar becomes known."""
        if symbol in self._whole:
            return row
        return int(self.known.searchsorted(self.series[symbol].known_at[row]))

    def closes(self, symbol: str, first: int, last: int, stale: float) -> FloatArray:
        """Return the last known closes at instants ``first`` to ``last`` (excluded).

        ``stale`` is the last close known before ``first``, in dollars.
        """
        bars = self.series[symbol]
        if symbol in self._whole:
            return bars.close[first:last]
        begin = self.row(symbol, first)
        rows = bars.known_at[begin:].searchsorted(self.known[first:last], side="right")
        found: FloatArray = np.concatenate(([stale], bars.close[begin : begin + int(rows[-1])]))
        return found[rows]

    @cached_property
    def counts(self) -> IntArray:
        """How many bars are known before each instant, and in all."""
        counts = np.full(len(self.known), len(self._whole), dtype=np.int64)
        for symbol, bars in self.series.items():
            if symbol not in self._whole:
                where = self.known.searchsorted(bars.known_at)
                counts += np.bincount(where, minlength=len(counts))
                bars.release()
        return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))


def _union(series: Mapping[str, BarSeries]) -> tuple[IntArray, set[str]]:
    """Return every instant once, and the symbols with exactly one bar at each of them.

    Symbols are taken a few at a time, so that memory is bounded.
    """
    known = max((bars.known_at for bars in series.values()), key=len)
    if (known[1:] <= known[:-1]).any():
        known = np.unique(known)
    whole, others = set(), []
    for symbol, bars in series.items():
        if _equal(bars.known_at, known):
            whole.add(symbol)
        else:
            others.append(bars)
        bars.release()
    if not others:
        return known, whole
    widest = known
    for first in range(0, len(others), ARRAYS_AT_ONCE):
        some = others[first : first + ARRAYS_AT_ONCE]
        known = np.unique(np.concatenate((known, *(bars.known_at for bars in some))))
        for bars in some:
            bars.release()
    return known, whole if len(known) == len(widest) else set()


def _equal(one: IntArray, other: IntArray) -> bool:
    return one is other or (len(one) == len(other) and bool((one == other).all()))
