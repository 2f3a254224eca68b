"""Where technical confirmation and technical exits hold, for whole histories, as lists of bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BarSlice, CorporateAction, IntArray, joined
from hybrid_tui.rules.indicators import indicators_of
from hybrid_tui.rules.technical import Technicals


@dataclass(frozen=True, slots=True)
class SymbolSignals:
    """The bars of a traded series at which entry, or exit, is confirmed: rising row numbers."""

    entries: IntArray
    exits: IntArray


def signals_of(
    before: BarSeries | None,
    series: BarSeries,
    technicals: Technicals,
    splits: Sequence[CorporateAction] = (),
) -> SymbolSignals:
    """Return a symbol's signals; ``before`` warms the indicators up, ``splits`` are in order.

    At a split the past is restated and the indicators start anew, as they do bar by bar: from one
    split's instant (included) to the next, bars are judged on the history as it was then.
    """
    whole = series if before is None else joined(before, series)
    warm = len(whole) - len(series)
    if not splits:
        return _holds(whole, technicals, warm, warm)
    instants = [int(split.ex_at.timestamp()) for split in splits]
    bounds = [warm, *(int(whole.known_at.searchsorted(at)) for at in instants), len(whole)]
    found = []
    for number, (first, last) in enumerate(pairwise(bounds)):
        if number:
            whole = _restated(whole, instants[number - 1], splits[number - 1].ratio)
        if first < last:
            found.append(_holds(whole.slice(0, last), technicals, first, warm))
    return SymbolSignals(
        np.concatenate([part.entries for part in found]),
        np.concatenate([part.exits for part in found]),
    )


def _restated(whole: BarSeries, instant: int, ratio: float) -> BarSeries:
    """Return bars as the known market restates them at a split: known by then, begun before."""
    known = int(whole.known_at.searchsorted(instant, side="right"))
    factor = np.ones(len(whole))
    factor[: int(whole.start[:known].searchsorted(instant))] = ratio
    return replace(
        whole,
        open=whole.open / factor,
        high=whole.high / factor,
        low=whole.low / factor,
        close=whole.close / factor,
        volume=whole.volume * factor,
    )


def _holds(bars: BarSeries, technicals: Technicals, first: int, warm: int) -> SymbolSignals:
    """Return the signals of bars ``first`` on, counted from bar ``warm``."""
    indicators = indicators_of(bars, technicals.lines)
    entries = np.flatnonzero(technicals.entry.holds(indicators)[first:])
    exits = entries[:0]
    if technicals.exit is not None:
        exits = np.flatnonzero(technicals.exit.holds(indicators)[first:])
    if first == warm:
        return SymbolSignals(entries, exits)
    return SymbolSignals(entries + (first - warm), exits + (first - warm))


class SparseBoard:
    """Technical confirmation out of lists of bars, shown at the instant that a bar is known."""

    def __init__(
        self, series: Mapping[str, BarSeries], signals: Mapping[str, SymbolSignals]
    ) -> None:
        self._series = series
        self._signals = signals
        self._second = 0

    def knows(self, symbol: str) -> bool:
        """Whether the board follows a symbol."""
        return symbol in self._series

    def warm_up(self, series: BarSeries) -> None:
        """Do nothing: the signals are those of the whole history, its splits included."""

    def update(self, bars: BarSlice) -> None:
        """Move on to the instant at which bars become known."""
        self._second = int(bars.known_at.timestamp())

    def confirmed(self) -> set[str]:
        """Return the symbols whose last bar known by now is technically confirmed."""
        return {s for s, found in self._signals.items() if self._holds(s, found.entries)}

    def leaving(self) -> set[str]:
        """Return the symbols whose last bar known by now asks for an exit."""
        return {s for s, found in self._signals.items() if self._holds(s, found.exits)}

    def _holds(self, symbol: str, rows: IntArray) -> bool:
        last = int(self._series[symbol].known_at.searchsorted(self._second, side="right")) - 1
        at = int(rows.searchsorted(last))
        return at < len(rows) and int(rows[at]) == last
