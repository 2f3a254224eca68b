"""Measures the overnight gaps of what is held, once a session."""

from __future__ import annotations

from datetime import date, datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.rules.overnight import overnight_gaps


class NightWatch:
    """Tells of each holding what its nights were like, from all of its bars that are known."""

    def __init__(self, recorder: Recorder, market: KnownMarket, calendar: TradingCalendar) -> None:
        self._recorder = recorder
        self._state = recorder.state
        self._market = market
        self._calendar = calendar
        self._is_wanted = recorder.wants(ev.NightsMeasured)
        self._day: date | None = None
        self._measured: set[str] = set()

    def look(self, now: datetime) -> None:
        """Measure what is held and was not measured in this session."""
        if not self._is_wanted:
            return
        state, session = self._state, self._state.session
        if session is not None and session.day != self._day:
            self._day = session.day
            self._measured.clear()
        if self._measured.issuperset(state.positions):
            return
        fresh = sorted(state.positions.keys() - self._measured)
        self._measured.update(fresh)
        view = self._market.view(now)
        found = {symbol: overnight_gaps(view.bars(symbol), self._calendar) for symbol in fresh}
        gaps = {symbol: measured for symbol, measured in found.items() if measured is not None}
        if any(state.nights.get(symbol) != measured for symbol, measured in gaps.items()):
            self._recorder.emit(ev.NightsMeasured, now, gaps=gaps)
