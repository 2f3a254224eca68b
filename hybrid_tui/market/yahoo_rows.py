"""What Yahoo sends, checked once: charts, headlines and streamed prices.

What cannot be what it claims is left out and counted by reason in ``dropped``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import (
    DAY_SECONDS,
    BarSeries,
    FloatArray,
    IntArray,
    NewsItem,
    Quote,
)
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.text import clean_text
from hybrid_tui.market.news import SYMBOL
from hybrid_tui.market.quality import running_totals
from hybrid_tui.market.rows import sound_rows
from hybrid_tui.market.sessions import regular_session

FEED = "yahoo"
SETTLE_S = 60
"""Yahoo goes on to change a bar for some seconds after its end."""
RUNNING = "volumes that were running totals of the day, set to 0"
SILENT = "bars without volume, kept"
UNFINISHED = "bars that were not finished"
OUTSIDE = "bars outside regular sessions"
OFF_GRID = "bars that do not begin on a multiple of their interval"
MOST_ITEMS = 1_000
LARGEST = 1e15
MOST_BODY = 2_000
FIRST_MS = 1e12
MOST_AHEAD_S = 60.0
FURTHEST = 0.05
"""A last price further outside bid and ask than this says that they are old."""


def chart_series(
    symbol: str,
    interval_s: int,
    start: IntArray,
    values: FloatArray,
    *,
    calendar: TradingCalendar,
    now: datetime,
    dropped: Counter[str],
) -> BarSeries:
    """Return the finished regular-session bars of a chart.

    ``start`` holds UTC epoch seconds, shape (n,); ``values`` open, high, low, close, volume, shape
    (5, n). Bars without volume are kept and counted. Volumes that are running totals become 0: what
    was traded in those minutes is not known.
    """
    # Beyond single precision: no price, and no number of shares.
    sound, reasons = sound_rows(start, np.where(np.abs(values) < LARGEST, values, np.nan))
    dropped.update(f"rows: {reason}" for _, reason in reasons)
    start, values = start[sound], values[:, sound]
    inside, known_at = regular_session(calendar, start, interval_s)
    keep = inside.copy()
    if interval_s < DAY_SECONDS:
        session = np.minimum(
            np.searchsorted(calendar.close_seconds, start, side="right"),
            len(calendar.open_seconds) - 1,
        )
        keep &= (start - calendar.open_seconds[session]) % interval_s == 0
    finished = known_at + SETTLE_S <= now.timestamp()
    for reason, count in (
        (OUTSIDE, int((~inside).sum())),
        (OFF_GRID, int((inside & ~keep).sum())),
        (UNFINISHED, int((keep & ~finished).sum())),
    ):
        if count:
            dropped[reason] += count
    keep &= finished
    start, known_at = start[keep], known_at[keep]
    prices = plain(values[:4, keep])
    volume = values[4, keep].copy()
    if (volume == 0).any():
        dropped[SILENT] += int((volume == 0).sum())
    if interval_s < 3_600:
        _without_running_totals(start, volume, calendar, dropped)
    return BarSeries(
        symbol=symbol,
        interval=interval_s,
        feed=FEED,
        start=start,
        known_at=known_at,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=volume,
    )


def plain(values: FloatArray) -> FloatArray:
    """Return the shortest decimals that single precision cannot tell from these.

    Yahoo keeps prices in single precision: 164.32 comes as 164.32000732421875.
    """
    shortest: FloatArray = values.astype(np.float32).astype("U").astype(np.float64)
    return shortest


def news_items(
    articles: Any, symbol: str, received_at: datetime, dropped: Counter[str]
) -> Iterator[NewsItem]:
    """Yield headlines out of Yahoo's list for one symbol, cleaned.

    They carry that symbol and those that Yahoo tags them with, never symbols read from the text.
    """
    if not isinstance(articles, list):
        dropped["news: not a list"] += 1
        return
    for article in articles[:MOST_ITEMS]:
        content = article.get("content") if isinstance(article, Mapping) else None
        if not isinstance(content, Mapping):
            dropped["news: an item without content"] += 1
            continue
        headline = clean_text(_text(content.get("title")))
        item_id = clean_text(_text(article.get("id")) or _text(content.get("id")))
        if not headline or not item_id:
            dropped["news: an item without id or headline"] += 1
            continue
        published_at = _instant(content.get("pubDate"))
        if published_at is None or published_at > received_at:
            dropped["news: no instant of publication, or one to come"] += 1
            continue
        yield NewsItem(
            id=f"yahoo:{item_id}",
            received_at=received_at,
            symbols=_symbols(symbol, content.get("finance")),
            headline=headline,
            source=clean_text(_text(_inner(content.get("provider"), "displayName"))),
            url=clean_text(_text(_inner(content.get("canonicalUrl"), "url"))),
            body=clean_text(_text(content.get("summary")))[:MOST_BODY],
            published_at=published_at,
        )


def streamed_quote(
    message: Mapping[str, Any], wanted: Collection[str], now: datetime, dropped: Counter[str]
) -> Quote | None:
    """Return the quote in a message of Yahoo's stream, or None with its defect counted.

    Yahoo streams the last price and for few symbols bid and ask; without a sound pair of these both
    sides are the last price.
    """
    symbol = _text(message.get("id"))
    price, milliseconds = _number(message.get("price")), _number(message.get("time"))
    defect = None
    if not symbol:
        defect = "a message without a symbol"
    elif symbol not in wanted:
        defect = "a symbol that was not asked for"
    elif not 0 < price < LARGEST:
        defect = "a price that is none"
    elif not FIRST_MS < milliseconds < (now.timestamp() + MOST_AHEAD_S) * 1_000:
        defect = "no time, or one to come"
    if defect is not None:
        dropped[f"stream: {defect}"] += 1
        return None
    bid, ask = _number(message.get("bid")), _number(message.get("ask"))
    if not (0 < bid <= ask and bid * (1 - FURTHEST) <= price <= ask * (1 + FURTHEST)):
        bid = ask = price
    at = min(datetime.fromtimestamp(milliseconds / 1_000, UTC), now)
    return Quote(symbol=symbol, bid=bid, ask=ask, at=at)


def _without_running_totals(
    start: IntArray, volume: FloatArray, calendar: TradingCalendar, dropped: Counter[str]
) -> None:
    session = np.searchsorted(calendar.close_seconds, start, side="right")
    bounds = np.flatnonzero(np.diff(session, prepend=-1, append=-1))
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        totals = running_totals(volume[first:last])
        if totals.any():
            dropped[RUNNING] += int(totals.sum())
            volume[first:last][totals] = 0.0


def _symbols(asked: str, finance: Any) -> tuple[str, ...]:
    tagged = _inner(finance, "stockTickers")
    rows: Iterable[Any] = tagged[:20] if isinstance(tagged, list) else ()
    names = {_text(_inner(row, "symbol")).strip().upper() for row in rows}
    return tuple(sorted({asked, *(name for name in names if SYMBOL.fullmatch(name))}))


def _inner(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _number(value: Any) -> float:
    """Return a number of a decoded message (64-bit ones come as text), NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _instant(value: Any) -> datetime | None:
    try:
        instant = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else None
