"""The table on the line API against Textual's DataTable (goal: at most 1/4 of its CPU).

100 x 10 cells, all of them changed 5 times a second, painted on a screen that shows 38 rows; both
in one run, with a cursor that moves, a sorted order that changes and colours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from hybrid_tui.tui.widgets.lines import Cell, Column, Columns, Row
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.bench.form import rounds

ROWS, CELLS = 100, 10
HERTZ = 5
SECONDS = float(rounds(8, 1))
COLOURS = {"up": "#62b5a0", "down": "#e58a6c", "muted": "#8d95a1", "cursor-line": "#2b3440",
           "accent": "#e0af68"}  # fmt: skip
NAMES = tuple(f"c{n}" for n in range(CELLS))
Figures = list[list[float]]


def figures(step: int) -> Figures:
    """Return the figures of a step: every cell is another than the step before."""
    noise = np.random.default_rng(step)
    return np.round(noise.normal(0, 100, (ROWS, CELLS)), 2).tolist()  # type: ignore[no-any-return]


class Table(App[None]):
    """The base of both: colours, and how many seconds of CPU the updates took."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the desk's colours."""
        return dict(COLOURS)


class LineTable(Table):
    """Ours."""

    CSS = "#view { height: 1fr; }"

    def compose(self) -> ComposeResult:
        """Show the table."""
        yield RowsView(id="view")

    def on_mount(self) -> None:
        """Set the columns up."""
        self._columns = Columns(
            [Column(name=n, title=n, width=10, align="right") for n in NAMES], 120
        )
        self._step = 0

    async def update(self, data: Figures) -> None:
        """Show figures, sorted by another column each second, and move the cursor."""
        view = self.query_one("#view", RowsView)
        by = self._step // HERTZ % CELLS
        order = sorted(range(ROWS), key=lambda index: data[index][by])
        view.show([self._row(index, data[index]) for index in order], self._columns.header())
        view.move(1 if self._step % 20 < 10 else -1)
        self._step += 1

    def _row(self, index: int, values: list[float]) -> Row:
        cells: dict[str, Cell] = {
            name: (f"{value:,.2f}", "up" if value > 0 else "down")
            for name, value in zip(NAMES, values, strict=True)
        }
        return self._columns.row(str(index), **cells)


class Textuals(Table):
    """Textual's own."""

    def compose(self) -> ComposeResult:
        """Show the table."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill it for the first time."""
        table = self.query_one(DataTable)
        self._columns = table.add_columns(*NAMES)
        for index, values in enumerate(figures(0)):
            table.add_row(*map(self._cell, values), key=str(index))
        self._step = 0

    async def update(self, data: Figures) -> None:
        """Update every cell by row key, sort by another column each second, move the cursor."""
        table = self.query_one(DataTable)
        for index, values in enumerate(data):
            for column, value in zip(self._columns, values, strict=True):
                table.update_cell(str(index), column, self._cell(value))
        by = self._columns[self._step // HERTZ % CELLS]
        table.sort(by, key=lambda cell: float(cell.plain.replace(",", "")))
        row = table.cursor_row + (1 if self._step % 20 < 10 else -1)
        table.cursor_coordinate = Coordinate(max(0, row), 0)
        self._step += 1

    @staticmethod
    def _cell(value: float) -> Text:
        colour = COLOURS["up" if value > 0 else "down"]
        return Text(f"{value:,.2f}", style=colour, justify="right")


async def share_of_cpu(app: Table, update: Callable[[Figures], Awaitable[None]]) -> float:
    """Return CPU seconds per second of updates at the rate, painting included."""
    steps = int(SECONDS * HERTZ)
    prepared = [figures(step + 1) for step in range(steps)]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.3)
        begun, started = time.process_time(), time.monotonic()
        for number, data in enumerate(prepared):
            await update(data)
            left = started + (number + 1) / HERTZ - time.monotonic()
            await asyncio.sleep(max(0.0, left))
        busy, passed = time.process_time() - begun, time.monotonic() - started
    return busy / max(passed, SECONDS)


@pytest.mark.bench
async def test_line_table_against_data_table(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = LineTable(), Textuals()
    own = await share_of_cpu(ours, ours.update)
    textuals = await share_of_cpu(theirs, theirs.update)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{ROWS} x {CELLS} cells, all changed at {HERTZ} Hz: line table {own:.1%} of a core,"
            f" DataTable {textuals:.1%}, ratio {own / textuals:.2f} (goal 0.25)"
        )
