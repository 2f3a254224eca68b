"""Training data: every window of every symbol with its outcome, and its split by whole sessions.

Windows are most of what training holds in memory (3,840 bytes each), so they are written once, in
time order, and every span of sessions is a view of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.ml.features import (
    FEATURE_NAMES,
    INDEX_SYMBOL,
    SUMMARY_NAMES,
    WINDOW,
    Float32Array,
    Windows,
    compute,
    gather,
)
from hybrid_tui.ml.labels import THRESHOLD_BPS, targets, uniqueness
from hybrid_tui.ml.sentiment import SentimentEvents
from hybrid_tui.ml.ticks import Ticks, eligibility, session_ticks, sessions_between

CHUNK = 2048
SPANS = ("train", "validation", "calibration", "test")
SHARES = (0.64, 0.10, 0.16, 0.10)
EMBARGO_SESSIONS = 1
LEAST_SESSIONS = 12
_LEAST_RATIO = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """n windows with outcomes, ordered by instant, then symbol.

    ``at`` and ``horizon_end`` are epoch seconds, ``day`` numbers the session and ``symbol`` the
    symbol. ``scaled_return`` and ``log_volatility`` (NaN where unknown) are in units of sigma x
    sqrt(horizon minutes). ``weight`` is how much of each outcome is its own (labels.uniqueness).
    """

    values: Float32Array
    sigma: FloatArray
    horizon_minutes: FloatArray
    summary: FloatArray
    at: IntArray
    horizon_end: IntArray
    day: IntArray
    symbol: IntArray
    is_up: BoolArray
    log_return: FloatArray
    scaled_return: FloatArray
    log_volatility: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: IntArray | BoolArray | slice) -> Dataset:
        """Return the chosen windows: a view where they follow each other, else a copy."""
        chosen = _as_slice(rows) if isinstance(rows, np.ndarray) else rows
        return Dataset(
            **{field.name: getattr(self, field.name)[chosen] for field in fields(Dataset)}
        )

    @property
    def windows(self) -> Windows:
        """The features alone."""
        return Windows(
            values=self.values,
            sigma=self.sigma,
            horizon_minutes=self.horizon_minutes,
            summary=self.summary,
        )

    def digest(self) -> str:
        """Return a hash of everything in it, that tells whether training is asked the same."""
        found = hashlib.sha256()
        for field in fields(Dataset):
            column = np.ascontiguousarray(getattr(self, field.name))
            found.update(f"{field.name} {column.dtype} {column.shape}\n".encode())
            found.update(column.data)
        return found.hexdigest()


def _as_slice(rows: IntArray | BoolArray) -> IntArray | BoolArray | slice:
    """Return the slice of a mask without a hole, else the rows as they are."""
    if rows.dtype != np.bool_:
        return rows
    count = int(rows.sum())
    first = int(rows.argmax())
    return slice(first, first + count) if rows[first : first + count].all() else rows


def concatenate(parts: list[Dataset]) -> Dataset:
    """Return several data sets as one."""
    return Dataset(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Dataset)
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One symbol's instants with an outcome, the bars known at each, and their rows in the set."""

    number: int
    bars: BarSeries
    ticks: Ticks
    ends: IntArray
    rows: IntArray


