"""Bars from before a feed's own, out of the bar store: for charts, never for decisions."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import lru_cache

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import HybridError
from hybrid_tui.market.actions import adjusted
from hybrid_tui.market.resample import resample
from hybrid_tui.market.store import BarStore

log = logging.getLogger(__name__)

MINUTE = 60


class StoredPast:
    """What the store has of a symbol, read once for each interval that is asked for."""

    def __init__(self, store: BarStore, calendar: TradingCalendar) -> None:
        self._store = store
        self._calendar = calendar
        self._read = lru_cache(maxsize=16)(self._load)

    def before(self, symbol: str, interval: int, instant: int) -> BarSeries | None:
        """Return the bars of ``interval`` seconds known at ``instant`` (UTC epoch seconds).

        Stored bars of that length, else those made of stored minutes; None where there is neither.
        """
        series = self._read(symbol, interval, instant)
        return series.known_by(instant) if series is not None else None

    def _load(self, symbol: str, interval: int, instant: int) -> BarSeries | None:
        for length in dict.fromkeys((interval, MINUTE)):
            if not any(
                (stored.symbol, stored.interval) == (symbol, length)
                for stored in self._store.list()
            ):
                continue
            try:
                series, actions = self._store.load_with_actions([symbol], length)
                known = adjusted(series[symbol], actions, datetime.fromtimestamp(instant, UTC))
                return resample(known, interval, self._calendar)
            except HybridError as error:
                log.warning("no earlier bars of %s: %s", symbol, error.render())
        return None
