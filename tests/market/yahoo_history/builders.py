"""A history through the real yfinance, with a clock of its own, and rows of bars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.yahoo_history import YahooHistory
from tests.servers.yahoo import Row, Yahoo, loopback

NOW = datetime(2026, 3, 24, 21, 0, tzinfo=UTC)
OPEN = datetime(2026, 3, 24, 13, 30, tzinfo=UTC)
FEW = 9


class Desk:
    """A history with a clock that only its own sleeping moves."""

    def __init__(self, yahoo: Yahoo, cache: Path, calendar: TradingCalendar, base: Any) -> None:
        self.now = NOW
        self.slept: list[float] = []
        self.history = YahooHistory(
            cache,
            calendar=calendar,
            session_class=loopback(base, yahoo.port),
            sleep=self.sleep,
            clock=lambda: self.now,
            timeout_s=0.3,
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def day(self, symbol: str, begin: datetime = OPEN) -> BarSeries:
        (series,) = self.history.bars(symbol, 60, begin, begin + timedelta(hours=7))
        return series


MakeDesk = Callable[[], Desk]


def minutes(
    count: int = 30, begin: datetime = OPEN, price: float = 100.0, volume: float = 1000.0
) -> list[Row]:
    first = int(begin.timestamp())
    return [
        (first + 60 * i, price, price + 0.5, price - 0.5, price + 0.25, volume)
        for i in range(count)
    ]


def days(first: date, prices: list[float]) -> list[Row]:
    begin = datetime(first.year, first.month, first.day, 13, 30, tzinfo=UTC)
    return [
        (int((begin + timedelta(days=i)).timestamp()), p, p * 1.01, p * 0.99, p, 1000.0)
        for i, p in enumerate(prices)
    ]


def article(item_id: str, title: str, **more: Any) -> dict[str, Any]:
    return {"id": item_id, "content": {"title": title, "pubDate": "2026-03-24T12:00:00Z", **more}}
