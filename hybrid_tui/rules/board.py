"""Technical confirmation at a bar's end: kept up bar by bar, or made for a whole history at once.

Both evaluate the same array expressions on the same bits; which one an engine gets is chosen where
it is composed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Protocol

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, BarSlice, FloatArray, IntArray
from hybrid_tui.rules.conditions import confirmed, depth_needed
from hybrid_tui.rules.indicators import IndicatorBoard, indicators_of

NOBODY: frozenset[str] = frozenset()


class TechnicalBoard(Protocol):
    """What the engine asks of indicators."""

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""

    def warm_up(self, symbol: str, closes: FloatArray) -> None:
        """Start a symbol anew from the closes of its known bars, oldest first."""

    def update(self, bars: BarSlice) -> None:
        """Take in the bars of one start."""

    def confirmed(self) -> set[str]:
        """Return the symbols whose last closed bar is technically confirmed."""

    def overbought(self) -> set[str]:
        """Return the symbols whose RSI at the last closed bar is above ``rules.rsi_exit``."""

    def rsi_of(self, symbol: str) -> float:
        """Return the RSI at the last closed bar of a symbol (NaN: none yet)."""


class StreamingBoard:
    """Incremental: TA-Lib's handles and the tail that conditions look at."""

    def __init__(self, symbols: Sequence[str], rules: RulesConfig) -> None:
        self._rules = rules
        self._indicators = IndicatorBoard(
            symbols, rsi_period=rules.rsi_period, depth=depth_needed(rules)
        )

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""
        return symbol in self._indicators.column

    def warm_up(self, symbol: str, closes: FloatArray) -> None:
        """Start a symbol anew from the closes of its known bars, oldest first."""
        self._indicators.warm_up(symbol, closes)

    def update(self, bars: BarSlice) -> None:
        """Take in the bars of one start."""
        self._indicators.update(bars.bars)

    def confirmed(self) -> set[str]:
        """Return the symbols whose last closed bar is technically confirmed."""
        holds = confirmed(self._indicators.tail(), self._rules)[-1]
        return self._indicators.symbols_where(holds)

    def overbought(self) -> set[str]:
        """Return the symbols whose RSI at the last closed bar is above ``rules.rsi_exit``."""
        if not self._rules.rsi_exit:
            return set()
        return self._indicators.symbols_where(
            self._indicators.tail().rsi[-1] > self._rules.rsi_exit
        )

    def rsi_of(self, symbol: str) -> float:
        """Return the RSI at the last closed bar of a symbol (NaN: none yet)."""
        return self._indicators.rsi_of(symbol)


class PrecomputedBoard:
    """The same for a history that is whole: every value is causal, and shown at its bar's end.

    ``before`` are the bars that warm up, ``traded`` those that will be streamed, symbol by symbol.
    """

    def __init__(
        self,
        before: Mapping[str, BarSeries],
        traded: Mapping[str, BarSeries],
        rules: RulesConfig,
    ) -> None:
        self._starts = {symbol: series.start for symbol, series in traded.items()}
        self._rsi: dict[str, FloatArray] = {}
        self._second = -(2**62)
        self._confirmed = _Moments()
        self._overbought = _Moments()
        for symbol, series in traded.items():
            past = before[symbol].close if symbol in before else np.empty(0)
            indicators = indicators_of(np.concatenate((past, series.close)), rules.rsi_period)
            self._rsi[symbol] = rsi = indicators.rsi[len(past) :]
            holds = confirmed(indicators, rules)[len(past) :]
            self._confirmed.add(symbol, series.start[holds])
            if rules.rsi_exit:
                self._overbought.add(symbol, series.start[rsi > rules.rsi_exit])

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""
        return symbol in self._starts

    def warm_up(self, symbol: str, closes: FloatArray) -> None:
        """Do nothing: the warm-up bars are in the history already."""

    def update(self, bars: BarSlice) -> None:
        """Move on to the bars of one start."""
        self._second = second = int(bars.start.timestamp())
        self._confirmed.move(bars, second)
        self._overbought.move(bars, second)

    def confirmed(self) -> set[str]:
        """Return the symbols whose bar of this start is technically confirmed."""
        return set(self._confirmed.now)

    def overbought(self) -> set[str]:
        """Return the symbols whose RSI in this instant's bars is above ``rules.rsi_exit``."""
        return set(self._overbought.now)

    def rsi_of(self, symbol: str) -> float:
        """Return the RSI at the last bar of a symbol that started by now (NaN: none yet)."""
        index = int(self._starts[symbol].searchsorted(self._second, "right")) - 1
        return float(self._rsi[symbol][index]) if index >= 0 else float("nan")


class _Moments:
    """For which symbols something holds at a bar, by the bar's start."""

    def __init__(self) -> None:
        self.now: Set[str] = NOBODY
        self._known_at: datetime | None = None
        self._symbols: dict[int, set[str]] = {}

    def add(self, symbol: str, starts: IntArray) -> None:
        for second in starts.tolist():
            self._symbols.setdefault(second, set()).add(symbol)

    def move(self, bars: BarSlice, second: int) -> None:
        """Go on to the bars of a start; those that became known at one instant add up."""
        found = self._symbols.get(second, NOBODY)
        if bars.known_at == self._known_at:
            self.now = self.now | found
        else:
            self.now, self._known_at = found, bars.known_at
