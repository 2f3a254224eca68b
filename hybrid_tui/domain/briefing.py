"""What a strategist is told beside the news: prices, holdings, the past, lessons and dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolFacts:
    """A symbol's prices at one instant, over several timeframes.

    ``changes`` are returns by timeframe (fractions), ``indicators`` figures by name; what is not
    known yet is absent.
    """

    symbol: str
    price: float
    changes: Mapping[str, float] = field(default_factory=dict)
    indicators: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position: prices and the stop's level in dollars, ``pnl`` in dollars, unrealised."""

    symbol: str
    quantity: float
    entry_at: datetime
    entry_price: float
    price: float
    level: float
    pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetoed:
    """What a person vetoed of a proposal at once (no symbols: the whole of it), and why."""

    symbols: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastStrategy:
    """An earlier proposal and what became of it.

    ``returns`` are the symbols' since the proposal (to its expiry where that is over), as
    fractions; ``market`` is that of the benchmark over the same time.
    """

    id: str
    at: datetime
    session: str
    source: str
    direction: str
    risk_level: str
    overnight_target: float
    focus: tuple[str, ...]
    scores: Mapping[str, float]
    status: str
    in_force: bool
    approved: tuple[str, ...] = ()
    vetoes: tuple[Vetoed, ...] = ()
    returns: Mapping[str, float] = field(default_factory=dict)
    market: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a strategy claimed against what happened; nobody may know it before ``known_at``."""

    id: str
    known_at: datetime
    signal_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsDue:
    """The New York dates (one, or a first and last) of a symbol's next earnings release."""

    symbol: str
    dates: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """How tier 2's predictions came out: what they claimed on average, and what came true.

    ``error`` is their expected calibration error, None while too few outcomes are known.
    """

    outcomes: int
    claimed: float
    came_true: float
    error: float | None = None
