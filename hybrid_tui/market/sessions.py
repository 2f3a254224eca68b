"""Which regular session a bar belongs to, and when the bar is known."""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BoolArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar


def regular_session(
    calendar: TradingCalendar, start: IntArray, interval_s: int
) -> tuple[BoolArray, IntArray]:
    """Return which bars lie in a regular session, and when each of them is known.

    ``start`` holds UTC epoch seconds, shape (n,). An intraday bar belongs to the session that its
    span [start, start + interval) overlaps and is known at the smaller of its end and the close: an
    hourly bar labelled 09:00 New York is the first half hour of the session. A daily bar, labelled
    by midnight, belongs to the session of its date and is known at that close; a longer one is
    known at the last close that it spans. Both results have shape (n,); where the first is False
    the second has no meaning.
    """
    opens, closes = calendar.open_seconds, calendar.close_seconds
    end = start + interval_s
    first = np.searchsorted(closes, start, side="right")
    inside = first < len(closes)
    first = np.minimum(first, len(closes) - 1)
    if interval_s < DAY_SECONDS:
        return inside & (opens[first] < end), np.minimum(end, closes[first])
    if interval_s == DAY_SECONDS:
        # Midnight UTC, which many vendors write, is the evening before in New York. Taking the
        # first close within a day of the label puts both spellings of a date into its session.
        return inside & (closes[first] - start < DAY_SECONDS), closes[first]
    last = np.searchsorted(opens, end, side="left") - 1
    return inside & (last >= first), closes[np.maximum(last, 0)]
