"""Where a running stop is reached first, over arrays of bars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.rules.stops import levels_of, next_level

FIRST_CHUNK, LONGEST_CHUNK = 512, 8_192


class Touch(NamedTuple):
    """The bar at which a stop is reached, and the level that rested there."""

    bar: int
    level: float
    level_from: ExitReason


def first_touch(
    highs: FloatArray,
    lows: FloatArray,
    *,
    entry: float,
    high: float,
    level: float,
    level_from: ExitReason,
    hard: float,
    trail: float,
) -> Touch | None:
    """Return the first bar whose low is at its stop, or None; both arrays have shape (n,).

    A bar's stop is the level at the end of the bar before it: ``high``, ``level`` and its origin
    are those at the start, in dollars. Levels only rise, so that a chunk whose lowest low is above
    the level at its end holds no touch.
    """
    begin, size, count = 0, FIRST_CHUNK, len(lows)
    while begin < count:
        end = min(begin + size, count)
        top = max(high, float(np.maximum.reduce(highs[begin:end])))
        after, after_from = next_level(
            entry=entry, high=top, level=level, level_from=level_from, hard=hard, trail=trail
        )
        if np.minimum.reduce(lows[begin:end]) <= after:
            tops = np.maximum.accumulate(np.concatenate(((high,), highs[begin : end - 1])))
            levels = levels_of(tops, entry=entry, level=level, hard=hard, trail=trail)
            levels[0] = level
            touched = lows[begin:end] <= levels
            bar = int(touched.argmax())
            if touched[bar]:
                if bar:
                    level, level_from = next_level(
                        entry=entry,
                        high=float(tops[bar]),
                        level=level,
                        level_from=level_from,
                        hard=hard,
                        trail=trail,
                    )
                return Touch(begin + bar, level, level_from)
        high, level, level_from = top, after, after_from
        begin, size = end, min(size * 2, LONGEST_CHUNK)
    return None
