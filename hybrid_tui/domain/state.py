"""The desk as a fold of events: what the engine decides on, recovery restores and screens show."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.calendar import Session
from hybrid_tui.domain.orders import STOP_REASONS, Fill, Lock, Order, Position, Side, Trade
from hybrid_tui.domain.signals import Abstention, MLPrediction
from hybrid_tui.domain.tiers import Beat, SignalState

LIFTED_FOR_THE_DAY = frozenset({"daily_loss", "max_entries"})
RECENT_TRADES = 200
RECENT_NEWS = 400
RECENT_SIGNALS = 40


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
    closes: dict[str, float] = field(default_factory=dict)
    closed_at: dict[str, datetime] = field(default_factory=dict)
    quotes: dict[str, tuple[float, float]] = field(default_factory=dict)
    quoted_at: dict[str, datetime] = field(default_factory=dict)
    day_open: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, MLPrediction] = field(default_factory=dict)
    prediction_event: int | None = None
    abstentions: dict[str, Abstention] = field(default_factory=dict)
    signals: dict[str, SignalState] = field(default_factory=dict)
    strategy_id: str | None = None
    locks: list[Lock] = field(default_factory=list)
    lifted: set[str] = field(default_factory=set)
    paused: bool = False
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

    def apply(self, event: ev.Event) -> None:
        """Fold one event in."""
        self.last_id = event.id
        self.now = event.at
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def gross(self) -> float:
        """Return the gross exposure in dollars: quantity x last known close."""
        closes = self.closes
        return sum(held.quantity * closes[held.symbol] for held in self.positions.values())

    def equity(self) -> float:
        """Return cash plus quantity x last known close, in dollars."""
        return self.cash + self.gross()

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

    def llm_cost(self, since: datetime) -> float:
        """Return the dollars charged (or still reserved) for tier 3 since an instant."""
        return sum(amount for at, amount in self.charges.values() if at >= since)


def _started(state: DeskState, event: ev.EngineStarted) -> None:
    if not event.resumed:
        state.cash = state.starting_cash = event.cash
        state.reference_equity = state.peak_equity = event.cash
    state.started = event
    state.running = True
    state.speed = event.speed


def _stopped(state: DeskState, _event: ev.EngineStopped) -> None:
    state.running = False


def _speed(state: DeskState, event: ev.SpeedChanged) -> None:
    state.speed = event.speed


def _opened(state: DeskState, event: ev.SessionOpened) -> None:
    state.session = Session(day=event.day, open=event.open, close=event.close)
    state.entries_today = 0
    state.lifted.clear()
    state.day_open = dict(state.closes)
    state.locks = [lock for lock in state.locks if lock.until is None or lock.until > event.at]


def _closed(state: DeskState, event: ev.SessionClosed) -> None:
    state.session = None
    state.reference_equity = event.equity


def _ticked(state: DeskState, event: ev.Ticked) -> None:
    state.quotes.update(event.quotes)
    state.quoted_at.update(dict.fromkeys(event.quotes, event.at))


def _bars(state: DeskState, event: ev.BarsClosed) -> None:
    closes, closed_at, at = state.closes, state.closed_at, event.at
    for symbol, bar in event.bars.items():
        closes[symbol] = bar[3]
        closed_at[symbol] = at


def _news(state: DeskState, event: ev.NewsArrived) -> None:
    if len(state.news) == state.news.maxlen:
        state.scores.pop(state.news[0].id, None)
    state.news.append(event.item)
    if event.score is not None:
        state.scores[event.item.id] = event.score


def _action(state: DeskState, event: ev.ActionApplied) -> None:
    action = event.action
    if action.symbol in state.closes:
        state.closes[action.symbol] /= action.ratio
    for order in list(state.orders.values()):
        if order.symbol == action.symbol:
            state.orders[order.id] = order.split(action.ratio)
    held = state.positions.get(action.symbol)
    if held is None:
        return
    state.cash += held.quantity * action.amount
    held.quantity *= action.ratio
    held.entry_price /= action.ratio
    held.high /= action.ratio
    held.level /= action.ratio


def _proposed(state: DeskState, event: ev.SignalProposed) -> None:
    signal = event.signal
    state.signals[signal.id] = SignalState(
        signal=signal,
        pending_until=event.pending_until,
        event_id=event.id,
        symbols=dict.fromkeys(signal.focus_stocks, "pending"),
    )
    needed = {state.strategy_id, *(held.strategy_id for held in state.positions.values())}
    for old in list(state.signals)[:-RECENT_SIGNALS]:
        if old not in needed:
            del state.signals[old]


def _decided(state: DeskState, event: ev.SignalDecided) -> None:
    found = state.signals[event.signal_id]
    for symbol in event.symbols:
        found.symbols[symbol] = event.decision
    if event.reason:
        found.reasons.append(event.reason)
    if event.decision == "approved":
        if found.status != "approved":
            state.strategy_id = event.signal_id
        found.status = "approved"
        found.decided_by, found.decided_at = event.by, event.at
    elif event.whole and found.status == "pending":
        found.status = event.decision
        found.decided_by, found.decided_at = event.by, event.at


def _strategy_ended(state: DeskState, event: ev.StrategyEnded) -> None:
    if state.strategy_id == event.signal_id:
        state.strategy_id = None


def _predicted(state: DeskState, event: ev.PredictionsMade) -> None:
    for prediction in event.predictions:
        state.predictions[prediction.symbol] = prediction
        state.abstentions.pop(prediction.symbol, None)
    for abstention in event.abstentions:
        state.abstentions[abstention.symbol] = abstention
    state.prediction_event = event.id


def _intended(state: DeskState, event: ev.OrderIntended) -> None:
    order = event.order
    state.orders[order.id] = order
    state.intents[order.id] = event.id
    if order.side is Side.BUY:
        state.entries_today += 1


def _order_over(state: DeskState, order_id: str) -> None:
    state.orders.pop(order_id, None)
    state.filled.pop(order_id, None)
    state.intents.pop(order_id, None)


def _filled(state: DeskState, event: ev.OrderFilled) -> None:
    fill = event.fill
    state.fees += fill.commission
    if fill.side is Side.BUY:
        _bought(state, fill)
    else:
        _sold(state, fill)
    state.filled[fill.order_id] = state.filled.get(fill.order_id, 0.0) + fill.quantity
    if fill.final:
        _order_over(state, fill.order_id)


def _bought(state: DeskState, fill: Fill) -> None:
    state.cash -= fill.cost
    held = state.positions.get(fill.symbol)
    if held is None:
        order = state.orders.get(fill.order_id)
        state.positions[fill.symbol] = Position(
            symbol=fill.symbol,
            quantity=fill.quantity,
            entry_price=fill.price,
            entry_at=fill.at,
            entry_reason=order.reason if order else fill.reason,
            entry_fees=fill.commission,
            high=fill.price,
            level=0.0,
            entry_order_id=fill.order_id,
            strategy_id=order.strategy_id if order else None,
        )
        state.closes.setdefault(fill.symbol, fill.price)
        return
    total = held.quantity + fill.quantity
    held.entry_price = (held.entry_price * held.quantity + fill.price * fill.quantity) / total
    held.quantity = total
    held.entry_fees += fill.commission
    held.high = max(held.high, fill.price)


def _sold(state: DeskState, fill: Fill) -> None:
    held = state.positions[fill.symbol]
    share = fill.quantity / held.quantity
    entry_fees = held.entry_fees * share
    fees = entry_fees + fill.commission
    state.cash -= fill.cost
    pnl = (fill.price - held.entry_price) * fill.quantity - fees
    state.trades.append(
        Trade(
            symbol=fill.symbol,
            quantity=fill.quantity,
            entry_at=held.entry_at,
            entry_price=held.entry_price,
            entry_reason=held.entry_reason,
            exit_at=fill.at,
            exit_price=fill.price,
            exit_reason=fill.reason,
            fees=fees,
            pnl=pnl,
            entry_order_id=held.entry_order_id,
            exit_order_id=fill.order_id,
        )
    )
    state.trades_closed += 1
    state.realized += pnl
    if fill.reason in STOP_REASONS:
        state.stop_fills.append(fill.at)
        horizon = fill.at - timedelta(days=1)
        state.stop_fills = [at for at in state.stop_fills if at >= horizon]
    if fill.quantity >= held.quantity:
        del state.positions[fill.symbol]
    else:
        held.quantity -= fill.quantity
        held.entry_fees -= entry_fees


def _cancelled(state: DeskState, event: ev.OrderCancelled) -> None:
    order = state.orders.get(event.order_id)
    if (
        order is not None
        and order.side is Side.BUY
        and event.order_id not in state.filled
        and state.session is not None
        and order.at >= state.session.open
    ):
        state.entries_today -= 1
    _order_over(state, event.order_id)


def _stop_moved(state: DeskState, event: ev.StopMoved) -> None:
    held = state.positions[event.symbol]
    held.level = event.level
    held.high = event.high
    held.level_from = type(held.level_from)(event.level_from)


def _lock_set(state: DeskState, event: ev.LockSet) -> None:
    state.locks.append(event.lock)


def _lock_lifted(state: DeskState, event: ev.LockLifted) -> None:
    if event.name in LIFTED_FOR_THE_DAY:
        state.lifted.add(event.name)
    state.locks = [
        lock for lock in state.locks if (lock.name, lock.symbol) != (event.name, event.symbol)
    ]
    if event.name == "max_drawdown":
        state.peak_equity = state.equity()


def _paused(state: DeskState, _event: ev.EntriesPaused) -> None:
    state.paused = True


def _resumed(state: DeskState, _event: ev.EntriesResumed) -> None:
    state.paused = False


def _marked(state: DeskState, event: ev.EquityMarked) -> None:
    state.peak_equity = max(state.peak_equity, event.equity)


def _charged(state: DeskState, event: ev.LlmCharged) -> None:
    amount = event.reserved_usd if event.settled_usd is None else event.settled_usd
    state.charges[event.call_id] = (event.at, amount)


def _beat(state: DeskState, event: ev.Heartbeat) -> None:
    state.beats[event.tier] = Beat(
        at=event.at, health=event.health, reason=event.reason, next_at=event.next_at
    )


_HANDLERS: dict[type[ev.Event], Callable[[DeskState, Any], None]] = {
    ev.EngineStarted: _started,
    ev.EngineStopped: _stopped,
    ev.SpeedChanged: _speed,
    ev.SessionOpened: _opened,
    ev.SessionClosed: _closed,
    ev.Ticked: _ticked,
    ev.BarsClosed: _bars,
    ev.NewsArrived: _news,
    ev.ActionApplied: _action,
    ev.SignalProposed: _proposed,
    ev.SignalDecided: _decided,
    ev.StrategyEnded: _strategy_ended,
    ev.PredictionsMade: _predicted,
    ev.OrderIntended: _intended,
    ev.OrderFilled: _filled,
    ev.OrderCancelled: _cancelled,
    ev.StopMoved: _stop_moved,
    ev.LockSet: _lock_set,
    ev.LockLifted: _lock_lifted,
    ev.EntriesPaused: _paused,
    ev.EntriesResumed: _resumed,
    ev.EquityMarked: _marked,
    ev.LlmCharged: _charged,
    ev.Heartbeat: _beat,
}
