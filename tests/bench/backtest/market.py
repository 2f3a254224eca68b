"""The market that the figures are taken on: one-minute bars of a random walk, in sessions.

``BENCH_SYMBOLS`` and ``BENCH_BARS`` give its size (by default that of CI), ``BENCH_DATA`` the
archive of ``gen.py`` beside the peers' scripts, so that all run over the same prices.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hybrid_tui.domain.bars import BarSeries, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar

SYMBOLS = int(os.environ.get("BENCH_SYMBOLS", "5"))
BARS = int(os.environ.get("BENCH_BARS", "4000"))
VOLATILITY = 0.60
STEPS = 8


def market(
    calendar: TradingCalendar, symbols: int = SYMBOLS, bars: int = BARS
) -> dict[str, BarSeries]:
    """Return the bars of ``symbols`` symbols, ``bars`` minutes each, from January 2024 on."""
    archive = os.environ.get("BENCH_DATA")
    if archive:
        return _from_archive(Path(archive), symbols, bars)
    return {series.symbol: series for series in walks(calendar, symbols, bars)}


def walks(calendar: TradingCalendar, symbols: int, bars: int) -> Iterator[BarSeries]:
    """Yield made-up bars, symbol by symbol."""
    start = _minutes(calendar, bars)
    known_at = start + 60
    rng = np.random.default_rng(7)
    for number in range(symbols):
        yield _series(f"S{number:03}", start, known_at, *_walk(rng, bars))


def _minutes(calendar: TradingCalendar, bars: int) -> IntArray:
    """Return the starts of the first regular minutes from 2024 on, UTC epoch seconds."""
    first = int(np.searchsorted(calendar.open_seconds, 1_704_067_200))
    last = first + bars // 200 + 1
    sessions = zip(
        calendar.open_seconds[first:last].tolist(),
        calendar.close_seconds[first:last].tolist(),
        strict=True,
    )
    return np.concatenate([np.arange(begin, end, 60) for begin, end in sessions])[:bars]


def _walk(rng: np.random.Generator, bars: int) -> tuple[FloatArray, ...]:
    """Return open, high, low, close and volume of a geometric Brownian motion from 100 dollars."""
    step = VOLATILITY / np.sqrt(98_000 * STEPS)
    path = np.cumsum(rng.normal(-step * step / 2, step, bars * STEPS)).reshape(bars, STEPS)
    prices = np.round(100 * np.exp(path), 2)
    close = prices[:, -1].copy()
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(prices.max(axis=1), opened)
    low = np.minimum(prices.min(axis=1), opened)
    return opened, high, low, close, rng.integers(100_000, 1_000_000, bars).astype(np.float64)


def _from_archive(path: Path, symbols: int, bars: int) -> dict[str, BarSeries]:
    with np.load(path) as archive:
        start = archive["ts"][:bars] // 10**9
        columns = [archive[name][:symbols, :bars].copy() for name in "OHLCV"]
    known_at = start + 60
    return {
        f"S{i:03}": _series(f"S{i:03}", start, known_at, *(column[i] for column in columns))
        for i in range(len(columns[0]))
    }


def _series(symbol: str, start: IntArray, known_at: IntArray, *columns: FloatArray) -> BarSeries:
    """Return bars of one symbol; all share their times, as those that are loaded do."""
    opened, high, low, close, volume = columns
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="bench",
        start=start,
        known_at=known_at,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )
