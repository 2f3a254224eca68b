"""What a pane is made of: rows of styled spans, and columns that give way when it gets narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from hybrid_tui.tui.format import fit, wrap

Span = tuple[str, str]
"""A text and the name of its style; an empty name is the plain style."""

Line = tuple[Span, ...]
Cell = str | Span | Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a pane; ``key`` names what the cursor selects, None cannot be selected."""

    line: Line
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of ``width`` cells; the highest ``rank`` goes first when there is no room."""

    name: str
    title: str
    width: int
    align: str = "left"
    rank: int = 0
    grows: bool = False


def row(*spans: Span | str, key: str | None = None) -> Row:
    """Return a row of spans; plain strings have the plain style."""
    return Row(line=tuple((s, "") if isinstance(s, str) else s for s in spans), key=key)


def text_of(line: Line) -> str:
    """Return a line's text without its styles."""
    return "".join(text for text, _ in line)


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def wrapped(rows: Sequence[Row], width: int) -> list[Row]:
    """Return rows of which those of one span are broken at spaces to the width."""
    broken: list[Row] = []
    for shown in rows:
        if len(shown.line) == 1 and width_of(shown.line) > width > 0:
            text, style = shown.line[0]
            broken += [Row(line=((line, style),), key=shown.key) for line in wrap(text, width)]
        else:
            broken.append(shown)
    return broken


class Columns:
    """The columns that fit into a width, and the rows set in them."""

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        kept = list(columns)
        while len(kept) > 1 and _needed(kept) > width:
            least = max(kept, key=lambda column: column.rank)
            if least.rank == 0:
                break
            kept.remove(least)
        spare = max(0, width - _needed(kept))
        self._kept = kept
        self._widths = {
            column.name: column.width + (spare if column.grows else 0) for column in kept
        }

    def __contains__(self, name: str) -> bool:
        return name in self._widths

    def width(self, name: str) -> int:
        """Return the width that a column got, 0 where it had to go."""
        return self._widths.get(name, 0)

    def header(self) -> Line:
        """Return the line of titles."""
        return self._set({column.name: (column.title, "head") for column in self._kept})

    def row(self, key: str | None, **cells: Cell) -> Row:
        """Return a row of cells by column name."""
        return Row(line=self._set(cells), key=key)

    def _set(self, cells: dict[str, Cell] | dict[str, Span]) -> Line:
        line: list[Span] = []
        for column in self._kept:
            if line:
                line.append((" ", ""))
            line.extend(
                _in_cell(cells.get(column.name, ""), self._widths[column.name], column.align)
            )
        return tuple(line)


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(columns) - 1


def _in_cell(cell: Cell, width: int, align: str) -> Line:
    if isinstance(cell, str):
        return ((fit(cell, width, align), ""),)
    if isinstance(cell[0], str):
        text, style = cell[0], cell[1]
        return ((fit(text, width, align), str(style)),)
    spans: Line = cell
    used = width_of(spans)
    if used > width:
        return ((fit(text_of(spans), width, align), spans[0][1]),)
    padding: Line = ((" " * (width - used), ""),) if used < width else ()
    return (*padding, *spans) if align == "right" else (*spans, *padding)
