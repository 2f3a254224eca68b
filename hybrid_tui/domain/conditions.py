"""The catalogue of technical conditions: their names, parameters and ranges, and how they are read.

``rsi_below(level=30, bars=10)`` is a condition; nothing in it is evaluated. What a condition means
in figures is in ``rules/conditions.py``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hybrid_tui.errors import ConfigError

LONGEST_TEXT = 200
_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\(([^()]*)\))?\s*")
_GIVEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*['\"]?([0-9.:+\-eE]+)['\"]?\s*")

Bars = Annotated[int, Field(ge=1, le=500)]
Period = Annotated[int, Field(ge=2, le=500)]
Level = Annotated[float, Field(ge=0, le=100)]
Change = Annotated[float, Field(gt=0, lt=10)]
Multiple = Annotated[float, Field(gt=0, le=1000)]
Width = Annotated[float, Field(gt=0, le=10)]


class ConditionError(ConfigError):
    """A text is no condition of the catalogue."""


class Parameters(BaseModel):
    """The figures of a condition: frozen, validated, closed to unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NoParameters(Parameters):
    """A condition without figures."""


class Rsi(Parameters):
    """RSI of ``period`` closes against ``level``, on any of the last ``bars`` closed bars."""

    period: Period = 14
    level: Level
    bars: Bars = 1


class RsiLow(Rsi):
    """RSI against a low level."""

    level: Level = 30


class RsiHigh(Rsi):
    """RSI against a high level."""

    level: Level = 70


class FastAndSlow(Parameters):
    """Two averages, the fast one of fewer bars."""

    fast: Period
    slow: Period

    @model_validator(mode="after")
    def _fast_is_faster(self) -> FastAndSlow:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be less than slow ({self.slow})")
        return self


class Macd(FastAndSlow):
    """MACD of two exponential averages, and the average of it that is its signal."""

    fast: Period = 12
    slow: Period = 26
    signal: Bars = 9


class MacdCross(Macd):
    """A crossing on any of the last ``bars`` closed bars."""

    bars: Bars = 1


class AverageCross(FastAndSlow):
    """Two averages of closes that cross on any of the last ``bars`` closed bars."""

    fast: Period = 20
    slow: Period = 50
    bars: Bars = 1


class Bands(Parameters):
    """Bollinger's bands, on any of the last ``bars`` closed bars."""

    period: Period = 20
    width: Width = 2.0
    bars: Bars = 1


class Average(Parameters):
    """An average of the last ``period`` closes."""

    period: Period = 50


class AverageRange(Parameters):
    """The average true range of ``period`` bars as a fraction of the close."""

    period: Period = 14
    fraction: Change = 0.01


class WideBar(Parameters):
    """A bar's high - low against the average true range of the ``period`` bars before it."""

    period: Period = 14
    multiple: Multiple = 2.0
    bars: Bars = 1


class Spike(Parameters):
    """A bar's volume against the mean of the ``period`` bars before it."""

    period: Period = 20
    multiple: Multiple = 2.0
    bars: Bars = 1


class Extreme(Parameters):
    """A bar against the ``period`` bars before it, on any of the last ``bars`` closed bars."""

    period: Period = 20
    bars: Bars = 1


class Move(Parameters):
    """The change of the close over ``bars`` bars, as a fraction."""

    fraction: Change = 0.01
    bars: Bars = 30


class Gap(Parameters):
    """The session's open against the close of the session before, as a fraction."""

    fraction: Change = 0.02


class Hours(Parameters):
    """New York times of day, [start, end)."""

    start: time = time(9, 30)
    end: time = time(16, 0)

    @model_validator(mode="after")
    def _start_is_first(self) -> Hours:
        if self.start >= self.end:
            raise ValueError(f"start ({self.start:%H:%M}) must be before end ({self.end:%H:%M})")
        return self


@dataclass(frozen=True, slots=True)
class Kind:
    """A name of the catalogue: what it says, its parameters, and the keys of [rules] they follow.

    ``keys`` is parameter to key: a parameter that is not written takes that key's value.
    """

    meaning: str
    parameters: type[Parameters]
    keys: Mapping[str, str] = field(default_factory=dict)


