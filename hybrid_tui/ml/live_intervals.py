"""Which intervals would have held as the desk says them: widened by the outcomes before them."""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.interval_width import IntervalWidth


def held_live(
    at: IntArray, horizon_end: IntArray, symbol: IntArray, strain: FloatArray, level: float
) -> BoolArray:
    """Return whether each interval held, (n,), LiveCalibration's widths being learned on the way.

    ``at`` rises; ``strain`` is how far the price went from the forecast, in log prices, as a share
    of the way to that end of the model's own interval: at most 1 within it.
    """
    held = np.zeros(len(at), dtype=np.bool_)
    for number in np.unique(symbol):
        rows = np.flatnonzero(symbol == number)
        width, settled = IntervalWidth(), 0
        ends = horizon_end[rows].tolist()
        for place, (row, now) in enumerate(zip(rows.tolist(), at[rows].tolist(), strict=True)):
            while settled < place and ends[settled] <= now:
                until = settled + 1
                while until < place and ends[until] == ends[settled]:
                    until += 1
                width.learn(held[rows[settled:until]].tolist(), level)
                settled = until
            held[row] = strain[row] <= width.factor
    return held


def strains(
    log_return: FloatArray, forecast: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return how far each return went, as a share of the way to its interval's end, (n,)."""
    off = log_return - forecast
    reach = np.where(off >= 0, high - forecast, low - forecast)
    return np.asarray(np.divide(off, reach, out=np.full(len(off), np.inf), where=reach != 0))
