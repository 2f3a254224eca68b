"""Longer bars from shorter ones, counted from each session's open."""

from __future__ import annotations

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, feed_changes
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError
from hybrid_tui.market.sessions import regular_session

MIDNIGHT_TO_OPEN = 34_200


def resample(series: BarSeries, interval: int, calendar: TradingCalendar) -> BarSeries:
    """Return bars of ``interval`` seconds made of a series' regular-session bars.

    Intraday bars start at the open plus multiples of the interval, daily ones at midnight New York.
    A bar is made wherever one of its parts is there. Raises ConfigError where the interval is not a
    multiple of the series' own, or longer than a day.
    """
    if interval == series.interval or len(series) == 0:
        return series
    if interval < series.interval or interval % series.interval or interval > DAY_SECONDS:
        raise ConfigError(
            f"bars of {interval} s cannot be made of bars of {series.interval} s",
            hint="an interval must be a multiple of the data's, and at most a day",
        )
    session = np.searchsorted(calendar.close_seconds, series.start, side="right")
    opens = calendar.open_seconds[session]
    if interval == DAY_SECONDS:
        label = opens - MIDNIGHT_TO_OPEN
    else:
        label = opens + np.maximum(series.start - opens, 0) // interval * interval
    first = np.flatnonzero(np.diff(label, prepend=-1))
    last = np.append(first[1:], len(series)) - 1
    start = label[first]
    _, known_at = regular_session(calendar, start, interval)
    names, codes = series.feed_names, series.feed_codes()
    changes = np.flatnonzero(np.diff(codes[last], prepend=-1))
    return BarSeries(
        symbol=series.symbol,
        interval=interval,
        feed=series.feed,
        start=start,
        known_at=known_at,
        open=series.open[first],
        high=np.maximum.reduceat(series.high, first),
        low=np.minimum.reduceat(series.low, first),
        close=series.close[last],
        volume=np.add.reduceat(series.volume, first),
        # A longer bar is of the feed of its last part.
        feeds=feed_changes([(int(start[i]), names[int(codes[last[i]])]) for i in changes]),
    )
