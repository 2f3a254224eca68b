"""How long a year of 1-minute bars of 20 symbols takes out of the bar store (goal: below 1 s)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.store import BarStore
from tests.bench.form import rounds

SYMBOLS = [f"S{number:02}" for number in range(rounds(20, 3))]


def a_year(symbol: str, calendar: TradingCalendar, seed: int) -> BarSeries:
    """Return every minute of 2025 with prices and volumes as noisy as real ones."""
    days = [s for s in calendar.sessions if s.open.year == 2025]
    start = np.concatenate(
        [np.arange(int(s.open.timestamp()), int(s.close.timestamp()), 60) for s in days]
    ).astype(np.int64)
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 5e-4, len(start)))), 4)
    spread = np.round(rng.exponential(0.05, len(start)), 4)
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="bench",
        start=start,
        known_at=start + 60,
        open=close,
        high=close + spread,
        low=close - spread,
        close=close,
        volume=rng.integers(100, 100_000, len(start)).astype(np.float64),
    )


@pytest.mark.bench
def test_a_year_of_minutes_of_twenty_symbols(tmp_path: Path, calendar: TradingCalendar) -> None:
    store = BarStore(tmp_path)
    for number, symbol in enumerate(SYMBOLS):
        store.add(a_year(symbol, calendar, number), "none")
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        loaded = store.load(SYMBOLS, 60)
        times.append(time.perf_counter() - begun)
    rows = sum(map(len, loaded.values()))
    assert rows > 95_000 * len(SYMBOLS)
    print(f"\n{rows} bars in {min(times):.3f} s (first {times[0]:.3f} s)")  # noqa: T201


@pytest.mark.bench
def test_importing_is_bounded_by_reading_the_files(
    tmp_path: Path, calendar: TradingCalendar, shared_data: Path
) -> None:
    begun = time.perf_counter()
    read = read_bars([shared_data / "bars_1min_2025"], calendar=calendar)
    parsed = time.perf_counter()
    store = BarStore(tmp_path)
    for bars in read.series.values():
        store.add(bars, "splits")
    stored = time.perf_counter()
    share = (stored - parsed) / (stored - begun)
    assert sum(item.bars for item in store.list()) == sum(map(len, read.series.values()))
    print(f"\nread {parsed - begun:.2f} s, stored {stored - parsed:.2f} s ({share:.0%})")  # noqa: T201
