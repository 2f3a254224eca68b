"""Indicators bar by bar, with TA-Lib's handles: only those that the lines in use need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BarSlice, BoolArray, FloatArray
from hybrid_tui.rules.indicators import (
    COLUMNS,
    FAMILIES,
    Family,
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
        inputs: Sequence[FloatArray],
    ) -> None:
        self._family = family
        self._parameters = parameters
        self._put = put
        self._rows = list(zip(*(values.tolist() for values in inputs), strict=True))
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
        self._groups = groups_of(lines)
        self._updates: list[list[Callable[..., Any]]] = [[] for _ in self._groups]
        for group in range(len(self._groups)):
            for column in range(len(self.symbols)):
                self._updates[group].append(self._waiting(group, column, ()))
        self._row = {line: row for row, line in enumerate(self.lines)}
        self._values = np.full((len(lines), depth + SPARE_ROWS, len(self.symbols)), np.nan)
        self._end = depth

    def warm_up(self, series: BarSeries) -> None:
        """Start a symbol anew from its known bars, oldest first."""
        column = self.column[series.symbol]
        for group, (name, parameters) in enumerate(self._groups):
            family = FAMILIES[name]
            inputs = inputs_of(series, family)
            if len(series) >= family.needed(*parameters):
                self._updates[group][column] = family.open(*inputs, *parameters).update
            else:
                self._updates[group][column] = self._waiting(group, column, inputs)
        count = min(self._depth, len(series))
        tail = self._values[:, self._end - self._depth : self._end, column]
        tail[:] = np.nan
        for line, values in indicators_of(series, self.lines).items():
            tail[self._row[line], self._depth - count :] = values[len(series) - count :]

    def update(self, bars: BarSlice) -> None:
        """Take in the bars that closed at one instant."""
        if not bars.bars:
            return
        column_of = self.column
        columns = [column_of[symbol] for symbol in bars.bars]
        count = len(columns)
        inputs: dict[str, Sequence[float]] = dict(
            zip(COLUMNS, zip(*bars.bars.values(), strict=True), strict=True)
        )
        inputs["start"] = (bars.start.timestamp(),) * count
        inputs["known_at"] = (bars.known_at.timestamp(),) * count
        found: dict[Line, Sequence[float]] = {}
        for (name, parameters), updates in zip(self._groups, self._updates, strict=True):
            family = FAMILIES[name]
            rows = [inputs[name] for name in family.inputs]
            fresh = list(map(_call, [updates[column] for column in columns], *rows))
            outputs = (fresh,) if len(family.outputs) == 1 else zip(*fresh, strict=True)
            for output, row in zip(family.outputs, outputs, strict=True):
                found[Line(output, parameters)] = row
        for line in self.lines:
            if line.name in COLUMNS:
                found[line] = inputs[line.name]
        self._append(columns, np.array([found[line] for line in self.lines]))

    def tail(self) -> Indicators:
        """Return the last ``depth`` bars' lines, (depth, symbols) each."""
        tail = self._values[:, self._end - self._depth : self._end]
        return dict(zip(self.lines, tail, strict=True))

    def last(self, line: Line, symbol: str) -> float:
        """Return a line at the last closed bar of a symbol (NaN: none yet, or not in use)."""
        row = self._row.get(line)
        return (
            float(self._values[row, self._end - 1, self.column[symbol]])
            if row is not None
            else float("nan")
        )

    def symbols_where(self, mask: BoolArray) -> set[str]:
        """Return the symbols whose entry of a (symbols,) mask is true."""
        return {self.symbols[column] for column in np.flatnonzero(mask).tolist()}

    def _waiting(self, group: int, column: int, inputs: Sequence[FloatArray]) -> Callable[..., Any]:
        name, parameters = self._groups[group]

        def put(update: Callable[..., Any]) -> None:
            self._updates[group][column] = update

        return _Waiting(FAMILIES[name], parameters, put, inputs).update

    def _append(self, columns: list[int], fresh: FloatArray) -> None:
        values, depth = self._values, self._depth
        if self._end == values.shape[1]:
            values[:, :depth] = values[:, self._end - depth :]
            self._end = depth
        self._end += 1
        last = self._end - 1
        if len(columns) < len(self.symbols):
            # Whoever has no bar now keeps the same last bars: they move on with the window.
            idle = np.ones(len(self.symbols), dtype=np.bool_)
            idle[columns] = False
            values[:, self._end - depth : self._end, idle] = values[:, last - depth : last, idle]
        values[:, last, columns] = fresh


def _call(update: Callable[..., Any], *inputs: float) -> Any:
    return update(*inputs)
