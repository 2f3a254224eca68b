"""What a search tries: configuration keys with ranges or choices, as given on the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

HOW = "KEY=LOW:HIGH:STEP, KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=x|y|z"
MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A key and the values it may have, as text."""

    key: str
    values: tuple[str, ...]

    def points(self) -> tuple[str, ...] | None:
        """Return every value."""
        return self.values

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna knows it."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)

    def ends(self) -> tuple[str, ...]:
        """Return what has to be a valid value."""
        return self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A key and the numbers from ``low`` to ``high``; without a ``step`` any number between."""

    key: str
    low: float
    high: float
    step: float | None
    log: bool
    whole: bool

    def points(self) -> tuple[str, ...] | None:
        """Return every value, or None where there are endless ones."""
        step = (
            self.step if self.step is not None else (1.0 if self.whole and not self.log else None)
        )
        if step is None:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.text(self.low + i * step) for i in range(min(count, MOST_POINTS)))

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna knows it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            step = int(self.step or 1)
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=step)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def ends(self) -> tuple[str, ...]:
        """Return what has to be a valid value."""
        return self.text(self.low), self.text(self.high)

    def text(self, value: float) -> str:
        """Return a value as it stands in a setting."""
        return str(round(value)) if self.whole else f"{value:.12g}"


Dimension = Choices | Range


def parse_space(
    settings: Sequence[str], option: str = "--set"
) -> tuple[list[Dimension], list[str]]:
    """Return the dimensions of a search, and the settings that are the same in all trials.

    Raises ConfigError naming the ``option`` and its setting.
    """
    dimensions: list[Dimension] = []
    fixed: list[str] = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        key, text = key.strip(), text.strip()
        if not equals or not key:
            raise ConfigError(f"{option} {setting!r} is not KEY=VALUES", hint=HOW)
        if key in {dimension.key for dimension in dimensions}:
            raise ConfigError(f"{option} {setting!r}: {key} stands there twice")
        if "|" in text:
            values = tuple(dict.fromkeys(value.strip() for value in text.split("|")))
            if "" in values or len(values) < 2:
                raise ConfigError(f"{option} {setting!r} has too few choices", hint=HOW)
            dimensions.append(Choices(key=key, values=values))
        elif ":" in text:
            dimensions.append(_range(option, setting, key, text.split(":")))
        else:
            fixed.append(setting)
    return dimensions, fixed


def _range(option: str, setting: str, key: str, words: list[str]) -> Range:
    log = len(words) == 3 and words[2].strip() == "log"
    try:
        numbers = [float(word) for word in (words[:2] if log else words)]
    except ValueError as error:
        raise ConfigError(f"{option} {setting!r} is not a range of numbers", hint=HOW) from error
    low, high = (numbers[0], numbers[1]) if len(numbers) in (2, 3) else (math.nan, math.nan)
    step = numbers[2] if len(numbers) == 3 else None
    if not (low < high and all(map(math.isfinite, numbers))) or (step is not None and step <= 0):
        raise ConfigError(f"{option} {setting!r} is not a range from low to high", hint=HOW)
    if log and low <= 0:
        raise ConfigError(f"{option} {setting!r}: a logarithmic range begins above 0", hint=HOW)
    given = words[:2] if log else words
    whole = all("." not in word and "e" not in word.lower() for word in given)
    if step is not None and not whole:
        # Optuna wants the last point to be one.
        high = low + step * math.floor((high - low) / step + 1e-9)
    return Range(key=key, low=low, high=high, step=step, log=log, whole=whole)


def combinations(dimensions: Sequence[Dimension], most: int) -> list[tuple[str, ...]] | None:
    """Return all settings of a space with at most ``most`` of them, else None."""
    points = [dimension.points() for dimension in dimensions]
    if any(found is None for found in points):
        return None
    lists = [found for found in points if found is not None]
    if math.prod(len(found) for found in lists) > most:
        return None
    return [
        tuple(f"{d.key}={value}" for d, value in zip(dimensions, values, strict=True))
        for values in product(*lists)
    ]
