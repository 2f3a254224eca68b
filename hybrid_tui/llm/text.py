"""Folding of cleaned text for scoring: one spelling of what looks the same."""

from __future__ import annotations

import unicodedata
from typing import Final

# Cyrillic and Greek letters that are drawn like Latin ones; they are folded for scoring only.
_LOOKALIKES: Final = str.maketrans(
    "авеёікмнорстухѕјԁɡһӏαβεικμνορτυχωϲ",
    "abeeikmhopctyxsjdghlabeikmvoptuxwc",
)


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
