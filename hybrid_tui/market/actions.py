"""Splits and dividends: what they do to prices, as far as they are effective at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from math import log
from typing import Literal

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.splits import effective, known_before, split_adjusted

Kind = Literal["splits", "all"]

LEAST_LEAP = 1.4


def merge_actions(*groups: Iterable[CorporateAction]) -> list[CorporateAction]:
    """Return each action once, by ex-date, symbol and kind; where two differ the first stays.

    Vendors agree on the date, not on the hour from which an action counts.
    """
    found: dict[tuple[date, str, bool, bool], CorporateAction] = {}
    for group in groups:
        for action in group:
            day = action.ex_at.astimezone(NEW_YORK).date()
            key = (day, action.symbol, action.ratio != 1.0, action.amount != 0.0)
            found.setdefault(key, action)
    return sorted(found.values(), key=lambda action: (action.ex_at, action.symbol))


def ex_instant(day: date) -> datetime:
    """Return the instant from which an action of a New York date counts: its midnight there.

    Every bar of the session before is known by then, and none of that day's.
    """
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)


def adjusted(
    series: BarSeries, actions: Iterable[CorporateAction], now: datetime, kind: Kind = "splits"
) -> BarSeries:
    """Return raw bars restated for the splits (with ``all`` also the dividends) known at ``now``.

    Only actions whose ex-date has come by ``now`` count. A split divides the prices before it by
    its ratio; with ``all`` a dividend multiplies them by 1 - amount / last raw close before it. A
    dividend before the first bar, and one that is not below the close, change nothing. The series
    itself is given back where nothing applies.
    """
    known = list(actions)
    split = split_adjusted(series, known, now)
    if kind == "splits":
        return split
    price = np.ones(len(series))
    for action in effective(known, series.symbol, now):
        past = known_before(series.known_at, action)
        if past and 0 < action.amount < series.close[past - 1]:
            price[:past] *= 1 - action.amount / float(series.close[past - 1])
    if (price == 1.0).all():
        return split
    return replace(
        split,
        open=split.open * price,
        high=split.high * price,
        low=split.low * price,
        close=split.close * price,
    )


def as_traded(series: BarSeries, splits: Sequence[CorporateAction], now: datetime) -> BarSeries:
    """Return bars that came adjusted for the splits until ``now`` as they were traded.

    A split that the vendor has not worked in yet is left alone: the prices still leap by it from
    the last close before to the first open after.
    """
    price = np.ones(len(series))
    share = np.ones(len(series))
    for action in effective(splits, series.symbol, now):
        past = known_before(series.known_at, action)
        if action.ratio == 1.0 or past == 0:
            continue
        if past < len(series) and _leaps(series, past, action.ratio):
            continue
        price[:past] *= action.ratio
        share[:past] /= action.ratio
    if (price == 1.0).all():
        return series
    return replace(
        series,
        open=series.open * price,
        high=series.high * price,
        low=series.low * price,
        close=series.close * price,
        volume=np.round(series.volume * share),
    )


def _leaps(series: BarSeries, first: int, ratio: float) -> bool:
    """Whether bar ``first`` opens nearer to the last close over the ratio than to that close."""
    if LEAST_LEAP > ratio > 1 / LEAST_LEAP:
        # A night's move can be as large, so that nothing can be told from the prices.
        return False
    leap = float(series.close[first - 1] / series.open[first])
    return abs(log(leap / ratio)) < abs(log(leap))
