"""Trades, days and bars for tests of results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import BarSeries

OPENS = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def row(
    symbol: str = "A",
    pnl: float | None = 10.0,
    *,
    day: int = 0,
    minute: int = 0,
    held: timedelta = timedelta(minutes=30),
    quantity: float = 10,
    reason: str = "signal_exit",
    is_open: bool = False,
) -> dict[str, Any]:
    """Return a trade of the document, bought ``minute`` after the open of a day."""
    entry = OPENS + timedelta(days=day, minutes=minute)
    return {
        "symbol": symbol,
        "quantity": quantity,
        "entry_at": f"{entry:%Y-%m-%dT%H:%M:%SZ}",
        "entry_price": 100.0,
        "entry_reason": "rsi_macd",
        "exit_at": None if is_open else f"{entry + held:%Y-%m-%dT%H:%M:%SZ}",
        "exit_price": None if is_open else 101.0,
        "exit_reason": None if is_open else reason,
        "fees": 0.0,
        "pnl": pnl,
        "pnl_pct": 0.01,
        "open": is_open,
    }


def series(
    symbol: str = "A", bars: int = 400, *, volume: float = 100_000, step: int = 60
) -> BarSeries:
    """Return bars at 100 dollars from OPENS on, without regard to closes."""
    start = int(OPENS.timestamp()) + step * np.arange(bars, dtype=np.int64)
    price = np.full(bars, 100.0)
    return BarSeries(
        symbol=symbol,
        interval=step,
        feed="test",
        start=start,
        known_at=start + step,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=np.full(bars, volume),
    )
