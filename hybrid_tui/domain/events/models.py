"""The life of tier 2's models: training, shadow, decisions and drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from hybrid_tui.domain.events.base import Durability, Event
from hybrid_tui.domain.models import (
    GateResult,
    ModelFacts,
    SymbolDrift,
    TrainingOutcome,
    Verdict,
)

__all__ = [
    "ChampionNamed",
    "DriftMeasured",
    "ModelDecided",
    "ShadowBegan",
    "ShadowPredicted",
    "TrainingAsked",
    "TrainingEnded",
    "TrainingProgressed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionNamed(Event):
    """The model that the desk asks when a run begins or goes on."""

    market: str
    model: ModelFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingAsked(Event):
    """A new model is to be trained, in a process of its own; ``number`` rises by one."""

    number: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgressed(Event):
    """How far a training is: ``share`` 0..1, the stage in words, the seconds left if known."""

    durability: ClassVar[Durability] = "none"
    number: int
    share: float
    stage: str
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded(Event):
    """A training ended with a model, or without one and why."""

    number: int
    outcome: TrainingOutcome
    model: ModelFacts | None = None
    gate: GateResult | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowBegan(Event):
    """A challenger predicts beside the champion from now on, for so many sessions."""

    model: ModelFacts
    champion_id: str
    sessions: int
    gate: GateResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPredicted(Event):
    """The buy probabilities of a challenger, by symbol, for what the champion predicted as well.

    They decide nothing. ``linear`` are those of its logistic regression, the linear baseline.
    """

    durability: ClassVar[Durability] = "batched"
    model_id: str
    made_at: datetime
    said: Mapping[str, float]
    linear: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDecided(Event):
    """A model was promoted, succeeded an unusable champion, or was rejected, rolled back or
    suspended: ``model`` is the one that it is about, or after a rollback the champion of before;
    ``previous`` the champion until then.
    """

    market: str
    verdict: Verdict
    model: ModelFacts
    previous: str | None
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMeasured(Event):
    """How far each symbol's last sessions are from the champion's training data."""

    day: date
    model_id: str
    symbols: Mapping[str, SymbolDrift]
