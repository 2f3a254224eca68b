"""Indicators of closed bars over a whole history, and what an indicator is made of.

The streaming side (``streams.py``) gives the same bits (TA-Lib >= 0.8.1). Arrays are time-major:
axis 0 is the bar, axis 1, where there is one, the symbol. A value that does not exist yet is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import talib
from talib import stream

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, FloatArray, IntArray
from hybrid_tui.domain.calendar import NEW_YORK

MINUTES_A_DAY = 1_440


class Line(NamedTuple):
    """One row of figures that conditions look at: a column of the bars, or an indicator's output.

    ``parameters`` are those of its family: MACD's lines have the fast, slow and signal periods.
    """

    name: str
    parameters: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """The line as a person reads it."""
        given = ", ".join(f"{value:g}" for value in self.parameters)
        return f"{self.name}({given})" if given else self.name


Indicators = Mapping[Line, FloatArray]


class Handle(Protocol):
    """A TA-Lib stream, or what works like one: one bar in, the outputs at that bar out."""

    @property
    def update(self) -> Callable[..., Any]:
        """Take in one closed bar; return one figure, or a tuple of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Indicators that are computed together from ``inputs``, as ``outputs``.

    ``needed`` is how many bars the first figure takes; with fewer, TA-Lib opens no stream.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    needed: Callable[..., int]
    batch: Callable[..., Any]
    open: Callable[..., Handle]


def _own(period: int) -> int:
    return period


def _one_more(period: int) -> int:
    return period + 1


def _of(function: Any) -> dict[str, Any]:
    """Return the batch and the stream of a TA-Lib function."""
    return {"batch": function, "open": getattr(stream, function.__name__)}


def clock_of(known_at: IntArray) -> FloatArray:
    """Return the New York time of day of instants (UTC epoch seconds), in minutes; shape as is."""
    days, where = np.unique(known_at // DAY_SECONDS, return_inverse=True)
    shift = np.array([_shift(int(day)) for day in days.tolist()], dtype=np.int64)
    if not len(shift):
        return np.empty(0)
    return ((known_at + shift[where]) % DAY_SECONDS) / 60


@lru_cache(maxsize=4_096)
def _shift(day: int) -> int:
    """Return New York's distance from UTC in seconds at noon of a day since 1970.

    Clocks change at night: at noon UTC the day's regular session has the offset it will keep.
    """
    noon = datetime.fromtimestamp(day * DAY_SECONDS + DAY_SECONDS // 2, UTC)
    offset = noon.astimezone(NEW_YORK).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


class _Clock:
    """New York's time of day at a bar's end, bar by bar."""

    def __init__(self, _known_at: FloatArray) -> None:
        pass

    def update(self, known_at: float) -> float:
        second = int(known_at)
        return (second + _shift(second // DAY_SECONDS)) % DAY_SECONDS / 60


def sessions_of(
    start: FloatArray, open_: FloatArray, close: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return, for each bar, its session's first open and the last close of the session before.

    Regular sessions lie within one UTC day. NaN in the first session. All shapes are (n,).
    """
    day = start // DAY_SECONDS
    begins = np.ones(len(day), dtype=np.bool_)
    begins[1:] = day[1:] != day[:-1]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(day)), 0))
    before = np.concatenate(([np.nan], close))[first] if len(day) else np.empty(0)
    return open_[first], before


class _Sessions:
    """The session's open and the close before it, bar by bar."""

    def __init__(self, start: FloatArray, open_: FloatArray, close: FloatArray) -> None:
        opens, before = sessions_of(start, open_, close)
        self._day = start[-1] // DAY_SECONDS
        self._open, self._before, self._close = opens[-1], before[-1], close[-1]

    def update(self, start: float, open_: float, close: float) -> tuple[float, float]:
        day = start // DAY_SECONDS
        if day != self._day:
            self._day, self._open, self._before = day, open_, self._close
        self._close = close
        return self._open, self._before


COLUMNS = ("open", "high", "low", "close", "volume")
FAMILIES = {
    "rsi": Family(inputs=("close",), outputs=("rsi",), needed=_one_more, **_of(talib.RSI)),
    "sma": Family(inputs=("close",), outputs=("sma",), needed=_own, **_of(talib.SMA)),
    "ema": Family(inputs=("close",), outputs=("ema",), needed=_own, **_of(talib.EMA)),
    "macd": Family(
        inputs=("close",),
        outputs=("macd", "macd_signal", "macd_histogram"),
        needed=lambda fast, slow, signal: max(fast, slow) + signal - 1,
        **_of(talib.MACD),
    ),
    "bands": Family(
        inputs=("close",),
        outputs=("upper_band", "middle_band", "lower_band"),
        needed=lambda period, up, down: period,
        **_of(talib.BBANDS),
    ),
    "atr": Family(
        inputs=("high", "low", "close"), outputs=("atr",), needed=_one_more, **_of(talib.ATR)
    ),
    "highest": Family(inputs=("high",), outputs=("highest",), needed=_own, **_of(talib.MAX)),
    "lowest": Family(inputs=("low",), outputs=("lowest",), needed=_own, **_of(talib.MIN)),
    "mean_volume": Family(
        inputs=("volume",), outputs=("mean_volume",), needed=_own, **_of(talib.SMA)
    ),
    "clock": Family(
        inputs=("known_at",),
        outputs=("clock",),
        needed=lambda: 1,
        batch=lambda known_at: clock_of(known_at.astype(np.int64)),
        open=_Clock,
    ),
    "session": Family(
        inputs=("start", "open", "close"),
        outputs=("session_open", "close_before"),
        needed=lambda: 1,
        batch=sessions_of,
        open=_Sessions,
    ),
}
_FAMILY_OF = {output: name for name, family in FAMILIES.items() for output in family.outputs}

Group = tuple[str, tuple[float, ...]]


def groups_of(lines: Iterable[Line]) -> list[Group]:
    """Return the families, with parameters, that give the lines, columns left out."""
    return list(
        dict.fromkeys(
            (_FAMILY_OF[line.name], line.parameters) for line in lines if line.name not in COLUMNS
        )
    )


def inputs_of(series: BarSeries, family: Family) -> tuple[FloatArray, ...]:
    """Return what a family is computed from, as arrays that TA-Lib takes."""
    return tuple(
        np.ascontiguousarray(getattr(series, name), dtype=np.float64) for name in family.inputs
    )


def indicators_of(series: BarSeries, lines: Iterable[Line]) -> Indicators:
    """Return the lines of one symbol's bars (oldest first), shape (n,) each, for every bar."""
    wanted = list(lines)
    found: dict[Line, FloatArray] = {
        line: getattr(series, line.name) for line in wanted if line.name in COLUMNS
    }
    for name, parameters in groups_of(wanted):
        family = FAMILIES[name]
        if len(series) >= family.needed(*parameters):
            result = family.batch(*inputs_of(series, family), *parameters)
            outputs = result if isinstance(result, tuple) else (result,)
        else:
            outputs = (np.full(len(series), np.nan),) * len(family.outputs)
        for output, values in zip(family.outputs, outputs, strict=True):
            line = Line(output, parameters)
            if line in wanted:
                found[line] = values
    return found
