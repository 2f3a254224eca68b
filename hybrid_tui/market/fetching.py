"""Downloads into the bar store, page by page: what is interrupted goes on where it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import HybridError, Refused, Retryable
from hybrid_tui.market.store import BarStore

OnPage = Callable[[str, datetime], None]


class HistorySource(Protocol):
    """A provider's past. ``dropped`` counts by reason what came and could not be used."""

    dropped: Counter[str]

    @property
    def feed(self) -> str:
        """The name under which the bars are stored."""

    def bars(
        self, symbol: str, interval_s: int, start: datetime, end: datetime
    ) -> Iterator[BarSeries]:
        """Yield raw finished regular-session bars with start <= bar start < end, oldest first."""

    def actions(self, symbol: str, start: datetime, end: datetime) -> list[CorporateAction]:
        """Return the splits and dividends with an ex-date in [start, end]."""

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsItem]:
        """Yield the headlines of [start, end]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of one symbol's download; ``error`` says why it ended early."""

    symbol: str
    feed: str
    interval: int
    pages: int
    bars: int
    added: int
    actions: int
    skipped: bool
    error: HybridError | None = None


def fetch_bars(
    source: HistorySource,
    store: BarStore,
    calendar: TradingCalendar,
    symbols: Sequence[str],
    interval_s: int,
    start: datetime,
    end: datetime,
    *,
    again: bool = False,
    on_page: OnPage = lambda symbol, at: None,
) -> Iterator[Fetched]:
    """Download bars and actions of symbols, yielding an account of each when it is done.

    Only what the store has not seen is asked for, unless ``again``. Each page is in the store
    before the next is asked for. An error of one symbol ends that symbol; where the service itself
    fails (Retryable) the rest is not asked for, because it would fail too.
    """
    for symbol in symbols:
        fetched = _fetch_one(
            source, store, calendar, symbol, interval_s, start, end, again=again, on_page=on_page
        )
        yield fetched
        if isinstance(fetched.error, Retryable):
            return


def _fetch_one(
    source: HistorySource,
    store: BarStore,
    calendar: TradingCalendar,
    symbol: str,
    interval_s: int,
    start: datetime,
    end: datetime,
    *,
    again: bool,
    on_page: OnPage,
) -> Fetched:
    pages = bars = added = actions = 0
    error: HybridError | None = None
    whole = (int(start.timestamp()), int(end.timestamp()))
    holes = [whole] if again else store.holes(symbol, interval_s, source.feed, *whole)
    holes = [hole for hole in holes if _trades_in(calendar, *hole)]
    try:
        for first, last in holes:
            looked_from = datetime.fromtimestamp(first, UTC)
            # From the first bar of its session, so that defects of a day's volume can be seen.
            begin = max(_session_start(calendar, first), whole[0])
            until = datetime.fromtimestamp(last, UTC)
            for page in source.bars(symbol, interval_s, datetime.fromtimestamp(begin, UTC), until):
                added += store.add(page, "none", since=looked_from, replacing=again)
                pages += 1
                bars += len(page)
                looked_from = datetime.fromtimestamp(int(page.known_at[-1]), UTC)
                on_page(symbol, looked_from)
        if holes:
            actions = store.add_actions(source.actions(symbol, start, end))
    except HybridError as caught:
        error = caught
    return Fetched(
        symbol=symbol,
        feed=source.feed,
        interval=interval_s,
        pages=pages,
        bars=bars,
        added=added,
        actions=actions,
        skipped=not holes,
        error=error,
    )


def failure(results: Sequence[Fetched], wanted: Sequence[str]) -> HybridError | None:
    """Return the one error that a download ends with: the service's, else the symbols'."""
    failed = [result for result in results if result.error is not None]
    if not failed:
        return None
    first = failed[0].error
    assert first is not None
    for result in failed:
        if isinstance(result.error, Retryable):
            left = len(wanted) - len(results) + 1
            return Retryable(
                f"{result.symbol}: {result.error.message}",
                hint=f"{left} of {len(wanted)} symbols are left; the same command goes on there",
            )
    if len(wanted) == 1:
        return first
    named = "; ".join(f"{result.symbol}: {result.error}" for result in failed[:3])
    return Refused(f"{len(failed)} of {len(wanted)} symbols failed: {named}", hint=first.hint)


def _trades_in(calendar: TradingCalendar, first: int, end: int) -> bool:
    """Whether any part of a session lies in [first, end)."""
    session = int(np.searchsorted(calendar.close_seconds, first, side="right"))
    return session < len(calendar.open_seconds) and int(calendar.open_seconds[session]) < end


def _session_start(calendar: TradingCalendar, second: int) -> int:
    """Return the open of the session that an instant lies in, else the instant."""
    session = int(np.searchsorted(calendar.close_seconds, second, side="right"))
    opens = int(calendar.open_seconds[session]) if session < len(calendar.open_seconds) else second
    return min(opens, second)
