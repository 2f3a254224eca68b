"""Headlines that talk to a model instead of telling news.

A filter does not suffice against injected text (OWASP LLM01): what it misses is bounded by what an
answer can do at all. It makes the crude attacks harmless early, and it can be counted.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_TALK: Final = (
    r"(instruction|prompt|rule|above|previous|prior|guideline|constraint|everything|veto)"
)
_FIELD: Final = (
    r"(score(_pct)?|direction|risk[_ ]?level|overnight([_ ]target)?|focus([_ ](stocks|list))?"
    r"|position\s+size|sentiment\s+(score|to|at|as|of\s+[+-]?\d))"
)
_MODEL: Final = (
    r"(ai|llm|model|chatbot|assistant|algorithm|strategist|trading\s+(bot|system|agent|model))"
)
_PHRASES: Final = (
    ("instruction", rf"\b(ignore|disregard|forget|override|bypass)\b.{{0,40}}\b{_TALK}"),
    ("instruction", r"\b(new|updated|revised|following|hidden|secret)\s+(system\s+)?"
     r"instructions?\b"),
    ("role", r"(?<![@\w])(system|assistant|developer)\s*(prompt|message|note|role)?\s*[:>\]]"),
    ("role", r"\byou\s+are\s+(now\s+)?(a|an|the|in|no\s+longer)\b.{0,30}"
     r"\b(model|assistant|bot|mode|ai|bound)\b"),
    ("role", r"\byou\s+(must|should|shall|will|have\s+to|need\s+to)\s+(now\s+)?"
     r"(buy|sell|score|rate|answer|reply|respond|output|return|approve|set|say)\b"),
    ("role", r"\b(act|behave)\s+as\s+(if|an?\s+(unrestricted|ai|model|assistant|bot))\b"),
    ("role", r"\b(answer|respond|reply)\s+(only\s+)?(with|in|as)\b.{0,20}"
     r"\b(bullish|bearish|json|100)"),
    ("role", r"\b(dear|attention|note\s+to|message\s+(for|to)|as)\s+(the\s+|an?\s+)?"
     rf"{_MODEL}\b"),
    ("order", r"\b(buy|sell|short|purchase|load\s+up\s+on|allocate|dump|liquidate)\s+"
     r"(everything|all\s+(shares|positions|holdings)|max(imum)?|100\s*%|the\s+whole|immediately)\b"),
    ("order", rf"\b(set|raise|output|return|assign|put|write|emit)\b.{{0,30}}\b{_FIELD}\b"),
    ("format", r"(score_pct|overnight_target|focus_stocks|risk_level|invalid_if|\"role\"|</?\w+>"
     r"|<\||\|>|\[/?inst\]|```|###|\{\s*\")"),
    ("secret", r"\b(system\s+prompt|api[\s_-]*key|environment\s+variables?)\b"),
    ("instruction", r"(忽略|无视|忘记|不要理会).{0,12}(指令|指示|提示|规则|要求|以上|之前)"),
    ("role", r"(系统|助手)\s*(提示|消息|指令)?\s*[:\uff1a]|你(是|必须|现在是)|扮演"),
    ("order", r"(立即|马上|全部|全仓|满仓)\s*(买入|卖出|做空|清仓)|(买入|卖出)\s*(全部|一切)"),
)  # fmt: skip
_PATTERNS: Final = tuple((kind, re.compile(text, re.IGNORECASE)) for kind, text in _PHRASES)
_WORD: Final = re.compile(r"[^\W\d_]+")
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def suspicion(text: str) -> str | None:
    """Return why a cleaned text looks like an attack rather than news, or None.

    The reasons are ``instruction``, ``role``, ``order``, ``format``, ``secret`` (it talks to a
    model) and ``mixed scripts`` (look-alike letters within one word).
    """
    for kind, pattern in _PATTERNS:
        if pattern.search(text):
            return kind
    if not text.isascii() and any(_is_mixed(word) for word in _WORD.findall(text)):
        return "mixed scripts"
    return None


def _is_mixed(word: str) -> bool:
    if word.isascii():
        return False
    scripts = {
        script
        for letter in word
        for script in _SCRIPTS
        if unicodedata.name(letter, "").startswith(script)
    }
    return len(scripts) > 1
