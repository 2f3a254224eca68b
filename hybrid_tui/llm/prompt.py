"""The prompt of a session: what is known, in parts that each have a budget of tokens.

Every part is a heading and lines of JSON. What a part's budget does not hold is left out whole, the
least important lines first, and counted: a prompt says of itself what was cut.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.ports import StrategistBrief
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.headlines import Choice, Shown, choose_headlines
from hybrid_tui.llm.parts import (
    earnings_lines,
    holding_lines,
    lesson_lines,
    market_lines,
    past_lines,
    prediction_lines,
    symbol_lines,
    veto_lines,
)
from hybrid_tui.llm.schema import answer_schema
from hybrid_tui.llm.wording import check_language, purpose, role

CHARACTERS_A_TOKEN: Final = 3.0
"""Of ASCII text with many figures; real tokenizers need fewer tokens: the estimate errs upwards."""

TOKENS_A_WIDE_CHARACTER: Final = 1.3
LONGEST_CAUSE: Final = 120

BUDGETS: Final[Mapping[str, int]] = {
    "ACCOUNT": 120,
    "POSITIONS": 350,
    "SYMBOLS": 1_800,
    "PREDICTIONS": 950,
    "EARNINGS": 150,
    "STRATEGIES": 500,
    "VETOES": 300,
    "LESSONS": 350,
    "HEADLINES": 1_800,
}
SHORTEST: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    """The tokens that each part may take, and the language of the reasoning (``en``, ``zh``)."""

    budgets: Mapping[str, int] = field(default_factory=lambda: dict(BUDGETS))
    language: str = "en"

    def shorter(self, factor: float = 0.5) -> PromptLimits:
        """Return limits with every part's budget times ``factor``."""
        cut = {name: int(tokens * factor) for name, tokens in self.budgets.items()}
        return replace(self, budgets=cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a prompt: its tokens, the lines it kept, and how many were cut."""

    name: str
    tokens: int
    kept: int
    cut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is said to a model, and what an answer may refer to.

    ``headlines`` has the shown headlines by their number; ``suspect`` counts those left out as they
    talk to a model.
    """

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any]
    estimated_tokens: int
    parts: tuple[Part, ...]
    symbols: tuple[str, ...]
    headlines: Mapping[str, Shown]
    left_out: Mapping[str, int]
    suspect: int

    @property
    def text(self) -> str:
        """All that the model reads."""
        return "\n".join(message["content"] for message in self.messages)

    @property
    def key(self) -> str:
        """A sha256 of the messages and the schema."""
        return prompt_key(self.messages, self.schema)


def prompt_key(messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]) -> str:
    """Return the sha256 of what is said to a model and of the schema that its answer has."""
    said = json.dumps([list(map(dict, messages)), schema], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def estimate_tokens(text: str) -> int:
    """Return how many tokens a text takes, estimated upwards."""
    ascii_count = sum(character.isascii() for character in text)
    wide = len(text) - ascii_count
    return math.ceil(ascii_count / CHARACTERS_A_TOKEN + wide * TOKENS_A_WIDE_CHARACTER)


def build_prompt(brief: StrategistBrief, limits: PromptLimits | None = None) -> Prompt:
    """Return the prompt of a session; the same brief and limits give the same prompt.

    Nothing later than ``brief.now`` is in it, whatever the brief holds. Raises ConfigError for an
    unknown language.
    """
    limits = limits or PromptLimits()
    language = check_language(limits.language)
    held = {holding.symbol for holding in brief.holdings}
    choice = choose_headlines(brief.news, brief.now, brief.watchlist, held, brief.scores)
    written = dict(_lines(brief, choice))
    kept = {name: _fitting(lines, limits.budgets.get(name, 0)) for name, lines in written.items()}
    shown = choice.shown[: len(kept["HEADLINES"])]
    schema = answer_schema(brief.watchlist, [one.number for one in shown])
    clock = brief.now.astimezone(NEW_YORK)
    asked = purpose(brief.session, clean_text(brief.occasion)[:LONGEST_CAUSE], language)
    sections = [f"NOW {clock:%A %Y-%m-%d %H:%M} New York\n{asked}"]
    sections += [f"{name}\n" + "\n".join(lines) for name, lines in kept.items() if lines]
    if not shown:
        sections.append('HEADLINES\n"none: leave scores empty"')
    system = f"{role(language)}\nJSON schema of the answer:\n{json.dumps(schema)}"
    messages = (
        {"role": "system", "content": system},
        {"role": "user", "content": "\n\n".join(sections)},
    )
    parts = tuple(
        Part(
            name=name.lower(),
            tokens=sum(map(estimate_tokens, kept[name])),
            kept=len(kept[name]),
            cut=len(lines) - len(kept[name]),
        )
        for name, lines in written.items()
    )
    return Prompt(
        messages=messages,
        schema=schema,
        estimated_tokens=sum(estimate_tokens(message["content"]) + 8 for message in messages),
        parts=parts,
        symbols=brief.watchlist,
        headlines={one.number: one for one in shown},
        left_out=choice.left_out,
        suspect=choice.suspect,
    )


def _lines(brief: StrategistBrief, choice: Choice) -> Iterable[tuple[str, list[str]]]:
    """Yield each part's lines, the most important first."""
    yield "ACCOUNT", market_lines(brief)
    yield "POSITIONS", holding_lines(brief)
    yield "SYMBOLS", symbol_lines(brief)
    yield "PREDICTIONS", prediction_lines(brief)
    yield "EARNINGS", earnings_lines(brief)
    yield "STRATEGIES", past_lines(brief)
    yield "VETOES", veto_lines(brief)
    yield "LESSONS", lesson_lines(brief)
    yield "HEADLINES", [_headline(one, brief) for one in choice.shown]


def _headline(one: Shown, brief: StrategistBrief) -> str:
    age = (brief.now - one.item.received_at).total_seconds() / 60
    fields: dict[str, object] = {
        "id": one.number,
        "minutes_ago": round(age),
        "symbols": [s for s in one.item.symbols if s in brief.watchlist],
    }
    source = clean_text(one.item.source)[:40]
    if source:
        fields["source"] = source
    fields["headline"] = one.text
    return json.dumps(fields, ensure_ascii=False)


def _fitting(lines: Sequence[str], budget: int) -> list[str]:
    """Return the first lines that a budget of tokens holds."""
    kept: list[str] = []
    for line in lines:
        budget -= estimate_tokens(line)
        if budget < 0:
            break
        kept.append(line)
    return kept
