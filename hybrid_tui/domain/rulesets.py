"""Rule sets: named conditions, and other sets, joined by all, any and not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hybrid_tui.domain.conditions import (
    CATALOGUE,
    ConditionCall,
    ConditionError,
    nearest,
    read_condition,
    split_call,
)
from hybrid_tui.errors import ConfigError

Join = Literal["all", "any", "not"]
JOINS: tuple[Join, ...] = ("all", "any", "not")
MOST_CONDITIONS = 60
DEEPEST = 4

BUILT_IN: dict[str, dict[Join, tuple[str, ...]]] = {
    "rsi_macd": {"all": ("macd_cross_above", "rsi_below")},
    "rsi_macd_strict": {"all": ("macd_cross_above", "rsi_below(bars=1)")},
    "bollinger": {"all": ("close_below_lower_band(bars=10)", "close_above_lower_band")},
}


class RuleSetError(ConfigError):
    """A rule set makes no sense; ``key`` is the configuration's key under [rules]."""

    def __init__(self, key: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.key = key


class SetText(Protocol):
    """A rule set as it is written."""

    def texts(self, join: Join) -> Sequence[str]:
        """Return the conditions, and names of sets, under ``all``, ``any`` or ``not``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """It holds where every part of ``all``, one of ``any`` (if there are) and none of ``not``."""

    name: str
    origin: Literal["built in", "config"]
    parts: Mapping[Join, tuple[ConditionCall | RuleSet, ...]]

    def conditions(self) -> Iterator[ConditionCall]:
        """Yield the conditions, those of the sets inside included."""
        for join in JOINS:
            for part in self.parts[join]:
                if isinstance(part, RuleSet):
                    yield from part.conditions()
                else:
                    yield part


def check_names(sets: Mapping[str, object]) -> None:
    """Raise RuleSetError where a configured set's name is taken already."""
    for name in sets:
        if name in BUILT_IN or name in CATALOGUE:
            what = "a built-in set" if name in BUILT_IN else "a condition"
            raise RuleSetError(
                f"sets.{name}", f"{name!r} is {what} already", hint="give the set another name"
            )


def read_set(
    name: str, sets: Mapping[str, SetText], keys: Mapping[str, Any], asked_by: str
) -> RuleSet:
    """Return the set of a name, built in or one of ``sets``; ``keys`` are the figures of [rules].

    ``asked_by`` is the key that names the set. Raises RuleSetError naming key, condition and the
    nearest valid name.
    """
    return _read(name, sets, keys, asked_by, ())


def _read(
    name: str,
    sets: Mapping[str, SetText],
    keys: Mapping[str, Any],
    asked_by: str,
    inside: tuple[str, ...],
) -> RuleSet:
    if name in inside:
        raise RuleSetError(asked_by, f"{' -> '.join((*inside, name))} goes round in a circle")
    if len(inside) >= DEEPEST:
        raise RuleSetError(asked_by, f"sets lie more than {DEEPEST} deep in each other")
    built_in = BUILT_IN.get(name)
    if built_in is None and name not in sets:
        raise RuleSetError(
            asked_by, f"unknown rule set {name!r}", hint=nearest(name, {**BUILT_IN, **sets})
        )
    parts: dict[Join, tuple[ConditionCall | RuleSet, ...]] = {}
    for join in JOINS:
        texts = built_in.get(join, ()) if built_in is not None else sets[name].texts(join)
        key = f"sets.{name}.{join}"
        parts[join] = tuple(_part(text, sets, keys, key, (*inside, name)) for text in texts)
    if not parts["all"] and not parts["any"]:
        raise RuleSetError(
            f"sets.{name}", "needs at least one condition", hint="all = [...] or any = [...]"
        )
    origin: Literal["built in", "config"] = "config" if built_in is None else "built in"
    found = RuleSet(name=name, origin=origin, parts=parts)
    for count, _ in enumerate(found.conditions(), 1):
        if count > MOST_CONDITIONS:
            raise RuleSetError(f"sets.{name}", f"has more than {MOST_CONDITIONS} conditions")
    return found


def _part(
    text: str,
    sets: Mapping[str, SetText],
    keys: Mapping[str, Any],
    key: str,
    inside: tuple[str, ...],
) -> ConditionCall | RuleSet:
    try:
        called, _ = split_call(text)
        if text.strip() == called and (called in BUILT_IN or called in sets):
            return _read(called, sets, keys, key, inside)
        if called not in CATALOGUE:
            choices = {**CATALOGUE, **BUILT_IN, **sets}
            raise ConditionError(f"unknown condition {called!r}", hint=nearest(called, choices))
        return read_condition(text, keys)
    except ConditionError as error:
        raise RuleSetError(key, error.message, hint=error.hint) from error
