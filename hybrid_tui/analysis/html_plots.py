"""Line plots as inline SVG: scaled by their box, coloured by the page's own style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from hybrid_tui.domain.bars import FloatArray

WIDTH, MARGIN = 800, 70
MOST_POINTS = 1_500


def svg_plot(
    title: str,
    lines: Sequence[tuple[str, Sequence[float]]],
    times: Sequence[str],
    *,
    height: int,
    label: Callable[[float], str],
    fill: bool = False,
) -> str:
    """Return an SVG with named lines over the same points; ``times`` names first and last.

    ``fill`` colours what lies between the first line and the top.
    """
    every = np.concatenate([np.asarray(values, dtype=np.float64) for _, values in lines])
    low, high = float(every.min()), float(every.max())
    bottom, right = height - 20, WIDTH - 10
    scale = (bottom - 10) / (high - low) if high > low else 0.0
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for share in (0.0, 0.5, 1.0):
        y = 10 + share * (bottom - 10)
        value = high - share * (high - low)
        parts.append(f'<line class="grid" x1="{MARGIN}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" class="end">{escape(label(value))}</text>'
        )
    for index, (name, values) in enumerate(lines):
        points = _points(np.asarray(values, dtype=np.float64), right, high, scale)
        kind = f"line{index}"
        if fill and index == 0:
            area = f"{MARGIN},10 {points} {right},10"
            parts.append(f'<polygon class="area" points="{area}"/>')
        parts.append(f'<polyline class="{kind}" points="{points}"/>')
        if len(lines) > 1:
            x = MARGIN + 10 + 130 * index
            parts.append(f'<text x="{x}" y="22" class="{kind}">{escape(name)}</text>')
    if times:
        parts.append(f'<text x="{MARGIN}" y="{height - 4}">{escape(times[0])}</text>')
        parts.append(f'<text x="{right}" y="{height - 4}" class="end">{escape(times[-1])}</text>')
    return "".join([*parts, "</svg>"])


def _points(values: FloatArray, right: int, high: float, scale: float) -> str:
    """Return the corners of a line; of many points the lowest and highest of each stretch."""
    index = np.arange(len(values))
    if len(values) > MOST_POINTS:
        bounds = np.linspace(0, len(values), MOST_POINTS // 2 + 1).astype(np.int64)
        kept: set[int] = {0, len(values) - 1}
        for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            kept.add(first + int(values[first:last].argmin()))
            kept.add(first + int(values[first:last].argmax()))
        index = np.array(sorted(kept))
    step = (right - MARGIN) / max(1, len(values) - 1)
    x, y = MARGIN + index * step, 10 + (high - values[index]) * scale
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
