"""A strategist that asks a language model, within a budget, and degrades in a fixed order.

Where a cap stands in the way: a shorter context, a cheaper model, the local analyst, and last the
strategy that was approved before, each said on the screen. A failure of the endpoint is an
abstention: the approved strategy stays in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeVar

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.charges import LlmDesk
from hybrid_tui.domain.ports import Abstained, Arriving, Strategist, StrategistBrief
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.calls import Answer, Ask, CallMade, Message, NoAnswer
from hybrid_tui.llm.provider import Provider

LONGEST_SHOWN: Final = 1_500
HOLD: Final = "what was approved before stays in force"


class Built(Protocol):
    """A prompt: its messages and the JSON schema of the answer."""

    @property
    def messages(self) -> Sequence[Message]: ...

    @property
    def schema(self) -> Mapping[str, Any]: ...


Limits = TypeVar("Limits")
Prompt = TypeVar("Prompt", bound=Built)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size(Generic[Limits]):
    """How much context a prompt may have, and what it is called on the screen."""

    name: str
    limits: Limits


class OpenAIStrategist(Generic[Limits, Prompt]):
    """Tier 3 over any OpenAI-compatible endpoint.

    ``providers`` are the configured model and then the cheaper one; ``sizes`` the contexts, the
    largest first; ``record`` is told of every request that was made.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        sizes: Sequence[Size[Limits]],
        *,
        build: Callable[[StrategistBrief, Limits], Prompt],
        read: Callable[[dict[str, Any], StrategistBrief, Prompt], StrategySignal | Abstained],
        local: Strategist,
        desk: LlmDesk,
        record: Callable[[StrategistBrief, Prompt, Sequence[CallMade]], None] | None = None,
    ) -> None:
        self._providers = providers
        self._sizes = sizes
        self._build = build
        self._read = read
        self._local = local
        self._desk = desk
        self._record = record
        self.source = f"{providers[0].host}/{providers[0].model}"

    def least_usd(self) -> tuple[str, float]:
        """Return the model whose call needs the least reservation, and that, in dollars.

        The prompt is not counted: no call can be made for less.
        """
        least = min(self._providers, key=lambda one: one.most((), {}))
        return least.model, least.most((), {})

    def score(self, items: Sequence[NewsItem]) -> Sequence[float]:
        """Return the local analyst's sentiment of each headline, -1..1: news cost nothing."""
        return self._local.score(items)

    def propose(self, brief: StrategistBrief) -> StrategySignal | Abstained:
        """Return the model's signal, the local analyst's where a cap forbids the call, or none."""
        usd = 0.0
        said: list[str] = []
        for provider, size in self._plans():
            prompt = self._build(brief, size.limits)
            found = self._ask(provider, prompt, brief)
            usd += found.usd
            if isinstance(found, Answer):
                signal = self._read(found.data, brief, prompt)
                if isinstance(signal, Abstained):
                    return signal
                return replace(
                    signal,
                    source=f"{provider.host}/{provider.model}",
                    cost_usd=round(usd, 9),
                    flags=(*signal.flags, *found.notes, *said),
                )
            if found.why == "disabled":
                said.append(found.reason)
                continue
            if found.why not in ("budget", "too_long"):
                failed = found.needs_person or found.why == "failed"
                return Abstained(reason=f"{found.reason}; {HOLD}", failed=failed)
            said.append(f"{provider.model}, {size.name} context: {found.reason}")
            self._desk.say(f"{brief.session}: not asked: {said[-1]}")
        return self._stand_in(brief, usd, said)

    def _plans(self) -> Iterator[tuple[Provider, Size[Limits]]]:
        for provider in self._providers:
            for size in self._sizes:
                yield provider, size

    def _ask(self, provider: Provider, prompt: Prompt, brief: StrategistBrief) -> Answer | NoAnswer:
        def check(data: dict[str, Any]) -> str | None:
            read = self._read(data, brief, prompt)
            return read.reason if isinstance(read, Abstained) else None

        def show(text: str) -> None:
            self._desk.wrote(brief.id, clean_text(text[-LONGEST_SHOWN:]))

        found = provider.ask(
            Ask(
                decision=brief.id,
                messages=prompt.messages,
                schema=prompt.schema,
                purpose="event" if brief.occasion else "session",
                check=check,
                on_text=show,
            ),
            self._desk,
        )
        if self._record is not None and found.calls:
            self._record(brief, prompt, found.calls)
        return found

    def _stand_in(
        self, brief: StrategistBrief, usd: float, said: Sequence[str]
    ) -> StrategySignal | Abstained:
        """Let the local analyst take the session; where it has nothing, nothing changes."""
        why = said[-1] if said else "no model is configured"
        signal = self._local.propose(brief)
        if isinstance(signal, Arriving):
            return signal.answer
        if isinstance(signal, Abstained):
            return Abstained(reason=f"{why}; local analyst: {signal.reason}; {HOLD}")
        self._desk.say(f"{brief.session}: the local analyst takes the session: {why}")
        return replace(signal, cost_usd=round(usd, 9), flags=(*signal.flags, *said))
