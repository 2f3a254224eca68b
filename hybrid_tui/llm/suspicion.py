"""Headlines that talk to a model instead of telling news.

A filter does not suffice against injected text (OWASP LLM01): what it misses is bounded by what an
answer can do at all. It makes the crude attacks harmless early, and it can be counted.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MODEL: Final = (
    r"(ai|llm|(language\s+)?model|chatbot|assistant|algorithm|strategist"
    r"|trading\s+(bot|system|agent|model))"
)
_RULES: Final = (
    r"(instructions?|prompts?|safeguards?|filters?|watchlist|risk\s+(limits?|checks?|rules?)"
    r"|position\s+limits?|(rules?|text|headlines?)\s+above|everything\s+(you|above|before)"
    r"|(above|previous|prior|earlier)\s+(rules?|text|headlines?|messages?)"
    r"|your\s+(system|training|rules?|limits?|users?|guidelines?))"
)
_FIELD: Final = (
    r"(score|direction|risk\s+level|overnight(\s+target)?|focus\s+list|position\s+size"
    r"|sentiment(\s+score)?)"
)
_VALUE: Final = r"(100|one\s+hundred|max(imum)?|bullish|bearish|aggressive)"
_BEGINS: Final = r"(?:^|[.!?:;>\]#*\"'`-]\s*)"
_PHRASES: Final = (
    ("instruction", rf"\b(ignore|disregard|forget|override|bypass|disable)\b.{{0,40}}\b{_RULES}"),
    ("instruction", r"\b(new|updated|revised|hidden|secret)\s+(system\s+)?(instructions?|task)\s*"
     r"(:|follows?\b)"),
    ("instruction", r"\bend\s+of\s+(the\s+)?(headlines?|input|data|context|prompt)\b"
     r"|\bbegin\s+(system|instructions?|prompt)\b|\bstop\s+reading\b"
     r"|\b(remaining|other|previous)\s+headlines?\b|\bdo\s+not\s+cite\b"),
    ("instruction", r"\b(translate|summari[sz]e|repeat|classify|rewrite)\s+"
     r"(this\s+as|the\s+(following|(text|headlines?)\s+above))\b"),
    ("role", rf"{_BEGINS}(system|assistant|developer|human)\s*"
     r"(prompt|message|note|role)?\s*[:>\]]"),
    ("role", r"\byou\s+are\s+now\s+(a|an|in|the|free|no\s+longer)\b"
     r"|\byou\s+are\s+(a|an|the)\s+(\w+\s+){0,2}(model|assistant|bot|ai)\b"
     r"|\byou\s+are\s+(no\s+longer\s+bound|authori[sz]ed\s+to)\b"),
    ("role", r"(?<!stocks )(?<!stock )(?<!shares )(?<!etfs )(?<!why )(?<!reasons )(?<!that )"
     r"\byou\s+(must|shall)\s+(now\s+)?"
     r"(buy|sell|score|rate|answer|reply|respond|output|return|approve|set|say)\b"
     r"|\byou\s+(should|will|have\s+to|need\s+to)\s+(now\s+)?"
     r"(score|answer|reply|respond|output|approve)\b"),
    ("role", r"\b(act|behave)\s+as\s+(if\s+you|an?\s+(unrestricted|ai|model|assistant|bot))\b"
     r"|\byour\s+new\s+role\b"),
    ("role", rf"\b(answer|respond|reply)\s+(only\s+)?(with|in|as)\b.{{0,20}}\b({_VALUE}|json)\b"
     r"|\bthe\s+(only\s+)?(correct|right|expected)\s+(answer|output|response)\s+is\b"),
    ("role", rf"\b(dear|attention|note\s+to|message\s+(for|to))\s+(the\s+|an?\s+|any\s+)?{_MODEL}"
     r"\s*[,:;!-]"),
    ("role", r"\bas\s+an?\s+((ai|llm|language)\s+)+(model|assistant|bot)\s*(,|you\b)"
     rf"|\bas\s+(the|an?)\s+{_MODEL}\s*,?\s+(you|choose|buy|score|put|answer)\b"),
    ("role", r"\byour\s+(user|operator|developer|creator)\b|\buser['’]s\s+(veto|approval)"
     r"|\btell\s+(the|your)\s+(desk|user|trader)\s+to\b"),
    ("order", rf"{_BEGINS}(buy|sell|short|purchase|load\s+up\s+on|allocate|dump|liquidate)\s+"
     r"(everything|all\s+(shares|positions|holdings)|max(imum)?|100\s*%|the\s+whole|immediately)\b"
     r"(?!\?)"),
    ("order", r"\b(set|raise|output|return|assign|put|write|emit)\b.{0,30}"
     rf"\b{_FIELD}\s*(to|=|:|at|as)?\s*{_VALUE}\b|\braise\s+your\b"),
    ("order", r"\b(score|rate|grade)\s+\S+\s+(at\s+|with\s+)?(the\s+)?"
     r"(100(?!\s+\w)|(100|one\s+hundred)\s+points|one\s+hundred|maximum|(highest|top)\s+score)"),
    ("order", r"\b(put|add)\b.{0,30}\b(your\s+(focus|watch)\s*list|on\s+the\s+focus\s+list)\b"
     r"|\bapprove\s+(every|all|the)\s+strateg"),
    ("format", r"(score_pct|overnight_target|focus_stocks|risk_level|invalid_if|\"role\"|</?\w+>"
     r"|<\||\|>|\[/?inst\]|```|###|\{\s*\"|\bjson\b)"),
    ("secret", r"\b(print|reveal|show|send|output|repeat|give)\b.{0,20}"
     r"\b(system\s+prompt|api[\s_-]*keys?|environment\s+variables?)\b"),
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
