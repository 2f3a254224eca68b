"""Technical conditions, each written once as an array expression over closed bars (axis 0).

The event path evaluates them on the tail of its buffer at a bar's end, a whole-array path on the
whole history. A comparison with a value that does not exist yet (NaN) is false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

import numpy as np

from hybrid_tui.domain import conditions as spec
from hybrid_tui.domain.bars import BoolArray, FloatArray
from hybrid_tui.domain.conditions import ConditionCall, Parameters
from hybrid_tui.rules.indicators import Indicators, Line

Expression = Callable[[Indicators], BoolArray]
OPEN, HIGH, LOW, CLOSE, VOLUME = (Line(name) for name in ("open", "high", "low", "close", "volume"))
CLOCK, SESSION_OPEN, CLOSE_BEFORE = Line("clock"), Line("session_open"), Line("close_before")


@dataclass(frozen=True, slots=True)
class Condition:
    """The lines that an expression looks at, how many bars of them, and the expression."""

    lines: tuple[Line, ...]
    depth: int
    holds: Expression


def any_of_last(holds: BoolArray, bars: int) -> BoolArray:
    """Whether a condition held on any of the last ``bars`` closed bars, the last included."""
    if bars == 1:
        return holds
    if len(holds) <= bars:
        ever: BoolArray = np.logical_or.accumulate(holds, axis=0)
        return ever
    result = holds.copy()
    covered = 1
    while covered < bars:
        back = min(covered, bars - covered)
        result[back:] |= result[:-back].copy()
        covered += back
    return result


def before(values: FloatArray, bars: int = 1) -> FloatArray:
    """Return the values some bars before (NaN before the first)."""
    shifted = np.full_like(values, np.nan)
    shifted[bars:] = values[:-bars]
    return shifted


def _crossed(one: FloatArray, other: FloatArray | float) -> BoolArray:
    """Whether one is above the other now and was not one bar before."""
    crossed: BoolArray = one > other
    crossed[1:] &= (one <= other)[:-1]
    crossed[:1] = False
    return crossed


def _rsi_below(p: spec.Rsi) -> Condition:
    rsi = Line("rsi", (p.period,))
    return Condition((rsi,), p.bars, lambda of: any_of_last(of[rsi] < p.level, p.bars))


def _rsi_above(p: spec.Rsi) -> Condition:
    rsi = Line("rsi", (p.period,))
    return Condition((rsi,), p.bars, lambda of: any_of_last(of[rsi] > p.level, p.bars))


def _rsi_cross_above(p: spec.Rsi) -> Condition:
    rsi = Line("rsi", (p.period,))
    return Condition((rsi,), p.bars + 1, lambda of: any_of_last(_crossed(of[rsi], p.level), p.bars))


def _rsi_cross_below(p: spec.Rsi) -> Condition:
    rsi = Line("rsi", (p.period,))
    return Condition(
        (rsi,), p.bars + 1, lambda of: any_of_last(_crossed(-of[rsi], -p.level), p.bars)
    )


def _macd_lines(p: spec.Macd) -> tuple[Line, Line]:
    periods = (p.fast, p.slow, p.signal)
    return Line("macd", periods), Line("macd_signal", periods)


def _macd_cross_above(p: spec.MacdCross) -> Condition:
    macd, signal = _macd_lines(p)
    return _cross(macd, signal, p.bars)


def _macd_cross_below(p: spec.MacdCross) -> Condition:
    macd, signal = _macd_lines(p)
    return _cross(signal, macd, p.bars, shown=(macd, signal))


def _cross(one: Line, other: Line, bars: int, shown: tuple[Line, ...] | None = None) -> Condition:
    return Condition(
        shown or (one, other),
        bars + 1,
        lambda of: any_of_last(_crossed(of[one], of[other]), bars),
    )


def _macd_above_signal(p: spec.Macd) -> Condition:
    macd, signal = _macd_lines(p)
    return Condition((macd, signal), 1, lambda of: of[macd] > of[signal])


def _macd_below_signal(p: spec.Macd) -> Condition:
    macd, signal = _macd_lines(p)
    return Condition((macd, signal), 1, lambda of: of[macd] < of[signal])


def _macd_above_zero(p: spec.Macd) -> Condition:
    macd, _ = _macd_lines(p)
    return Condition((macd,), 1, lambda of: of[macd] > 0)


def _macd_below_zero(p: spec.Macd) -> Condition:
    macd, _ = _macd_lines(p)
    return Condition((macd,), 1, lambda of: of[macd] < 0)


def _close_below_band(p: spec.Bands, name: str) -> Condition:
    band = Line(name, (p.period, p.width, p.width))
    return Condition((CLOSE, band), p.bars, lambda of: any_of_last(of[CLOSE] < of[band], p.bars))


def _close_above_band(p: spec.Bands, name: str) -> Condition:
    band = Line(name, (p.period, p.width, p.width))
    return Condition((CLOSE, band), p.bars, lambda of: any_of_last(of[CLOSE] > of[band], p.bars))


def _close_above(p: spec.Average, name: str) -> Condition:
    average = Line(name, (p.period,))
    return Condition((CLOSE, average), 1, lambda of: of[CLOSE] > of[average])


def _close_below(p: spec.Average, name: str) -> Condition:
    average = Line(name, (p.period,))
    return Condition((CLOSE, average), 1, lambda of: of[CLOSE] < of[average])


def _sma_cross_above(p: spec.AverageCross) -> Condition:
    return _cross(Line("sma", (p.fast,)), Line("sma", (p.slow,)), p.bars)


def _sma_cross_below(p: spec.AverageCross) -> Condition:
    return _cross(Line("sma", (p.slow,)), Line("sma", (p.fast,)), p.bars)


def _atr_above(p: spec.AverageRange) -> Condition:
    atr = Line("atr", (p.period,))
    return Condition((atr, CLOSE), 1, lambda of: of[atr] > p.fraction * of[CLOSE])


def _atr_below(p: spec.AverageRange) -> Condition:
    atr = Line("atr", (p.period,))
    return Condition((atr, CLOSE), 1, lambda of: of[atr] < p.fraction * of[CLOSE])


def _wide_bar(p: spec.WideBar) -> Condition:
    atr = Line("atr", (p.period,))

    def holds(of: Indicators) -> BoolArray:
        return any_of_last(of[HIGH] - of[LOW] > p.multiple * before(of[atr]), p.bars)

    return Condition((HIGH, LOW, atr), p.bars + 1, holds)


def _volume_spike(p: spec.Spike) -> Condition:
    mean = Line("mean_volume", (p.period,))

    def holds(of: Indicators) -> BoolArray:
        return any_of_last(of[VOLUME] > p.multiple * before(of[mean]), p.bars)

    return Condition((VOLUME, mean), p.bars + 1, holds)


def _new_high(p: spec.Extreme) -> Condition:
    highest = Line("highest", (p.period,))
    return Condition(
        (HIGH, highest), p.bars + 1, lambda of: any_of_last(of[HIGH] > before(of[highest]), p.bars)
    )


def _new_low(p: spec.Extreme) -> Condition:
    lowest = Line("lowest", (p.period,))
    return Condition(
        (LOW, lowest), p.bars + 1, lambda of: any_of_last(of[LOW] < before(of[lowest]), p.bars)
    )


def _rose(p: spec.Move) -> Condition:
    return Condition(
        (CLOSE,), p.bars + 1, lambda of: of[CLOSE] > (1 + p.fraction) * before(of[CLOSE], p.bars)
    )


def _fell(p: spec.Move) -> Condition:
    return Condition(
        (CLOSE,), p.bars + 1, lambda of: of[CLOSE] < (1 - p.fraction) * before(of[CLOSE], p.bars)
    )


def _gap_up(p: spec.Gap) -> Condition:
    return Condition(
        (SESSION_OPEN, CLOSE_BEFORE),
        1,
        lambda of: of[SESSION_OPEN] > (1 + p.fraction) * of[CLOSE_BEFORE],
    )


def _gap_down(p: spec.Gap) -> Condition:
    return Condition(
        (SESSION_OPEN, CLOSE_BEFORE),
        1,
        lambda of: of[SESSION_OPEN] < (1 - p.fraction) * of[CLOSE_BEFORE],
    )


def _minutes(clock: time) -> float:
    return clock.hour * 60 + clock.minute + clock.second / 60


def _time_between(p: spec.Hours) -> Condition:
    start, end = _minutes(p.start), _minutes(p.end)
    return Condition((CLOCK,), 1, lambda of: (of[CLOCK] >= start) & (of[CLOCK] < end))


# Any: each takes the parameters that the catalogue gives its name; a test pairs the two.
EXPRESSIONS: dict[str, Callable[..., Condition]] = {
    "rsi_below": _rsi_below,
    "rsi_above": _rsi_above,
    "rsi_cross_above": _rsi_cross_above,
    "rsi_cross_below": _rsi_cross_below,
    "macd_cross_above": _macd_cross_above,
    "macd_cross_below": _macd_cross_below,
    "macd_above_signal": _macd_above_signal,
    "macd_below_signal": _macd_below_signal,
    "macd_above_zero": _macd_above_zero,
    "macd_below_zero": _macd_below_zero,
    "close_below_lower_band": lambda p: _close_below_band(p, "lower_band"),
    "close_above_lower_band": lambda p: _close_above_band(p, "lower_band"),
    "close_below_upper_band": lambda p: _close_below_band(p, "upper_band"),
    "close_above_upper_band": lambda p: _close_above_band(p, "upper_band"),
    "close_above_sma": lambda p: _close_above(p, "sma"),
    "close_below_sma": lambda p: _close_below(p, "sma"),
    "close_above_ema": lambda p: _close_above(p, "ema"),
    "close_below_ema": lambda p: _close_below(p, "ema"),
    "sma_cross_above": _sma_cross_above,
    "sma_cross_below": _sma_cross_below,
    "atr_above": _atr_above,
    "atr_below": _atr_below,
    "wide_bar": _wide_bar,
    "volume_spike": _volume_spike,
    "new_high": _new_high,
    "new_low": _new_low,
    "rose": _rose,
    "fell": _fell,
    "gap_up": _gap_up,
    "gap_down": _gap_down,
    "time_between": _time_between,
}


def condition_of(call: ConditionCall) -> Condition:
    """Return the condition that a name of the catalogue stands for, with its figures."""
    parameters: Parameters = call.parameters
    return EXPRESSIONS[call.name](parameters)
