"""Watching the approved theses of what is held, on bars that are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import partial

import talib

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.orders import Position
from hybrid_tui.domain.ports import MarketView
from hybrid_tui.domain.signals import Thesis
from hybrid_tui.domain.state import DeskState
from hybrid_tui.market.resample import resample
from hybrid_tui.rules.theses import SECONDS, Condition, Measure, ThesisError, parse


class ThesisWatch:
    """Tells for which held symbols an approved thesis came true."""

    def __init__(self, state: DeskState, calendar: TradingCalendar, interval: int) -> None:
        self._state = state
        self._calendar = calendar
        self._interval = interval
        self._conditions: dict[str, Condition | None] = {}
        self._values: dict[tuple[str, Measure], tuple[tuple[int, int], float | None]] = {}

    def came_true(
        self, now: datetime, view: Callable[[], MarketView], symbols: Collection[str]
    ) -> set[str]:
        """Return the held symbols among ``symbols`` with an approved thesis that is wrong now."""
        state = self._state
        if not state.signals:
            return set()
        today = now.astimezone(NEW_YORK).date()
        found = set()
        for symbol, held in state.positions.items():
            if symbol not in symbols:
                continue
            for thesis in self._approved(held):
                condition = self._condition(thesis)
                if condition is not None and condition(
                    partial(self._value, now, view, held), today
                ):
                    found.add(symbol)
        return found

    def watches(self, held: Position) -> bool:
        """Whether a position has an approved thesis."""
        return bool(self._state.signals) and any(True for _ in self._approved(held))

    def _approved(self, held: Position) -> Iterator[Thesis]:
        strategies = {self._state.strategy_id, held.strategy_id}
        for name in sorted(name for name in strategies if name is not None):
            signal = self._state.signals.get(name)
            if signal is not None and signal.symbols.get(held.symbol) == "approved":
                for thesis in signal.signal.theses:
                    if thesis.symbol == held.symbol:
                        yield thesis

    def _condition(self, thesis: Thesis) -> Condition | None:
        text = thesis.invalid_if
        if text not in self._conditions:
            try:
                self._conditions[text] = parse(text)
            except ThesisError:
                # Said when it was proposed.
                self._conditions[text] = None
        return self._conditions[text]

    def _value(
        self, now: datetime, view: Callable[[], MarketView], held: Position, measure: Measure
    ) -> float | None:
        close = self._state.closes[held.symbol]
        if measure.name == "drawdown":
            return 1 - close / held.high
        seconds = SECONDS[measure.timeframe]
        session = self._state.session
        # Longer bars are counted from the open: an hour that began at 09:30 ends at 10:30.
        stamp = (int(now.timestamp()) // seconds, 0)
        if session is not None:
            part = 0 if measure.timeframe == "1d" else (now - session.open).seconds // seconds
            stamp = (session.day.toordinal(), part)
        key = (held.symbol, measure)
        kept = self._values.get(key)
        if kept is None or kept[0] != stamp:
            known = view().bars(held.symbol)
            value = None
            if known is not None and seconds >= self._interval:
                bars = resample(known, seconds, self._calendar)
                value = _measured(bars.known_by(int(now.timestamp())), measure)
            self._values[key] = kept = (stamp, value)
        return kept[1]


def _measured(bars: BarSeries, measure: Measure) -> float | None:
    """Return a measure at the last finished bar, or None where there are too few."""
    if len(bars) == 0:
        return None
    if measure.name in ("open", "high", "low", "close", "volume"):
        return float(getattr(bars, measure.name)[-1])
    if len(bars) < measure.period + (measure.name == "rsi"):
        return None
    indicator = {"sma": talib.SMA, "ema": talib.EMA, "rsi": talib.RSI}[measure.name]
    value = float(indicator(bars.close.copy(), measure.period)[-1])
    return None if value != value else value
