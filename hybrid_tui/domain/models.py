"""The life of tier 2's models as the desk knows it: who is champion, who waits, and what came."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Verdict = Literal["promoted", "succeeded", "rejected", "rolled_back", "suspended"]
TrainingOutcome = Literal["trained", "failed", "interrupted"]
ModelStatus = Literal["new", "shadow", "champion", "rejected", "retired", "suspended"]

CHALLENGER = "the challenger"
CHAMPION = "the champion"
BASE_RATE = "the base rate"
LINEAR = "the linear baseline"
LIVE_SESSIONS = 20
SHIFT, STRONG_SHIFT = 0.1, 0.25
"""A population stability index worth knowing, and a strong one."""
UNREACHABLE = math.nextafter(1.0, 2.0)
"""The least figure above every probability."""
RECENT_DECISIONS = 50
RECENT_MODELS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the desk has to know of a model; ``expires_at`` is exclusive (None: never).

    ``entry_level`` is the buy probability that its entries need where the configuration leaves that
    to the model (None: the configuration says it), UNREACHABLE where no level pays for its costs.
    ``has_held_out``: its last sessions were held out from it, and a refit to them lives longer.
    """

    id: str
    trained_until: datetime
    base_rate: float
    threshold_bps: float
    expires_at: datetime | None = None
    entry_level: float | None = None
    has_held_out: bool = False

    def has_expired(self, now: datetime) -> bool:
        """Whether the model gives no entries any more because of its age."""
        return self.expires_at is not None and now >= self.expires_at

    def entry_words(self) -> str:
        """Return what entries on its predictions need, if that is left to it."""
        if self.entry_level is None:
            return ""
        if self.entry_level >= UNREACHABLE:
            return "; it has no level from which entries can be expected to pay: nothing is entered"
        return f"; entries need a buy probability of {self.entry_level:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What the champion gate said of a new model on days that it had not seen.

    ``is_worse``: it is significantly worse than forecasting the base rate.
    """

    is_passed: bool
    reason: str
    is_worse: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolDrift:
    """How far a symbol's last sessions are from the training data: PSI beyond what is usual.

    ``psi`` is the largest of its features', ``feature`` that one's name, ``outcome`` that of the
    hour-ahead returns.
    """

    feature: str
    psi: float
    outcome: float | None
    windows: int


@dataclass(slots=True, kw_only=True)
class ModelEntry:
    """A model of the desk, what it is, since when and why."""

    facts: ModelFacts
    status: ModelStatus
    since: datetime
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    gate: GateResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """What was decided about a model, why, and on which figures."""

    at: datetime
    verdict: Verdict
    model_id: str
    previous: str | None
    reason: str
    figures: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class Training:
    """The last training that was asked for, and how far it is (``share`` 0..1)."""

    number: int
    asked_at: datetime
    by: str
    share: float = 0.0
    stage: str = ""
    seconds_left: float | None = None
    outcome: TrainingOutcome | None = None
    ended_at: datetime | None = None
    model_id: str | None = None
    reason: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.outcome is None


@dataclass(slots=True, kw_only=True)
class DayOfLosses:
    """Outcomes of one session and the sum of each forecaster's losses on them, by its name."""

    day: date
    outcomes: int = 0
    losses: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSaid:
    """What the challenger, and the champion beside it, said of a symbol at one instant."""

    symbol: str
    horizon_end: datetime
    champion: float
    challenger: float
    linear: float | None


@dataclass(slots=True, kw_only=True)
class Shadow:
    """A challenger that predicts beside the champion, and how both did so far (log loss, nats)."""

    model_id: str
    champion_id: str
    began_at: datetime
    sessions: int
    waiting: deque[ShadowSaid] = field(default_factory=deque)
    days: list[DayOfLosses] = field(default_factory=list)

    @property
    def outcomes(self) -> int:
        """How many outcomes both were judged by."""
        return sum(day.outcomes for day in self.days)


@dataclass(slots=True, kw_only=True)
class ModelBook:
    """Everything that is known of the models of this desk's market."""

    market: str = ""
    champion: str | None = None
    suspended: str = ""
    entries: dict[str, ModelEntry] = field(default_factory=dict)
    decisions: deque[DecisionMade] = field(default_factory=lambda: deque(maxlen=RECENT_DECISIONS))
    training: Training | None = None
    trained_at: datetime | None = None
    shadow: Shadow | None = None
    live: deque[DayOfLosses] = field(default_factory=lambda: deque(maxlen=LIVE_SESSIONS))
    drift_day: date | None = None
    drift: dict[str, SymbolDrift] = field(default_factory=dict)

    @property
    def champion_facts(self) -> ModelFacts | None:
        """What is known of the champion."""
        found = self.entries.get(self.champion or "")
        return found.facts if found is not None else None

    def entry_level(self, model_id: str, otherwise: float) -> float:
        """Return the buy probability that entries on a model's predictions need."""
        found = self.entries.get(model_id)
        level = found.facts.entry_level if found is not None else None
        return otherwise if level is None else level

    def strongest_drift(self) -> tuple[str, SymbolDrift] | None:
        """Return the symbol that has moved furthest from the training data, and how."""
        return max(self.drift.items(), key=lambda item: (item[1].psi, item[0]), default=None)
