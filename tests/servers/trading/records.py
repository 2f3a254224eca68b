"""What the local broker keeps: orders, fills, holdings, movements of cash, refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)

ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
# Orders in these states stand at the venue: a stop among them would be triggered.
WORKING = frozenset(
    {"accepted", "new", "partially_filled", "pending_cancel", "pending_replace", "held"}
)
STOPS = frozenset({"stop", "stop_limit", "trailing_stop"})


class Refused(Exception):
    """A request that Alpaca refuses, with its HTTP status and the body of the answer."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message, **more}


def unprocessable(message: str) -> Refused:
    """Return the 422 of a request that cannot be an order."""
    return Refused(422, 42210000, message)


def forbidden(message: str, **more: Any) -> Refused:
    """Return the 403 of an order that the account may not place."""
    return Refused(403, 40310000, message, **more)


@dataclass(slots=True, kw_only=True)
class Order:
    """One order. Quantities in shares, prices in dollars; ``sequence`` is the order of arrival.

    ``armed``: a leg whose entry has filled (always true of other orders). ``external``: placed by
    hand in the broker's pages. ``limit_of_fill`` is the most shares of one execution.
    """

    id: str
    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    at: datetime
    sequence: int
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    extended_hours: bool = False
    order_class: str = "simple"
    status: str = "pending_new"
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    stamps: dict[str, datetime] = field(default_factory=dict)
    replaced_by: str | None = None
    replaces: str | None = None
    legs: list[str] = field(default_factory=list)
    parent: str | None = None
    group: str | None = None
    role: str | None = None
    armed: bool = True
    triggered: bool = False
    external: bool = False
    limit_of_fill: Decimal | None = None
    filled_at_version: int = -1
    sent_after: datetime | None = None
    not_before: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether something of it may still fill."""
        return self.status not in ENDED

    @property
    def remaining(self) -> Decimal:
        """The shares that are not filled; 0 for an order in dollars, which is known when filled."""
        return ZERO if self.qty is None else self.qty - self.filled_qty

    @property
    def is_stop(self) -> bool:
        """Whether it waits for a price to be touched."""
        return self.type in STOPS

    @property
    def average(self) -> Decimal | None:
        """The average price of its fills, dollars."""
        return self.filled_value / self.filled_qty if self.filled_qty else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A fill as the account has it: ``id``, ``qty`` and ``price`` are those of the execution."""

    id: str
    order_id: str
    client_order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    at: datetime
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str
    external: bool


@dataclass(slots=True, kw_only=True)
class Holding:
    """What is held of one symbol: shares, and what they cost in dollars."""

    symbol: str
    qty: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class CashMove:
    """A movement of cash or shares that is no trade, with Alpaca's activity type."""

    id: str
    kind: str
    at: datetime
    amount: Decimal
    symbol: str | None = None
    qty: Decimal | None = None
    per_share: Decimal | None = None
    note: str = ""


@dataclass(slots=True, kw_only=True)
class Quote:
    """The market in one symbol, dollars; sizes are the shares left at each side (None: no end)."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    lastday: Decimal = ZERO
    halted: bool = False
    version: int = 0
