"""Splits worked into bars: one arithmetic for what is stored, streamed, tested and predicted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, FloatArray, IntArray


def effective(
    actions: Iterable[CorporateAction], symbol: str, now: datetime
) -> list[CorporateAction]:
    """Return a symbol's actions with an ex-date that has come by ``now``, oldest first."""
    own = (action for action in actions if action.symbol == symbol and action.ex_at <= now)
    return sorted(own, key=lambda action: action.ex_at)


def known_before(known_at: IntArray, action: CorporateAction) -> int:
    """Return how many bars are before an action: those known by its ex-date.

    Their starts do not tell: daily bars may be labelled with midnight UTC, which is the evening
    before in New York.
    """
    return int(np.searchsorted(known_at, action.ex_at.timestamp(), side="right"))


def restate(values: FloatArray, past: int, ratio: float) -> None:
    """Restate the first ``past`` bars of ``values`` (5, n) for a split, in place.

    One split after the other, by division: so a past that was restated split by split as time went
    on equals, to the bit, the same past restated at once.
    """
    values[:4, :past] /= ratio
    values[4, :past] *= ratio


def split_adjusted(
    series: BarSeries, actions: Iterable[CorporateAction], now: datetime
) -> BarSeries:
    """Return raw bars restated for the splits whose ex-date has come by ``now``.

    Bars known later than a split stay as they are, so that a series may reach beyond ``now``. The
    series itself is given back where nothing applies.
    """
    pasts = [
        (known_before(series.known_at, action), action.ratio)
        for action in effective(actions, series.symbol, now)
        if action.ratio != 1.0
    ]
    if not any(past for past, _ in pasts):
        return series
    values = np.array([series.open, series.high, series.low, series.close, series.volume])
    for past, ratio in pasts:
        restate(values, past, ratio)
    open_, high, low, close, volume = values
    return replace(series, open=open_, high=high, low=low, close=close, volume=volume)
