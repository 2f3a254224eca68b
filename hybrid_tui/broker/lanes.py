"""One symbol at a broker that answers later: what is wanted, what is known, what to do next.

A lane is level-triggered: from the wishes (an entry, an exit, a stop's level) and from what is
known of its orders at the broker, :func:`next_step` says which single request comes next. Starting
up, a lost answer, a cancel that lost to a fill and the usual way are then all the same code: look,
and do what is missing. Nothing is sent while the fate of an order of the symbol is unknown.

The stop is a plain one that this program lifts. A native trailing stop follows every print from the
moment it is sent, without the hard stop below it and before the trail is armed; the legs of a
bracket or OTO live only once their entry has filled in full, which an immediate one may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from hybrid_tui.domain.order_life import NOTHING, Booked, OrderLife, Stage
from hybrid_tui.domain.orders import ExitReason, Order
from hybrid_tui.domain.ticks import stop_price

RAISE_EVERY_S = 5.0
ASK_AGAIN_S = 2.0
ASK_SELDOM_S = 15.0
YOUNG_S = 20.0
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
ENTRY_LIFE_S = 15.0
"""An entry that could not be sent for so long is given up: its price was another one's."""


class Role(StrEnum):
    """What an order of a lane is for."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"


@dataclass(slots=True, kw_only=True)
class Ticket:
    """An order of ours at the broker; ``price`` is a stop's (None: at the market).

    ``order_id`` is what the desk calls it, ``replaces`` the client id of the stop it takes the
    place of, ``reference`` the price that slippage is measured from. ``is_checked``: the broker was
    asked whether it still has a stop of which nothing was heard since it was accepted. Instants are
    monotonic seconds.
    """

    role: Role
    life: OrderLife
    order_id: str
    reason: str = ""
    price: Decimal | None = None
    booked: Booked = field(default_factory=Booked)
    reference: Decimal = NOTHING
    replaces: str = ""
    sent_at: float = 0.0
    heard_at: float = 0.0
    cancelled_at: float = -math.inf
    is_told: bool = False
    is_checked: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it may still be filled."""
        return not self.life.is_over


@dataclass(slots=True, kw_only=True)
class Backoff:
    """When something that was refused may be tried again, monotonic seconds."""

    until: float = 0.0
    failures: int = 0

    def refused(self, now: float) -> None:
        """Wait twice as long as the last time."""
        wait = min(FIRST_BACKOFF_S * 2.0**self.failures, LONGEST_BACKOFF_S)
        self.failures = min(self.failures + 1, 10)
        self.until = now + wait

    def worked(self) -> None:
        """Start anew."""
        self.until, self.failures = 0.0, 0


@dataclass(slots=True, kw_only=True)
class Lane:
    """One symbol: wishes of the desk, and tickets at the broker by client order id.

    ``held`` are the shares that the booked fills left us, ``base`` the order that opened the
    position; ``serial`` numbers its stops, ``attempt`` the exit's orders. ``entry_limit`` and
    ``entry_quantity`` are what the entry was cut and priced to when it was sent. ``raised_at`` is
    when the broker was last heard to have replaced the stop, and not when it was asked to: a
    request that came late must not bring the next one too near.
    """

    symbol: str
    held: Decimal = NOTHING
    base: str = ""
    entry: Order | None = None
    entry_quantity: Decimal = NOTHING
    entry_limit: Decimal = NOTHING
    entry_since: float = 0.0
    cancels_entry: bool = False
    exit: Order | None = None
    attempt: int = 1
    level: float | None = None
    level_from: ExitReason = ExitReason.HARD_STOP
    serial: int = 1
    sells_at_market: bool = False
    tickets: dict[str, Ticket] = field(default_factory=dict)
    touched_at: float = -math.inf
    raised_at: float = -math.inf
    bare_since: float | None = None
    exit_backoff: Backoff = field(default_factory=Backoff)
    stop_backoff: Backoff = field(default_factory=Backoff)
    ask_backoff: Backoff = field(default_factory=Backoff)

    def open(self, role: Role) -> list[Ticket]:
        """Return the tickets of a role that may still be filled, oldest first."""
        return [t for t in self.tickets.values() if t.role is role and t.is_open]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing but one known stop is open, and nothing is wanted."""
        if self.entry is not None or self.exit is not None:
            return False
        opened = [ticket for ticket in self.tickets.values() if ticket.is_open]
        return not opened or (
            len(opened) == 1 and opened[0].role is Role.STOP and not opened[0].life.is_unknown
        )

    @property
    def is_uncovered(self) -> bool:
        """Whether its stop was given up for a sale that is not at the broker yet."""
        if self.exit is None or self.held <= 0:
            return False
        if any(sale.life.stage >= Stage.ACCEPTED for sale in self.open(Role.EXIT)):
            return False
        return all(stop.cancelled_at > -math.inf for stop in self.open(Role.STOP))

    @property
    def working_stop(self) -> Ticket | None:
        """The stop that the broker is known to hold for all whole shares."""
        wanted = whole(self.held)
        for ticket in self.open(Role.STOP):
            known = ticket.life.stage >= Stage.ACCEPTED
            if known and wanted > 0 and ticket.life.left >= wanted:
                return ticket
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the broker what became of an order."""

    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Have an order end."""

    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Send an order; ``price`` is the entry's limit or the stop's level (None: at the market)."""

    role: Role
    client_id: str
    order_id: str
    quantity: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Raise a resting stop, or bring it to another quantity."""

    client_id: str
    new_client_id: str
    order_id: str
    quantity: Decimal
    price: Decimal


Step = Ask | Cancel | Submit | Replace


def whole(quantity: Decimal) -> Decimal:
    """Return the whole shares of a quantity: only those can be protected beyond the day."""
    return Decimal(math.floor(quantity))


def stop_id(base: str, serial: int) -> str:
    """Return the client order id of a position's n-th stop order."""
    return f"{base}-stop~{serial}"


