"""Cleaning of untrusted text: what is left is one line of what a person would see."""

from __future__ import annotations

import html
import re
import unicodedata

# No rule of its own for comments: one that reaches to "-->" takes quadratic time on "<!--<!--...".
TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
SCRIPT = re.compile(r"<(script|style)\b[^<]*(?:<(?!/\1)[^<]*)*(?:</\1\s*>|$)", re.IGNORECASE)
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
SPACE = re.compile(r"\s+")
# Drawn as nothing although Unicode does not class them as format characters.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
MOST_ROUNDS = 8
MOST_CHARACTERS = 2_000


def clean_text(text: str) -> str:
    """Return text as one line: NFKC, no markup, control, bidi or zero-width characters.

    Markdown links keep their words. At most ``MOST_CHARACTERS`` are looked at: one headline must
    not be able to hold up the desk. What decodes to markup (entities, wide forms, tags in tags) is
    markup too: rounds go on until nothing changes, so cleaning what is clean leaves it as it is.
    """
    text = text[:MOST_CHARACTERS]
    for _ in range(MOST_ROUNDS):
        cleaned = _round(text)
        if cleaned == text:
            return cleaned
        text = cleaned
    # Nested this deep it is an attack, not a headline: no bracket or entity survives.
    return _round(_round(re.sub(r"[<>&]", " ", text)))


def _round(text: str) -> str:
    text = html.unescape(text) if "&" in text else text
    if not text.isascii() or not text.isprintable():
        text = unicodedata.normalize("NFKC", ANSI.sub(" ", text))[:MOST_CHARACTERS]
    text = SPACE.sub(" ", text)
    if not text.isascii() or not text.isprintable():
        text = INVISIBLE.sub("", text)
        text = "".join(c for c in text if unicodedata.category(c) not in HIDDEN_CATEGORIES)
    if "<" in text:
        text = TAG.sub(" ", SCRIPT.sub(" ", text))
    if "](" in text:
        text = LINK.sub(r"\1", text)
    return SPACE.sub(" ", text).strip()
