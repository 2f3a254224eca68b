"""How the desk itself is: its start and end, its sessions, its heartbeats, what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Literal

from hybrid_tui.domain.events.base import Durability, Event

__all__ = [
    "Alert",
    "EngineStarted",
    "EngineStopped",
    "EquityMarked",
    "Heartbeat",
    "SessionClosed",
    "SessionOpened",
    "SpeedChanged",
    "TierHealth",
    "TierName",
]

TierName = Literal["rules", "ml", "llm"]
TierHealth = Literal["ok", "waiting", "failed", "off", "loading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStarted(Event):
    """An engine began, or went on with, a run."""

    run: str
    mode: str
    hybrid: str
    tiers: tuple[str, ...]
    policy: str
    watchlist: tuple[str, ...]
    cash: float
    resumed: bool
    speed: float
    sources: Mapping[str, str]
    settings: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStopped(Event):
    """An engine ended its run cleanly."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedChanged(Event):
    """The simulated or recorded clock runs at another speed."""

    durability: ClassVar[Durability] = "batched"
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """A trading session began."""

    day: date
    open: datetime
    close: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(Event):
    """A trading session ended with this equity in dollars."""

    day: date
    equity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarked(Event):
    """Equity, cash and gross exposure in dollars at the end of a bar."""

    durability: ClassVar[Durability] = "batched"
    equity: float
    cash: float
    gross: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Event):
    """How a tier is, and when it acts next."""

    durability: ClassVar[Durability] = "batched"
    tier: TierName
    health: TierHealth
    reason: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Event):
    """Something a person should know."""

    text: str
