"""Technical conditions, each written once as an array expression over closed bars (axis 0).

The event path evaluates them on the tail of its buffer at a bar's end, a whole-array path on the
whole history. A comparison with a value that does not exist yet (NaN) is false.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hybrid_tui.config import RulesConfig
from hybrid_tui.domain.bars import BoolArray, FloatArray
from hybrid_tui.rules.indicators import Indicators

Condition = Callable[[Indicators, RulesConfig], BoolArray]


def _any_of_last(holds: BoolArray, bars: int) -> BoolArray:
    """Whether a condition held on any of the last ``bars`` closed bars, the last included."""
    result = holds.copy()
    for back in range(1, min(bars, len(holds))):
        result[back:] |= holds[:-back]
    return result


def _before(values: FloatArray) -> FloatArray:
    """Return the values one bar before (NaN before the first)."""
    shifted = np.full_like(values, np.nan)
    shifted[1:] = values[:-1]
    return shifted


def macd_crossed_above(indicators: Indicators, _rules: RulesConfig) -> BoolArray:
    """MACD is above its signal now and was not one bar before."""
    above: BoolArray = indicators.macd > indicators.macd_signal
    was_not: BoolArray = _before(indicators.macd) <= _before(indicators.macd_signal)
    return above & was_not


def rsi_was_below(indicators: Indicators, rules: RulesConfig) -> BoolArray:
    """RSI was below ``rules.rsi_below`` on any of the last ``rules.rsi_lookback`` bars."""
    return _any_of_last(indicators.rsi < rules.rsi_below, rules.rsi_lookback)


def rsi_is_below(indicators: Indicators, rules: RulesConfig) -> BoolArray:
    """RSI is below ``rules.rsi_below`` on the last closed bar."""
    below: BoolArray = indicators.rsi < rules.rsi_below
    return below


def close_was_below_band(indicators: Indicators, rules: RulesConfig) -> BoolArray:
    """The close was below the lower band on any of the last ten closed bars."""
    return _any_of_last(indicators.close < indicators.lower_band, BAND_LOOKBACK)


def close_above_band(indicators: Indicators, _rules: RulesConfig) -> BoolArray:
    """The last close is above the lower band."""
    above: BoolArray = indicators.close > indicators.lower_band
    return above


BAND_LOOKBACK = 10

RULE_SETS: dict[str, tuple[Condition, ...]] = {
    "rsi_macd": (macd_crossed_above, rsi_was_below),
    "rsi_macd_strict": (macd_crossed_above, rsi_is_below),
    "bollinger": (close_was_below_band, close_above_band),
}


def depth_needed(rules: RulesConfig) -> int:
    """Return how many closed bars the conditions look at."""
    return max(rules.rsi_lookback, BAND_LOOKBACK, 2)


def confirmed(indicators: Indicators, rules: RulesConfig) -> BoolArray:
    """Return technical confirmation by the rule set ``rules.entry``, for every bar given."""
    first, *others = RULE_SETS[rules.entry]
    holds = first(indicators, rules)
    for condition in others:
        holds = holds & condition(indicators, rules)
    return holds
