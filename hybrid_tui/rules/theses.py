"""Conditions that make a thesis wrong: a small grammar, parsed by lark, never run as code.

``close < sma(20)``, ``rsi_5m(14) > 80``, ``drawdown > 0.04``, ``after 2026-03-20``, joined by
``and``, ``or``, ``not`` and parentheses. Names are daily unless suffixed ``_1m``, ``_5m``, ``_1h``.
``drawdown`` is the fall of the last close from the position's high, as a fraction.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal

from lark import Lark, LarkError, Token, Transformer, UnexpectedInput, v_args

from hybrid_tui.errors import DataError

LONGEST_TEXT = 200
LONGEST_PERIOD = 400
Timeframe = Literal["1m", "5m", "1h", "1d"]

GRAMMAR = r"""
?start: either
?either: both ("or"i both)*
?both: negation ("and"i negation)*
?negation: "not"i negation -> negated | comparison | "(" either ")"
comparison: value COMPARE value -> compared
          | "after"i DATE -> after
?value: NUMBER -> number
      | PRICE -> price
      | AVERAGE "(" PERIOD ")" -> average
DATE.3: /\d{4}-\d{2}-\d{2}/
PERIOD.1: /\d{1,3}(?=\s*\))/
NUMBER: /-?\d+(\.\d+)?/
PRICE: /(open|high|low|close|volume)(_(1m|5m|1h|1d))?|drawdown/i
AVERAGE: /(sma|ema|rsi)(_(1m|5m|1h|1d))?(?=\s*\()/i
COMPARE: "<=" | ">=" | "<" | ">"
%ignore /\s+/
"""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


SECONDS: dict[Timeframe, int] = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86_400}


class ThesisError(DataError):
    """A condition is not of the grammar; the thesis stays unchecked."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that the market gives: ``name`` over ``period`` bars of a timeframe."""

    name: str
    timeframe: Timeframe
    period: int = 0


Lookup = Callable[[Measure], float | None]
Condition = Callable[[Lookup, date], bool | None]


def parse(text: str) -> Condition:
    """Return a condition of a lookup and the New York date; raises ThesisError.

    The condition is None while a number it needs does not exist yet.
    """
    if len(text) > LONGEST_TEXT:
        raise ThesisError(f"a condition of {len(text)} characters", hint=f"at most {LONGEST_TEXT}")
    try:
        # The parser builds the condition as it goes; what it gives is no tree.
        condition: Condition = _parser().parse(text)  # type: ignore[assignment]
    except UnexpectedInput as error:
        at = min(error.pos_in_stream or 0, len(text))
        raise ThesisError(f"cannot read {text!r} from character {at + 1} on") from error
    except ValueError as error:
        raise ThesisError(f"{text!r}: {error}") from error
    except (LarkError, RecursionError) as error:
        raise ThesisError(f"cannot read {text!r}") from error
    return condition


def why_unchecked(text: str, interval: int) -> str:
    """Return why a condition cannot be checked on bars of ``interval`` seconds; empty: it can."""
    measures: list[Measure] = []

    def note(measure: Measure) -> None:
        measures.append(measure)

    try:
        parse(text)(note, date.min)
    except ThesisError as error:
        return error.render()
    short = next((m for m in measures if SECONDS[m.timeframe] < interval), None)
    if short is None:
        return ""
    return f"{short.name}_{short.timeframe} needs shorter bars than those of {interval:,} s"


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Conditions())


@v_args(inline=True)
class _Conditions(Transformer[Token, Any]):
    """Turns a parse into closures; unknown numbers make the comparison unknown, not false."""

    def number(self, token: Token) -> Callable[[Lookup], float | None]:
        value = float(token)
        return lambda _: value

    def price(self, token: Token) -> Callable[[Lookup], float | None]:
        measure = _measure(str(token))
        return lambda lookup: lookup(measure)

    def average(self, name: Token, period: Token) -> Callable[[Lookup], float | None]:
        bars = int(period)
        if not 2 <= bars <= LONGEST_PERIOD:
            raise ValueError(f"a period of {bars} is not within 2..{LONGEST_PERIOD}")
        measure = _measure(str(name), bars)
        return lambda lookup: lookup(measure)

    def compared(
        self,
        left: Callable[[Lookup], float | None],
        sign: Token,
        right: Callable[[Lookup], float | None],
    ) -> Condition:
        holds = _COMPARE[str(sign)]

        def condition(lookup: Lookup, _today: date) -> bool | None:
            one, other = left(lookup), right(lookup)
            return None if one is None or other is None else holds(one, other)

        return condition

    def after(self, token: Token) -> Condition:
        day = date.fromisoformat(str(token))
        return lambda _lookup, today: today > day

    def negated(self, inner: Condition) -> Condition:
        def condition(lookup: Lookup, today: date) -> bool | None:
            found = inner(lookup, today)
            return None if found is None else not found

        return condition

    def either(self, *parts: Condition) -> Condition:
        def condition(lookup: Lookup, today: date) -> bool | None:
            found = [part(lookup, today) for part in parts]
            return True if True in found else None if None in found else False

        return condition

    def both(self, *parts: Condition) -> Condition:
        def condition(lookup: Lookup, today: date) -> bool | None:
            found = [part(lookup, today) for part in parts]
            return False if False in found else None if None in found else True

        return condition


def _measure(name: str, period: int = 0) -> Measure:
    base, _, suffix = name.lower().partition("_")
    timeframe: Timeframe = suffix if suffix in ("1m", "5m", "1h") else "1d"  # type: ignore[assignment]
    return Measure(base, timeframe, period)
