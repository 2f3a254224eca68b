"""The state of the local broker, and the small changes that everything else is made of."""

from __future__ import annotations

import heapq
import itertools
import random
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.servers.trading.account import Account
from tests.servers.trading.clock import Hours, ServerClock
from tests.servers.trading.faults import FaultPlan
from tests.servers.trading.matching import cost_of
from tests.servers.trading.records import (
    ENDED,
    WORKING,
    ZERO,
    Execution,
    Order,
    Quote,
    Refused,
)
from tests.servers.trading.wire import amount, order_json, stamp_of, text

Publish = Callable[[dict[str, Any]], None]


class Book:
    """Orders, quotes and the account. ``publish`` takes what goes to the trade-updates stream.

    ``multiplier`` is 1 for a cash account, 2 or 4 for margin. Not thread-safe: its server locks.
    """

    def __init__(
        self,
        *,
        cash: Decimal,
        clock: ServerClock,
        hours: Hours,
        plan: FaultPlan,
        publish: Publish,
        seed: int | None = None,
        multiplier: int = 2,
    ) -> None:
        self.account = Account(cash)
        self.clock, self.hours, self.plan = clock, hours, plan
        self.publish = publish
        self.multiplier = multiplier
        self.orders: dict[str, Order] = {}
        self.by_client: dict[str, str] = {}
        self._live: dict[str, Order] = {}
        self.quotes: dict[str, Quote] = {}
        self.whole_only: set[str] = set()
        self.untradable: set[str] = set()
        self.flags = {
            "trading_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
            "transfers_blocked": False,
        }
        self.status = "ACTIVE"
        self.configuration: dict[str, Any] = {
            "fractional_trading": True,
            "max_margin_multiplier": str(multiplier),
            "max_options_trading_level": 0,
            "no_shorting": True,
            "ptp_no_exception_entry": False,
            "suspend_trade": False,
            "trade_confirm_email": "none",
            "disable_overnight_trading": False,
        }
        self.was_open: bool | None = None
        self.opened_at: datetime | None = None
        self._ids = random.Random(seed)
        self._sequence = itertools.count(1)
        self._jobs: list[tuple[datetime, int, Callable[[], None]]] = []

    def identity(self) -> str:
        """Return a new id; the same ones in the same order for the same seed."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def fresh(self, **fields: Any) -> Order:
        """Return an order that is not in the book yet."""
        return Order(
            id=self.identity(),
            sequence=next(self._sequence),
            at=self.clock.now(),
            **{
                "client_order_id": "",
                "symbol": "",
                "side": "",
                "type": "",
                "time_in_force": "",
                **fields,
            },
        )

    def add(self, order: Order) -> None:
        """Take an order into the book."""
        order.stamps.setdefault("submitted", order.at)
        self.orders[order.id] = self._live[order.id] = order
        self.by_client[order.client_order_id] = order.id

    def find(self, order_id: str) -> Order:
        """Return an order by its id; raises Refused (404)."""
        order = self.orders.get(order_id)
        if order is None:
            raise Refused(404, 40410000, f"order not found for {order_id}")
        return order

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the orders that may still fill, in the order of their arrival."""
        for key in [key for key, order in self._live.items() if order.status in ENDED]:
            del self._live[key]
        return [order for order in self._live.values() if symbol in (None, order.symbol)]

    def group(self, order: Order) -> list[Order]:
        """Return the other open orders of a bracket, OCO or OTO."""
        if order.group is None:
            return []
        return [
            other
            for other in self.open_orders(order.symbol)
            if other.group == order.group and other is not order
        ]

    def waits(self, order: Order) -> bool:
        """Whether an order waits for the end of the one that it replaces."""
        return order.replaces is not None and self.orders[order.replaces].open

    def legs(self, order: Order) -> list[Order]:
        """Return the legs of an order."""
        return [self.orders[leg] for leg in order.legs]

    def reserved(self, symbol: str) -> Decimal:
        """Return the shares held for open sells; the orders of a group hold theirs once."""
        alone, grouped = ZERO, dict[str, Decimal]()
        for order in self.open_orders(symbol):
            if order.side != "sell" or not order.armed:
                continue
            if self.waits(order):
                continue
            if order.group is None:
                alone += order.remaining
            else:
                held = grouped.get(order.group, ZERO)
                grouped[order.group] = max(held, order.remaining)
        return alone + sum(grouped.values(), ZERO)

    def covered(self) -> dict[str, Decimal]:
        """Return the shares of each symbol that a working stop would sell, or a market order does.

        In a halt neither trades, and the market order is the first to sell when it is over.
        """
        shares: dict[str, Decimal] = {}
        for order in self.open_orders():
            is_way_out = order.is_stop or order.type == "market"
            if order.side == "sell" and is_way_out and order.armed and order.status in WORKING:
                shares[order.symbol] = shares.get(order.symbol, ZERO) + order.remaining
        return shares

    def equity(self) -> Decimal:
        """Return cash and the value of what is held at the last prices, dollars."""
        return self.account.cash + self.market_value()

    def market_value(self) -> Decimal:
        """Return what the holdings are worth at the last prices, dollars."""
        return sum(
            (held.qty * self.quotes[symbol].last for symbol, held in self.account.holdings.items()),
            ZERO,
        )

    def initial_margin(self) -> Decimal:
        """Return the part of the holdings that must be equity: all of it in a cash account."""
        return self.market_value() / (2 if self.multiplier > 1 else 1)

    def buying_power(self) -> Decimal:
        """Return the dollars that new buys may cost, what open buys reserve taken off."""
        pending = sum(
            (
                cost_of(order, self.quotes[order.symbol])
                for order in self.open_orders()
                if order.side == "buy" and order.armed and not self.waits(order)
            ),
            ZERO,
        )
        if self.multiplier == 1:
            return max(ZERO, self.account.cash - pending)
        return max(ZERO, (self.equity() - self.initial_margin()) * self.multiplier - pending)

    def set_status(self, order: Order, status: str, event: str | None = None) -> None:
        """Bring an order into a state, with its stamps, and tell the stream."""
        now = self.clock.now()
        order.status = status
        order.stamps["updated"] = now
        stamp = "failed" if status == "rejected" else status
        if status in ENDED:
            order.stamps[stamp] = now
        self.tell(event or status, order)

    def fill(self, order: Order, qty: Decimal, price: Decimal) -> None:
        """Execute ``qty`` shares of an order at ``price`` dollars."""
        now = self.clock.now()
        order.filled_qty += qty
        order.filled_value += qty * price
        done = order.remaining <= ZERO
        order.status = "filled" if done else "partially_filled"
        order.stamps["updated"] = order.stamps["filled"] = now
        execution = Execution(
            id=self.identity(),
            order_id=order.id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            qty=qty,
            price=price,
            at=now,
            cum_qty=order.filled_qty,
            leaves_qty=order.remaining,
            order_status=order.status,
            external=order.external,
        )
        self.account.book(execution)
        self.tell(
            "fill" if done else "partial_fill",
            order,
            execution_id=execution.id,
            price=amount(price),
            qty=text(qty),
            position_qty=text(self.account.shares(order.symbol)),
        )

    def tell(self, event: str, order: Order, **more: Any) -> None:
        """Send what happened to an order to the stream."""
        stamp = stamp_of(self.clock.skew)
        self.publish(
            {
                "event": event,
                "execution_id": self.identity(),
                "timestamp": stamp(self.clock.now()),
                "order": order_json(order, stamp),
                **more,
            }
        )

    def later(self, seconds: float, job: Callable[[], None]) -> None:
        """Do something in so many seconds of the server's clock (0: with the next work)."""
        due = self.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(self._jobs, (due, next(self._sequence), job))

    def is_due(self, now: datetime) -> bool:
        """Whether time alone would change something."""
        if self.hours.is_open(now) != self.was_open:
            return True
        return bool(self._jobs) and self._jobs[0][0] <= now

    def next_due(self) -> datetime | None:
        """Return when the next job is due; None: there is none."""
        return self._jobs[0][0] if self._jobs else None

    def due(self, now: datetime) -> Iterable[Callable[[], None]]:
        """Yield the jobs that are due, taken off the list."""
        while self._jobs and self._jobs[0][0] <= now:
            yield heapq.heappop(self._jobs)[2]
