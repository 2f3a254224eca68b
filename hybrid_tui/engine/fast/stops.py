"""Where a running stop is reached first, over arrays of bars."""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.rules.stops import levels_of, next_level

FIRST_CHUNK, LONGEST_CHUNK = 64, 8_192


def first_touch(
    highs: FloatArray,
    lows: FloatArray,
    *,
    entry: float,
    high: float,
    level: float,
    hard: float,
    trail: float,
) -> int | None:
    """Return the first bar whose low is at its stop, or None; both arrays have shape (n,).

    A bar's stop is the level at the end of the bar before it: ``high`` and ``level`` are those at
    the start, in dollars. Levels only rise, so that a chunk whose lowest low is above the level at
    its end holds no touch.
    """
    begin, size = 0, FIRST_CHUNK
    reason = ExitReason.HARD_STOP
    while begin < len(lows):
        end = min(begin + size, len(lows))
        top = max(high, float(highs[begin:end].max()))
        after, reason = next_level(
            entry=entry, high=top, level=level, level_from=reason, hard=hard, trail=trail
        )
        if float(lows[begin:end].min()) <= after:
            tops = np.maximum.accumulate(np.concatenate(([high], highs[begin : end - 1])))
            levels = levels_of(tops, entry=entry, level=level, hard=hard, trail=trail)
            levels[0] = level
            touched = np.flatnonzero(lows[begin:end] <= levels)
            if len(touched):
                return begin + int(touched[0])
        high, level = top, after
        begin, size = end, min(size * 2, LONGEST_CHUNK)
    return None
