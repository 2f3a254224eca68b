"""What is doubtful about bars that can be bars: gaps, false volume, splits, lone prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar

Kind = Literal[
    "missing_session",
    "gap",
    "thin",
    "zero_volume",
    "late_print",
    "running_volume",
    "feed_change",
    "unadjusted_split",
    "outlier",
]
# A thin share does not trade each minute, and what was printed late was left out: no faults.
NO_FAULTS: frozenset[Kind] = frozenset({"gap", "thin", "zero_volume", "late_print"})

SPLIT_RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50)
SPLIT_TOLERANCE = 0.04
SPIKE = 20.0
FEWEST_SPIKES = 8
FIRST_SPIKE_BAR = 15
RISING_SHARE = 0.9
LONE_MOVE = 0.15
LONE_DAILY_MOVE = 0.35
LONE_RETURN = 0.03
SPLIT_STAYS = 0.25
THIN_SHARE = 0.3
SEAM_SESSIONS = 8
SEAM_FACTOR = 3.0
WHOLE_SESSION_S = 23_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a person should look at, from ``at`` on, in ``count`` bars or sessions."""

    symbol: str
    kind: Kind
    at: datetime
    count: int
    detail: str

    @property
    def is_fault(self) -> bool:
        """Whether the bars are wrong, not alike, or missing whole days."""
        return self.kind not in NO_FAULTS


def check(series: BarSeries, calendar: TradingCalendar) -> list[Finding]:
    """Return what is doubtful in a series, by time. Bars without a fault give no finding.

    ``misleading`` are those of them that make a result over the bars wrong.
    """
    if len(series) == 0:
        return []
    session = _sessions(series, calendar)
    findings = [
        *_missing_sessions(series, calendar, session),
        *_gaps(series, calendar, session),
        *_zero_volumes(series),
        *misleading(series, calendar),
        *_outliers(series, session),
    ]
    return sorted(findings, key=lambda finding: (finding.at, finding.kind))


def misleading(series: BarSeries, calendar: TradingCalendar) -> list[Finding]:
    """Return the running volumes, changes of feed and unadjusted splits in a series."""
    if len(series) == 0:
        return []
    session = _sessions(series, calendar)
    return [
        *_running_volumes(series, session),
        *_feed_changes(series, session),
        *_splits(series, session),
    ]


def _sessions(series: BarSeries, calendar: TradingCalendar) -> IntArray:
    return np.searchsorted(calendar.close_seconds, series.start, side="right")


def running_totals(volume: FloatArray) -> BoolArray:
    """Return which volumes of one session are running totals of the day instead of a bar's own.

    Such bars stand tens of times above the session's median and rise from one to the next, which
    single large trades do not. Shape (bars of the session,).
    """
    spikes = np.zeros(len(volume), dtype=np.bool_)
    traded = volume[volume > 0]
    if len(traded) < FIRST_SPIKE_BAR:
        return spikes
    spikes[FIRST_SPIKE_BAR:] = volume[FIRST_SPIKE_BAR:] > SPIKE * np.median(traded)
    tall = volume[spikes]
    if len(tall) < FEWEST_SPIKES or (np.diff(tall) >= 0).mean() < RISING_SHARE:
        spikes[:] = False
    return spikes


def late_prints(symbol: str, start: IntArray, calendar: TradingCalendar) -> list[Finding]:
    """Return half-days with rows between their early close and the hour of a whole session's.

    ``start`` holds UTC epoch seconds of rows as they stand in a file: such rows belong to no
    session, so that a series has none of them.
    """
    session = np.searchsorted(calendar.open_seconds, start, side="right") - 1
    after = np.flatnonzero(session >= 0)
    late = after[
        (start[after] >= calendar.close_seconds[session[after]])
        & (start[after] < calendar.open_seconds[session[after]] + WHOLE_SESSION_S)
    ]
    findings = []
    for index in np.unique(session[late]).tolist():
        rows = start[late][session[late] == index]
        close = calendar.sessions[index].close
        findings.append(
            Finding(
                symbol=symbol,
                kind="late_print",
                at=datetime.fromtimestamp(int(rows[0]), UTC),
                count=len(rows),
                detail=f"bars after the early close at {close:%H:%M} UTC; they were left out",
            )
        )
    return findings


