"""Technical confirmation at a bar's end: kept up bar by bar, or made for a whole history at once.

Both evaluate the same array expressions on the same bits; which one an engine gets is chosen where
it is composed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple, Protocol

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, BarSlice, IntArray, joined
from hybrid_tui.rules.indicators import Line, indicators_of
from hybrid_tui.rules.streams import IndicatorBoard
from hybrid_tui.rules.technical import Rule, Technicals

NOBODY: frozenset[str] = frozenset()


class TechnicalBoard(Protocol):
    """What the engine asks of indicators."""

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""

    def warm_up(self, series: BarSeries) -> None:
        """Start a symbol anew from its known bars, oldest first."""

    def update(self, bars: BarSlice) -> None:
        """Take in the bars of one start."""

    def confirmed(self) -> Set[str]:
        """Return the symbols whose last closed bar is technically confirmed."""

    def leaving(self) -> Set[str]:
        """Return the symbols whose last closed bar says sell: ``rsi_exit``, or the set ``exit``."""


class _Look(NamedTuple):
    """A rule set and what it looks at, found once: it is asked for at every bar's end."""

    rule: Rule
    depth: int
    lines: tuple[Line, ...]

    @staticmethod
    def of(rule: Rule) -> _Look:
        return _Look(rule, rule.depth, rule.lines)


class StreamingBoard:
    """Incremental: TA-Lib's handles and the tail that conditions look at."""

    def __init__(self, symbols: Sequence[str], rules: RulesConfig) -> None:
        found = Technicals.of(rules)
        self._indicators = IndicatorBoard(symbols, found.lines, depth=found.depth)
        self._entry = _Look.of(found.entry)
        self._exit = None if found.exit is None else _Look.of(found.exit)

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""
        return symbol in self._indicators.column

    def warm_up(self, series: BarSeries) -> None:
        """Start a symbol anew from its known bars, oldest first."""
        self._indicators.warm_up(series)

    def update(self, bars: BarSlice) -> None:
        """Take in the bars of one start."""
        self._indicators.update(bars)

    def confirmed(self) -> Set[str]:
        """Return the symbols whose last closed bar is technically confirmed."""
        return self._where(self._entry)

    def leaving(self) -> Set[str]:
        """Return the symbols whose last closed bar says sell: ``rsi_exit``, or the set ``exit``."""
        return NOBODY if self._exit is None else self._where(self._exit)

    def _where(self, look: _Look) -> Set[str]:
        tail = self._indicators.tail(look.depth, look.lines)
        return self._indicators.symbols_where(look.rule.holds(tail)[-1])


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
        technicals = Technicals.of(rules)
        self._symbols = frozenset(traded)
        self._confirmed = _Moments()
        self._leaving = _Moments()
        for symbol, series in traded.items():
            whole = joined(before[symbol], series) if symbol in before else series
            indicators = indicators_of(whole, technicals.lines)
            first = len(whole) - len(series)
            self._confirmed.add(symbol, series.start[technicals.entry.holds(indicators)[first:]])
            if technicals.exit is not None:
                self._leaving.add(symbol, series.start[technicals.exit.holds(indicators)[first:]])

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""
        return symbol in self._symbols

    def warm_up(self, series: BarSeries) -> None:
        """Do nothing: the warm-up bars are in the history already."""

    def update(self, bars: BarSlice) -> None:
        """Move on to the bars of one start."""
        second = int(bars.start.timestamp())
        self._confirmed.move(bars, second)
        self._leaving.move(bars, second)

    def confirmed(self) -> Set[str]:
        """Return the symbols whose bar of this start is technically confirmed."""
        return self._confirmed.now

    def leaving(self) -> Set[str]:
        """Return the symbols whose bar of this start says sell."""
        return self._leaving.now


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
