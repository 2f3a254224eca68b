"""Indicators of closed bars: the whole history at once, or bar by bar with TA-Lib's handles.

Both give the same bits (TA-Lib >= 0.8.1). Arrays are time-major: axis 0 is the bar, axis 1, where
there is one, the symbol. A value that does not exist yet is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import talib
from talib import stream

from hybrid_tui.domain.bars import Bar, FloatArray

MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9
BAND_PERIOD, BAND_WIDTH = 20, 2.0
MACD_HISTORY = MACD_SLOW + MACD_SIGNAL - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicators:
    """What conditions are made of. MACD is 12, 26, 9; the lower band is Bollinger's (20, 2)."""

    close: FloatArray
    rsi: FloatArray
    macd: FloatArray
    macd_signal: FloatArray
    lower_band: FloatArray


def indicators_of(close: FloatArray, rsi_period: int) -> Indicators:
    """Return the indicators of one symbol's closes (1-D, oldest first), for every bar."""
    series = np.ascontiguousarray(close, dtype=np.float64)
    nothing = np.full(len(series), np.nan)
    macd, macd_signal, lower = nothing, nothing, nothing
    if len(series) >= MACD_HISTORY:
        macd, macd_signal, _ = talib.MACD(series, MACD_FAST, MACD_SLOW, MACD_SIGNAL)
    if len(series) >= BAND_PERIOD:
        _, _, lower = talib.BBANDS(series, BAND_PERIOD, BAND_WIDTH, BAND_WIDTH)
    return Indicators(
        close=series,
        rsi=talib.RSI(series, rsi_period) if len(series) > rsi_period else nothing,
        macd=macd,
        macd_signal=macd_signal,
        lower_band=lower,
    )


class _Handle(Protocol):
    def update(self, value: float) -> float | tuple[float, ...]: ...


class _Symbol:
    """The handles of one symbol; closes are kept until every handle has enough of them."""

    def __init__(self, rsi_period: int) -> None:
        self.rsi_period = rsi_period
        self.waiting: list[float] | None = []
        self.rsi: _Handle | None = None
        self.macd: _Handle | None = None
        self.bands: _Handle | None = None

    def open(self, closes: FloatArray) -> None:
        """Open the handles that the history is long enough for."""
        enough = max(MACD_HISTORY, BAND_PERIOD, self.rsi_period + 1)
        if len(closes) < enough:
            self.waiting = closes.tolist()
            return
        self.waiting = None
        self.rsi = stream.RSI(closes, self.rsi_period)
        self.macd = stream.MACD(closes, MACD_FAST, MACD_SLOW, MACD_SIGNAL)
        self.bands = stream.BBANDS(closes, BAND_PERIOD, BAND_WIDTH, BAND_WIDTH)

    def update(self, close: float) -> tuple[float, float, float, float]:
        """Take one closed bar in; return RSI, MACD, its signal and the lower band."""
        if self.waiting is not None:
            closes = np.array([*self.waiting, close])
            self.open(closes)
            last = indicators_of(closes, self.rsi_period)
            return (last.rsi[-1], last.macd[-1], last.macd_signal[-1], last.lower_band[-1])
        assert self.rsi is not None
        assert self.macd is not None
        assert self.bands is not None
        macd: tuple[float, ...] = self.macd.update(close)  # type: ignore[assignment]
        bands: tuple[float, ...] = self.bands.update(close)  # type: ignore[assignment]
        rsi: float = self.rsi.update(close)  # type: ignore[assignment]
        return rsi, macd[0], macd[1], bands[2]


class IndicatorBoard:
    """The last ``depth`` closed bars' indicators of every symbol, kept up incrementally.

    Each column is one symbol's own bars: a symbol without a bar at some instant keeps its column.
    """

    def __init__(self, symbols: Sequence[str], *, rsi_period: int, depth: int) -> None:
        self.symbols = tuple(symbols)
        self.column = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._rsi_period = rsi_period
        self._depth = depth
        self._handles = [_Symbol(rsi_period) for _ in self.symbols]
        self._values = np.full((5, depth, len(self.symbols)), np.nan)

    def warm_up(self, symbol: str, closes: FloatArray) -> None:
        """Start a symbol anew from the closes of its known bars, oldest first."""
        column = self.column[symbol]
        self._handles[column] = handle = _Symbol(self._rsi_period)
        self._values[:, :, column] = np.nan
        series = np.ascontiguousarray(closes, dtype=np.float64)
        if len(series) == 0:
            return
        handle.open(series)
        whole = indicators_of(series, self._rsi_period)
        count = min(self._depth, len(series))
        for row, values in enumerate(
            (whole.close, whole.rsi, whole.macd, whole.macd_signal, whole.lower_band)
        ):
            self._values[row, self._depth - count :, column] = values[-count:]

    def update(self, bars: Mapping[str, Bar]) -> None:
        """Take in the bars that closed at one instant."""
        if not bars:
            return
        columns = [self.column[symbol] for symbol in bars]
        handles = self._handles
        fresh = [
            (bar[3], *handles[column].update(bar[3]))
            for column, bar in zip(columns, bars.values(), strict=True)
        ]
        values = self._values
        if len(columns) == len(self.symbols):
            values[:, :-1] = values[:, 1:]
        else:
            values[:, :-1, columns] = values[:, 1:, columns]
        values[:, -1, columns] = np.array(fresh).T

    def tail(self) -> Indicators:
        """Return the last ``depth`` bars' indicators, (depth, symbols) each."""
        close, rsi, macd, macd_signal, lower = self._values
        return Indicators(
            close=close, rsi=rsi, macd=macd, macd_signal=macd_signal, lower_band=lower
        )

    def rsi_of(self, symbol: str) -> float:
        """Return the RSI at the last closed bar of a symbol (NaN: none yet)."""
        return float(self._values[1, -1, self.column[symbol]])

    def symbols_where(self, mask: Iterable[np.bool_]) -> set[str]:
        """Return the symbols whose entry of a (symbols,) mask is true."""
        return {symbol for symbol, holds in zip(self.symbols, mask, strict=True) if holds}
