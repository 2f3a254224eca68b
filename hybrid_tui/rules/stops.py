"""The protective stop: hard until the trail is armed, and never falling."""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.orders import ExitReason


def first_level(entry: float, hard: float) -> float:
    """Return the level at the entry fill: entry x (1 - hard), dollars."""
    return entry * (1 - hard)


def next_level(
    *,
    entry: float,
    high: float,
    level: float,
    level_from: ExitReason,
    hard: float,
    trail: float,
) -> tuple[float, ExitReason]:
    """Return the level at a bar's end, and the stop that gave it.

    ``high`` has taken in the bar's high. The trail is armed when high x (1 - trail) is at the entry
    or above: it locks profit in and never becomes a tighter loss stop.
    """
    hard_level = first_level(entry, hard)
    if hard_level > level:
        level, level_from = hard_level, ExitReason.HARD_STOP
    trail_level = high * (1 - trail)
    if trail_level >= entry and trail_level > level:
        level, level_from = trail_level, ExitReason.TRAILING_STOP
    return level, level_from


def levels_of(
    highs: FloatArray, *, entry: float, level: float, hard: float, trail: float
) -> FloatArray:
    """Return :func:`next_level` for each of ``highs``, from ``level`` on; shape as ``highs``.

    As highs rise from bar to bar, each level is the one that the bars up to there lead to.
    """
    base = max(level, first_level(entry, hard))
    trailing = highs * (1 - trail)
    levels: FloatArray = np.where(trailing >= entry, np.maximum(trailing, base), base)
    return levels
