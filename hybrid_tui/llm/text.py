"""Cleaning of untrusted text: what a person would see, and nothing of what it carries along."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 2_000
"""Longer headlines are cut: no headline is, and one must not be able to hold up the desk."""

_ANSI: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])|\x9b[0-?]*[@-~]"
)
_BLOCKS: Final = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAGS: Final = re.compile(r"</?[a-zA-Z!?][^<>]*>|<!--.*?-->", re.DOTALL)
_LINKS: Final = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_SPACES: Final = re.compile(r"\s+")
_UNESCAPES: Final = 3
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Drawn as nothing although Unicode calls them letters or marks: fillers, variation selectors.
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\u2800") | frozenset(
    chr(code) for code in range(0xFE00, 0xFE10)
)

# Cyrillic and Greek letters that are drawn like Latin ones; they are folded for scoring only.
_LOOKALIKES: Final = str.maketrans(
    "авеёікмнорстухѕјԁɡһӏαβεικμνορτυχωϲ",
    "abeeikmhopctyxsjdghlabeikmvoptuxwc",
)


def clean(text: str) -> str:
    """Return the text as a person would see it: NFKC, one line, no markup and nothing invisible.

    ANSI escapes, tags, Markdown links (their words stay), character references, control,
    bidirectional, zero-width and private characters go. At most ``MAX_CHARACTERS``
    of the input are looked at.
    """
    text = text[:MAX_CHARACTERS]
    for _ in range(_UNESCAPES):
        if "&" not in text or text == (plain := html.unescape(text)):
            break
        text = plain
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFKC", _ANSI.sub(" ", text))[:MAX_CHARACTERS]
    text = _visible(text)
    if "<" in text:
        text = _TAGS.sub(" ", _BLOCKS.sub(" ", text))
    if "](" in text:
        text = _LINKS.sub(r"\1", text)
    return _SPACES.sub(" ", text).strip()


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    kept = []
    for character in text:
        if character.isspace():
            kept.append(" ")
        elif unicodedata.category(character) not in _UNSEEN and character not in _BLANKS:
            kept.append(character)
    return "".join(kept)


def fold(text: str) -> str:
    """Return cleaned text in lower case, with accents and look-alike letters made plain Latin."""
    text = text.lower()
    if text.isascii():
        return text
    text = text.replace("\u2019", "'").replace("\u2018", "'").replace("\u2212", "-")
    text = text.replace("\u201c", '"').replace("\u201d", '"').replace("\u2014", " - ")
    text = text.replace("\u2013", "-").replace("\u2026", " ... ")
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return bare.translate(_LOOKALIKES)