_RSI = {"period": "rsi_period"}
CATALOGUE: dict[str, Kind] = {
    "rsi_below": Kind(
        "RSI was below level on any of the last bars",
        RsiLow,
        _RSI | {"level": "rsi_below", "bars": "rsi_lookback"},
    ),
    "rsi_above": Kind("RSI was above level on any of the last bars", RsiHigh, _RSI),
    "rsi_cross_above": Kind("RSI crossed above level on any of the last bars", RsiLow, _RSI),
    "rsi_cross_below": Kind("RSI crossed below level on any of the last bars", RsiHigh, _RSI),
    "macd_cross_above": Kind("MACD crossed above its signal on any of the last bars", MacdCross),
    "macd_cross_below": Kind("MACD crossed below its signal on any of the last bars", MacdCross),
    "macd_above_signal": Kind("MACD is above its signal", Macd),
    "macd_below_signal": Kind("MACD is below its signal", Macd),
    "macd_above_zero": Kind("MACD is above zero", Macd),
    "macd_below_zero": Kind("MACD is below zero", Macd),
    "close_below_lower_band": Kind("the close was below Bollinger's lower band", Bands),
    "close_above_lower_band": Kind("the close was above Bollinger's lower band", Bands),
    "close_below_upper_band": Kind("the close was below Bollinger's upper band", Bands),
    "close_above_upper_band": Kind("the close was above Bollinger's upper band", Bands),
    "close_above_sma": Kind("the close is above its simple average", Average),
    "close_below_sma": Kind("the close is below its simple average", Average),
    "close_above_ema": Kind("the close is above its exponential average", Average),
    "close_below_ema": Kind("the close is below its exponential average", Average),
    "sma_cross_above": Kind("the fast simple average crossed above the slow one", AverageCross),
    "sma_cross_below": Kind("the fast simple average crossed below the slow one", AverageCross),
    "atr_above": Kind("the average true range / close is above fraction", AverageRange),
    "atr_below": Kind("the average true range / close is below fraction", AverageRange),
    "wide_bar": Kind("high - low was above multiple x the average true range before", WideBar),
    "volume_spike": Kind("volume was above multiple x the mean volume before", Spike),
    "new_high": Kind("the high was above the highest of the period bars before", Extreme),
    "new_low": Kind("the low was below the lowest of the period bars before", Extreme),
    "rose": Kind("the close is more than fraction above that of bars before", Move),
    "fell": Kind("the close is more than fraction below that of bars before", Move),
    "gap_up": Kind("the session opened more than fraction above the last close", Gap),
    "gap_down": Kind("the session opened more than fraction below the last close", Gap),
    "time_between": Kind("the bar ended within [start, end) New York time", Hours),
}


@dataclass(frozen=True, slots=True)
class ConditionCall:
    """A condition with all its figures."""

    name: str
    parameters: Parameters

    @property
    def text(self) -> str:
        """The condition as it would be written, every parameter given."""
        given = ", ".join(f"{key}={_shown(value)}" for key, value in self.parameters)
        return f"{self.name}({given})" if given else self.name


def read_condition(text: str, keys: Mapping[str, Any]) -> ConditionCall:
    """Return the condition that a text names; ``keys`` are the figures of [rules].

    Raises ConditionError naming the condition, the parameter and the nearest valid name.
    """
    name, written = split_call(text)
    kind = CATALOGUE.get(name)
    if kind is None:
        raise ConditionError(f"unknown condition {name!r}", hint=nearest(name, CATALOGUE))
    given: dict[str, Any] = {parameter: keys[key] for parameter, key in kind.keys.items()}
    for part in written.split(",") if written.strip() else ():
        found = _GIVEN.fullmatch(part)
        if found is None:
            raise ConditionError(
                f"{name}: cannot read {part.strip()!r}",
                hint=f"write parameters like {_example(kind)}",
            )
        given[found[1]] = found[2]
    try:
        return ConditionCall(name, kind.parameters.model_validate(given))
    except ValidationError as error:
        raise _readable(name, kind, error) from error


def split_call(text: str) -> tuple[str, str]:
    """Return the name of ``name(parameters)`` and what stands in the parentheses."""
    if len(text) > LONGEST_TEXT:
        raise ConditionError(
            f"a condition of {len(text)} characters", hint=f"at most {LONGEST_TEXT}"
        )
    found = _CALL.fullmatch(text)
    if found is None:
        raise ConditionError(
            f"cannot read {text!r}", hint="write conditions like rsi_below(level=30, bars=10)"
        )
    return found[1], found[2] or ""


def nearest(name: str, choices: Mapping[str, Any]) -> str:
    """Return a hint: the nearest of the choices, or all of them."""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "one of " + ", ".join(choices)


def _readable(name: str, kind: Kind, error: ValidationError) -> ConditionError:
    problem = error.errors()[0]
    parameter = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        fields = kind.parameters.model_fields
        hint = nearest(parameter, fields) if fields else f"{name} takes none"
        return ConditionError(f"{name}: unknown parameter {parameter!r}", hint=hint)
    message = problem["msg"].removeprefix("Value error, ")
    if not parameter:
        return ConditionError(f"{name}: {message}")
    return ConditionError(f"{name}: {parameter}: {message}, not {problem['input']!r}")


def _example(kind: Kind) -> str:
    fields = kind.parameters.model_fields
    return ", ".join(f"{key}={_shown(field.default)}" for key, field in fields.items()) or "none"


def _shown(value: object) -> str:
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return f"{value:g}" if isinstance(value, float) else str(value)