def build_dataset(
    series: Mapping[str, BarSeries],
    calendar: TradingCalendar,
    *,
    symbols: tuple[str, ...] | None = None,
    sentiment: Mapping[str, SentimentEvents] | None = None,
    threshold_bps: float = THRESHOLD_BPS,
    max_windows: int | None = None,
    after: int | None = None,
    on_symbol: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Return all windows whose outcome the data show, of instants after ``after`` (epoch seconds).

    With ``max_windows``, every k-th instant of a symbol is kept, so that about that many remain.
    ``on_symbol`` hears how many symbols of how many are done. Raises DataError without windows.
    """
    chosen = [symbol for symbol in sorted(series) if symbols is None or symbol in symbols]
    filled = [symbol for symbol in chosen if len(series[symbol])]
    known_until = max((int(series[s].known_at[-1]) for s in filled), default=0)
    asked = _in_time_order(
        [_asked(series[s], calendar, known_until, after) for s in filled], max_windows
    )
    data = _empty(sum(len(one.rows) for one in asked))
    for one in asked:
        symbol = one.bars.symbol
        for first in range(0, len(one.rows), CHUNK):
            some = slice(first, first + CHUNK)
            at, ends, rows = one.ticks.take(some), one.ends[some], one.rows[some]
            windows = compute(
                gather(
                    one.bars,
                    ends,
                    at.at,
                    at.session_close,
                    calendar=calendar,
                    index=series.get(INDEX_SYMBOL),
                    sentiment=(sentiment or {}).get(symbol),
                )
            )
            came = targets(one.bars, ends, at, known_until=known_until, threshold_bps=threshold_bps)
            unit = windows.sigma * np.sqrt(windows.horizon_minutes)
            data.values[rows] = windows.values
            data.sigma[rows] = windows.sigma
            data.horizon_minutes[rows] = windows.horizon_minutes
            data.summary[rows] = windows.summary
            data.is_up[rows] = came.is_up
            data.log_return[rows] = came.log_return
            data.scaled_return[rows] = came.log_return / unit
            data.log_volatility[rows] = np.log(np.maximum(came.realised / unit, _LEAST_RATIO))
        data.at[one.rows] = one.ticks.at
        data.horizon_end[one.rows] = one.ticks.horizon_end
        data.symbol[one.rows] = one.number
        data.weight[one.rows] = uniqueness(one.ticks.at, one.ticks.horizon_end)
        if on_symbol is not None:
            on_symbol(one.number + 1, len(filled))
    data.day[:] = np.searchsorted(calendar.open_seconds, data.at, side="right") - 1
    return data


def _asked(
    bars: BarSeries, calendar: TradingCalendar, known_until: int, after: int | None
) -> tuple[BarSeries, Ticks, IntArray]:
    """Return a symbol's instants with a whole window and an outcome, and the bars known then."""
    sessions = sessions_between(calendar, int(bars.start[0]), int(bars.known_at[-1]))
    ticks = session_ticks(sessions)
    fit = eligibility(bars, ticks)
    is_asked = fit.is_ready & (ticks.horizon_end <= known_until)
    if after is not None:
        is_asked &= ticks.at > after
    rows = np.flatnonzero(is_asked)
    return bars, ticks.take(rows), fit.ends[rows]


def _in_time_order(
    found: list[tuple[BarSeries, Ticks, IntArray]], max_windows: int | None
) -> list[_Asked]:
    """Return what is asked of each symbol, with its rows in the whole; every k-th with a cap."""
    possible = sum(len(ends) for _, _, ends in found)
    stride = 1 if max_windows is None else max(1, -(-possible // max_windows))
    kept = [
        (bars, ticks.take(some), ends[some])
        for number, (bars, ticks, ends) in enumerate(found)
        for some in (np.arange(number % stride, len(ends), stride),)
    ]
    at = np.concatenate([ticks.at for _, ticks, _ in kept]) if kept else np.zeros(0, dtype=np.int64)
    if not len(at):
        raise DataError(
            "there is no window with an outcome in the data",
            hint="tier 2 needs one-minute bars of at least a dozen sessions",
        )
    place = np.empty(len(at), dtype=np.int64)
    place[np.argsort(at, kind="stable")] = np.arange(len(at))
    bounds = np.cumsum([0, *(len(ends) for _, _, ends in kept)])
    return [
        _Asked(
            number=number,
            bars=bars,
            ticks=ticks,
            ends=ends,
            rows=place[bounds[number] : bounds[number + 1]],
        )
        for number, (bars, ticks, ends) in enumerate(kept)
    ]


def _empty(count: int) -> Dataset:
    """Return a data set whose figures are still to be filled in."""

    def whole() -> IntArray:
        return np.empty(count, dtype=np.int64)

    return Dataset(
        values=np.empty((count, WINDOW, len(FEATURE_NAMES)), dtype=np.float32),
        sigma=np.empty(count),
        horizon_minutes=np.empty(count),
        summary=np.empty((count, len(SUMMARY_NAMES))),
        at=whole(),
        horizon_end=whole(),
        day=whole(),
        symbol=whole(),
        is_up=np.empty(count, dtype=np.bool_),
        log_return=np.empty(count),
        scaled_return=np.empty(count),
        log_volatility=np.empty(count),
        weight=np.empty(count),
    )


def split(day: IntArray, *, held_out: bool = True) -> dict[str, BoolArray]:
    """Return the rows of each span: train, validation, calibration, test, in time.

    Whole sessions, with one session between two spans that belongs to neither (the embargo), so
    that no label reaches into the next span and no news day is shared. Without a ``held_out`` span
    there is no test, and the others share its sessions. Raises DataError with fewer than a dozen
    sessions.
    """
    names = SPANS if held_out else SPANS[:-1]
    shares = np.array(SHARES[: len(names)])
    days = np.unique(day)
    if len(days) < LEAST_SESSIONS:
        raise DataError(
            f"the data have {len(days)} sessions; training needs {LEAST_SESSIONS}",
            hint="give it more history",
        )
    usable = len(days) - EMBARGO_SESSIONS * (len(names) - 1)
    bounds = np.round(np.cumsum((0.0, *(shares / shares.sum()))) * usable).astype(int)
    spans: dict[str, BoolArray] = {}
    for number, name in enumerate(names):
        gap = EMBARGO_SESSIONS * number
        inside = days[bounds[number] + gap : bounds[number + 1] + gap]
        spans[name] = np.isin(day, inside)
    return spans
