"""Orders, fills, positions and locks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    """How an order is priced."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    TRAILING_STOP = "trailing_stop"


class ExitReason(StrEnum):
    """Why a position was sold."""

    HARD_STOP = "hard_stop"
    TRAILING_STOP = "trailing_stop"
    TIGHTENED_STOP = "tightened_stop"
    THESIS_INVALIDATED = "thesis_invalidated"
    SIGNAL_EXIT = "signal_exit"
    OVERNIGHT = "overnight"
    MANUAL = "manual"
    FLATTEN = "flatten"
    DAILY_LOSS = "daily_loss"


STOP_REASONS = frozenset(
    {ExitReason.HARD_STOP, ExitReason.TRAILING_STOP, ExitReason.TIGHTENED_STOP}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An intent to trade, committed before it is sent.

    ``id`` is the client order id. It derives from the decision (instant, symbol, side), so that a
    retry cannot trade twice. ``equity`` is the equity at the decision in dollars; ``priority`` is
    the buy probability by which entries of one instant are ordered (higher first); ``hard`` the
    hard stop's distance at the decision; ``note`` what the risk guardian cut, and why.
    """

    id: str
    at: datetime
    symbol: str
    side: Side
    quantity: float
    reason: str
    kind: OrderKind = OrderKind.MARKET
    price: float | None = None
    trail: float | None = None
    equity: float = 0.0
    priority: float = 0.0
    hard: float = 0.0
    prediction_id: str | None = None
    strategy_id: str | None = None
    note: str = ""

    def split(self, ratio: float) -> Order:
        """Return the order after a split of ``ratio`` new shares for one: buys in whole shares."""
        quantity = self.quantity * ratio
        if self.side is Side.BUY:
            quantity = math.floor(quantity)
        price = None if self.price is None else self.price / ratio
        return replace(self, quantity=quantity, price=price)


def cost_of_buying(quantity: float, price: float, commission: float) -> float:
    """Return what a buy takes out of cash, dollars."""
    return quantity * price + commission


def cost_of_selling(quantity: float, price: float, commission: float) -> float:
    """Return what a sale takes out of cash, dollars: negative where it brings some in."""
    return commission - quantity * price


def profit(quantity: float, entry_price: float, exit_price: float, fees: float) -> float:
    """Return what a sold quantity earned net of its fees, dollars."""
    return (exit_price - entry_price) * quantity - fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A (possibly partial) execution. ``at`` is the start of the bar it happened in.

    ``price`` includes slippage, ``commission`` does not; ``slippage`` is dollars against the trader
    over the whole quantity. ``venue_order`` is the client id of the order at a broker that
    answers later: what of it is booked is counted by it.
    """

    order_id: str
    at: datetime
    symbol: str
    side: Side
    quantity: float
    price: float
    commission: float
    slippage: float
    reason: str
    final: bool = True
    venue_order: str = ""

    @property
    def cost(self) -> float:
        """What the fill takes out of cash, dollars: negative for a sale that brings some in."""
        if self.side is Side.BUY:
            return cost_of_buying(self.quantity, self.price, self.commission)
        return cost_of_selling(self.quantity, self.price, self.commission)


@dataclass(slots=True, kw_only=True)
class Position:
    """What is held in one symbol, and the protective stop that rests for it."""

    symbol: str
    quantity: float
    entry_price: float
    entry_at: datetime
    entry_reason: str
    entry_fees: float
    high: float
    level: float
    level_from: ExitReason = ExitReason.HARD_STOP
    entry_order_id: str = ""
    strategy_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OvernightGaps:
    """How far below its last close a symbol has opened, as fractions; ``one_in_50`` from 50 on."""

    nights: int
    worst: float
    one_in_50: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A closed (part of a) position: one row per sell fill."""

    symbol: str
    quantity: float
    entry_at: datetime
    entry_price: float
    entry_reason: str
    exit_at: datetime
    exit_price: float
    exit_reason: str
    fees: float
    pnl: float
    entry_order_id: str = ""
    exit_order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """No entries in ``symbol`` (None: in any) for [start, until); None: until lifted."""

    name: str
    symbol: str | None
    start: datetime
    until: datetime | None
    reason: str

    @property
    def label(self) -> str:
        """What a person calls the lock: its name, and its symbol where it has one."""
        return self.name if self.symbol is None else f"{self.name} {self.symbol}"

    def holds(self, now: datetime) -> bool:
        """Whether the lock is in force at ``now``."""
        return self.start <= now and (self.until is None or now < self.until)

    def covers(self, symbol: str) -> bool:
        """Whether the lock concerns the symbol."""
        return self.symbol is None or self.symbol == symbol
