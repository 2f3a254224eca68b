"""How many bars of warm-up the indicators in use need until it no longer matters where they began.

A recursive indicator (RSI, MACD, ATR) never quite forgets its first bar. What a run starts with is
compared, later in the same data where a longer history exists, with the same number of bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BarSeries, FloatArray
from hybrid_tui.rules.indicators import indicators_of
from hybrid_tui.rules.technical import Technicals

LADDER = (0, 25, 50, 75, 100, 150, 200, 300, 500, 1000)
LONG = 2000
TOLERANCE = 0.001
SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """``needed`` bars (None: more than the longest tried) before the worst line agrees.

    ``worst`` is the line that takes longest, ``differences`` the largest difference of any line at
    each step of the ladder that was tried, as a share of the line's own range.
    """

    needed: int | None
    worst: str
    differences: Mapping[int, float]


def warm_up_needed(series: BarSeries, rules: RulesConfig) -> WarmUp | None:
    """Return how much warm-up the lines in use need; None where the data are too short to tell.

    Differences are relative to the spread (largest less smallest value) of the line over the long
    history; a value that does not exist yet counts as a difference of 1.
    """
    technicals = Technicals.of(rules)
    if len(series) <= LONG:
        return None
    places = np.linspace(LONG, len(series) - 1, SAMPLES).astype(int)
    differences: dict[int, float] = {}
    slowest = ("", -1)
    for steps in LADDER:
        largest = 0.0
        for place in places:
            whole = indicators_of(series.slice(int(place) - LONG, int(place) + 1), technicals.lines)
            shown = indicators_of(
                series.slice(int(place) - steps, int(place) + 1), technicals.lines
            )
            for line in technicals.lines:
                apart = _apart(whole[line], shown[line])
                largest = max(largest, apart)
                if apart > TOLERANCE and steps > slowest[1]:
                    slowest = (line.text, steps)
        differences[steps] = largest
    enough = [steps for steps in LADDER if steps > slowest[1]]
    return WarmUp(needed=enough[0] if enough else None, worst=slowest[0], differences=differences)


def _apart(long: FloatArray, short: FloatArray) -> float:
    one, other = float(long[-1]), float(short[-1])
    if np.isnan(one):
        return 0.0
    if np.isnan(other):
        return 1.0
    spread = float(np.nanmax(long) - np.nanmin(long))
    return abs(one - other) / spread if spread > 0 else 0.0
