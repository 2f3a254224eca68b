"""What a night can cost in spite of a stop: the gaps between close and open that a symbol had."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BoolArray, FloatArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import OvernightGaps, Position

RARE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRisk:
    """A holding's next night as fractions of its last close; ``exit`` is where it would be sold.

    ``gap`` is the 1-in-50 gap, or the worst of fewer than 50 nights (``is_rare`` false).
    """

    nights: int
    stop: float
    gap: float
    exit: float
    is_rare: bool

    @property
    def text(self) -> str:
        """Say it in one line, with the number of nights it was measured on."""
        stop, gap = f"{self.stop:+.1%} stop", f"{self.gap:+.1%}"
        name = "1-in-50 gap" if self.is_rare else "worst gap"
        passes = f"{name} exit {gap}" if self.gap < self.stop else f"{name} {gap} stays above"
        few = "" if self.is_rare else ", too few for 1 in 50"
        return f"{stop}: {passes} ({self.nights} nights{few})"


def gaps_of(bars: BarSeries, calendar: TradingCalendar) -> FloatArray:
    """Return open / last close - 1 of each session that follows one with bars, oldest first."""
    if len(bars) == 0:
        return np.empty(0)
    session = np.searchsorted(calendar.close_seconds, bars.start, side="right")
    first = np.flatnonzero(np.diff(session, prepend=-1))
    gaps: FloatArray = bars.open[first[1:]] / bars.close[first[1:] - 1] - 1
    # A symbol that did not trade for a session has no gap of one night there.
    next_day: BoolArray = np.diff(session[first]) == 1
    found: FloatArray = gaps[next_day]
    return found


def overnight_gaps(bars: BarSeries | None, calendar: TradingCalendar) -> OvernightGaps | None:
    """Return how far down the nights of a symbol's known bars went; None without one.

    The 1-in-50 gap is the empirical 2 % quantile, the smallest gap that at least 2 % of the nights
    did not exceed (Hyndman and Fan 1996, The American Statistician 50, definition 1); below 50
    nights there is none.
    """
    gaps = np.sort(gaps_of(bars, calendar)) if bars is not None else np.empty(0)
    nights = len(gaps)
    if nights == 0:
        return None
    rare = float(gaps[math.ceil(nights / RARE) - 1]) if nights >= RARE else None
    return OvernightGaps(nights=nights, worst=float(gaps[0]), one_in_50=rare)


def gap_risk(gaps: OvernightGaps, held: Position, close: float) -> GapRisk:
    """Return what a rare night would do to a holding with its stop at ``held.level`` dollars.

    A gap through the stop is sold at the open; one that stays above leaves the stop where it is.
    """
    stop = min(0.0, held.level / close - 1)
    gap = gaps.one_in_50 if gaps.one_in_50 is not None else gaps.worst
    return GapRisk(
        nights=gaps.nights,
        stop=stop,
        gap=gap,
        exit=min(stop, gap),
        is_rare=gaps.one_in_50 is not None,
    )
