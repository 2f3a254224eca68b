"""Tier 3: sessions, what they propose, what a person decides, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.charges import Purpose
from hybrid_tui.domain.events.base import Durability, Event
from hybrid_tui.domain.signals import StrategySignal

__all__ = [
    "AskedBy",
    "Decision",
    "DecisionUndone",
    "LessonLearnt",
    "LlmCharged",
    "LlmMeterRead",
    "SessionAsked",
    "SignalAbstained",
    "SignalDecided",
    "SignalProposed",
    "StrategistWrote",
    "StrategyEnded",
    "ThesisUnchecked",
]

AskedBy = Literal["event", "hand", "late"]
Decision = Literal["approved", "vetoed", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAsked(Event):
    """Tier 3 was asked outside its hours, and because of what; ``decision`` is the answer's id."""

    session: str
    reason: str
    by: AskedBy = "event"
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalProposed(Event):
    """Tier 3 proposes a strategy; it is PENDING until ``pending_until`` (exclusive)."""

    signal: StrategySignal
    pending_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ThesisUnchecked(Event):
    """A thesis of a proposal says nothing that can be checked; it will never sell."""

    signal_id: str
    symbol: str
    invalid_if: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAbstained(Event):
    """A session of tier 3 ended without a signal; ``decision`` is the id of one that was asked."""

    session: str
    reason: str
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDecided(Event):
    """Symbols of a signal were approved, vetoed or expired; ``whole`` closes the list as well.

    ``replaces`` is the strategy that was in force until this approval.
    """

    signal_id: str
    symbols: tuple[str, ...]
    decision: Decision
    by: str
    reason: str = ""
    whole: bool = False
    replaces: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionUndone(Event):
    """The last decision on a signal was taken back: ``symbols`` wait again.

    ``whole``: so does the list, and ``restores`` is the strategy that is in force again (empty:
    none). Otherwise some of it was acted on, and the strategy stays.
    """

    signal_id: str
    symbols: tuple[str, ...]
    whole: bool
    by: str
    restores: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyEnded(Event):
    """The strategy in force is in force no longer."""

    signal_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonLearnt(Event):
    """What a strategy claimed was compared with what happened over its time."""

    lesson: Lesson


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmCharged(Event):
    """Dollars reserved for, or settled after, a call of tier 3.

    ``paid_at`` is the real instant at which the reservation was made: money is not spent on a
    simulated clock. ``today_usd`` and ``month_usd`` are what all runs have cost in New York's day
    and month, this charge included.
    """

    call_id: str
    model: str
    reserved_usd: float
    settled_usd: float | None
    paid_at: datetime | None = None
    purpose: Purpose = "session"
    decision: str = ""
    today_usd: float | None = None
    month_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmMeterRead(Event):
    """What tier 3 had cost in New York's day and month when a run began or went on."""

    durability: ClassVar[Durability] = "batched"
    today_usd: float
    month_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategistWrote(Event):
    """The reasoning of a session so far, while the model is still writing it."""

    durability: ClassVar[Durability] = "none"
    decision: str
    text: str