def exit_id(order_id: str, attempt: int) -> str:
    """Return the client order id of an exit's n-th order."""
    return order_id if attempt == 1 else f"{order_id}~{attempt}"


def next_step(lane: Lane, now: float, bid: float | None) -> Step | None:
    """Return what to request next for a symbol, or None where it has to wait.

    ``now`` is in monotonic seconds, ``bid`` the last known one in dollars.
    """
    for ticket in lane.tickets.values():
        if ticket.life.is_unknown:
            return Ask(client_id=ticket.life.client_id) if now >= lane.ask_backoff.until else None
    return _go_on(lane, now, bid)


def _go_on(lane: Lane, now: float, bid: float | None) -> Step | None:
    selling = lane.exit is not None and now >= lane.exit_backoff.until
    stops, exits = lane.open(Role.STOP), lane.open(Role.EXIT)
    for entry in lane.open(Role.ENTRY):
        if lane.cancels_entry or selling:
            return _end(entry, now)
        return _listen(entry, now)
    if lane.entry is not None:
        return _enter(lane, stops, exits, now)
    for sale in exits:
        return _listen(sale, now) if lane.exit is not None else _end(sale, now)
    if selling and lane.held > 0:
        if stops:
            steps = (_end(stop, now) for stop in stops)
            return next((step for step in steps if step is not None), None)
        assert lane.exit is not None
        return Submit(
            role=Role.EXIT,
            client_id=exit_id(lane.exit.id, lane.attempt),
            order_id=lane.exit.id,
            quantity=lane.held,
            price=None,
        )
    return _protect(lane, stops, now, bid)


def _enter(lane: Lane, stops: list[Ticket], exits: list[Ticket], now: float) -> Step | None:
    """Send the entry when nothing of the other side is open: that would be a wash trade."""
    assert lane.entry is not None
    for other in (*stops, *exits):
        return _end(other, now)
    return Submit(
        role=Role.ENTRY,
        client_id=lane.entry.id,
        order_id=lane.entry.id,
        quantity=lane.entry_quantity,
        price=lane.entry_limit,
    )


def _protect(lane: Lane, stops: list[Ticket], now: float, bid: float | None) -> Step | None:
    """Keep one stop for the whole shares, at the level or (just replaced) on its way there."""
    wanted = whole(lane.held)
    if len(stops) > 1:
        # A replacement was accepted; until the old order's end is known both may sell.
        return _listen(stops[0], now, since=stops[-1].sent_at)
    if not wanted or lane.level is None:
        return _end(stops[0], now) if stops and not wanted else None
    price = stop_price(lane.level)
    if not stops:
        if now < lane.stop_backoff.until:
            return None
        is_through = lane.sells_at_market or (bid is not None and 0 < bid <= price)
        return Submit(
            role=Role.STOP,
            client_id=stop_id(lane.base, lane.serial),
            order_id=f"{lane.base}-stop",
            quantity=wanted,
            price=None if is_through else price,
        )
    resting = stops[0]
    if resting.price is None:
        return _listen(resting, now)
    if _is_doubtful(resting, now):
        return Ask(client_id=resting.life.client_id) if now >= lane.ask_backoff.until else None
    rises, differs = price > resting.price, resting.life.left != wanted
    if not (rises or differs) or now < max(lane.stop_backoff.until, lane.raised_at + RAISE_EVERY_S):
        return None
    if resting.life.filled > 0:
        return None
    return Replace(
        client_id=resting.life.client_id,
        new_client_id=stop_id(lane.base, lane.serial),
        order_id=resting.order_id,
        quantity=wanted,
        price=max(price, resting.price),
    )


def _end(ticket: Ticket, now: float) -> Step | None:
    """Cancel, and then ask until the end is confirmed."""
    if ticket.cancelled_at == -math.inf:
        return Cancel(client_id=ticket.life.client_id)
    if now - max(ticket.cancelled_at, ticket.heard_at) < ASK_AGAIN_S / 4:
        return None
    if now - ticket.cancelled_at >= 2 * ASK_AGAIN_S:
        return Cancel(client_id=ticket.life.client_id)
    return Ask(client_id=ticket.life.client_id)


def _is_doubtful(stop: Ticket, now: float) -> bool:
    """Whether a stop was accepted and then not heard of: its rejection may have been missed.

    It is asked about once: one that waits for the session to open would be asked about all night.
    """
    is_silent = stop.life.stage is Stage.ACCEPTED and now - stop.heard_at >= ASK_AGAIN_S
    return is_silent and not stop.is_checked


def _listen(ticket: Ticket, now: float, since: float = -math.inf) -> Step | None:
    """Wait for the stream; ask where it has been silent, often where much was sent lately."""
    is_young = now - max(ticket.sent_at, since) < YOUNG_S
    if now - ticket.heard_at >= (ASK_AGAIN_S if is_young else ASK_SELDOM_S):
        return Ask(client_id=ticket.life.client_id)
    return None
