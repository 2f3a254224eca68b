"""What is asked of a model, and what comes back: an answer or none, and every request made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hybrid_tui.domain.charges import Purpose
from hybrid_tui.llm.endpoints import Rung
from hybrid_tui.llm.prices import TokenUsage

Message = Mapping[str, str]
Check = Callable[[dict[str, Any]], str | None]
"""Says what is wrong with an answer that is JSON, for the repair request, or None."""
WhyNot = Literal["budget", "disabled", "failed", "bad_answer", "refused", "too_long", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a model is to be asked: messages, the JSON schema of the answer, and what for."""

    decision: str
    messages: Sequence[Message]
    schema: Mapping[str, Any]
    purpose: Purpose = "session"
    check: Check = field(default=lambda data: None)
    on_text: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMade:
    """One request as it was made and what came of it; ``usd`` is what was booked for it."""

    call_id: str
    model: str
    rung: Rung
    request: Mapping[str, Any]
    outcome: str
    text: str
    finish: str
    usage: TokenUsage | None
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One JSON object that passed the check. ``notes`` say what a person should know of it."""

    data: dict[str, Any]
    text: str
    model: str
    rung: Rung
    finish: str
    usage: TokenUsage | None
    usd: float
    seconds: float
    calls: tuple[CallMade, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No usable answer, why, and what was booked all the same, in dollars.

    ``needs_person``: only a person can mend it, such as a key, credit or a model's name.
    """

    why: WhyNot
    reason: str
    usd: float = 0.0
    calls: tuple[CallMade, ...] = ()
    needs_person: bool = False
