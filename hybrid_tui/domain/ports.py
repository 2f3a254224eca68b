"""The Protocols at the edges: feeds, brokers, predictors, analysts and sinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from hybrid_tui.domain.bars import BarSeries, BarSlice, CorporateAction, NewsItem, Quote
from hybrid_tui.domain.briefing import (
    EarningsDue,
    Holding,
    Lesson,
    PastStrategy,
    SymbolFacts,
    TrackRecord,
)
from hybrid_tui.domain.events import Event
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.models import GateResult, ModelFacts, TrainingOutcome
from hybrid_tui.domain.orders import Fill, Order
from hybrid_tui.domain.signals import (
    Abstention,
    ExecutionStatus,
    MLPrediction,
    StrategySignal,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketUpdate:
    """What a feed has to say at one instant; slices are ordered by their start."""

    bars: tuple[BarSlice, ...] = ()
    quotes: tuple[Quote, ...] = ()
    news: tuple[NewsItem, ...] = ()
    actions: tuple[CorporateAction, ...] = ()


class Feed(Protocol):
    """A market that can be asked what happens next. All instants are UTC."""

    symbols: tuple[str, ...]
    interval: int

    def upcoming(self, after: datetime) -> datetime | None:
        """Return the next instant strictly after ``after`` with data; None: the feed has ended."""

    def read(self, now: datetime) -> MarketUpdate:
        """Return what became known exactly at ``now``."""

    def warm_up(self, before: datetime) -> Mapping[str, BarSeries]:
        """Return the bars of each symbol that were known at ``before``."""

    def earlier_news(self, before: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in the three days up to ``before``, oldest first."""


class MarketView(Protocol):
    """Everything known at ``now``, and nothing else. Asking for later raises LookAheadError."""

    @property
    def now(self) -> datetime: ...

    def bars(self, symbol: str) -> BarSeries | None:
        """Return the known bars of a symbol, oldest first."""

    def news(self, since: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in [since, now], oldest first."""


class Predictor(Protocol):
    """Tier 2: calibrated predictions from what a view shows."""

    model_id: str

    def predict(
        self,
        view: MarketView,
        symbols: Sequence[str],
        *,
        session_close: datetime,
        strategy_id: str | None,
    ) -> Sequence[MLPrediction | Abstention | Outcome]:
        """Return one prediction or abstention a symbol for ``view.now``, ordered by symbol.

        Outcomes of its earlier predictions may come beside them.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTask:
    """A training to carry out: ``until`` is the real instant at which it has to stop, if any."""

    number: int
    asked_at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """How far a training is: ``share`` 0..1, in words, and the seconds left if known."""

    share: float
    stage: str
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What came of a training; ``interrupted`` may go on later where it was."""

    outcome: TrainingOutcome
    model: ModelFacts | None = None
    gate: GateResult | None = None
    reason: str = ""


class Trainer(Protocol):
    """Trains a new model somewhere else, and judges it at the champion gate."""

    async def train(
        self, task: TrainingTask, on_step: Callable[[TrainingStep], None]
    ) -> TrainingResult:
        """Return what came of it; cancelled, it leaves nothing running."""


class ModelShelf(Protocol):
    """Where a market's models are kept, and which of them is its champion."""

    def previous(self) -> ModelFacts | None:
        """Return the champion before the last promotion not yet taken back."""

    def candidate(self, model_id: str) -> ModelFacts:
        """Return what is known of a model that could be champion; raises ModelError."""

    def install(self, model_id: str) -> None:
        """Make a model the champion: it is asked from the next prediction on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained:
    """Tier 3 proposes nothing, and why; ``failed`` means trouble, such as an endpoint's."""

    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """A recorded answer, and when it came: nobody may know it before ``at``."""

    at: datetime
    answer: StrategySignal | Abstained


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategistBrief:
    """What the strategist may know for one session.

    ``session`` is its New York time, or ``event`` outside its hours; ``occasion`` says which.
    ``past`` and ``lessons`` are oldest first; ``equity`` and ``cash`` are dollars.
    """

    id: str
    session: str
    now: datetime
    expires_at: datetime
    watchlist: tuple[str, ...]
    news: tuple[NewsItem, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    predictions: Mapping[str, MLPrediction] = field(default_factory=dict)
    execution: ExecutionStatus | None = None
    vetoes: tuple[str, ...] = ()
    occasion: str = ""
    equity: float | None = None
    cash: float | None = None
    facts: Mapping[str, SymbolFacts] = field(default_factory=dict)
    holdings: tuple[Holding, ...] = ()
    past: tuple[PastStrategy, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    earnings: tuple[EarningsDue, ...] = ()
    track_record: TrackRecord | None = None


class Strategist(Protocol):
    """Tier 3: a proposal from a brief."""

    source: str

    def propose(self, brief: StrategistBrief) -> StrategySignal | Abstained | Arriving:
        """Return a signal whose id is ``brief.id``, or an abstention, or one that arrives later."""

    def score(self, items: Sequence[NewsItem]) -> Sequence[float]:
        """Return the sentiment of each headline, -1..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The broker ended an order without (further) fills."""

    order_id: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """The broker says something that is kept as an event of ``kind`` with ``fields``."""

    kind: type[Event]
    fields: Mapping[str, Any]


BrokerUpdate = Fill | Cancelled | Noted
OnUpdate = Callable[[BrokerUpdate], None]
CapAtFill = Callable[[Order, float], float]


class Broker(Protocol):
    """Where orders go. Fills and cancellations come back through ``on_update``."""

    name: str

    def submit(self, order: Order) -> None:
        """Take an order whose intent is on disk; the same id twice is one order."""

    def cancel(self, order_id: str) -> bool:
        """Ask for an order to end; True: it has, False: the answer comes as an update."""

    def place_stop(self, symbol: str, level: float, reason: str) -> None:
        """Rest, or raise, the protective stop of a position at ``level`` dollars."""

    def adopt(self, symbol: str, quantity: float, order_id: str) -> None:
        """Count shares of the account as ours from now on; ``order_id`` names their entry."""

    def collect(self, on_update: OnUpdate) -> None:
        """Hand over what came back between two instants, oldest first."""

    def dispatch(self, cap: CapAtFill) -> None:
        """Let what was submitted go; ``cap`` cuts entries at the most that they may pay."""

    def advance(self, bars: BarSlice, cap: CapAtFill, on_update: OnUpdate) -> None:
        """Trade through one slice of bars; ``cap`` cuts entries at their fill price."""

    def adjust(self, symbol: str, ratio: float, amount: float) -> None:
        """Note a split (``ratio`` new shares for one) and a dividend (dollars an old share)."""

    def session_closed(self, on_update: OnUpdate) -> None:
        """End the orders that live for one session."""
