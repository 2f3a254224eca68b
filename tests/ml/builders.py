"""Made-up bars for tier 2's tests."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.ticks import sessions_between

FIRST_DAY = date(2026, 2, 2)


def seconds(instant: datetime) -> int:
    """Return UTC epoch seconds."""
    return int(instant.timestamp())


def instant(text: str) -> datetime:
    """Return a UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def random_walk(
    calendar: TradingCalendar,
    symbol: str = "NVDA",
    *,
    first_day: date = FIRST_DAY,
    sessions: int = 3,
    seed: int = 0,
    gaps: float = 0.0,
    volatility: float = 0.0008,
) -> BarSeries:
    """Return one-minute bars of a random walk; ``gaps`` is the share of minutes without a bar."""
    rng = np.random.default_rng([seed, *symbol.encode()])
    at = seconds(datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC))
    days = sessions_between(calendar, at, at + 400 * 86_400)[:sessions]
    start = np.concatenate(
        [np.arange(seconds(day.open), seconds(day.close), 60, dtype=np.int64) for day in days]
    )
    start = start[rng.random(len(start)) >= gaps]
    n = len(start)
    close = 100.0 * np.exp(np.cumsum(rng.standard_normal(n) * volatility))
    open_ = close * np.exp(rng.standard_normal(n) * volatility / 2)
    wick = np.abs(rng.standard_normal((2, n))) * volatility
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="test",
        start=start,
        known_at=start + 60,
        open=open_,
        high=np.maximum(open_, close) * (1 + wick[0]),
        low=np.minimum(open_, close) * (1 - wick[1]),
        close=close,
        volume=np.round(rng.lognormal(8, 0.6, n)),
    )


def headline(at: datetime, symbol: str = "NVDA", name: str = "n1") -> NewsItem:
    """Return a headline received at an instant."""
    return NewsItem(id=name, received_at=at, symbols=(symbol,), headline="good news")


def all_kinds(calendar: TradingCalendar) -> dict[str, BarSeries]:
    """Return a liquid symbol, a thin one, one that starts late, and SPY; two sessions."""
    late = random_walk(calendar, "LATE", sessions=2)
    return {
        "NVDA": random_walk(calendar, "NVDA", sessions=2),
        "THIN": random_walk(calendar, "THIN", sessions=2, gaps=0.85),
        "LATE": late.slice(200, len(late)),
        "SPY": random_walk(calendar, "SPY", sessions=2),
    }
