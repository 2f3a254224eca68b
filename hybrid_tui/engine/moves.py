"""Unusual price moves: told once, and where it is asked for, put before tier 3 at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import DAY_SECONDS, BarSlice
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.rules.moves import Move, SessionWatch, usual_of

if TYPE_CHECKING:
    from hybrid_tui.engine.engine import EngineSetup
    from hybrid_tui.market.view import KnownMarket


class MoveWatch:
    """Watches every symbol's bars and halts; what was told is quiet for a while, also restarted."""

    def __init__(self, recorder: Recorder, setup: EngineSetup, market: KnownMarket) -> None:
        self._recorder = recorder
        self._state = recorder.state
        self._setup = setup
        self._market = market
        self._events = setup.config.events
        self._quiet = timedelta(minutes=self._events.quiet_minutes)
        self._watch: SessionWatch | None = None
        self._day: object = None
        self._occasion = ""
        self.is_on = setup.watches_moves and setup.interval < DAY_SECONDS

    def look(self, now: datetime, slices: Sequence[BarSlice]) -> None:
        """Tell what is unusual in the bars that ended; the market knows them already."""
        session = self._state.session
        if session is None:
            return
        opens = int(session.open.timestamp())
        for bars in slices:
            start = int(bars.start.timestamp())
            if start < opens:
                continue
            if self._watch is None or self._day != session.day:
                self._watch, self._day = self._begin(now, opens, start), session.day
            for symbol, move in self._watch.take(start, bars.bars):
                self._tell(now, symbol, move)

    def halts(self, now: datetime, halted: Mapping[str, str]) -> None:
        """Tell of trading halts that have just begun."""
        for symbol, why in sorted(halted.items()):
            self._tell(now, symbol, Move(kind="halt", size=0.0, sigma=None), why)

    def measure_anew(self) -> None:
        """Measure what is usual again: a split has restated the past."""
        self._watch = None

    def occasion(self, now: datetime) -> str:
        """Return what tier 3 is to look at now, outside its hours; empty: nothing, or not yet.

        One session in ``llm.event_minutes``, at most ``llm.events_a_day`` a day.
        """
        occasion, self._occasion = self._occasion, ""
        config, asked = self._setup.config.llm, self._state.event_sessions
        session = self._state.session
        if not occasion or session is None or not session.contains(now):
            return ""
        asks = self._setup.holds_sessions and "llm" in self._setup.tiers
        if not config.event_sessions or not asks:
            return ""
        if len(asked) >= config.events_a_day:
            return ""
        if asked and now - asked[-1] < timedelta(minutes=config.event_minutes):
            return ""
        return occasion

    def _begin(self, now: datetime, opens: int, start: int) -> SessionWatch:
        """Begin a session, or go on in the middle of one after a restart."""
        view = self._market.view(now)
        known = {s: view.bars(s) for s in self._setup.symbols}
        usual = {s: usual_of(bars, self._setup.calendar, opens) for s, bars in known.items()}
        interval = self._setup.interval
        watch = SessionWatch(usual, opens=opens, interval=interval, events=self._events)
        for symbol, bars in known.items():
            if bars is not None:
                watch.recall(symbol, bars, start)
        return watch

    def _tell(self, now: datetime, symbol: str, move: Move, reason: str = "") -> None:
        told = self._state.moves.get(f"{symbol} {move.kind}")
        if told is not None and now - told < self._quiet:
            return
        self._recorder.emit(
            ev.PriceMoved,
            now,
            symbol=symbol,
            kind=move.kind,
            size=move.size,
            sigma=move.sigma,
            reason=reason,
        )
        if move.kind in self._events.ask_tier3 and not self._occasion:
            self._occasion = f"{symbol} {move.kind}"
