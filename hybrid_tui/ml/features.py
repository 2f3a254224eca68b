"""Version 1 of the features: what a model sees of one symbol at one instant.

A window is 60 one-minute bars x 16 features. Everything in it is computed from exactly the last
LOOKBACK (260) known bars of the symbol, the last 780 known bars of SPY and the last 24 hours'
headlines, so live, restart and batch agree to the bit wherever the history starts. To that end each
window is computed by element-wise operations and sums in one fixed order; NumPy's reductions add in
an order that depends on the shape, and are not used (maxima do not care).

Scales are the symbol's own: returns, MACD and ATR are divided by *sigma*, the volatility of one
minute: the root of the sum of squared returns over the minutes that they took, nights left out. So
SPY and a triple-leveraged fund look alike, and so do a feed with gaps and one without.

| feature | meaning |
|---|---|
| return | close / close before - 1 (first bar of a session: / its open), over sigma |
| rsi | RSI(14), Wilder, as -1..1 |
| macd | MACD(12,26,9) histogram / close, over sigma |
| atr | ATR(14) / close, over sigma; without overnight gaps |
| percent_b | (close - mean) / (4 deviations) of 20 closes: 0 in the middle, +-0.5 on a band |
| volume | log(1 + volume) minus its feed's mean in the look-back: blind to the feed's share |
| session_fraction | minutes since the open at the bar's end / 390 |
| missing | minutes without a bar before this one in its session, at most 15, / 15 |
| session_start | 1 for the first bar of a session |
| index_return, index_present | SPY's return over the same bar, over sigma; 0 and 0 where missing |
| sentiment, sentiment_present | last headline's score, halved every hour; 0 and 0 where none |
| hurdle | one basis point over the move to expect, sigma x root of the minutes to go, at most 1 |
| horizon | minutes from the instant to the horizon's end / 60 |
| stale | minutes from the last bar's end to the instant / 15 |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hybrid_tui.domain.bars import BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.sentiment import SentimentEvents, decayed

FEATURES_VERSION = 1
INTERVAL = 60
WINDOW = 60
WARM_UP = 200
LOOKBACK = WINDOW + WARM_UP
INDEX_SYMBOL = "SPY"
INDEX_LOOKBACK = 780
INDEX_STALE_SECONDS = 300

FEATURE_NAMES = (
    "return",
    "rsi",
    "macd",
    "atr",
    "percent_b",
    "volume",
    "session_fraction",
    "missing",
    "session_start",
    "index_return",
    "index_present",
    "sentiment",
    "sentiment_present",
    "hurdle",
    "horizon",
    "stale",
)
HURDLE = FEATURE_NAMES.index("hurdle")
SUMMARY_NAMES = (
    "log_sigma",
    "largest_return",
    "volume_spread",
    "volume_high",
    "volume_mean",
    "volume_jump",
    "missing_minutes",
    "empty_bars",
)
# Of the whole look-back but for volume_mean and missing_minutes, which are of the window.
# Which way a summary figure can be odd: 1 upwards, -1 downwards, 0 both.
SUMMARY_SIDES = (0, 1, 1, 1, 0, 1, 1, 1)
_REGULAR_MINUTES = 390.0
_LEAST_SIGMA = 1e-6
_BAND = 20

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawWindows:
    """The inputs of n windows, time first: (LOOKBACK, n), (WINDOW, n) or (n,)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    feed: IntArray
    session_start: BoolArray
    minutes: FloatArray
    missing: FloatArray
    session_fraction: FloatArray
    index_return: FloatArray
    index_present: BoolArray
    sentiment: FloatArray
    sentiment_present: BoolArray
    horizon_minutes: FloatArray
    stale_minutes: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Features of n windows.

    ``values`` is (n, WINDOW, F) float32; ``sigma`` (n,) the one-minute scale; ``horizon_minutes``
    (n,); ``summary`` (n, S) float64, what the check for unfamiliar input looks at.
    """

    values: Float32Array
    sigma: FloatArray
    horizon_minutes: FloatArray
    summary: FloatArray

    def __len__(self) -> int:
        return len(self.values)


def join(parts: Sequence[RawWindows]) -> RawWindows:
    """Return the windows of several symbols as one batch, in the given order."""
    if len(parts) == 1:
        return parts[0]
    return RawWindows(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts], axis=-1)
            for field in fields(RawWindows)
        }
    )


def _index_columns(
    index: BarSeries | None,
    calendar: TradingCalendar,
    at: IntArray,
    ends_of_bars: IntArray,
    session: IntArray,
    starts_session: BoolArray,
) -> tuple[FloatArray, BoolArray]:
    """Return SPY's return over the last WINDOW rows and whether SPY was there.

    ``ends_of_bars``, ``session`` and ``starts_session`` have WINDOW + 1 rows: the first belongs to
    the bar before the window.
    """
    shape = (WINDOW, len(at))
    if index is None or not len(index):
        return np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    known = np.searchsorted(index.known_at, at, side="right")
    first = max(int(known.min()) - INDEX_LOOKBACK, 0)
    index, known = index.slice(first, max(int(known.max()), first + 1)), known - first
    row = np.searchsorted(index.known_at, ends_of_bars, side="right") - 1
    safe = np.maximum(row, 0)
    index_session = np.searchsorted(calendar.open_seconds, index.start, side="right") - 1
    present = (
        (row >= np.maximum(known - INDEX_LOOKBACK, 0))
        & (row < known)
        & (ends_of_bars - index.known_at[safe] <= INDEX_STALE_SECONDS)
        & (index_session[safe] == session)
    )
    close = index.close[safe]
    follows = ~starts_session[1:] & present[:-1]
    base = np.where(follows, close[:-1], index.open[safe[1:]])
    return np.where(present[1:], close[1:] / base - 1.0, 0.0), present[1:]


def gather(
    series: BarSeries,
    ends: IntArray,
    at: IntArray,
    session_close: IntArray,
    *,
    calendar: TradingCalendar,
    index: BarSeries | None = None,
    sentiment: SentimentEvents | None = None,
    horizon_seconds: int = 3600,
) -> RawWindows:
    """Collect the inputs of one symbol's windows.

    ``ends`` (n,) is how many bars of ``series`` were known at ``at`` (n,), each at least LOOKBACK;
    ``session_close`` (n,) closes the session of each instant. All times are UTC epoch seconds.
    """
    first, last = int(ends.min()) - LOOKBACK, int(ends.max())
    series, ends = series.slice(first, last), ends - first
    session = np.searchsorted(calendar.open_seconds, series.start, side="right") - 1
    opens = calendar.open_seconds[session]
    starts_session = np.ones(len(series), dtype=np.bool_)
    starts_session[1:] = session[1:] != session[:-1]
    before = np.empty_like(series.start)
    before[0] = opens[0] - INTERVAL
    before[1:] = np.where(starts_session[1:], opens[1:] - INTERVAL, series.start[:-1])
    missing = (series.start - before) / INTERVAL - 1.0

    whole = (ends - LOOKBACK)[None, :] + np.arange(LOOKBACK)[:, None]
    window = whole[WARM_UP:]
    with_one_before = whole[WARM_UP - 1 :]
    session_start = starts_session[whole]
    session_start[0] = True  # the bar before it is outside the look-back
    index_return, index_present = _index_columns(
        index,
        calendar,
        at,
        series.known_at[with_one_before],
        session[with_one_before],
        starts_session[with_one_before],
    )
    seen = series.known_at[window]
    stale = (at - seen[-1]) / 60.0
    seen[-1] = at  # headlines count up to the instant itself
    sentiment_value, sentiment_present = decayed(sentiment, seen, at)
    return RawWindows(
        open=series.open[whole],
        high=series.high[whole],
        low=series.low[whole],
        close=series.close[whole],
        volume=series.volume[whole],
        feed=series.feed_codes()[whole],
        session_start=session_start,
        minutes=np.where(session_start, 1.0, 1.0 + missing[whole]),
        missing=np.minimum(missing[window], 15.0),
        session_fraction=(series.known_at - opens)[window] / (60.0 * _REGULAR_MINUTES),
        index_return=index_return,
        index_present=index_present,
        sentiment=sentiment_value,
        sentiment_present=sentiment_present,
        horizon_minutes=np.minimum(session_close - at, horizon_seconds) / 60.0,
        stale_minutes=stale,
    )


def _total(rows: FloatArray) -> FloatArray:
    """Return the sum over time in one fixed order (see the module's docstring)."""
    return np.asarray(np.add.accumulate(rows, axis=0)[-1])


def _smoothed(inputs: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return exponential averages along axis 1 of (k, LOOKBACK, n), each started at its first."""
    out = np.empty_like(inputs)
    state = inputs[:, 0].copy()
    out[:, 0] = state
    weight = alpha[:, None]
    for row in range(1, inputs.shape[1]):
        state += weight * (inputs[:, row] - state)
        out[:, row] = state
    return out


def _percent_b(close: FloatArray) -> FloatArray:
    """Return the place between the Bollinger bands of the last WINDOW rows."""
    relative = close / close[-1] - 1.0
    lags = [relative[WARM_UP - lag : LOOKBACK - lag] for lag in range(_BAND)]
    mean = np.zeros_like(lags[0])
    for lagged in lags:
        mean += lagged
    mean /= _BAND
    variance = np.zeros_like(mean)
    for lagged in lags:
        variance += (lagged - mean) ** 2
    deviation = np.sqrt(variance / _BAND)
    is_flat = deviation < 1e-9
    return np.where(is_flat, 0.0, (lags[0] - mean) / np.where(is_flat, 1.0, 4.0 * deviation))


def _relative(log_volume: FloatArray, feed: IntArray) -> FloatArray:
    """Return volumes minus their mean over the bars of the look-back that share their feed."""
    relative = log_volume - _total(log_volume) / LOOKBACK
    mixed = np.flatnonzero((feed != feed[0]).any(axis=0))
    codes, volumes = feed[:, mixed], log_volume[:, mixed]
    for code in np.unique(codes):
        own = codes == code
        mean = _total(np.where(own, volumes, 0.0)) / np.maximum(own.sum(axis=0), 1)
        relative[:, mixed] = np.where(own, volumes - mean, relative[:, mixed])
    return relative


def compute(raw: RawWindows) -> Windows:
    """Return the features of a batch of windows: the one function of training, batch and live."""
    close = raw.close
    before = np.where(raw.session_start, raw.open, np.roll(close, 1, axis=0))
    change = close - before
    returns = change / before
    sigma = np.maximum(np.sqrt(_total(returns * returns) / _total(raw.minutes)), _LEAST_SIGMA)
    spread = raw.high - raw.low
    true_range = np.where(
        raw.session_start,
        spread,
        np.maximum(spread, np.maximum(np.abs(raw.high - before), np.abs(raw.low - before))),
    )
    rises, falls, fast, slow, atr = _smoothed(
        np.stack([np.maximum(change, 0.0), np.maximum(-change, 0.0), close, close, true_range]),
        np.array([1 / 14, 1 / 14, 2 / 13, 2 / 27, 1 / 14]),
    )
    line = fast - slow
    histogram = line - _smoothed(line[None], np.array([2 / 10]))[0]
    moves = (rises + falls)[WARM_UP:]
    rsi = np.where(moves > 0, (rises - falls)[WARM_UP:] / np.where(moves > 0, moves, 1.0), 0.0)
    log_volume = np.log1p(raw.volume)
    volume = _relative(log_volume, raw.feed)
    window_close = close[WARM_UP:]

    columns: dict[str, FloatArray | BoolArray] = {
        "return": returns[WARM_UP:] / sigma,
        "rsi": rsi,
        "macd": histogram[WARM_UP:] / window_close / sigma,
        "atr": atr[WARM_UP:] / window_close / sigma,
        "percent_b": _percent_b(close),
        "volume": volume[WARM_UP:],
        "session_fraction": raw.session_fraction,
        "missing": raw.missing / 15.0,
        "session_start": raw.session_start[WARM_UP:],
        "index_return": raw.index_return / sigma,
        "index_present": raw.index_present,
        "sentiment": raw.sentiment,
        "sentiment_present": raw.sentiment_present,
        "hurdle": np.minimum(1e-4 / (sigma * np.sqrt(raw.horizon_minutes)), 1.0),
        "horizon": raw.horizon_minutes / 60.0,
        "stale": raw.stale_minutes / 15.0,
    }
    values = np.empty((close.shape[1], WINDOW, len(FEATURE_NAMES)), dtype=np.float32)
    for column, name in enumerate(FEATURE_NAMES):
        values[:, :, column] = np.asarray(columns[name]).T.reshape(close.shape[1], -1)
    summary = np.stack(
        [
            np.log(sigma),
            np.max(np.abs(returns), axis=0) / sigma,
            np.sqrt(_total(volume * volume) / LOOKBACK),
            np.max(volume, axis=0),
            _total(volume[WARM_UP:]) / WINDOW,
            np.max(np.abs(volume[1:] - volume[:-1]), axis=0),
            np.log1p(_total(raw.missing)),
            np.log1p(_total((raw.volume <= 0).astype(np.float64))),
        ],
        axis=1,
    )
    return Windows(values=values, sigma=sigma, horizon_minutes=raw.horizon_minutes, summary=summary)
