"""What becomes of a model's answer: a signal with what was dropped said in its flags, or nothing.

The answer is untrusted: it was written under the eyes of whoever writes headlines. What is invalid
is dropped one by one and never guessed or clamped; without a direction, a risk level and a target
that are valid there is no signal at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hybrid_tui.domain.ports import Abstained, StrategistBrief
from hybrid_tui.domain.signals import Direction, RiskLevel, StrategySignal, Thesis
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.claims import contradictions, invented_numbers
from hybrid_tui.llm.evidence import Scored, check_scores
from hybrid_tui.llm.plan import MAX_FOCUS
from hybrid_tui.llm.prompt import Prompt, build_prompt
from hybrid_tui.llm.schema import (
    LONGEST_CLAIM,
    LONGEST_CONDITION,
    LONGEST_REASONING,
    MOST_SCORES,
    MOST_SECTORS,
    MOST_THESES,
    SECTOR_NAMES,
)

MOST_TARGET_RISE: Final = 0.5
"""The most by which one session may raise the overnight target in force."""

MOST_FLAGS: Final = 24
_STRICT: Final = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Head(BaseModel):
    """What a signal cannot do without."""

    model_config = _STRICT

    direction: Annotated[Direction, Field(strict=False)]
    risk_level: Annotated[RiskLevel, Field(strict=False)]
    overnight_target_pct: int = Field(ge=0, le=100)
    scores: list[Any]
    focus_stocks: list[Any]


class _Score(BaseModel):
    model_config = _STRICT

    symbol: str
    score_pct: int = Field(ge=-100, le=100)
    cited: list[str]


class _Thesis(BaseModel):
    model_config = _STRICT

    symbol: str
    claim: str = Field(min_length=1)
    invalid_if: str = Field(min_length=1)


def read_answer(
    data: object, brief: StrategistBrief, prompt: Prompt | None = None
) -> StrategySignal | Abstained:
    """Return the signal that an answer (parsed JSON) makes, or why it makes none.

    ``prompt`` is what the model was shown (default: what ``brief`` gives); only what it shows can
    be cited. Source and cost are for the caller to fill in.
    """
    prompt = prompt or build_prompt(brief)
    if not isinstance(data, dict):
        return Abstained(reason=f"the answer is {_kind(data)}, not an object")
    try:
        head = _Head.model_validate(data)
    except ValidationError as error:
        return Abstained(reason=f"the answer is not usable: {_problem(error)}")
    flags: list[str] = []
    if prompt.suspect:
        flags.append(f"{_headlines(prompt.suspect)} left out: they give orders or hide letters")
    given = _scores(head.scores, flags)
    scored = check_scores(given, brief, prompt, flags)
    scores = {one.symbol: one.score_pct / 100 for one in scored}
    focus = _focus(head.focus_stocks, scores, brief, flags)
    reasoning = _reasoning(data.get("reasoning"), flags)
    theses = _theses(data.get("theses"), focus, flags)
    target = _target(head.overnight_target_pct / 100, brief, flags)
    own = [one.score_pct for one in given] + [head.overnight_target_pct]
    claimed = " ".join([reasoning, *(thesis.claim for thesis in theses)])
    flags += contradictions(reasoning, head.direction, scores, brief.watchlist)
    flags += [
        f"{symbol} is on the focus list with a negative score"
        for symbol in focus
        if scores.get(symbol, 0.0) < 0
    ]
    invented = invented_numbers(claimed, prompt.text, own)
    if invented:
        flags.append(f"figures that the prompt does not have: {', '.join(invented[:6])}")
    numbers = dict.fromkeys(number for one in scored for number in one.cited)
    return StrategySignal(
        id=brief.id,
        at=brief.now,
        expires_at=brief.expires_at,
        session=brief.session,
        direction=head.direction,
        sectors=_sectors(data.get("sectors"), flags),
        focus_stocks=focus,
        sentiment_scores=scores,
        risk_level=head.risk_level,
        overnight_target=target,
        theses=theses,
        reasoning=with_ids(reasoning, prompt),
        cited=tuple(prompt.headlines[number].item.id for number in numbers),
        flags=tuple(flags[:MOST_FLAGS]),
    )


def with_ids(text: str, prompt: Prompt) -> str:
    """Return a text with the prompt's numbers of headlines as the feed's ids."""

    def named(match: re.Match[str]) -> str:
        shown = prompt.headlines.get(match.group(0))
        return clean_text(shown.item.id)[:64] if shown is not None else match.group(0)

    return re.sub(r"\bn\d{1,3}\b", named, text, flags=re.ASCII)


def _scores(given: Sequence[Any], flags: list[str]) -> list[Scored]:
    """Return the scores of the right form; too many, or two of one symbol, are dropped."""
    found: dict[str, Scored] = {}
    twice: set[str] = set()
    for row in given[:MOST_SCORES]:
        try:
            score = _Score.model_validate(row)
        except ValidationError as error:
            flags.append(f"a score was dropped: {_problem(error)}")
            continue
        one = Scored(
            symbol=score.symbol, score_pct=score.score_pct, cited=tuple(dict.fromkeys(score.cited))
        )
        old = found.setdefault(one.symbol, one)
        if old.score_pct != one.score_pct:
            twice.add(one.symbol)
    for symbol in sorted(twice):
        del found[symbol]
        flags.append(f"{_shown(symbol)} was scored twice, differently: dropped")
    if len(given) > MOST_SCORES:
        flags.append(f"{len(given) - MOST_SCORES} scores beyond {MOST_SCORES} were dropped")
    return list(found.values())


def _focus(
    given: Sequence[Any], scores: dict[str, float], brief: StrategistBrief, flags: list[str]
) -> tuple[str, ...]:
    """Return the focus symbols that are watched and that something speaks for."""
    kept: list[str] = []
    for symbol in given:
        prediction = brief.predictions.get(symbol) if isinstance(symbol, str) else None
        if not isinstance(symbol, str) or symbol not in brief.watchlist:
            flags.append(f"{_shown(symbol)} is not on the watchlist: left off the focus list")
        elif symbol in kept:
            continue
        elif symbol not in scores and (prediction is None or not prediction.is_fresh(brief.now)):
            flags.append(f"{symbol} has neither a score nor a prediction: left off the focus list")
        elif len(kept) == MAX_FOCUS:
            flags.append(f"the focus list was cut to {MAX_FOCUS} symbols")
            break
        else:
            kept.append(symbol)
    return tuple(kept)


def _theses(given: object, focus: Sequence[str], flags: list[str]) -> tuple[Thesis, ...]:
    found: dict[str, Thesis] = {}
    if not isinstance(given, list):
        flags.append("the theses are not a list: dropped")
        return ()
    for row in given[:MOST_THESES]:
        try:
            thesis = _Thesis.model_validate(row)
        except ValidationError as error:
            flags.append(f"a thesis was dropped: {_problem(error)}")
            continue
        claim, condition = clean_text(thesis.claim), _plain(thesis.invalid_if)
        if thesis.symbol not in focus:
            flags.append(f"a thesis about {_shown(thesis.symbol)}, not in focus, was dropped")
        elif len(condition) > LONGEST_CONDITION:
            flags.append(f"the thesis of {thesis.symbol} was dropped: its condition is too long")
        else:
            found.setdefault(
                thesis.symbol,
                Thesis(symbol=thesis.symbol, claim=claim[:LONGEST_CLAIM], invalid_if=condition),
            )
    return tuple(found.values())


def _target(target: float, brief: StrategistBrief, flags: list[str]) -> float:
    """Return the overnight target; a rise beyond the limit leaves the one in force standing."""
    before = next((one.overnight_target for one in brief.past if one.in_force), None)
    if before is None or target - before <= MOST_TARGET_RISE:
        return target
    flags.append(
        f"overnight {target:.0%} is more than {MOST_TARGET_RISE * 100:.0f} points above"
        f" {before:.0%}: {before:.0%} stays"
    )
    return before


def _sectors(given: object, flags: list[str]) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    known = [name for name in given if isinstance(name, str) and name in SECTOR_NAMES]
    if len(known) < len(given):
        flags.append(f"{len(given) - len(known)} unknown sectors were dropped")
    return tuple(dict.fromkeys(known))[:MOST_SECTORS]


def _reasoning(given: object, flags: list[str]) -> str:
    if not isinstance(given, str):
        flags.append("there is no reasoning")
        return ""
    text = clean_text(given)
    if len(text) > LONGEST_REASONING:
        flags.append("the reasoning was cut")
        return text[: LONGEST_REASONING - 1] + "…"
    return text


def _plain(text: str) -> str:
    """Return a condition as one line of printable characters; ``<`` in it is no markup."""
    text = unicodedata.normalize("NFKC", text[: 4 * LONGEST_CONDITION])
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "it"
    given = first.get("input")
    shown = f", not {_shown(given)}" if isinstance(given, (str, int, float)) else ""
    return f"{clean_text(where)[:40]}: {first['msg']}{shown}"


def _shown(value: object) -> str:
    return clean_text(str(value))[:24] or "an empty name"


def _kind(data: object) -> str:
    names = {list: "a list", str: "text", type(None): "null", bool: "a truth value"}
    return names.get(type(data), "a number" if isinstance(data, (int, float)) else "not JSON")


def _headlines(count: int) -> str:
    return "1 headline was" if count == 1 else f"{count} headlines were"
