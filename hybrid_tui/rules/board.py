"""Technical confirmation at a bar's end: kept up bar by bar, or made for a whole history at once.

Both evaluate the same array expressions on the same bits; which one an engine gets is chosen where
it is composed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, BarSlice, FloatArray
from hybrid_tui.rules.conditions import confirmed, depth_needed
from hybrid_tui.rules.indicators import IndicatorBoard, indicators_of


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
        self._start = datetime.min.replace(tzinfo=UTC)
        found: dict[int, set[str]] = {}
        for symbol, series in traded.items():
            past = before[symbol].close if symbol in before else np.empty(0)
            indicators = indicators_of(np.concatenate((past, series.close)), rules.rsi_period)
            self._rsi[symbol] = indicators.rsi[len(past) :]
            holds = np.flatnonzero(confirmed(indicators, rules)[len(past) :])
            for second in series.start[holds].tolist():
                found.setdefault(second, set()).add(symbol)
        self._confirmed = {
            datetime.fromtimestamp(second, UTC): symbols for second, symbols in found.items()
        }
        self._now: set[str] = set()

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""
        return symbol in self._starts

    def warm_up(self, symbol: str, closes: FloatArray) -> None:
        """Do nothing: the warm-up bars are in the history already."""

    def update(self, bars: BarSlice) -> None:
        """Move on to the bars of one start."""
        self._start = bars.start
        self._now = self._confirmed.get(bars.start, set())

    def confirmed(self) -> set[str]:
        """Return the symbols whose bar of this start is technically confirmed."""
        return set(self._now)

    def rsi_of(self, symbol: str) -> float:
        """Return the RSI at the last bar of a symbol that started by now (NaN: none yet)."""
        index = int(self._starts[symbol].searchsorted(int(self._start.timestamp()), "right")) - 1
        return float(self._rsi[symbol][index]) if index >= 0 else float("nan")