def _find(series: BarSeries, kind: Kind, second: int, count: int, detail: str) -> Finding:
    at = datetime.fromtimestamp(second, UTC)
    return Finding(symbol=series.symbol, kind=kind, at=at, count=count, detail=detail)


def _missing_sessions(
    series: BarSeries, calendar: TradingCalendar, session: IntArray
) -> list[Finding]:
    """Find runs of sessions without a single bar."""
    findings = []
    for i in np.flatnonzero(np.diff(session) > 1):
        first, count = int(session[i]) + 1, int(session[i + 1] - session[i]) - 1
        days = [calendar.sessions[first].day, calendar.sessions[first + count - 1].day]
        text = f"no bar on {days[0]}" if count == 1 else f"no bar from {days[0]} to {days[1]}"
        second = int(calendar.open_seconds[first])
        findings.append(_find(series, "missing_session", second, count, text))
    return findings


def _gaps(series: BarSeries, calendar: TradingCalendar, session: IntArray) -> list[Finding]:
    """Find missing bars inside sessions: one finding for the series, naming the longest gap."""
    step = series.interval
    if step >= DAY_SECONDS:
        return []
    # Bars before a session's first one and after its last one do not count: the first and the last
    # session of a download are often cut, and thin shares seldom trade at the bell.
    inside = np.flatnonzero((session == np.roll(session, 1)) & (np.arange(len(session)) > 0))
    missing = np.zeros(len(session), dtype=np.int64)
    missing[inside] = (series.start[inside] - series.start[inside - 1]) // step - 1
    total = int(missing.sum())
    if total == 0:
        return []
    longest = int(np.argmax(missing))
    sessions = len(np.unique(session[missing > 0]))
    share = total / (total + len(series))
    second = int(series.start[longest - 1]) + step
    return [
        _find(
            series,
            # No share trades each second.
            "thin" if share >= THIN_SHARE and step >= 60 else "gap",
            second,
            total,
            f"{total} bars ({share:.1%}) are missing inside {sessions} sessions; the longest gap "
            f"is {int(missing[longest])} bars",
        )
    ]


def _zero_volumes(series: BarSeries) -> list[Finding]:
    empty = np.flatnonzero(series.volume == 0)
    if len(empty) == 0:
        return []
    share = len(empty) / len(series)
    text = f"{len(empty)} bars ({share:.1%}) have no volume"
    return [_find(series, "zero_volume", int(series.start[empty[0]]), len(empty), text)]


def _feed_changes(series: BarSeries, session: IntArray) -> list[Finding]:
    """Find sessions from which on the dollar volume is of another order, as of another feed.

    All of some sessions before have less (or more) than each of as many after. Daily bars are left
    alone: their volume changes as much for good reasons.
    """
    if series.interval >= DAY_SECONDS:
        return []
    first = np.flatnonzero(np.diff(session, prepend=-1))
    dollars = np.log(np.maximum(np.add.reduceat(series.volume * series.close, first), 1.0))
    days = session[first]
    span = SEAM_SESSIONS
    if len(days) < 2 * span:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(dollars, span)
    low, high = windows.min(axis=1), windows.max(axis=1)
    # Window i ends before day i + span, which begins window i + span.
    step = np.maximum(low[span:] - high[:-span], low[:-span] - high[span:])
    step[np.diff(days)[span - 1 : len(days) - span] != 1] = 0.0
    findings = []
    for i in np.flatnonzero(step > np.log(SEAM_FACTOR)).tolist():
        near = step[max(0, i - span) : i + span + 1]
        if step[i] < near.max():
            continue
        day = first[i + span]
        ratio = float(np.exp(np.median(windows[i + span]) - np.median(windows[i])))
        text = f"{ratio:.3g} times the dollar volume of the sessions before: another feed?"
        findings.append(_find(series, "feed_change", int(series.start[day]), 1, text))
    return findings


