"""What Alpaca sends, checked once: rows of bars, quotes, headlines, corporate actions.

REST answers and stream messages share their one-letter fields. What cannot be what it claims is
left out and counted by reason in ``dropped``; nothing is repaired.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import (
    DAY_SECONDS,
    Bar,
    BarSeries,
    BarSlice,
    CorporateAction,
    FloatArray,
    IntArray,
    NewsItem,
    Quote,
)
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import ConfigError
from hybrid_tui.market.halts import HALTED
from hybrid_tui.market.rows import sound_rows
from hybrid_tui.market.sessions import regular_session

FIELDS = ("o", "h", "l", "c", "v")
COLUMNS = ("open", "high", "low", "close", "volume")
HALF_HOUR = 1_800
LULD_CODES = frozenset({"LUDP", "LUDS", "M"})
"""Pauses of the limit up-limit down rule: tape C's two codes, and that of tapes A and B."""
MOST_REASON = 60
SPLITS = ("forward_splits", "reverse_splits")


def alpaca_symbol(symbol: str) -> str:
    """Return a symbol in Alpaca's spelling: share classes stand behind a dot (``BRK.B``)."""
    return symbol.replace("-", ".").replace("/", ".")


def spelled(symbols: Iterable[str]) -> dict[str, str]:
    """Return the desk's spelling of symbols by Alpaca's."""
    return {alpaca_symbol(symbol): symbol for symbol in symbols}


def timeframe(interval_s: int) -> tuple[int, str]:
    """Return an interval as Alpaca's (amount, unit): one day, or minutes that divide half an hour.

    Raises ConfigError for others: their first bar of a session holds trades from before the open.
    """
    if interval_s == DAY_SECONDS:
        return 1, "Day"
    if interval_s >= 60 and interval_s % 60 == 0 and HALF_HOUR % interval_s == 0:
        return interval_s // 60, "Min"
    raise ConfigError(
        f"Alpaca has no bars of {interval_s} s that begin at the open",
        hint="ask for 1, 2, 3, 5, 6, 10, 15 or 30 minutes or 1 day, and join those",
    )


def instant(value: object) -> datetime | None:
    """Return a time from the wire (ISO 8601 with offset, or msgpack's) in UTC, or None."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    elif hasattr(value, "to_datetime"):
        try:
            value = value.to_datetime()
        except (ValueError, OverflowError):
            return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return None


def number(value: object) -> float:
    """Return a number from the wire, NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def bar_rows(rows: Iterable[object], dropped: Counter[str]) -> tuple[IntArray, FloatArray]:
    """Return the starts (UTC epoch seconds, shape (n,)) and values (5, n) of sound bars, by time.

    Of several bars with one start the first that came wins.
    """
    starts: list[int] = []
    values: list[list[float]] = []
    for row in rows:
        at = instant(row.get("t")) if isinstance(row, Mapping) else None
        if at is None or not isinstance(row, Mapping):
            dropped["the time is missing or not ISO 8601"] += 1
            continue
        starts.append(math.floor(at.timestamp()))
        values.append([number(row.get(name)) for name in FIELDS])
    start = np.array(starts, dtype=np.int64)
    figures = np.array(values, dtype=np.float64).reshape(-1, len(FIELDS)).T
    order = np.argsort(start, kind="stable")
    start, figures = start[order], figures[:, order]
    sound, reasons = sound_rows(start, figures)
    dropped.update(reason for _, reason in reasons)
    return start[sound], figures[:, sound]


def bar_series(
    symbol: str,
    interval_s: int,
    feed: str,
    start: IntArray,
    values: FloatArray,
    *,
    calendar: TradingCalendar,
    now: datetime,
) -> BarSeries:
    """Return the bars of regular sessions that are known at ``now``; ``values`` is (5, n)."""
    inside, known_at = regular_session(calendar, start, interval_s)
    kept = inside & (known_at <= math.floor(now.timestamp()))
    return BarSeries(
        symbol=symbol,
        interval=interval_s,
        feed=feed,
        start=start[kept],
        known_at=known_at[kept],
        **{name: values[row, kept] for row, name in enumerate(COLUMNS)},
    )


