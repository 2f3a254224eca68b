"""Line plots as text: two by four dots a character (braille), or one star where that cannot be.

Own code instead of a library: plotille frames every plot with axes through its origin that take 20
of 80 columns, and plotext 6 ships a compiled module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from hybrid_tui.domain.bars import FloatArray

BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille character, by row and column."""


def line_plot(
    values: Sequence[float],
    *,
    width: int,
    height: int,
    label: Callable[[float], str],
    braille: bool = True,
) -> list[str]:
    """Return ``height`` lines of at most ``width`` characters with the plot of finite values.

    The highest and the lowest value stand at the left, by ``label``. Where there are more values
    than columns, each column spans from the lowest to the highest of its own, so that no extreme
    is lost. Without ``braille`` the plot is ASCII.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) == 0:
        return [""] * height
    low, high = float(data.min()), float(data.max())
    names = [label(high), *[""] * (height - 2), label(low)] if height > 1 else [label(high)]
    margin = max(len(name) for name in names)
    across, down = (2, 4) if braille else (1, 1)
    columns = max(1, width - margin - 1) * across
    rows = height * down
    spans = _spans(data, columns)
    scale = (rows - 1) / (high - low) if high > low else 0.0
    cells = [[0] * (columns // across) for _ in range(height)]
    for x, (least, most) in enumerate(spans):
        top, bottom = round((high - most) * scale), round((high - least) * scale)
        for y in range(top, bottom + 1):
            bit = DOTS[y % down][x % across] if braille else 1
            cells[y // down][x // across] |= bit
    return [
        f"{name:>{margin}} {_text(line, braille)}".rstrip()
        for name, line in zip(names, cells, strict=True)
    ]


def _spans(data: FloatArray, columns: int) -> list[tuple[float, float]]:
    """Return the lowest and highest value of each column, joined to the column before."""
    positions = np.linspace(0, len(data) - 1, columns)
    if len(data) <= columns:
        drawn = np.interp(positions, np.arange(len(data)), data)
        parts = [drawn[i : i + 1] for i in range(columns)]
    else:
        edges = np.linspace(0, len(data), columns + 1).astype(np.int64)
        parts = [data[a:b] for a, b in pairwise(edges.tolist())]
    spans: list[tuple[float, float]] = []
    last = float(parts[0][0])
    for part in parts:
        spans.append((min(last, float(part.min())), max(last, float(part.max()))))
        last = float(part[-1])
    return spans


def _text(line: Sequence[int], braille: bool) -> str:
    if braille:
        return "".join(chr(BRAILLE + bits) if bits else " " for bits in line)
    return "".join("*" if bits else " " for bits in line)
