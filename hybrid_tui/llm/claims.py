"""Whether the words of an answer agree with its numbers, and its figures with the prompt's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from statistics import fmean
from typing import Final

from hybrid_tui.domain.signals import Direction

CLEAR: Final = 0.2
LEAN: Final = 0.1
COUNTED: Final = 12
"""Whole numbers up to this are taken for counting (``2 of 3 headlines``)."""

_GOOD: Final = re.compile(
    r"\b(bullish|upbeat|positive|strong(?:er|ly)?|rall(?:y|ies|ied)|surg\w+|beats?|upgrad\w+|gains?"
    r"|upside|optimis\w+|outperform\w*|favou?rable|attractive)\b|看涨|看多|利好|强劲|上涨|积极|乐观",
    re.IGNORECASE,
)
_BAD: Final = re.compile(
    r"\b(bearish|downbeat|negative|weak(?:er|ness|ly)?|plung\w+|slump\w*|miss(?:es|ed)?|downgrad\w+"
    r"|loss(?:es)?|downside|pessimis\w+|underperform\w*|unfavou?rable|lawsuit|fraud)\b"
    r"|看跌|看空|利空|疲软|下跌|消极|悲观",
    re.IGNORECASE,
)
_NOT: Final = re.compile(
    r"\b(no|not|never|without|hardly|isn't|n't|less)\b|不|没有|并非", re.IGNORECASE
)
_SENTENCE: Final = re.compile(r"(?<=[.!?;。！？；])\s*")
_NUMBER: Final = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?![\w])", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}")


def contradictions(
    text: str, direction: Direction, scores: Mapping[str, float], watchlist: Collection[str]
) -> list[str]:
    """Return where the words say the opposite of the numbers.

    A symbol's words are those of the sentences that name it and no other; sentences with a
    negation are not judged.
    """
    found = []
    tone: dict[str, int] = {}
    whole = 0
    for sentence in _SENTENCE.split(text):
        if _NOT.search(sentence):
            continue
        lean = len(_GOOD.findall(sentence)) - len(_BAD.findall(sentence))
        whole += lean
        named = [symbol for symbol in watchlist if _names(sentence, symbol)]
        if len(named) == 1:
            tone[named[0]] = tone.get(named[0], 0) + lean
    for symbol, score in scores.items():
        if abs(score) >= CLEAR and tone.get(symbol, 0) * score < 0:
            words = "good" if tone[symbol] > 0 else "bad"
            found.append(
                f"the text has {words} words for {symbol}, its score is {score * 100:+.0f}"
            )
    sign = {Direction.BULLISH: 1, Direction.BEARISH: -1}.get(direction, 0)
    if sign and scores and fmean(scores.values()) * sign < -LEAN:
        mean = fmean(scores.values()) * 100
        found.append(f"the direction is {direction}, the mean score {mean:+.0f}")
    if sign and abs(whole) > 1 and whole * sign < 0:
        found.append(f"the direction is {direction}, the words lean the other way")
    return found


def _names(sentence: str, symbol: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(symbol)}(?![A-Za-z0-9])", sentence) is not None


def invented_numbers(text: str, given: str, own: Sequence[int] = ()) -> list[str]:
    """Return the figures of a text that are neither in ``given`` nor a rounding of one there.

    Signs, thousands' commas and per cents against fractions do not count; small whole numbers are
    counting; ``own`` are further figures that may be named.
    """
    known = {abs(value) for value in _figures(given)} | {Decimal(abs(one)) for one in own}
    known |= {value * 100 for value in known if value <= 1} | {value / 100 for value in known}
    found = []
    for match in _NUMBER.finditer(_DATE.sub(" ", text)):
        value = _decimal(match.group(0))
        if value is None or (value == value.to_integral_value() and abs(value) <= COUNTED):
            continue
        exponent = value.as_tuple().exponent
        unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
        if not any(_rounds_to(one, abs(value), unit) for one in known):
            found.append(match.group(0))
    return list(dict.fromkeys(found))


def _rounds_to(one: Decimal, value: Decimal, unit: Decimal) -> bool:
    if abs(one - value) > unit:
        return False
    return one.quantize(unit, ROUND_HALF_UP) == value


def _figures(text: str) -> list[Decimal]:
    values = (_decimal(match.group(0)) for match in _NUMBER.finditer(text))
    return [value for value in values if value is not None]


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "").replace("−", "-"))
    except InvalidOperation:
        return None