def slices(series: Iterable[BarSeries]) -> tuple[BarSlice, ...]:
    """Return the bars of several symbols as slices, by start."""
    grouped: dict[tuple[int, int], dict[str, Bar]] = {}
    for one in series:
        figures = zip(*(getattr(one, name).tolist() for name in COLUMNS), strict=True)
        for start, known_at, row in zip(
            one.start.tolist(), one.known_at.tolist(), figures, strict=True
        ):
            grouped.setdefault((start, known_at), {})[one.symbol] = Bar(*row)
    return tuple(
        BarSlice(
            start=datetime.fromtimestamp(start, UTC),
            known_at=datetime.fromtimestamp(known_at, UTC),
            bars=bars,
        )
        for (start, known_at), bars in sorted(grouped.items(), key=lambda item: item[0])
    )


def quote(symbol: str, row: object, dropped: Counter[str]) -> Quote | None:
    """Return a quote with both sides, or None: a side without orders comes as 0."""
    row = row if isinstance(row, Mapping) else {}
    bid, ask, at = number(row.get("bp")), number(row.get("ap")), instant(row.get("t"))
    if at is None:
        dropped["the time is missing or not ISO 8601"] += 1
    elif not (math.isfinite(bid) and math.isfinite(ask) and bid > 0 and ask > 0):
        dropped["the quote has one side only"] += 1
    elif bid > ask:
        dropped["the bid is above the ask"] += 1
    else:
        return Quote(symbol=symbol, bid=bid, ask=ask, at=at)
    return None


def halt_reason(message: Mapping[str, Any]) -> str:
    """Return why trading is halted, in the words of a trading status message."""
    code = _text(message, "rc")
    words = _text(message, "rm") or _text(message, "sm") or code
    said = "LULD" if code in LULD_CODES else words
    return f"{HALTED}: {said[:MOST_REASON]}" if said else HALTED


def news_item(
    row: object, names: Mapping[str, str], dropped: Counter[str], received_at: datetime | None
) -> NewsItem | None:
    """Return a headline, or None where it has no id, time or text.

    ``names`` holds the desk's spelling of tags by Alpaca's. ``received_at`` None (history) takes
    the instant of creation: there is no better one, and the text may be a later version.
    """
    row = row if isinstance(row, Mapping) else {}
    key, created = row.get("id"), instant(row.get("created_at"))
    headline, tags = row.get("headline"), row.get("symbols")
    text = clean_text(headline) if isinstance(headline, str) else ""
    if isinstance(key, bool) or not isinstance(key, (int, str)) or created is None or not text:
        dropped["the headline has no id, time or text"] += 1
        return None
    words = [tag.strip().upper() for tag in tags or () if isinstance(tag, str)] if (
        isinstance(tags, list)
    ) else []  # fmt: skip
    return NewsItem(
        id=f"alpaca-{clean_text(str(key))}",
        received_at=received_at or created,
        symbols=tuple(sorted({names.get(word, word) for word in words if word})),
        headline=text,
        source=_text(row, "source"),
        url=_text(row, "url"),
        body=_text(row, "summary"),
        published_at=created,
    )


def actions(
    symbol: str,
    answer: Mapping[str, Any],
    calendar: TradingCalendar,
    dropped: Counter[str],
) -> list[CorporateAction]:
    """Return the splits and cash dividends of one page, by ex date, at the open of that session."""
    found: list[CorporateAction] = []
    for kind in (*SPLITS, "cash_dividends"):
        rows = answer.get(kind)
        for row in rows if isinstance(rows, list) else ():
            action = _action(symbol, kind, row, calendar)
            if action is None:
                dropped[f"{kind}: the symbol, ex date or rate is missing or cannot be"] += 1
            else:
                found.append(action)
    return sorted(found, key=lambda action: action.ex_at)


def _action(
    symbol: str, kind: str, row: object, calendar: TradingCalendar
) -> CorporateAction | None:
    if not isinstance(row, Mapping):
        return None
    if alpaca_symbol(symbol) not in (row.get("symbol"), row.get("new_symbol")):
        return None
    try:
        day = date.fromisoformat(str(row.get("ex_date")))
    except ValueError:
        return None
    session = calendar.session_on(day) or calendar.next_session(
        datetime.combine(day, time(0), NEW_YORK)
    )
    if kind in SPLITS:
        new, old = number(row.get("new_rate")), number(row.get("old_rate"))
        if not (new > 0 and old > 0 and math.isfinite(new) and math.isfinite(old)):
            return None
        return CorporateAction(symbol=symbol, ex_at=session.open, ratio=new / old)
    amount = number(row.get("rate"))
    if not (amount > 0 and math.isfinite(amount)):
        return None
    return CorporateAction(symbol=symbol, ex_at=session.open, amount=amount)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return clean_text(value) if isinstance(value, str) else ""
