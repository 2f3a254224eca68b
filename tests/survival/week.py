"""A week's market for the soak: prices that swing about their mean, so that there is much to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np

from hybrid_tui.domain.bars import Bar, BarSeries, FloatArray
from hybrid_tui.domain.calendar import Session, TradingCalendar

FIRST_DAY = date(2026, 3, 16)
STEP_S = 5
BAR_S = 60
WARM_BARS = 120
PULL, PUSH = 0.01, 0.0016
"""Back to the mean, and away from it, in each step: a spread of about 1.1 %."""
SYMBOLS = ("AAPL", "AMD", "MSFT", "NVDA")
BASES = {"AAPL": 100.0, "AMD": 40.0, "MSFT": 250.0, "NVDA": 0.8}
"""One trades below a dollar, where ticks are finer."""


@dataclass(slots=True)
class Week:
    """Prices of ``days`` sessions from ``FIRST_DAY`` on, cut off after ``minutes`` of each."""

    calendar: TradingCalendar
    seed: int
    days: int
    minutes: int = 390
    symbols: Sequence[str] = SYMBOLS
    paths: dict[tuple[int, str], FloatArray] = field(default_factory=dict)

    def sessions(self) -> list[Session]:
        """Return the sessions of the week."""
        begin = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
        found = [one for one in self.calendar.sessions if one.open >= begin]
        return found[: self.days]

    def end_of(self, session: Session) -> datetime:
        """Return when the market of a session ends here."""
        return min(session.open + timedelta(minutes=self.minutes), session.close)

    def price(self, symbol: str, now: datetime) -> float:
        """Return the last price at an instant of a session (or the first one of the next)."""
        for day, session in enumerate(self.sessions()):
            if now <= session.close or day == self.days - 1:
                step = int((now - session.open).total_seconds()) // STEP_S + WARM_BARS
                path = self._path(day, symbol)
                return float(path[min(max(step, 0), len(path) - 1)])
        raise AssertionError("a week has days")

    def bar(self, symbol: str, start: datetime) -> Bar:
        """Return the bar of a minute."""
        prices = [
            self.price(symbol, start + timedelta(seconds=second))
            for second in range(0, BAR_S, STEP_S)
        ]
        return Bar(prices[0], max(prices), min(prices), prices[-1], 10_000.0)

    def history(self, symbol: str) -> BarSeries:
        """Return bars of the session before the week, to warm up with."""
        first = self.sessions()[0]
        day = [one for one in self.calendar.sessions if one.close < first.open][-1]
        start = int(day.close.timestamp()) - BAR_S * np.arange(WARM_BARS, 0, -1, dtype=np.int64)
        prices = self._path(0, symbol)[:WARM_BARS]
        return BarSeries(
            symbol=symbol,
            interval=BAR_S,
            feed="week",
            start=start,
            known_at=start + BAR_S,
            open=prices,
            high=prices,
            low=prices,
            close=prices,
            volume=np.full(WARM_BARS, 10_000.0),
        )

    def _path(self, day: int, symbol: str) -> FloatArray:
        found = self.paths.get((day, symbol))
        if found is None:
            dice = np.random.default_rng([self.seed, day, sum(map(ord, symbol))])
            steps = WARM_BARS + 390 * 60 // STEP_S + 1
            noise, level = dice.normal(0.0, PUSH, steps), 0.0
            path = np.empty(steps)
            for step in range(steps):
                level += noise[step] - PULL * level
                path[step] = level
            places = 4 if BASES[symbol] < 1 else 2
            found = np.round(BASES[symbol] * np.exp(path), places)
            self.paths[day, symbol] = found
        return found


def spread(symbol: str) -> tuple[float, int]:
    """Return half the spread of a symbol in dollars, and the decimals of its prices."""
    return (0.0001, 4) if BASES[symbol] < 1 else (0.01, 2)
