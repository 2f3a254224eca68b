"""One JSON object out of what a model wrote: whole, alone and unambiguous, or nothing."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

MOST_CHARACTERS: Final = 200_000
_THOUGHT: Final = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_PIECE: Final = re.compile(r'"reasoning"\s*:\s*"')
_ESCAPES: Final = {"n": "\n", "t": " ", "r": "", "b": "", "f": ""}


class NoObject(ValueError):
    """A text is not one JSON object; the message says what is wrong, for the model as well."""


def extract_object(text: str) -> dict[str, Any]:
    """Return the one JSON object of a text, with fences or prose around it.

    Raises NoObject: none, cut in the middle, a second one behind it, a key twice, NaN. What is cut
    is never completed.
    """
    if len(text) > MOST_CHARACTERS:
        raise NoObject(f"it is longer than {MOST_CHARACTERS} characters")
    text = _THOUGHT.sub("", text)
    begin = text.find("{")
    if begin < 0:
        raise NoObject("it is blank" if not text.strip() else "there is no JSON object in it")
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_once, parse_constant=_not_a_number)
    try:
        found, end = decoder.raw_decode(text, begin)
    except json.JSONDecodeError as error:
        raise NoObject(f"its JSON is not whole: {error.msg}") from error
    except RecursionError as error:
        raise NoObject("its JSON is nested too deep") from error
    if "{" in text[end:]:
        raise NoObject("there is more than one JSON object in it")
    if "[" in text[:begin] and "]" in text[end:]:
        raise NoObject("its JSON is a list, not an object")
    if not isinstance(found, dict):
        raise NoObject("its JSON is not an object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoObject("its JSON has a key twice")
    return found


def _not_a_number(name: str) -> NoReturn:
    raise NoObject(f"its JSON has {name}, which is not a number")


def reasoning_so_far(text: str) -> str:
    """Return the value of ``reasoning`` in JSON that is still being written, as far as it goes."""
    begin = _PIECE.search(text)
    if begin is None:
        return ""
    rest = text[begin.end() :]
    out: list[str] = []
    place = 0
    while place < len(rest) and rest[place] != '"':
        if rest[place] != "\\":
            out.append(rest[place])
            place += 1
            continue
        escape = rest[place + 1 : place + 2]
        if escape == "u":
            digits = rest[place + 2 : place + 6]
            if re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                out.append(chr(int(digits, 16)))
            place += 6
            continue
        out.append(_ESCAPES.get(escape, escape))
        place += 2
    # Two halves of one character, as JSON escapes what is outside the first 65,536.
    return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
