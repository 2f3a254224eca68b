"""Rows that can be bars: which ones, how overlapping files become one, and their interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.sessions import regular_session
from hybrid_tui.market.tables import PRICES, VALUES

MIDNIGHTS = (34_200, 48_600, 52_200)
"""Seconds from midnight New York, and from midnight UTC in summer and winter, to the open."""


@dataclass(slots=True, kw_only=True)
class Rows:
    """Sound rows of one symbol: ``values`` has shape (5, n), ``file`` counts the files."""

    start: IntArray
    values: FloatArray
    feed: IntArray
    file: IntArray


def sound_rows(start: IntArray, values: FloatArray) -> tuple[BoolArray, list[tuple[int, str]]]:
    """Return which rows can be bars in the order they stand in, and why the others cannot."""
    open_, high, low, close, volume = values
    with np.errstate(invalid="ignore"):
        tests: list[tuple[BoolArray, str]] = [
            *((~np.isfinite(row), f"{n} is missing or not a number") for n, row in zip(
                VALUES, values, strict=True)),
            *((row <= 0, f"{n} is not above 0") for n, row in zip(PRICES, values, strict=False)),
            (high < low, "high is below low"),
            ((open_ < low) | (open_ > high), "open is outside [low, high]"),
            ((close < low) | (close > high), "close is outside [low, high]"),
            (volume < 0, "volume is negative"),
        ]  # fmt: skip
    reasons: dict[int, str] = {}
    bad = np.zeros(len(start), dtype=np.bool_)
    for failed, reason in tests:
        for i in np.flatnonzero(failed & ~bad):
            reasons[int(i)] = reason
        bad |= failed
    rows = np.flatnonzero(~bad)
    kept = start[rows]
    latest = np.maximum.accumulate(kept) if len(kept) else kept
    behind = np.zeros(len(kept), dtype=np.bool_)
    behind[1:] = kept[1:] <= latest[:-1]
    seen = set(kept[~behind].tolist()) if behind.any() else set()
    for i in np.flatnonzero(behind):
        again = int(kept[i]) in seen
        reasons[int(rows[i])] = (
            "the timestamp stands above already" if again else "out of order: earlier than above"
        )
    bad[rows[behind]] = True
    return ~bad, sorted(reasons.items())


def merge_rows(parts: Sequence[Rows], repeated: IntArray) -> tuple[Rows, int]:
    """Return the rows of all files by time, the first seen winning, and how many differ from it."""
    if len(parts) == 1:
        return parts[0], 0
    start = np.concatenate([part.start for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    file = np.concatenate([part.file for part in parts])
    order = np.argsort(start, kind="stable")
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = start[order][1:] != start[order][:-1]
    first = order[new]
    again = order[~new]
    winner = first[np.cumsum(new)[~new] - 1]
    differing = int((values[:, again] != values[:, winner]).any(axis=0).sum())
    repeated += np.bincount(file[again], minlength=len(repeated))
    feed = np.concatenate([part.feed for part in parts])
    return (
        Rows(start=start[first], values=values[:, first], feed=feed[first], file=file[first]),
        differing,
    )


def smallest_distance(starts: Sequence[IntArray], calendar: TradingCalendar) -> int:
    """Return the interval of bars: their smallest distance within a session, in seconds.

    Bars a day (or more) apart are daily. A lone bar is daily at midnight New York or UTC, else it
    is taken as one of a minute.
    """
    step = min((int(np.diff(start).min()) for start in starts if len(start) > 1), default=0)
    if step == 0:
        first = int(starts[0][0])
        index = min(
            int(np.searchsorted(calendar.open_seconds, first)), len(calendar.open_seconds) - 1
        )
        lone_day = int(calendar.open_seconds[index]) - first in MIDNIGHTS
        return DAY_SECONDS if lone_day else 60
    if step > 20 * 3600:
        return DAY_SECONDS
    best = 0
    for start in starts:
        inside, _ = regular_session(calendar, start, step)
        within = start[inside]
        session = np.searchsorted(calendar.close_seconds, within, side="right")
        distance = np.diff(within)[np.diff(session) == 0]
        if len(distance):
            best = min(best or int(distance.min()), int(distance.min()))
    return best or step


def fingerprint(series: Mapping[str, BarSeries]) -> str:
    """Return a SHA-256 over every bar, so that two runs can say that they saw the same data."""
    digest = sha256()
    for symbol in sorted(series):
        bars = series[symbol]
        digest.update(f"{symbol}\0{bars.interval}\0{bars.feed}\0{len(bars)}\0".encode())
        for column in (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume):
            digest.update(np.ascontiguousarray(column).data)
        bars.release()
    return digest.hexdigest()
