"""Hashed features of a headline: words, characters, word groups and compared figures.

Every feature is a string whose CRC-32 names a slot of a table of ``SLOTS`` weights, so that no
vocabulary has to be shipped. The same code runs in training and in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.lexicon import GROUPS_OF, stem
from hybrid_tui.llm.text import fold

SLOTS: Final = 1 << 18
VERSION: Final = 1
"""Raised whenever the features change; weights of another version are refused."""

_WORD_WEIGHT: Final = 1.0
_PAIR_WEIGHT: Final = 0.8
_CHARACTER_WEIGHT: Final = 0.35
_GROUP_WEIGHT: Final = 1.5
_NEGATED_WORDS: Final = 3
_LONG_WORD: Final = 30
_REACH: Final = 6
_SPAN: Final = 14
_MAX_TOKENS: Final = 120

_TOKEN: Final = re.compile(
    r"""(?P<url>https?://\S*|www\.\S+|\b[a-z0-9-]+\.(?:com|co|ly|net|org)/\S*)
      |(?P<user>@\w+)
      |(?P<ticker>\$[a-z][a-z.]{0,6}\b|\((?:nasdaq|nyse|amex|otc\w*|tsx|lse)\s*:\s*[a-z.]+\))
      |(?P<percent>[-+]?\d[\d,]*(?:\.\d+)?\s?(?:%|pct\b|percent\b|per\scent\b))
      |(?P<number>[-+]?(?:[$€£]\s?)?\d[\d,]*(?:\.\d+)?(?:\s?(?:mn|mln|million|m|bn|billion|b|k|thousand|tn|trillion)\b)?)
      |(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?(?:[&][^\W\d_]+)*)
      |(?P<stop>[.,;:!?]+)""",
    re.VERBOSE,
)
_SCALES: Final = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "million": 1e6,
    "b": 1e9, "bn": 1e9, "billion": 1e9, "tn": 1e12, "trillion": 1e12,
}  # fmt: skip
_FIGURE: Final = re.compile(r"([-+]?)[$€£\s]*(\d[\d,]*(?:\.\d+)?)\s?([a-z]*)")
_BEFORE: Final = frozenset({"from", "against", "versus", "vs", "compared", "than", "while", "est"})

_OPPOSITE: Final = {"up": "down", "down": "up", "good": "bad", "bad": "good"}

Token = tuple[str, float | None]
"""A token and, where it is a figure, its value."""


def figure(text: str) -> float | None:
    """Return the value of ``$2.1bn`` or ``EUR``-less ``55.5 mn``; None where it is too long."""
    match = _FIGURE.match(text)
    if match is None or len(match[2]) > 18:
        return None
    value = float(match[2].replace(",", "")) * _SCALES.get(match[3], 1.0)
    return -value if match[1] == "-" else value


def tokens(text: str) -> list[Token]:
    """Return the tokens of folded text: words, sentence marks and figures made one word each."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, raw = match.lastgroup, match[0]
        if kind == "word":
            if raw.endswith("n't"):
                found.append(("not", None))
            else:
                found.append((raw.removesuffix("'s"), None))
        elif kind == "percent":
            sign = {"+": "<+pct>", "-": "<-pct>"}.get(raw[0], "<pct>")
            found.append((sign, figure(raw)))
        elif kind == "number":
            sign = {"+": "<+num>", "-": "<-num>"}.get(raw[0], "<num>")
            found.append((sign, figure(raw)))
        elif kind == "ticker":
            found.append(("<ticker>", None))
        elif kind == "stop":
            found.append(("<stop>" if raw[0] != "?" else "<ask>", None))
        if len(found) >= _MAX_TOKENS:
            break
    return found


def _measure(words: Sequence[str]) -> str:
    """Return whether the last measure named is good or bad news when it rises; "" without one."""
    for word in reversed(words):
        groups = GROUPS_OF.get(stem(word), ())
        if "bad_metric" in groups:
            return "bad"
        if "good_metric" in groups:
            return "good"
    return ""


def _compared(items: Sequence[Token]) -> list[str]:
    """Return which way figures moved: ``to 5 from 3``, ``5 against 3``, ``from 3 to 5``.

    A loss after a profit, or a profit after a loss, counts as such whatever the figures.
    """
    moved: list[str] = []
    words = [word for word, _ in items]
    figures = [(at, value) for at, (_, value) in enumerate(items) if value is not None]
    for (left_at, left), (right_at, right) in pairwise(figures):
        if right_at - left_at > _SPAN:
            continue
        between = words[left_at + 1 : right_at]
        if not _BEFORE.isdisjoint(between):
            now, then = left, right
        elif "from" in words[max(0, left_at - 3) : left_at] and "to" in between:
            now, then = right, left
        else:
            continue
        first, second = _measure(words[:left_at]), _measure(between)
        if first and second and first != second:
            moved.append("@to loss" if first == "bad" else "@to profit")
        elif now != then:
            moved.append(f"@{'rose' if now > then else 'fell'} {first or 'good'}")
    return moved


def _negated(items: Sequence[Token]) -> list[bool]:
    reach = 0
    flags = []
    for word, _ in items:
        if word in ("<stop>", "<ask>", "but"):
            reach = 0
        flags.append(reach > 0)
        if "negation" in GROUPS_OF.get(stem(word), ()):
            reach = _NEGATED_WORDS
        elif reach:
            reach -= 1
    return flags


def _groups(stems: Sequence[str], flags: Sequence[bool], moved: Sequence[str]) -> Iterator[str]:
    """Yield the word groups present, and how a direction goes with the nearest measure."""
    marks: list[tuple[int, str]] = []
    for at, item in enumerate(stems):
        for name in GROUPS_OF.get(item, ()):
            if name == "negation":
                continue
            if flags[at]:
                yield f"@not {name}"
                name = _OPPOSITE.get(name, name)
            marks.append((at, name))
            yield f"@{name}"
    metrics = [(at, name) for at, name in marks if name.endswith("metric")]
    for at, name in marks:
        if name.endswith("metric"):
            continue
        near = [(abs(at - other), metric) for other, metric in metrics if abs(at - other) <= _REACH]
        if near:
            yield f"@{name} {min(near)[1]}"
    yield from moved


def features(headline: str) -> tuple[list[int], list[float]]:
    """Return the slots and the weights of a headline's features, unnormalised; slots may repeat."""
    items = tokens(fold(clean_text(headline)))
    flags = _negated(items)
    stems = [stem(word) for word, _ in items]
    slots: list[int] = []
    weights: list[float] = []

    def add(name: str, weight: float) -> None:
        slots.append(crc32(name.encode()) % SLOTS)
        weights.append(weight)

    before = "<start>"
    before_two = ""
    for (word, _), flag, item in zip(items, flags, stems, strict=True):
        here = f"not {item}" if flag else item
        add(here, _WORD_WEIGHT)
        add(f"{before}|{here}", _PAIR_WEIGHT)
        if before_two:
            add(f"{before_two}|{before}|{here}", _PAIR_WEIGHT * 0.6)
        before_two, before = before, here
        if word[0] != "<" and not flag:
            padded = f"_{word[:_LONG_WORD]}_"
            for size in (3, 4, 5):
                for start in range(len(padded) - size + 1):
                    add("#" + padded[start : start + size], _CHARACTER_WEIGHT)
    for name in _groups(stems, flags, _compared(items)):
        add(name, _GROUP_WEIGHT)
    return slots, weights


def feature_row(headline: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return sorted distinct slots (int64) and their weights (float64, of Euclidean length one)."""
    slots, weights = features(headline)
    if not slots:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    distinct, where = np.unique(np.array(slots, np.int64), return_inverse=True)
    summed = np.bincount(where, weights=np.array(weights))
    damped = np.sqrt(summed)
    return distinct, damped / np.sqrt(np.sum(damped * damped))
