"""The desk as a fold of events: what the engine decides on, recovery restores and screens show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.calendar import Session
from hybrid_tui.domain.fold import market, models, orders, tiers
from hybrid_tui.domain.live_calibration import LiveCalibration
from hybrid_tui.domain.models import ModelBook
from hybrid_tui.domain.orders import Lock, Order, OvernightGaps, Position, Side, Trade
from hybrid_tui.domain.signals import Abstention, MLPrediction
from hybrid_tui.domain.tiers import Beat, Meter, SignalState

RECENT_TRADES = 200
RECENT_NEWS = 400
RECENT_LESSONS = 120


@dataclass(slots=True, kw_only=True)
class DeskState:
    """Everything that a decision or a screen needs; changed by :meth:`apply` only."""

    last_id: int = 0
    now: datetime | None = None
    started: ev.EngineStarted | None = None
    running: bool = False
    speed: float = 1.0
    session: Session | None = None
    cash: float = 0.0
    starting_cash: float = 0.0
    reference_equity: float = 0.0
    peak_equity: float = 0.0
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    filled: dict[str, float] = field(default_factory=dict)
    intents: dict[str, int] = field(default_factory=dict)
    booked: dict[str, tuple[float, float]] = field(default_factory=dict)
    stop_serials: dict[str, int] = field(default_factory=dict)
    account: ev.AccountObserved | None = None
    transfers: set[str] = field(default_factory=set)
    externals: ev.ExternalsObserved | None = None
    splits_seen: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    closed_at: dict[str, datetime] = field(default_factory=dict)
    quotes: dict[str, tuple[float, float]] = field(default_factory=dict)
    quoted_at: dict[str, datetime] = field(default_factory=dict)
    halts: dict[str, str] = field(default_factory=dict)
    day_open: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, MLPrediction] = field(default_factory=dict)
    prediction_event: int | None = None
    live_calibration: LiveCalibration = field(default_factory=LiveCalibration)
    models: ModelBook = field(default_factory=ModelBook)
    abstentions: dict[str, Abstention] = field(default_factory=dict)
    signals: dict[str, SignalState] = field(default_factory=dict)
    strategy_id: str | None = None
    lessons: deque[Lesson] = field(default_factory=lambda: deque(maxlen=RECENT_LESSONS))
    locks: list[Lock] = field(default_factory=list)
    lifted: set[str] = field(default_factory=set)
    paused: bool = False
    flattening: str | None = None
    moves: dict[str, datetime] = field(default_factory=dict)
    nights: dict[str, OvernightGaps] = field(default_factory=dict)
    event_sessions: list[datetime] = field(default_factory=list)
    sessions_held: dict[str, datetime] = field(default_factory=dict)
    asked_by_hand: datetime | None = None
    stop_fills: list[datetime] = field(default_factory=list)
    entries_today: int = 0
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=RECENT_TRADES))
    trades_closed: int = 0
    realized: float = 0.0
    fees: float = 0.0
    news: deque[NewsItem] = field(default_factory=lambda: deque(maxlen=RECENT_NEWS))
    scores: dict[str, float] = field(default_factory=dict)
    beats: dict[str, Beat] = field(default_factory=dict)
    charges: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    llm_meter: Meter | None = None
    writing: str = ""

    def apply(self, event: ev.Event) -> None:
        """Fold one event in."""
        self.last_id = event.id
        self.now = event.at
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def gross(self) -> float:
        """Return the gross exposure in dollars: quantity x last known close."""
        closes, gross = self.closes, 0.0
        # One by one in the positions' order: sum() adds otherwise from Python 3.12 on.
        for symbol, held in self.positions.items():
            gross += held.quantity * closes[symbol]
        return gross

    def equity(self) -> float:
        """Return cash plus quantity x last known close, in dollars."""
        return self.cash + self.gross()

    def last_price(self, symbol: str) -> float | None:
        """Return the newest price known of a symbol in dollars: a quote's middle or a close."""
        quote, quoted_at = self.quotes.get(symbol), self.quoted_at.get(symbol)
        closed_at = self.closed_at.get(symbol)
        if quote is None or quoted_at is None or (closed_at is not None and closed_at >= quoted_at):
            return self.closes.get(symbol)
        return (quote[0] + quote[1]) / 2

    def strategy(self, now: datetime) -> SignalState | None:
        """Return the strategy in force at ``now``; its expiry is exclusive."""
        if self.strategy_id is None:
            return None
        found = self.signals[self.strategy_id]
        return found if now < found.signal.expires_at else None

    def pending(self, now: datetime) -> list[SignalState]:
        """Return the signals that wait for a decision, oldest first."""
        return [state for state in self.signals.values() if state.is_pending(now)]

    def prediction(self, symbol: str, now: datetime) -> MLPrediction | None:
        """Return the fresh prediction of a symbol."""
        found = self.predictions.get(symbol)
        return found if found is not None and found.is_fresh(now) else None

    def lock_on(self, symbol: str, now: datetime) -> Lock | None:
        """Return a lock that forbids an entry in the symbol."""
        for lock in self.locks:
            if lock.holds(now) and lock.covers(symbol):
                return lock
        return None

    def exit_order(self, symbol: str) -> Order | None:
        """Return the open sell order of a symbol."""
        return next(
            (o for o in self.orders.values() if o.symbol == symbol and o.side is Side.SELL), None
        )

    def has_order(self, symbol: str) -> bool:
        """Whether any order of the symbol is open."""
        return any(order.symbol == symbol for order in self.orders.values())


_HANDLERS = {**market.HANDLERS, **orders.HANDLERS, **tiers.HANDLERS, **models.HANDLERS}
