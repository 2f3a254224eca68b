"""The known market over recorded bars: taken in only as far, and only when, somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hybrid_tui.domain.bars import BarSeries, BarSlice, CorporateAction
from hybrid_tui.market.view import KnownMarket


class RecordedPast(KnownMarket):
    """Shows what an engine fed bar by bar would know, without being fed."""

    def __init__(self, series: Mapping[str, BarSeries], interval: int, feed: str) -> None:
        super().__init__(tuple(series), interval, feed)
        self._series = series
        self._taken = dict.fromkeys(series, 0)

    def append(self, bars: BarSlice) -> None:
        """Do nothing: the bars are in the record."""

    def adjust(self, action: CorporateAction) -> None:
        """Apply a corporate action to what is known at its instant."""
        self._take(action.symbol, action.ex_at)
        super().adjust(action)

    def bars_known(self, symbol: str, instant: datetime) -> BarSeries | None:
        """Return a symbol's bars known at an instant, or None."""
        self._take(symbol, instant)
        return super().bars_known(symbol, instant)

    def _take(self, symbol: str, instant: datetime) -> None:
        series = self._series.get(symbol)
        if series is None:
            return
        first = self._taken[symbol]
        last = int(series.known_at.searchsorted(instant.timestamp(), side="right"))
        if last > first:
            self._taken[symbol] = last
            super().warm(series.slice(first, last))