def _running_volumes(series: BarSeries, session: IntArray) -> list[Finding]:
    if series.interval >= 3600:
        return []
    findings = []
    bounds = np.flatnonzero(np.diff(session, prepend=-1, append=-1))
    # No volume stands that far above the session's median unless half of them lie that far below
    # the tallest.
    begins, sizes = bounds[:-1], np.diff(bounds)
    limit = np.maximum.reduceat(series.volume, begins) / SPIKE * (1 + 1e-9)
    traded = series.volume > 0
    low = traded & (series.volume < np.repeat(limit, sizes))
    small = np.add.reduceat(low, begins, dtype=np.int64)
    suspects = np.flatnonzero(2 * small >= np.add.reduceat(traded, begins, dtype=np.int64))
    for first, last in zip(bounds[suspects].tolist(), bounds[suspects + 1].tolist(), strict=True):
        spikes = running_totals(series.volume[first:last])
        count = int(spikes.sum())
        if count:
            zero = int((series.volume[first:last] == 0).sum())
            second = int(series.start[first + int(np.argmax(spikes))])
            text = f"{count} volumes look like running totals of the day, {zero} bars have none"
            findings.append(_find(series, "running_volume", second, count, text))
    return findings


def _splits(series: BarSeries, session: IntArray) -> list[Finding]:
    """Find sessions that open at a whole multiple or fraction of the last close, and stay there."""
    findings = []
    opens = np.flatnonzero(np.diff(session) == 1) + 1
    leap = series.close[opens - 1] / series.open[opens]
    far = np.maximum(leap, 1 / leap) >= SPLIT_RATIOS[0] * (1 - 2 * SPLIT_TOLERANCE)
    for i in opens[far].tolist():
        ratio = float(series.close[i - 1] / series.open[i])
        times, word = (ratio, "split") if ratio >= 1 else (1 / ratio, "reverse split")
        nearest = min(SPLIT_RATIOS, key=lambda known: abs(times / known - 1))
        stays = float(series.close[i - 1] / series.close[i]) / ratio
        if abs(times / nearest - 1) > SPLIT_TOLERANCE or abs(stays - 1) > SPLIT_STAYS:
            continue
        text = (
            f"{series.close[i - 1]:g} before, {series.open[i]:g} after: "
            f"an unadjusted {nearest}:1 {word}?"
        )
        findings.append(_find(series, "unadjusted_split", int(series.start[i]), 1, text))
    return findings


def _outliers(series: BarSeries, session: IntArray) -> list[Finding]:
    """Find bars whose close leaps away and is back with the next bar of the session.

    Also those that open far away and close where the bar before did.
    """
    close = series.close
    if len(close) < 3:
        return []
    before, at, after = close[:-2], close[1:-1], close[2:]
    move = LONE_MOVE if series.interval < DAY_SECONDS else LONE_DAILY_MOVE
    opens = (np.abs(series.open[1:] / close[:-1] - 1) > move) & (
        np.abs(close[1:] / close[:-1] - 1) < LONE_RETURN
    )
    lone = (np.abs(at / before - 1) > move) & (np.abs(after / before - 1) < LONE_RETURN)
    if series.interval < DAY_SECONDS:
        lone &= session[:-2] == session[2:]
    texts = {
        int(i): f"opens at {series.open[i]:g} between closes at {close[i - 1]:g} and {close[i]:g}"
        for i in np.flatnonzero(opens) + 1
    }
    for i in (np.flatnonzero(lone) + 1).tolist():
        texts[i] = f"closes at {close[i]:g} between {close[i - 1]:g} and {close[i + 1]:g}"
    return [
        _find(series, "outlier", int(series.start[i]), 1, text) for i, text in sorted(texts.items())
    ]
