"""The recorded market: bars and headlines from files or the store, in the order they were known."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from hybrid_tui.domain.bars import (
    Bar,
    BarSeries,
    BarSlice,
    CorporateAction,
    FloatArray,
    IntArray,
    NewsItem,
    Quote,
)
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.errors import DataError
from hybrid_tui.market.actions import adjusted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MILLION = 1_000_000
NEWS_REACH = timedelta(days=3)
CHUNK_ROWS = 65_536
READ_AHEAD_ROWS = 512
COLUMNS = ("open", "high", "low", "close", "volume")


class RecordedMarket:
    """A feed over recorded series of one interval.

    Bars known at ``begins_at`` (default: the first bar's start) are the past that ``warm_up``
    gives; later ones that start before ``ends_at`` (default: no end) are streamed. The feed ends
    with the close of the last session that has a bar. ``with_quotes`` lets each bar's close stand
    as a quote, for a screen.
    """

    def __init__(
        self,
        series: Mapping[str, BarSeries],
        news: Sequence[NewsItem] = (),
        *,
        calendar: TradingCalendar,
        begins_at: datetime | None = None,
        ends_at: datetime | None = None,
        actions: Sequence[CorporateAction] = (),
        with_quotes: bool = True,
    ) -> None:
        self._with_quotes = with_quotes
        self.series = {symbol: series[symbol] for symbol in sorted(series) if len(series[symbol])}
        intervals = {bars.interval for bars in self.series.values()}
        if len(intervals) != 1:
            found = ", ".join(f"{interval} s" for interval in sorted(intervals)) or "none"
            raise DataError(f"a recorded market needs bars of one interval, there are: {found}")
        self.symbols = tuple(self.series)
        self.interval = intervals.pop()
        first = min(int(bars.start[0]) for bars in self.series.values())
        self.begins_at = begins_at or _instant(first)
        self._rows = _TimeMajor(self.series, self.begins_at, ends_at)
        self.ends_at = self._last_instant(calendar, ends_at)
        self._news = sorted(news, key=lambda item: (item.received_at, item.id))
        self._news_at = [item.received_at for item in self._news]
        self._actions = sorted(actions, key=lambda action: (action.ex_at, action.symbol))
        self._instants = self._all_instants()
        self._next = 0

    def upcoming(self, after: datetime) -> datetime | None:
        """Return the next instant strictly after ``after`` with data; None: the feed has ended."""
        moment, index = (after - EPOCH) // MICROSECOND, self._next
        instants = self._instants
        if not (
            index < len(instants)
            and moment < instants[index]
            and (index == 0 or instants[index - 1] <= moment)
        ):
            index = bisect_right(instants, moment)
        # Whoever steps through the feed asks next for the instant after this one.
        self._next = index + 1
        return EPOCH + timedelta(microseconds=instants[index]) if index < len(instants) else None

    def read(self, now: datetime) -> MarketUpdate:
        """Return what became known exactly at ``now``; each bar's close also stands as a quote."""
        slices = self._rows.known_at(now)
        if not (self._with_quotes or self._news or self._actions):
            return MarketUpdate(bars=slices)
        quotes = {
            symbol: Quote(symbol=symbol, bid=bar.close, ask=bar.close, at=now)
            for bars in (slices if self._with_quotes else ())
            for symbol, bar in bars.bars.items()
        }
        first = bisect_left(self._news_at, now)
        return MarketUpdate(
            bars=slices,
            quotes=tuple(quotes.values()),
            news=tuple(self._news[first : bisect_right(self._news_at, now)]),
            actions=tuple(action for action in self._actions if action.ex_at == now),
        )

    def warm_up(self, before: datetime) -> Mapping[str, BarSeries]:
        """Return all bars known at ``before``, with the splits until then applied."""
        known = int(before.timestamp())
        return {
            symbol: adjusted(bars.known_by(known), self._actions, before)
            for symbol, bars in self.series.items()
        }

    def earlier_news(self, before: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in [before - 3 days, before], oldest first."""
        first = bisect_left(self._news_at, before - NEWS_REACH)
        return self._news[first : bisect_right(self._news_at, before)]

    def slices(self) -> Iterator[tuple[datetime, tuple[BarSlice, ...]]]:
        """Yield each instant with the slices known from it on; much quicker than ``read``."""
        pending: list[BarSlice] = []
        for bars in self._rows.all():
            if pending and bars.known_at != pending[0].known_at:
                yield pending[0].known_at, tuple(pending)
                pending = []
            pending.append(bars)
        if pending:
            yield pending[0].known_at, tuple(pending)

    def _last_instant(self, calendar: TradingCalendar, ends_at: datetime | None) -> datetime:
        known = self._rows.group_known
        last = int(known[-1]) if len(known) else int(self.begins_at.timestamp())
        session = calendar.last_session(_instant(last - 1))
        close = session.close if session is not None and len(known) else _instant(last)
        if ends_at is not None and ends_at < close:
            return max(ends_at, _instant(last))
        return max(close, _instant(last))

    def _all_instants(self) -> list[int]:
        begin, end = self.begins_at, self.ends_at
        others = [*self._news_at, *(action.ex_at for action in self._actions), end]
        instants = {(at - EPOCH) // MICROSECOND for at in others if begin < at <= end}
        instants.update((np.unique(self._rows.group_known) * MILLION).tolist())
        return sorted(instants)


class _TimeMajor:
    """All rows ordered by when they were known, then start, then symbol; a group is one slice."""

    def __init__(
        self, series: Mapping[str, BarSeries], begins_at: datetime, ends_at: datetime | None
    ) -> None:
        begin = int(begins_at.timestamp())
        windows = []
        for bars in series.values():
            first = int(np.searchsorted(bars.known_at, begin, side="right"))
            last = len(bars)
            if ends_at is not None:
                last = int(np.searchsorted(bars.start, ends_at.timestamp(), side="left"))
            windows.append(bars.slice(first, max(first, last)))
        self._names = np.array(list(series), dtype=object)
        self._ahead: dict[datetime, tuple[BarSlice, ...]] = {}
        self._symbol: IntArray
        self._values: list[FloatArray]
        self._first: IntArray
        self.group_start: IntArray
        self.group_known: IntArray
        self._feeds: dict[int, list[tuple[str, str]]] = {}
        for bars in windows:
            for first, feed in bars.own_feeds() if bars.feeds and len(bars) else ():
                self._feeds.setdefault(first, []).append((bars.symbol, feed))
        if _have_the_same_times(windows):
            self._interleave(windows)
        else:
            self._sort(windows)

    def _interleave(self, windows: Sequence[BarSeries]) -> None:
        """Order rows of symbols that all have a bar at each start."""
        self.group_start, self.group_known = windows[0].start, windows[0].known_at
        groups, width = len(windows[0]), len(windows)
        self._symbol = np.tile(np.arange(width), groups)
        self._first = np.arange(0, groups * width + 1, width)
        self._values = [
            np.stack([getattr(bars, name) for bars in windows], axis=1).reshape(-1)
            for name in COLUMNS
        ]

    def _sort(self, windows: Sequence[BarSeries]) -> None:
        start = np.concatenate([bars.start for bars in windows])
        known_at = np.concatenate([bars.known_at for bars in windows])
        symbol = np.repeat(np.arange(len(windows)), [len(bars) for bars in windows])
        # Stable and made of sorted runs, so this is a merge; known_at follows start in one session.
        order = np.argsort(start, kind="stable")
        if (np.diff(known_at[order]) < 0).any():
            order = np.lexsort((start, known_at))
        self._symbol = symbol[order]
        self._values = [
            np.concatenate([getattr(bars, name) for bars in windows])[order] for name in COLUMNS
        ]
        start, known_at = start[order], known_at[order]
        new = np.ones(len(start), dtype=np.bool_)
        new[1:] = (start[1:] != start[:-1]) | (known_at[1:] != known_at[:-1])
        self._first = np.append(np.flatnonzero(new), len(start))
        self.group_start = start[new]
        self.group_known = known_at[new]

    def known_at(self, now: datetime) -> tuple[BarSlice, ...]:
        """Return the slices that became known exactly at an instant."""
        found = self._ahead.get(now)
        if found is not None:
            return found
        if now.microsecond:
            return ()
        second = int(now.timestamp())
        first = int(np.searchsorted(self.group_known, second, side="left"))
        if first == len(self.group_known) or self.group_known[first] != second:
            return ()
        self._read_ahead(first)
        return self._ahead[now]

    def _read_ahead(self, first: int) -> None:
        """Make the slices from group ``first`` on: many at once take far less time each."""
        last = int(np.searchsorted(self._first, self._first[first] + READ_AHEAD_ROWS, side="right"))
        known = self.group_known[min(max(last - 1, first + 1), len(self.group_known)) - 1]
        last = int(np.searchsorted(self.group_known, known, side="right"))
        self._ahead.clear()
        for bars in self._slices(first, last):
            self._ahead[bars.known_at] = (*self._ahead.get(bars.known_at, ()), bars)

    def all(self) -> Iterator[BarSlice]:
        """Yield every slice, by the instant it is known at, then by start."""
        groups = len(self.group_start)
        first = 0
        while first < groups:
            last = int(np.searchsorted(self._first, self._first[first] + CHUNK_ROWS, side="right"))
            last = min(max(last - 1, first + 1), groups)
            yield from self._slices(first, last)
            first = last

    def _slices(self, first: int, last: int) -> Iterator[BarSlice]:
        """Yield groups ``first`` to ``last`` (excluded), converted to Python figures at once."""
        bounds = self._first[first : last + 1].tolist()
        base, end = bounds[0], bounds[-1]
        names = self._names[self._symbol[base:end]].tolist()
        columns = [column[base:end].tolist() for column in self._values]
        # What Bar(...) does, without a call into Python for each of millions of bars.
        bars: list[Bar] = list(map(partial(tuple.__new__, Bar), zip(*columns, strict=True)))
        starts = self.group_start[first:last].tolist()
        knowns = self.group_known[first:last].tolist()
        known, known_at = -1, EPOCH
        for i, (start, second) in enumerate(zip(starts, knowns, strict=True)):
            begun = known_at if start == known else _instant(start)
            if second != known:
                known, known_at = second, _instant(second)
            a, b = bounds[i] - base, bounds[i + 1] - base
            yield BarSlice(
                start=begun,
                known_at=known_at,
                bars=dict(zip(names[a:b], bars[a:b], strict=True)),
                feeds=tuple(self._feeds.get(start, ())) if self._feeds else (),
            )


def _have_the_same_times(windows: Sequence[BarSeries]) -> bool:
    first = windows[0]
    return (
        all(
            np.array_equal(bars.start, first.start)
            and np.array_equal(bars.known_at, first.known_at)
            for bars in windows[1:]
        )
        and not (np.diff(first.known_at) < 0).any()
    )


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
