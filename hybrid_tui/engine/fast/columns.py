"""Bars and signals as the lean loop reads them: plain figures by instant of the grid.

A memory view of an array gives Python's own floats, several times faster than the array does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.engine.fast.book import Lot
from hybrid_tui.engine.fast.forecasts import Occasions
from hybrid_tui.engine.fast.grid import Grid

NEVER = 2**62


class Columns:
    """Symbols are numbers in alphabetical order; each has a bar at every instant of the grid.

    ``known`` and ``start`` are the instants' ends and starts (UTC epoch seconds). ``signal_index``,
    ``signal_symbol``, ``signal_verdict``, ``signal_target`` and ``signal_priority`` are all
    occasions to buy by instant, then symbol, the first with an end mark; ``signal_close`` is the
    close then, ``signal_open`` that of the symbol's next bar (NaN: there is none).
    """

    def __init__(
        self, grid: Grid, occasions: Mapping[str, Occasions], closes_at: IntArray | None
    ) -> None:
        series = list(grid.series.values())
        self._grid = grid
        self.names = list(grid.series)
        self.known = grid.known.data
        self.start = grid.starts.data
        self.lengths = [len(bars) for bars in series]
        self.opens = [bars.open.data for bars in series]
        self.highs = [bars.high for bars in series]
        self.lows = [bars.low for bars in series]
        self.close_arrays = [bars.close for bars in series]
        self.closes = [closes.data for closes in self.close_arrays]
        self._own = [bars.known_at.data for bars in series]
        entries, verdicts, targets, priorities, exits = [], [], [], [], []
        closes, opens = [], []
        for bars, name in zip(series, self.names, strict=True):
            silent = _silent(bars.known_at, closes_at)
            found = occasions[name]
            deciding = _deciding(found.entries, silent)
            rows = found.entries[deciding]
            entries.append(self._indices(bars.known_at, rows))
            closes.append(bars.close[rows])
            opens.append(_opens_after(bars.open, rows))
            verdicts.append(found.verdicts[deciding])
            targets.append(found.targets[deciding])
            priorities.append(found.priorities[deciding])
            exits.append(found.exits[_deciding(found.exits, silent)].data)
            bars.release()
        self.exits = exits
        index = np.concatenate(entries)
        symbol = np.repeat(np.arange(len(series)), [len(found) for found in entries])
        order = np.lexsort((symbol, index))
        self.signal_index = np.append(index[order], NEVER).data
        self.signal_symbol = symbol[order].data
        self.signal_verdict = np.concatenate(verdicts)[order].data
        self.signal_target = np.concatenate(targets)[order].data
        self.signal_priority = np.concatenate(priorities)[order].data
        self.signal_close = np.concatenate(closes)[order].data
        self.signal_open = np.concatenate(opens)[order].data

    def _indices(self, known_at: IntArray, rows: IntArray) -> IntArray:
        """Return the instants of a symbol's rows."""
        return rows

    def row(self, symbol: int, index: int) -> int:
        """Return the last bar known at an instant."""
        return index

    def index(self, symbol: int, row: int) -> int:
        """Return the instant at which a bar becomes known."""
        return row

    def next_index(self, symbol: int, index: int) -> int:
        """Return the instant of a symbol's next bar; NEVER: there is none."""
        return index + 1 if index + 1 < self.lengths[symbol] else NEVER

    def gross(self, names: Sequence[int], lots: Mapping[int, Lot], index: int) -> float:
        """Return quantity x last close known at an instant, summed in the symbols' order."""
        closes, gross = self.closes, 0.0
        for symbol in names:
            gross += lots[symbol].quantity * closes[symbol][index]
        return gross

    def closes_between(self, symbol: int, first: int, last: int) -> FloatArray:
        """Return the last closes known at instants ``first`` to ``last`` (excluded)."""
        return self.close_arrays[symbol][first:last]

    def next_exit(self, symbol: int, row: int) -> int:
        """Return the first bar from ``row`` on with an exit signal, else the last bar."""
        exits = self.exits[symbol]
        at = bisect_left(exits, row)
        return exits[at] if at < len(exits) else self.lengths[symbol] - 1


class RaggedColumns(Columns):
    """The same for symbols that begin, end or miss bars."""

    def _indices(self, known_at: IntArray, rows: IntArray) -> IntArray:
        found: IntArray = self._grid.known.searchsorted(known_at[rows])
        return found

    def row(self, symbol: int, index: int) -> int:
        """Return the last bar known at an instant."""
        return bisect_right(self._own[symbol], self.known[index]) - 1

    def index(self, symbol: int, row: int) -> int:
        """Return the instant at which a bar becomes known."""
        return bisect_left(self.known, self._own[symbol][row])

    def next_index(self, symbol: int, index: int) -> int:
        """Return the instant of a symbol's next bar; NEVER: there is none."""
        row = self.row(symbol, index) + 1
        return self.index(symbol, row) if row < self.lengths[symbol] else NEVER

    def gross(self, names: Sequence[int], lots: Mapping[int, Lot], index: int) -> float:
        """Return quantity x last close known at an instant, summed in the symbols' order."""
        gross = 0.0
        for symbol in names:
            gross += lots[symbol].quantity * self.closes[symbol][self.row(symbol, index)]
        return gross

    def closes_between(self, symbol: int, first: int, last: int) -> FloatArray:
        """Return the last closes known at instants ``first`` to ``last`` (excluded)."""
        stale = self.closes[symbol][max(0, bisect_left(self._own[symbol], self.known[first]) - 1)]
        return self._grid.closes(self.names[symbol], first, last, stale)


def columns_of(
    grid: Grid, occasions: Mapping[str, Occasions], closes_at: IntArray | None
) -> Columns:
    """Return the columns of a grid; bars known at one of ``closes_at`` decide nothing."""
    kind = Columns if grid.is_whole else RaggedColumns
    return kind(grid, occasions, closes_at)


def _opens_after(opens: FloatArray, rows: IntArray) -> FloatArray:
    """Return the open of the bar after each of ``rows``, NaN after the last."""
    found = np.full(len(rows), np.nan)
    inside = int(rows.searchsorted(len(opens) - 1))
    found[:inside] = opens[rows[:inside] + 1]
    return found


def _deciding(rows: IntArray, silent: BoolArray) -> IntArray:
    """Return the places of the rows at which decisions are taken: none is beyond the bars."""
    rows = rows[: rows.searchsorted(len(silent))]
    return np.flatnonzero(~silent[rows])


def _silent(known_at: IntArray, closes_at: IntArray | None) -> BoolArray:
    """Return which bars end where nothing is decided."""
    silent = np.zeros(len(known_at), dtype=np.bool_)
    if closes_at is not None:
        first, last = closes_at.searchsorted((known_at[0], known_at[-1] + 1))
        closes_at = closes_at[first:last]
        rows = known_at.searchsorted(closes_at)
        silent[rows] = known_at[rows] == closes_at
    return silent
