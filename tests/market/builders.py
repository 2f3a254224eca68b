"""Builders of market data with good defaults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from hybrid_tui.domain.bars import BarSeries, FloatArray, NewsItem

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def series(
    symbol: str = "A",
    *,
    minutes: Sequence[int] = range(10),
    close: float = 100.0,
    begin: datetime = OPEN,
    interval: int = 60,
) -> BarSeries:
    """One-minute bars at some minutes after the open, each close one cent above the last."""
    start = int(begin.timestamp()) + 60 * np.array(minutes, dtype=np.int64)
    closes: FloatArray = close + 0.01 * np.arange(len(start), dtype=np.float64)
    return BarSeries(
        symbol=symbol,
        interval=interval,
        feed="test",
        start=start,
        known_at=start + interval,
        open=closes - 0.005,
        high=closes + 0.02,
        low=closes - 0.02,
        close=closes,
        volume=np.full(len(start), 1000.0),
    )


def headline(at: datetime, text: str = "Something happened", *symbols: str) -> NewsItem:
    """A headline whose id is its text and instant."""
    return NewsItem(
        id=f"{text} {at.isoformat()}", received_at=at, symbols=symbols or ("A",), headline=text
    )
