"""What happens in the market while an engine lives and dies: prices, and what a person asks for.

A function of a seed and of nothing else, so that the server, the engine's feed and every later life
of the engine see the same market.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from hybrid_tui.domain.bars import Bar, BarSeries

BEGIN = datetime(2026, 3, 17, 14, 0, tzinfo=UTC)
"""10:00 New York on a Tuesday."""
BAR_S = 15
WARM_BARS = 120
DIP, BACK = 97.0, 99.6
EXITS = ("signal", "trail", "stop", "close", "flatten")
PLANNED_S, SWEEP_S, END_S = 95, 150, 240
"""When a person sells, when everything is sold that is still held, and when it is all over."""
STILL_S = 115
"""From here on the prices stand still."""
HALF_SPREAD = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One seed's market. ``exit`` is how the position is to end, in seconds from ``BEGIN``."""

    seed: int
    exit: str
    symbols: tuple[str, ...]

    @staticmethod
    def of(seed: int, many: int = 0) -> Script:
        """Return the script of a seed; with ``many`` of so many symbols, else of one or two."""
        dice = random.Random(seed)
        way = EXITS[seed % len(EXITS)]
        symbols: tuple[str, ...] = ("AAPL", "MSFT") if dice.random() < 0.25 else ("AAPL",)
        if many:
            symbols = tuple(f"S{number:02}" for number in range(many))
        return Script(seed=seed, exit=way, symbols=symbols)

    def price(self, symbol: str, second: int) -> float:
        """Return the last price at a second from ``BEGIN`` on, or before it, dollars."""
        second = min(second, STILL_S)
        late = BAR_S * (self.symbols.index(symbol) % 2)
        scale = self._scale(symbol)
        noise = _noise(self.seed, symbol, second) * 0.02
        return round((_level(self.exit, second - late) + noise) * scale, 2)

    def _scale(self, symbol: str) -> float:
        return 0.5 if self.symbols.index(symbol) % 2 else 1.0

    def bars_until(self, symbol: str, second: int) -> Iterator[tuple[int, Bar]]:
        """Yield (start, bar) of every bar that has ended by a second, oldest first."""
        for start in range(-WARM_BARS * BAR_S, second - BAR_S + 1, BAR_S):
            yield start, self.bar(symbol, start)

    def bar(self, symbol: str, start: int) -> Bar:
        """Return the bar that starts at a second."""
        if start < 0:
            middle = (100.0 + _noise(self.seed, symbol, start) * 0.15) * self._scale(symbol)
            return Bar(middle, middle + 0.02, middle - 0.02, middle, 1_000.0)
        prices = [self.price(symbol, second) for second in range(start, start + BAR_S)]
        return Bar(prices[0], max(prices), min(prices), prices[-1], 1_000.0)

    def series(self, symbol: str, second: int) -> BarSeries:
        """Return the bars that have ended by a second as the market's history has them."""
        rows = list(self.bars_until(symbol, second))
        start = np.array([int(BEGIN.timestamp()) + at for at, _ in rows], dtype=np.int64)
        columns = np.array([bar for _, bar in rows], dtype=np.float64).T
        return BarSeries(
            symbol=symbol,
            interval=BAR_S,
            feed="script",
            start=start,
            known_at=start + BAR_S,
            open=columns[0],
            high=columns[1],
            low=columns[2],
            close=columns[3],
            volume=columns[4],
        )


def at(second: float) -> datetime:
    """Return the instant of a second from ``BEGIN`` on."""
    return BEGIN + timedelta(seconds=second)


def _level(way: str, second: int) -> float:
    """Return where the price is, without its noise."""
    if second < 0:
        return 100.0
    if second < BAR_S:
        return 100.0 + (DIP - 100.0) * (second + 1) / BAR_S
    if second < 2 * BAR_S:
        return DIP + (BACK - DIP) * (second + 1 - BAR_S) / BAR_S
    if way == "stop" and second >= 50:
        return max(BACK - (second - 50) * 1.2, 86.0)
    if way == "trail" and second >= PLANNED_S:
        return max(BACK + (PLANNED_S - 2 * BAR_S) / BAR_S - (second - PLANNED_S) * 0.8, 96.0)
    return BACK + min(second - 2 * BAR_S, 80) / BAR_S


@lru_cache(maxsize=4_096)
def _noise(seed: int, symbol: str, second: int) -> float:
    return random.Random(f"{seed}/{symbol}/{second}").uniform(-1.0, 1.0)
