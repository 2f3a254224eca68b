"""Answers of models, recorded so that they can be read again: for a replay, and in backtests.

An answer is read as it was then: with the headlines that its prompt showed under their numbers, and
with the strategies that came before it. What a backtest makes of it keeps to its own watchlist.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.exchange import ANSWERED, Exchange
from hybrid_tui.domain.ports import Abstained, Arriving, Strategist, StrategistBrief
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import DataError
from hybrid_tui.llm.answer import read_answer
from hybrid_tui.llm.calls import CallMade
from hybrid_tui.llm.extract import NoObject, extract_object
from hybrid_tui.llm.headlines import MOST_CHARACTERS, Shown
from hybrid_tui.llm.prompt import Prompt, PromptLimits, build_prompt


@cache
def _brief_adapter() -> TypeAdapter[StrategistBrief]:
    return TypeAdapter(StrategistBrief)


def exchanges_of(
    brief: StrategistBrief, prompt: Prompt, calls: Sequence[CallMade]
) -> list[Exchange]:
    """Return what the journal keeps of the requests of one session, in their order."""
    shown = tuple(one.item for one in prompt.headlines.values())
    context = {
        "brief": _brief_adapter().dump_python(replace(brief, news=shown), mode="json"),
        "numbers": {number: one.item.id for number, one in prompt.headlines.items()},
        "suspect": prompt.suspect,
        "parts": [{"name": p.name, "kept": p.kept, "cut": p.cut} for p in prompt.parts],
        "left_out": dict(prompt.left_out),
    }
    return record_calls(
        calls,
        prompt_key=prompt.key,
        schema=prompt.schema,
        decision=brief.id,
        session=brief.session,
        purpose="event" if brief.occasion else "session",
        asked_at=brief.now,
        context=context,
    )


def record_calls(
    calls: Sequence[CallMade],
    *,
    prompt_key: str,
    schema: Mapping[str, Any],
    decision: str,
    session: str,
    purpose: str,
    asked_at: datetime,
    context: Mapping[str, Any],
) -> list[Exchange]:
    """Return the requests over one prompt; each answer arrives after all their seconds so far."""
    found = []
    seconds = 0.0
    for call in calls:
        seconds += call.seconds
        found.append(
            Exchange(
                id=hashlib.sha256(f"{prompt_key} {call.call_id}".encode()).hexdigest()[:16],
                prompt_key=prompt_key,
                decision=decision,
                session=session,
                purpose=purpose,
                model=call.model,
                asked_at=asked_at,
                arrived_at=asked_at + timedelta(seconds=seconds),
                request=dict(call.request),
                schema=dict(schema),
                text=call.text,
                outcome=call.outcome,
                input_tokens=call.usage.input if call.usage else None,
                output_tokens=call.usage.output if call.usage else None,
                cost_usd=call.usd,
                seconds=call.seconds,
                context=context,
            )
        )
    return found


def read_exchange(exchange: Exchange) -> tuple[StrategistBrief, StrategySignal | Abstained]:
    """Return the brief of a recorded session, and its answer read again by today's checks.

    Raises DataError where the record cannot be read.
    """
    try:
        brief = _brief_adapter().validate_python(exchange.context["brief"])
        items = {item.id: item for item in brief.news}
        headlines = {
            number: Shown(
                number=number,
                item=items[name],
                text=clean_text(items[name].headline)[:MOST_CHARACTERS],
                score=None,
            )
            for number, name in exchange.context["numbers"].items()
        }
        suspect = int(exchange.context["suspect"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise DataError(
            f"the recorded session {exchange.id} cannot be read: {type(error).__name__}",
            hint="it was recorded by another version of hybrid-tui",
        ) from error
    if exchange.outcome != ANSWERED:
        return brief, Abstained(reason=exchange.outcome)
    messages = tuple(
        {str(key): str(value) for key, value in message.items()}
        for message in exchange.request.get("messages", ())
    )
    prompt = Prompt(
        messages=messages,
        schema=exchange.schema,
        estimated_tokens=0,
        parts=(),
        symbols=brief.watchlist,
        headlines=headlines,
        left_out={},
        suspect=suspect,
    )
    try:
        data = extract_object(exchange.text)
    except NoObject as error:
        return brief, Abstained(reason=str(error))
    found = read_answer(data, brief, prompt)
    if isinstance(found, StrategySignal):
        found = replace(found, source=f"recorded {exchange.model}")
    return brief, found


def adapted(signal: StrategySignal, brief: StrategistBrief) -> StrategySignal:
    """Return a recorded signal as the answer to ``brief``: its instants and its watchlist."""
    watched = set(brief.watchlist)
    focus = tuple(symbol for symbol in signal.focus_stocks if symbol in watched)
    return replace(
        signal,
        id=brief.id,
        at=brief.now,
        expires_at=brief.expires_at,
        session=brief.session,
        focus_stocks=focus,
        sentiment_scores={s: v for s, v in signal.sentiment_scores.items() if s in watched},
        theses=tuple(thesis for thesis in signal.theses if thesis.symbol in focus),
    )


class RecordedStrategist:
    """Gives each session the answer that was recorded for it, when it arrived, at no cost.

    A session is known by its instant; among several records the one of the very same prompt is
    taken, else the newest. Where there is none the local analyst answers at once; ``taken`` and
    ``missing`` say which sessions were which.
    """

    source = "recorded"

    def __init__(
        self,
        find: Callable[[datetime], Iterable[Exchange]],
        local: Strategist,
        limits: PromptLimits | None = None,
    ) -> None:
        self._find = find
        self._local = local
        self._limits = limits or PromptLimits()
        self.taken: dict[str, str] = {}
        self.missing: list[str] = []
        self.models: Counter[str] = Counter()

    def score(self, items: Sequence[NewsItem]) -> Sequence[float]:
        """Return the local analyst's sentiment of each headline, -1..1."""
        return self._local.score(items)

    def propose(self, brief: StrategistBrief) -> StrategySignal | Abstained | Arriving:
        """Return the recorded answer with its arrival, or the local analyst's."""
        found = self._record_of(brief)
        if found is None:
            self.missing.append(brief.id)
            return self._local.propose(brief)
        self.taken[brief.id] = found.id
        self.models[found.model] += 1
        _, answer = read_exchange(found)
        if isinstance(answer, StrategySignal):
            answer = replace(adapted(answer, brief), cost_usd=0.0)
        return Arriving(at=max(found.arrived_at, brief.now), answer=answer)

    def _record_of(self, brief: StrategistBrief) -> Exchange | None:
        records = [one for one in self._find(brief.now) if one.session == brief.session]
        if not records:
            return None
        answered = [one for one in records if one.outcome == ANSWERED] or records
        if len(answered) > 1:
            key = build_prompt(brief, self._limits).key
            answered = [one for one in answered if one.prompt_key == key] or answered
        return answered[-1]
