"""A grid of cells to draw on: candles in half cells, lines in braille dots, letters above both."""

from __future__ import annotations

from collections.abc import Sequence

from hybrid_tui.tui.widgets.lines import Line, Span

PARTS = {
    ("", ""): " ",
    ("wick", "wick"): "│",
    ("wick", ""): "╵",
    ("", "wick"): "╷",
    ("thin", "thin"): "┃",
    ("thin", ""): "╹",
    ("", "thin"): "╻",
    ("wick", "thin"): "╽",
    ("thin", "wick"): "╿",
    ("full", "full"): "▐",
    ("full", ""): "▝",
    ("", "full"): "▗",
    ("wick", "full"): "▗",
    ("full", "wick"): "▝",
}
"""Characters by what stands in the upper and in the lower half of a cell."""

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
BRAILLE = 0x2800
DOT_ROWS = 4


class Canvas:
    """``width`` x ``height`` cells; what is put later stands above what was there."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._cells: list[list[Span]] = [[(" ", "")] * width for _ in range(height)]

    def put(self, x: int, y: int, character: str, style: str = "") -> None:
        """Put one character into a cell, if there is such a cell."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._cells[y][x] = (character, style)

    def put_under(self, x: int, y: int, character: str, style: str = "") -> None:
        """Put one character into a cell that is still empty."""
        if 0 <= x < self.width and 0 <= y < self.height and self._cells[y][x][0] == " ":
            self._cells[y][x] = (character, style)

    def write(self, x: int, y: int, text: str, style: str = "") -> None:
        """Write a text of narrow characters from a cell on."""
        for offset, character in enumerate(text):
            self.put(x + offset, y, character, style)

    def line(
        self, points: Sequence[tuple[int, float | None]], style: str, *, dotted: bool = False
    ) -> None:
        """Draw a line in braille through (column, cells from the top), under what is there.

        A missing value breaks it. Dotted lines have their points only, and nothing between them.
        """
        dots: dict[tuple[int, int], int] = {}
        before: tuple[int, int] | None = None
        for column, y in points:
            if y is None:
                before = None
                continue
            x, row = column * 2, round(y * DOT_ROWS)
            if dotted or before is None:
                _dot(dots, x, row)
            else:
                _stroke(dots, before, (x, row))
            before = (x, row)
        for (x, y), mask in dots.items():
            self.put_under(x, y, chr(BRAILLE + mask), style)

    def bar(self, x: int, top: float, bottom: float, style: str) -> None:
        """Draw a thin bar between two heights (cells from the top), to half a cell."""
        self._halves(x, dict.fromkeys(_halves(top, bottom), "thin"), style)

    def candle(
        self,
        x: int,
        wick: tuple[float, float],
        body: tuple[float, float],
        style: str,
        *,
        hollow: bool,
    ) -> None:
        """Draw a candle; wick and body are (top, bottom) in cells from the top.

        A hollow body is thin, the other half a cell wide, so that they differ without colours.
        """
        halves = dict.fromkeys(_halves(*wick), "wick")
        halves |= dict.fromkeys(_halves(*body), "thin" if hollow else "full")
        self._halves(x, halves, style)

    def _halves(self, x: int, halves: dict[int, str], style: str) -> None:
        for y in {half // 2 for half in halves}:
            key = (halves.get(2 * y, ""), halves.get(2 * y + 1, ""))
            self.put(x, y, PARTS[key], style)

    def rows(self) -> list[Line]:
        """Return the cells as lines, cells of one style side by side joined."""
        found = []
        for cells in self._cells:
            line: list[Span] = []
            text, style = "", ""
            for character, name in cells:
                if name != style and text:
                    line.append((text, style))
                    text = ""
                style = name
                text += character
            line.append((text, style))
            found.append(tuple(line))
        return found


def _halves(top: float, bottom: float) -> range:
    """Return the half cells from a top to a bottom, at least one."""
    first = round(top * 2)
    return range(first, max(first + 1, round(bottom * 2)))


def _dot(dots: dict[tuple[int, int], int], x: int, y: int) -> None:
    cell = (x // 2, y // DOT_ROWS)
    dots[cell] = dots.get(cell, 0) | DOTS[x % 2][y % DOT_ROWS]


def _stroke(dots: dict[tuple[int, int], int], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Set the dots of a straight line between two dots."""
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for step in range(steps + 1):
        x = x0 + round((x1 - x0) * step / steps)
        y = y0 + round((y1 - y0) * step / steps)
        _dot(dots, x, y)
