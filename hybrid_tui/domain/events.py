"""What happened: the engine's only output. The screen, recovery and replay are folds of these.

Each event has the id of the event that caused it. ``durability`` says how it is kept: ``full`` is
on disk before anyone acts on it, ``batched`` is committed within a second and may be lost, ``none``
is shown and not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal

from hybrid_tui.domain.bars import Bar, CorporateAction, NewsItem
from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.charges import Purpose
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.orders import Fill, Lock, Order, OvernightGaps
from hybrid_tui.domain.signals import Abstention, MLPrediction, StrategySignal

Durability = Literal["full", "batched", "none"]
Decision = Literal["approved", "vetoed", "expired"]
MoveKind = Literal["move", "gap", "volume", "halt"]
TierName = Literal["rules", "ml", "llm"]
TierHealth = Literal["ok", "waiting", "failed", "off", "loading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events; ``at`` is the engine's time, ``id`` rises by one in a journal."""

    durability: ClassVar[Durability] = "full"

    id: int
    at: datetime
    cause: int | None = None


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
class Ticked(Event):
    """All quotes of one instant: symbol to (bid, ask).

    ``ages`` has the seconds since a quote was made, where it was old when it was read.
    """

    durability: ClassVar[Durability] = "batched"
    quotes: Mapping[str, tuple[float, float]]
    ages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltsChanged(Event):
    """Nothing may be bought in ``halted`` (symbol to reason) any more; in ``resumed`` it may."""

    halted: Mapping[str, str]
    resumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsClosed(Event):
    """All bars that became known at one instant."""

    durability: ClassVar[Durability] = "batched"
    start: datetime
    bars: Mapping[str, Bar]


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
class SessionAsked(Event):
    """Tier 3 was asked outside its hours, and because of what."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightsMeasured(Event):
    """The overnight gaps that holdings had, by symbol, from their own history."""

    gaps: Mapping[str, OvernightGaps]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsArrived(Event):
    """A headline was received, and how the local analyst reads it (-1..1)."""

    item: NewsItem
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionApplied(Event):
    """A split or dividend took effect before anything else on its day."""

    action: CorporateAction


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
    """A session of tier 3 ended without a signal."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonLearnt(Event):
    """What a strategy claimed was compared with what happened over its time."""

    lesson: Lesson


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDecided(Event):
    """Symbols of a signal were approved, vetoed or expired; ``whole`` closes the list as well."""

    signal_id: str
    symbols: tuple[str, ...]
    decision: Decision
    by: str
    reason: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyEnded(Event):
    """The strategy in force is in force no longer."""

    signal_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsMade(Event):
    """Tier 2's predictions of one instant, and the symbols it gave none for.

    ``outcomes`` are those of earlier predictions that became known since.
    """

    predictions: tuple[MLPrediction, ...]
    abstentions: tuple[Abstention, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended(Event):
    """An order was decided; it is sent after this is on disk."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(Event):
    """An order was filled, wholly or in part."""

    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """An order ended without (further) fills."""

    order_id: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMoved(Event):
    """An order went on at the broker; ``client_id`` is the one it has there, ``stage`` how far."""

    durability: ClassVar[Durability] = "batched"
    order_id: str
    client_id: str
    symbol: str
    stage: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConfirmed(Event):
    """The broker holds the ``serial``-th stop of a position, for whole shares at ``price`` dollars.

    ``bare_s`` are the seconds for which the position stood without one before; None: it did not.
    """

    symbol: str
    client_id: str
    serial: int
    quantity: float
    price: float
    bare_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountObserved(Event):
    """What the broker says of the account, in dollars, where it changed or differs from the books.

    ``cash`` is the truth from now on. ``transferred`` of the difference are deposits less
    withdrawals, ``activities`` their ids; ``blocked`` says why nothing may be bought.
    """

    account: str
    cash: float
    equity: float
    buying_power: float
    blocked: str = ""
    transferred: float = 0.0
    activities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionObserved(Event):
    """The broker holds another quantity of ours than the books: its word is taken.

    ``ratio`` is not 1 where the difference is a split of so many new shares for one.
    """

    symbol: str
    quantity: float
    before: float
    reason: str
    ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalsObserved(Event):
    """Positions (symbol to shares) and open orders of the account that are not this desk's.

    They are shown and never touched; in their symbols nothing is bought.
    """

    positions: Mapping[str, float]
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMoved(Event):
    """The resting stop of a position, and the high it trails."""

    symbol: str
    level: float
    high: float
    level_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRefused(Event):
    """Technical confirmation was there and something else forbade the entry."""

    durability: ClassVar[Durability] = "batched"
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSet(Event):
    """A protection locked entries."""

    lock: Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class LockLifted(Event):
    """A lock was lifted by hand."""

    name: str
    symbol: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesPaused(Event):
    """A person paused entries."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesResumed(Event):
    """A person allowed entries again."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenBegan(Event):
    """Everything is to be sold: entries are cancelled, and what turns up held is sold as well."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenEnded(Event):
    """Flattening is over: nothing is held or open any more, or a person allowed entries again."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarked(Event):
    """Equity, cash and gross exposure in dollars at the end of a bar."""

    durability: ClassVar[Durability] = "batched"
    equity: float
    cash: float
    gross: float


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


EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        EngineStarted,
        EngineStopped,
        SpeedChanged,
        SessionOpened,
        SessionClosed,
        Ticked,
        HaltsChanged,
        BarsClosed,
        PriceMoved,
        SessionAsked,
        NightsMeasured,
        NewsArrived,
        ActionApplied,
        SignalProposed,
        ThesisUnchecked,
        SignalAbstained,
        LessonLearnt,
        SignalDecided,
        StrategyEnded,
        PredictionsMade,
        OrderIntended,
        OrderFilled,
        OrderCancelled,
        OrderMoved,
        StopConfirmed,
        AccountObserved,
        PositionObserved,
        ExternalsObserved,
        StopMoved,
        EntryRefused,
        LockSet,
        LockLifted,
        EntriesPaused,
        EntriesResumed,
        FlattenBegan,
        FlattenEnded,
        EquityMarked,
        LlmCharged,
        LlmMeterRead,
        StrategistWrote,
        Heartbeat,
        Alert,
    )
}
