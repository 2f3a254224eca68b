"""An independent account of a run: it replays the events by rules of its own and objects."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar
from hybrid_tui.domain.orders import Fill, Lock, Order, Side
from hybrid_tui.domain.signals import MLPrediction, StrategySignal

CENT = 0.01
QUOTE_AGE = timedelta(seconds=30)
WINDOW = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class _Held:
    """What the account holds in one symbol, and the stop under it."""

    quantity: float
    level: float = -math.inf


@dataclass(slots=True, kw_only=True)
class Account:
    """Cash, holdings, orders and prohibitions, kept from the events alone.

    ``quoted`` are the instants at which each symbol had a quote; ``halted`` the symbols that were
    halted all the time; ``is_partial`` says that volume limits fills. Raises AssertionError with
    the event that broke a rule.
    """

    config: Config
    use_ml: bool
    use_llm: bool
    quoted: Mapping[str, Collection[datetime]]
    halted: Collection[str]
    cash: float = 0.0
    held: dict[str, _Held] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    locks: list[Lock] = field(default_factory=list)
    predictions: dict[str, MLPrediction] = field(default_factory=dict)
    signals: dict[str, StrategySignal] = field(default_factory=dict)
    approved: dict[str, set[str]] = field(default_factory=dict)
    in_force: str | None = None
    session: ev.SessionOpened | None = None
    paused: bool = False
    flattening: bool = False
    is_partial: bool = False
    ended: set[str] = field(default_factory=set)
    traded: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    now: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def replay(self, events: Collection[ev.Event]) -> None:
        """Take all events in, in their order."""
        for event in events:
            if self.now is not None and event.at > self.now:
                self._check_instant()
                self.ended.clear()
            self.now = event.at
            self._take(event)
        self._check_instant()

    def count(self, what: str) -> None:
        """Note that something happened, so that a test can tell that it did."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def gross(self) -> float:
        """Return the exposure at the last known closes."""
        return sum(held.quantity * self.closes[s] for s, held in self.held.items())

    def _take(self, event: ev.Event) -> None:
        match event:
            case ev.EngineStarted():
                self.cash = event.cash
            case ev.SessionOpened():
                self.session = event
            case ev.SessionClosed():
                self.session = None
            case ev.BarsClosed():
                self._bars(event.bars)
            case ev.ActionApplied(action=action):
                self.closes[action.symbol] = self.closes.get(action.symbol, 0.0) / action.ratio
                held = self.held.get(action.symbol)
                if held is not None:
                    self.cash += held.quantity * action.amount
                    held.quantity *= action.ratio
                    held.level /= action.ratio
                    self.count("split held")
                for order in list(self.orders.values()):
                    if order.symbol == action.symbol:
                        self.orders[order.id] = order.split(action.ratio)
            case ev.SignalProposed(signal=signal):
                self.signals[signal.id], self.approved[signal.id] = signal, set()
            case ev.SignalDecided(decision="approved"):
                self.approved[event.signal_id].update(event.symbols)
                self.in_force = event.signal_id
            case ev.SignalDecided(decision="vetoed"):
                self.approved[event.signal_id].difference_update(event.symbols)
                self.count("veto")
            case ev.StrategyEnded() if event.signal_id == self.in_force:
                self.in_force = None
            case ev.PredictionsMade():
                self.predictions.update({p.symbol: p for p in event.predictions})
            case ev.LockSet(lock=lock):
                self.locks.append(lock)
                self.count(f"lock {lock.name}")
            case ev.LockLifted():
                self.count("lift")
                self.locks = [
                    k for k in self.locks if (k.name, k.symbol) != (event.name, event.symbol)
                ]
            case ev.EntriesPaused():
                self.paused = True
            case ev.EntriesResumed():
                self.paused = False
            case ev.FlattenBegan():
                self.flattening = True
                self.count("flatten")
            case ev.FlattenEnded():
                self.flattening = False
            case ev.StopMoved():
                held = self.held[event.symbol]
                assert event.level >= held.level - 1e-9, f"a stop fell: {event}"
                held.level = event.level
            case ev.OrderIntended(order=order):
                self._intended(order)
            case ev.OrderFilled(fill=fill):
                self._filled(fill)
            case ev.OrderCancelled():
                self.orders.pop(event.order_id, None)

    def _bars(self, bars: Mapping[str, Bar]) -> None:
        for symbol, bar in bars.items():
            self.closes[symbol] = bar.close
            self.ended.add(symbol)
            held = self.held.get(symbol)
            if held is None:
                continue
            if bar.low <= held.level or symbol in self.touched:
                # Where a bar's volume limits fills the rest of a touched stop is sold on, whatever
                # the price; an entry of the same bar may have taken all of its volume.
                traded = symbol in self.traded
                assert self.is_partial, f"{symbol}: {held.level} skipped: {bar}"
                assert traded, f"{symbol}: {held.level} skipped: {bar}"
                self.touched.add(symbol)
                self.count("stop in parts")
        self.touched &= self.held.keys()
        self.traded.clear()

    def _intended(self, order: Order) -> None:
        now, risk = order.at, self.config.risk
        busy = [other for other in self.orders.values() if other.symbol == order.symbol]
        if order.side is Side.SELL:
            assert not [o for o in busy if o.side is Side.SELL], f"an exit is doubled: {order}"
            assert order.quantity == self.held[order.symbol].quantity, f"not the whole: {order}"
            self.orders[order.id] = order
            self.count(f"exit {order.reason}")
            return
        symbol = order.symbol
        assert not busy, f"an entry beside another order: {order}"
        assert symbol not in self.held, f"an entry in what is held: {order}"
        assert not self.paused, f"an entry while paused: {order}"
        assert not self.flattening, f"an entry while flattening: {order}"
        for lock in self.locks:
            concerns = lock.symbol in (None, symbol)
            holds = lock.start <= now and (lock.until is None or now < lock.until)
            assert not (concerns and holds), f"an entry under {lock}: {order}"
        assert symbol not in self.halted, f"an entry under a halt: {order}"
        recent = [at for at in self.quoted[symbol] if now - QUOTE_AGE < at <= now]
        assert recent, f"an entry on a stale quote: {order}"
        assert self.session is not None
        assert self.session.open <= now < self.session.close, f"an entry while closed: {order}"
        if self.use_ml:
            found = self.predictions[symbol]
            assert found.at <= now < found.expires_at, f"an entry on an old prediction: {order}"
            assert found.familiar
            assert found.buy_probability >= 0.70
            assert found.confidence >= 0.70
        if self.use_llm:
            assert self.in_force is not None, f"an entry without a strategy: {order}"
            signal = self.signals[self.in_force]
            assert now < signal.expires_at, f"an entry after the strategy's end: {order}"
            assert signal.direction != "bearish"
            assert symbol in self.approved[signal.id], f"an entry that nobody approved: {order}"
            assert now < self.session.close - WINDOW, f"an entry in the overnight window: {order}"
        equity, close = self.cash + self.gross(), self.closes[symbol]
        assert 1 <= order.quantity <= risk.max_position * equity / close + 1e-9, (
            f"too large: {order}"
        )
        if risk.max_sector and symbol in self.config.sectors:
            assert order.quantity * close <= risk.max_sector * equity * (1 + 1e-9)
        self.orders[order.id] = order
        self.count("entry")

    def _filled(self, fill: Fill) -> None:
        order = self.orders.get(fill.order_id)
        self.traded.add(fill.symbol)
        if not fill.final and fill.side is Side.SELL:
            self.count("exit in parts")
        if fill.side is Side.BUY:
            assert order is not None, f"a fill of no order: {fill}"
            assert order.at <= fill.at
            assert fill.quantity <= order.quantity, f"more than was decided: {fill}"
            self._within_limits(fill)
            self.cash -= fill.quantity * fill.price + fill.commission
            self.held[fill.symbol] = _Held(quantity=fill.quantity)
            self.closes.setdefault(fill.symbol, fill.price)
        else:
            held = self.held.get(fill.symbol)
            assert held is not None, f"sold twice: {fill}"
            assert fill.quantity <= held.quantity, f"more sold than is held: {fill}"
            self.cash += fill.quantity * fill.price - fill.commission
            held.quantity -= fill.quantity
            if held.quantity == 0:
                del self.held[fill.symbol]
            self.count(f"sold {fill.reason}")
        assert self.cash >= 0, f"cash is {self.cash}: {fill}"
        if fill.final:
            self.orders.pop(fill.order_id, None)

    def _within_limits(self, fill: Fill) -> None:
        """Check the exposure of an entry before it is booked: known closes, and its price."""
        risk, gross = self.config.risk, self.gross()
        equity, value = self.cash + gross, fill.quantity * fill.price
        assert gross + value <= risk.max_gross * equity + CENT, f"gross exposure: {fill}"
        sector = self.config.sectors.get(fill.symbol)
        if risk.max_sector and sector is not None:
            selling = {o.symbol for o in self.orders.values() if o.side is Side.SELL}
            before = sum(
                held.quantity * self.closes[symbol]
                for symbol, held in self.held.items()
                if self.config.sectors.get(symbol) == sector and symbol not in selling
            )
            assert before + value <= risk.max_sector * equity + CENT, f"sector exposure: {fill}"

    def _check_instant(self) -> None:
        """Check at the end of an instant that no exit was skipped."""
        assert self.now is not None
        selling = {o.symbol for o in self.orders.values() if o.side is Side.SELL}
        busy = {o.symbol for o in self.orders.values()}
        if self.flattening:
            assert set(self.held) <= busy, f"{self.now}: flattening skips {set(self.held) - busy}"
        session = self.session
        if session is None or not session.open <= self.now < session.close:
            return
        for symbol in self.ended & self.held.keys():
            found = self.predictions.get(symbol)
            if found is None or not found.at <= self.now < found.expires_at:
                continue
            if found.buy_probability < self.config.rules.exit_probability:
                assert symbol in selling, f"{self.now}: {symbol} should be sold by probability"
