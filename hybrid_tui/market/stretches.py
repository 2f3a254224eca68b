"""Where stored bars come from, stretch by stretch: their feed, and what they are adjusted for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import log, prod
from typing import Any, Literal

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, IntArray, feed_changes
from hybrid_tui.domain.splits import effective, known_before
from hybrid_tui.market.actions import as_traded

Adjusted = Literal["none", "splits", "all"]
ADJUSTED: tuple[Adjusted, ...] = ("none", "splits", "all")
MOST_TOLD = 3
LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Neighbouring bars of one feed and adjustment.

    ``first`` and ``last`` are the starts of its first and last bar, UTC epoch seconds.
    """

    first: int
    last: int
    bars: int
    feed: str
    adjusted: Adjusted

    @property
    def row(self) -> dict[str, Any]:
        """The stretch as JSON keeps it."""
        return {
            "first": self.first,
            "last": self.last,
            "bars": self.bars,
            "feed": self.feed,
            "adjusted": self.adjusted,
        }


def stretches_in(
    facts: Mapping[str, str], feed: str, first: int, last: int, bars: int
) -> tuple[Stretch, ...]:
    """Return the stretches that a file's facts name; files of before there were any are of one.

    Raises KeyError or ValueError where the facts are not sound.
    """
    if "stretches" in facts:
        return tuple(_stretch(row) for row in json.loads(facts["stretches"]))
    adjusted = _adjustment(facts["adjusted"])
    return (Stretch(first=first, last=last, bars=bars, feed=feed, adjusted=adjusted),)


def stretches_of(series: BarSeries, adjusted: Adjusted) -> tuple[Stretch, ...]:
    """Return the stretches of a series that is adjusted alike throughout."""
    names = [(feed, adjusted) for feed in series.feed_names]
    return _runs(series.start, series.feed_codes(), names)


def merge_stretches(
    start: IntArray,
    is_first: np.ndarray[Any, np.dtype[np.bool_]],
    first: Sequence[Stretch],
    second: Sequence[Stretch],
) -> tuple[Stretch, ...]:
    """Return the stretches of merged bars; ``is_first`` says whose each bar (its start) is."""
    names = list(dict.fromkeys((one.feed, one.adjusted) for one in (*first, *second)))
    codes = np.where(is_first, _codes(start, first, names), _codes(start, second, names))
    return _runs(start, codes, names)


def merge_spans(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return stretches [first, end) in order, those that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return tuple(merged)


def feeds_of(stretches: Sequence[Stretch]) -> tuple[tuple[int, str], ...]:
    """Return where the feed changes, as a series keeps it: empty where it does not."""
    return feed_changes([(stretch.first, stretch.feed) for stretch in stretches])


def seams_told(symbol: str, stretches: Sequence[Stretch]) -> list[str]:
    """Return what a person is told of a series whose feed or adjustment changes."""
    told = []
    for what, names, end in (
        ("feed", [one.feed for one in stretches], "volumes do not compare"),
        ("adjustment", [one.adjusted for one in stretches], "as traded as far as splits are known"),
    ):
        at = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
        if at:
            steps = ", ".join(
                f"to {names[i]} at {_iso(stretches[i].first)}" for i in at[:MOST_TOLD]
            )
            more = f" and {len(at) - MOST_TOLD} more" if len(at) > MOST_TOLD else ""
            told.append(f"{symbol}: the {what} changes from {names[0]} {steps}{more}; {end}")
    return told


def all_as_traded(
    series: BarSeries, stretches: Sequence[Stretch], actions: Sequence[CorporateAction]
) -> BarSeries:
    """Return stored bars as they were traded, those stretches undone that came adjusted.

    A vendor works in the splits until the day of its download, which nobody wrote down: it shows in
    the prices where a stretch meets its neighbour. Dividends that were worked in stay.
    """
    splits = [a for a in effective(actions, series.symbol, LAST) if a.ratio != 1.0]
    columns = np.array([series.open, series.high, series.low, series.close, series.volume])
    high = len(series)
    # From the end, so that what follows a stretch is as traded already.
    for index in range(len(stretches) - 1, -1, -1):
        low = high - stretches[index].bars
        if stretches[index].adjusted != "none" and splits:
            part = series.slice(low, high)
            inside = [a for a in splits if 0 < known_before(part.known_at, a) < len(part)]
            later = [a for a in splits if known_before(part.known_at, a) == len(part)]
            whole = prod(split.ratio for split in inside)
            leap = 0.0
            if high < len(series):
                between = _ratio_between(series, later, high)
                leap = log(part.close[-1] / columns[0, high] / between)
            elif low and stretches[index - 1].adjusted == "none":
                before = [a for a in splits if known_before(part.known_at, a) == 0]
                between = _ratio_between(series, before, low)
                leap = log(part.open[0] * whole / series.close[low - 1] * between)
            chosen = [*inside, *later[: _worked_in(later, leap)]]
            back = as_traded(part, chosen, LAST)
            columns[:, low:high] = [back.open, back.high, back.low, back.close, back.volume]
        high = low
    open_, high_, low_, close, volume = columns
    return replace(series, open=open_, high=high_, low=low_, close=close, volume=volume)


def _ratio_between(series: BarSeries, splits: Sequence[CorporateAction], first: int) -> float:
    """Return the splits that took effect between bar ``first`` - 1 and bar ``first``."""
    return prod(split.ratio for split in splits if known_before(series.known_at, split) == first)


def _worked_in(later: Sequence[CorporateAction], leap: float) -> int:
    """Return how many of the later splits, oldest first, close the leap (a logarithm) best."""
    steps = np.concatenate(([0.0], np.cumsum([log(split.ratio) for split in later])))
    return int(np.argmin(np.abs(leap + steps)))


def _codes(
    start: IntArray, stretches: Sequence[Stretch], names: Sequence[tuple[str, Adjusted]]
) -> IntArray:
    at = np.array([stretch.first for stretch in stretches], dtype=np.int64)
    own = np.array([names.index((one.feed, one.adjusted)) for one in stretches], dtype=np.int64)
    return own[np.maximum(np.searchsorted(at, start, side="right") - 1, 0)]


def _runs(
    start: IntArray, codes: IntArray, names: Sequence[tuple[str, Adjusted]]
) -> tuple[Stretch, ...]:
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1)).tolist()
    return tuple(
        Stretch(
            first=int(start[low]),
            last=int(start[high - 1]),
            bars=high - low,
            feed=names[int(codes[low])][0],
            adjusted=names[int(codes[low])][1],
        )
        for low, high in pairwise(bounds)
    )


def _stretch(row: dict[str, Any]) -> Stretch:
    return Stretch(
        first=int(row["first"]),
        last=int(row["last"]),
        bars=int(row["bars"]),
        feed=str(row["feed"]),
        adjusted=_adjustment(row["adjusted"]),
    )


def _adjustment(text: str) -> Adjusted:
    for known in ADJUSTED:
        if text == known:
            return known
    raise ValueError(f"adjusted for {text!r}")


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
