"""The stretch of closed trades that is loaded: pages come and go as the cursor moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hybrid_tui.journal.trades import StoredTrade, TradeQuery

PAGE = 200
MOST = 1_000
NEAR = 60
"""How near to an end of what is loaded the cursor comes before more is read."""

Read = Callable[[TradeQuery], list[StoredTrade]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Trades side by side under one query; ``offset`` is the place of the first among all."""

    query: TradeQuery = field(default_factory=lambda: TradeQuery(count=PAGE))
    rows: tuple[StoredTrade, ...] = ()
    offset: int = 0
    is_end: bool = False

    @property
    def is_start(self) -> bool:
        """Whether the first trade of all is loaded."""
        return self.offset == 0


def first(query: TradeQuery, read: Read, count: int = PAGE) -> Window:
    """Return the beginning."""
    rows = read(replace(query, after=None, backwards=False, count=count))
    return Window(query=query, rows=tuple(rows), is_end=len(rows) < count)


def last(query: TradeQuery, read: Read, total: int) -> Window:
    """Return the end of ``total`` trades."""
    rows = read(replace(query, after=None, backwards=True, count=PAGE))
    return Window(
        query=query,
        rows=tuple(reversed(rows)),
        offset=max(0, total - len(rows)),
        is_end=True,
    )


def onward(window: Window, read: Read) -> Window:
    """Return the window with the page that follows; what is then too much goes at the front."""
    if window.is_end or not window.rows:
        return window
    page = read(replace(window.query, after=window.rows[-1], count=PAGE))
    rows = (*window.rows, *page)
    gone = max(0, len(rows) - MOST)
    return replace(window, rows=rows[gone:], offset=window.offset + gone, is_end=len(page) < PAGE)


def back(window: Window, read: Read) -> Window:
    """Return the window with the page before it; what is then too much goes at the end."""
    if window.is_start or not window.rows:
        return window
    query = replace(window.query, after=window.rows[0], backwards=True, count=PAGE)
    page = read(query)
    rows = (*reversed(page), *window.rows)
    offset = window.offset - len(page) if len(page) == PAGE else 0
    return replace(
        window,
        rows=rows[:MOST],
        offset=max(0, offset),
        is_end=window.is_end and len(rows) <= MOST,
    )
