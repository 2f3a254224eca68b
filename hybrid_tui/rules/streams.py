"""Indicators bar by bar, with TA-Lib's handles: only those that the lines in use need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import call, itemgetter
from struct import Struct
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BarSlice, BoolArray
from hybrid_tui.rules.indicators import (
    COLUMNS,
    FAMILIES,
    Family,
    Group,
    Indicators,
    Line,
    groups_of,
    indicators_of,
    inputs_of,
)

SPARE_ROWS = 256


class _Waiting:
    """Keeps bars until there are enough of them to open a stream, then puts that in its place."""

    def __init__(
        self,
        family: Family,
        parameters: tuple[float, ...],
        put: Callable[[Callable[..., Any]], None],
        inputs: Sequence[Sequence[float]],
    ) -> None:
        self._family = family
        self._parameters = parameters
        self._put = put
        self._rows: list[tuple[float, ...]] = list(zip(*inputs, strict=True))
        self._needed = family.needed(*parameters)

    def update(self, *inputs: float) -> Any:
        """Take in one bar; the outputs are NaN until the stream opens."""
        self._rows.append(inputs)
        outputs = len(self._family.outputs)
        if len(self._rows) < self._needed:
            return np.nan if outputs == 1 else (np.nan,) * outputs
        columns = [np.array(column, dtype=np.float64) for column in zip(*self._rows, strict=True)]
        self._put(self._family.open(*columns, *self._parameters).update)
        values = self._family.batch(*columns, *self._parameters)
        return values[-1] if outputs == 1 else tuple(each[-1] for each in values)


class _Group:
    """One family with its parameters, for every symbol, and the rows that its outputs fill."""

    def __init__(self, group: Group, rows: Mapping[Line, int], count: int) -> None:
        name, self.parameters = group
        self.family = FAMILIES[name]
        self.inputs = self.family.inputs
        self.is_single = len(self.family.outputs) == 1
        lines = (Line(output, self.parameters) for output in self.family.outputs)
        self.fills = [(itemgetter(i), rows[line]) for i, line in enumerate(lines) if line in rows]
        self.updates: list[Callable[..., Any]] = []
        self.updates += (self._waiting(column, [()] * len(self.inputs)) for column in range(count))

    def start(self, column: int, series: BarSeries) -> None:
        """Start a symbol anew from its known bars."""
        inputs = inputs_of(series, self.family)
        if len(series) >= self.family.needed(*self.parameters):
            self.updates[column] = self.family.open(*inputs, *self.parameters).update
        else:
            self.updates[column] = self._waiting(column, [values.tolist() for values in inputs])

    def _waiting(self, column: int, inputs: Sequence[Sequence[float]]) -> Callable[..., Any]:
        def put(update: Callable[..., Any]) -> None:
            self.updates[column] = update

        return _Waiting(self.family, self.parameters, put, inputs).update


class IndicatorBoard:
    """The last ``depth`` closed bars' lines of every symbol, kept up incrementally.

    Each column is one symbol's own bars: a symbol without a bar at some instant keeps its column.
    The rows of time lie in a longer buffer, so that a new bar seldom moves the old ones.
    """

    def __init__(self, symbols: Sequence[str], lines: Sequence[Line], *, depth: int) -> None:
        self.symbols = tuple(symbols)
        self.column = {symbol: index for index, symbol in enumerate(self.symbols)}
        self.lines = tuple(lines)
        self._depth = depth
        self._rows = rows = {line: row for row, line in enumerate(self.lines)}
        self._groups = [_Group(group, rows, len(self.symbols)) for group in groups_of(self.lines)]
        self._copied = [(row, line.name) for line, row in rows.items() if line.name in COLUMNS]
        used = {name for _, name in self._copied} | {n for g in self._groups for n in g.inputs}
        self._used = [(name, COLUMNS.index(name)) for name in COLUMNS if name in used]
        self._has_instants = not used.isdisjoint(("start", "known_at"))
        self._values = np.full((len(lines), depth + SPARE_ROWS, len(self.symbols)), np.nan)
        self._end = depth
        # What a bar brings is packed into the buffer itself: numpy takes several times as long to
        # read as many Python numbers.
        self._memory = self._values.data.cast("B")
        self._whole_row = Struct(f"{len(self.symbols)}d")

    def warm_up(self, series: BarSeries) -> None:
        """Start a symbol anew from its known bars, oldest first."""
        column = self.column[series.symbol]
        for group in self._groups:
            group.start(column, series)
        count = min(self._depth, len(series))
        whole = indicators_of(series, self.lines)
        tail = self._values[:, self._end - self._depth : self._end, column]
        tail[:] = np.nan
        for row, line in enumerate(self.lines):
            tail[row, self._depth - count :] = whole[line][len(series) - count :]

    def update(self, bars: BarSlice) -> None:
        """Take in the bars that closed at one instant."""
        if not bars.bars:
            return
        rows = bars.bars.values()
        inputs: dict[str, Iterable[float]] = {
            name: [row[index] for row in rows] for name, index in self._used
        }
        if self._has_instants:
            inputs["start"] = (bars.start.timestamp(),) * len(rows)
            inputs["known_at"] = (bars.known_at.timestamp(),) * len(rows)
        names = tuple(bars.bars)
        columns = None if names == self.symbols else [self.column[symbol] for symbol in names]
        self._begin_row(columns)
        for group in self._groups:
            # A stream that opens puts itself into the list, in the place that was just called.
            updates = group.updates
            calls = updates if columns is None else [updates[column] for column in columns]
            found = map(call, calls, *(inputs[name] for name in group.inputs))
            if group.is_single:
                self._put(group.fills[0][1], columns, found)
            else:
                outputs = list(found)
                for output, row in group.fills:
                    self._put(row, columns, map(output, outputs))
        for row, name in self._copied:
            self._put(row, columns, inputs[name])
        self._end += 1

    def tail(self, depth: int, lines: Iterable[Line] | None = None) -> Indicators:
        """Return lines (None: all) of the last ``depth`` bars (at most the board's), (depth, n)."""
        values, rows, first = self._values, self._rows, self._end - depth
        return {line: values[rows[line], first : self._end] for line in lines or self.lines}

    def symbols_where(self, mask: BoolArray) -> set[str]:
        """Return the symbols whose entry of a (symbols,) mask is true."""
        return {self.symbols[column] for column in mask.nonzero()[0].tolist()}

    def _begin_row(self, columns: list[int] | None) -> None:
        """Make room for one row of time; ``columns`` are those that get a bar (None: all)."""
        values, depth = self._values, self._depth
        if self._end == values.shape[1]:
            values[:, :depth] = values[:, self._end - depth :]
            self._end = depth
        if columns is None:
            return
        # Whoever has no bar now keeps the same last bars: they move on with the window.
        first = self._end - depth
        idle = np.ones(len(self.symbols), dtype=np.bool_)
        idle[columns] = False
        values[:, first + 1 : self._end + 1, idle] = values[:, first : self._end, idle]

    def _put(self, line: int, columns: list[int] | None, figures: Iterable[float]) -> None:
        """Fill a line's place in the row that was begun."""
        if columns is None:
            row = self._whole_row
            at = (line * self._values.shape[1] + self._end) * row.size
            row.pack_into(self._memory, at, *figures)
        else:
            self._values[line, self._end, columns] = list(figures)
