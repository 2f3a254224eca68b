"""What the market did: quotes, bars, halts, corporate actions, news and unusual moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from hybrid_tui.domain.bars import Bar, CorporateAction, NewsItem
from hybrid_tui.domain.events.base import Durability, Event
from hybrid_tui.domain.orders import OvernightGaps

__all__ = [
    "ActionApplied",
    "BarsClosed",
    "HaltsChanged",
    "MoveKind",
    "NewsArrived",
    "NightsMeasured",
    "PriceMoved",
    "Ticked",
]

MoveKind = Literal["move", "gap", "volume", "halt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked(Event):
    """All quotes of one instant: symbol to (bid, ask).

    ``ages`` has the seconds since a quote was made, where it was old when it was read.
    """

    durability: ClassVar[Durability] = "batched"
    quotes: Mapping[str, tuple[float, float]]
    ages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsClosed(Event):
    """All bars that became known at one instant."""

    durability: ClassVar[Durability] = "batched"
    start: datetime
    bars: Mapping[str, Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltsChanged(Event):
    """Nothing may be bought in ``halted`` (symbol to reason) any more; in ``resumed`` it may."""

    halted: Mapping[str, str]
    resumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionApplied(Event):
    """A split or dividend took effect before anything else on its day."""

    action: CorporateAction


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsArrived(Event):
    """A headline was received, and how the local analyst reads it (-1..1)."""

    item: NewsItem
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMoved(Event):
    """A price, a volume or a halt is unusual for its symbol.

    ``size`` is a log return (``move``, over 5 minutes, and ``gap``) or a multiple of the usual
    volume; ``sigma`` the deviation that a return was measured by.
    """

    symbol: str
    kind: MoveKind
    size: float
    sigma: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightsMeasured(Event):
    """The overnight gaps that holdings had, by symbol, from their own history."""

    gaps: Mapping[str, OvernightGaps]
