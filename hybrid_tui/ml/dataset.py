"""Training data: every window of every symbol with its outcome, and its split by whole sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.ml.features import INDEX_SYMBOL, Float32Array, Windows, compute, gather
from hybrid_tui.ml.labels import THRESHOLD_BPS, targets
from hybrid_tui.ml.sentiment import SentimentEvents
from hybrid_tui.ml.ticks import eligibility, session_ticks, sessions_between

CHUNK = 2048
SPANS = ("train", "validation", "calibration", "test")
SHARES = (0.64, 0.10, 0.16, 0.10)
EMBARGO_SESSIONS = 1
LEAST_SESSIONS = 12
_LEAST_RATIO = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """n windows with outcomes, ordered by symbol, then instant.

    ``at`` and ``horizon_end`` are epoch seconds, ``day`` numbers the session and
    ``symbol`` the symbol.
    ``scaled_return`` and ``log_volatility`` (NaN where unknown) are in units of
    sigma x sqrt(horizon minutes).
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

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: IntArray | BoolArray) -> Dataset:
        """Return the chosen windows."""
        return Dataset(**{field.name: getattr(self, field.name)[rows] for field in fields(Dataset)})

    @property
    def windows(self) -> Windows:
        """The features alone."""
        return Windows(
            values=self.values,
            sigma=self.sigma,
            horizon_minutes=self.horizon_minutes,
            summary=self.summary,
        )


def concatenate(parts: list[Dataset]) -> Dataset:
    """Return several data sets as one. Raises DataError where there is nothing in them."""
    if not parts:
        raise DataError(
            "there is no window with an outcome in the data",
            hint="tier 2 needs one-minute bars of at least a dozen sessions",
        )
    return Dataset(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Dataset)
        }
    )


def build_dataset(
    series: Mapping[str, BarSeries],
    calendar: TradingCalendar,
    *,
    symbols: tuple[str, ...] | None = None,
    sentiment: Mapping[str, SentimentEvents] | None = None,
    threshold_bps: float = THRESHOLD_BPS,
    max_windows: int | None = None,
    on_symbol: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Return all windows whose outcome the data show.

    With ``max_windows``, every k-th instant of a symbol is kept, so that about that many remain.
    ``on_symbol`` hears how many symbols of how many are done. Raises DataError without windows.
    """
    chosen = [symbol for symbol in sorted(series) if symbols is None or symbol in symbols]
    filled = [symbol for symbol in chosen if len(series[symbol])]
    known_until = max((int(series[s].known_at[-1]) for s in filled), default=0)
    parts: list[Dataset] = []
    stride = 1
    if max_windows is not None:
        possible = sum(len(series[symbol]) for symbol in filled) // 5
        stride = max(1, -(-possible // max_windows))
    for number, symbol in enumerate(filled):
        bars = series[symbol]
        sessions = sessions_between(calendar, int(bars.start[0]), int(bars.known_at[-1]))
        ticks = session_ticks(sessions)
        fit = eligibility(bars, ticks)
        rows = np.flatnonzero(fit.is_ready & (ticks.horizon_end <= known_until))
        rows = rows[number % stride :: stride]
        for first in range(0, len(rows), CHUNK):
            some = rows[first : first + CHUNK]
            at, ends = ticks.take(some), fit.ends[some]
            windows = compute(
                gather(
                    bars,
                    ends,
                    at.at,
                    at.session_close,
                    calendar=calendar,
                    index=series.get(INDEX_SYMBOL),
                    sentiment=(sentiment or {}).get(symbol),
                )
            )
            after = targets(bars, ends, at, known_until=known_until, threshold_bps=threshold_bps)
            unit = windows.sigma * np.sqrt(windows.horizon_minutes)
            parts.append(
                Dataset(
                    values=windows.values,
                    sigma=windows.sigma,
                    horizon_minutes=windows.horizon_minutes,
                    summary=windows.summary,
                    at=at.at,
                    horizon_end=after.horizon_end,
                    day=np.searchsorted(calendar.open_seconds, at.at, side="right") - 1,
                    symbol=np.full(len(some), number, dtype=np.int64),
                    is_up=after.is_up,
                    log_return=after.log_return,
                    scaled_return=after.log_return / unit,
                    log_volatility=np.log(np.maximum(after.realised / unit, _LEAST_RATIO)),
                )
            )
        if on_symbol is not None:
            on_symbol(number + 1, len(filled))
    return concatenate(parts)


def split(day: IntArray) -> dict[str, BoolArray]:
    """Return the rows of each span: train, validation, calibration, test, in time.

    Whole sessions, with one session between two spans that belongs to neither (the embargo), so
    that no label reaches into the next span and no news day is shared. Raises DataError with fewer
    than a dozen sessions.
    """
    days = np.unique(day)
    if len(days) < LEAST_SESSIONS:
        raise DataError(
            f"the data have {len(days)} sessions; training needs {LEAST_SESSIONS}",
            hint="give it more history",
        )
    usable = len(days) - EMBARGO_SESSIONS * (len(SPANS) - 1)
    bounds = np.round(np.cumsum((0.0, *SHARES)) * usable).astype(int)
    spans: dict[str, BoolArray] = {}
    for number, name in enumerate(SPANS):
        gap = EMBARGO_SESSIONS * number
        inside = days[bounds[number] + gap : bounds[number + 1] + gap]
        spans[name] = np.isin(day, inside)
    return spans
