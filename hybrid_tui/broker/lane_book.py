"""All lanes of an account, and how what the broker says becomes fills, ends and notes, once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from hybrid_tui.broker.alpaca_rows import OrderRow
from hybrid_tui.broker.lanes import Lane, Role, Ticket, stop_id, whole
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.order_life import (
    NOTHING,
    Booked,
    OrderLife,
    OrderReport,
    Stage,
    fill_to_book,
)
from hybrid_tui.domain.orders import ExitReason, Fill, Order, Side
from hybrid_tui.domain.ports import BrokerUpdate, Cancelled, Noted
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.ticks import exact

MOST_TICKETS = 100
OURS = re.compile(
    r"(?P<order>\d{8}T\d{6}Z-(?P<symbol>.+)-(?P<side>buy|sell))(?P<stop>-stop)?(?:~(?P<n>\d+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnId:
    """What a client order id of ours says: the order it belongs to, and its number there."""

    order_id: str
    role: Role
    symbol: str
    number: int


def own_id(client_id: str) -> OwnId | None:
    """Return what a client order id says, or None where it is not one of this program's."""
    found = OURS.fullmatch(client_id)
    if found is None:
        return None
    role = Role.ENTRY if found["side"] == Side.BUY else Role.EXIT
    return OwnId(
        order_id=found["order"],
        role=Role.STOP if found["stop"] else role,
        symbol=found["symbol"],
        number=int(found["n"] or 1),
    )


class LaneBook:
    """Lanes by symbol. ``updates`` waits to be collected by the desk, oldest first."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.updates: deque[BrokerUpdate] = deque()
        self.booked: dict[str, Booked] = {}
        # Orders that the desk believes open, by symbol: each ends with a final fill or a word.
        self.waiting: dict[str, str] = {}

    def restore(self, desk: DeskState) -> None:
        """Take over what the journal knows; whatever may have been sent is unknown until asked."""
        for client_id, (quantity, value) in desk.booked.items():
            self.booked[client_id] = Booked(quantity=exact(quantity), value=exact(value))
        for held in desk.positions.values():
            lane = self.lane(held.symbol)
            lane.held, lane.base = exact(held.quantity), held.entry_order_id
            lane.level, lane.level_from = held.level, held.level_from
            last = desk.stop_serials.get(held.symbol, 0)
            lane.serial = last + 1
            if last:
                self._ticket(
                    lane, Role.STOP, stop_id(lane.base, last), f"{lane.base}-stop", whole(lane.held)
                )
        for order in desk.orders.values():
            lane = self.lane(order.symbol)
            role = Role.ENTRY if order.side is Side.BUY else Role.EXIT
            if role is Role.ENTRY:
                lane.entry = order
                lane.entry_since = float("-inf")
            else:
                lane.exit = order
            ticket = self._ticket(lane, role, order.id, order.id, exact(order.quantity))
            ticket.reason = order.reason
            self.waiting[order.id] = order.symbol

    def lane(self, symbol: str) -> Lane:
        """Return the lane of a symbol."""
        found = self.lanes.get(symbol)
        if found is None:
            found = self.lanes[symbol] = Lane(symbol=symbol)
        return found

    def sent(
        self, lane: Lane, role: Role, client_id: str, order_id: str, quantity: Decimal, now: float
    ) -> Ticket:
        """Note that an order is about to be sent: from here on its fate is unknown."""
        ticket = self._ticket(lane, role, client_id, order_id, quantity)
        ticket.sent_at = ticket.heard_at = lane.touched_at = now
        return ticket

    def forget(self, lane: Lane, client_id: str) -> None:
        """Drop an order that the broker is known not to have."""
        lane.tickets.pop(client_id, None)

    def find(self, row: OrderRow) -> tuple[Lane, Ticket] | None:
        """Return the ticket of an order of ours, made where it was not known; None: not ours."""
        mine = own_id(row.client_order_id)
        if mine is None or mine.symbol != row.symbol:
            return None
        lane = self.lane(row.symbol)
        ticket = lane.tickets.get(row.client_order_id)
        if ticket is None:
            order_id = f"{mine.order_id}-stop" if mine.role is Role.STOP else mine.order_id
            ticket = self._ticket(lane, mine.role, row.client_order_id, order_id, row.qty)
        return lane, ticket

    def take(self, row: OrderRow, now: float, reason: str = "") -> bool:
        """Take in what the broker says of an order; False: it is not ours."""
        found = self.find(row)
        if found is None:
            return False
        lane, ticket = found
        if row.stop_price is not None and row.type == "stop":
            ticket.price = row.stop_price
        if row.qty > 0 and ticket.life.quantity != row.qty:
            ticket.life = replace(ticket.life, quantity=row.qty)
        self.report(lane, ticket, row.report(reason), now, row.filled_at or row.updated_at)
        return True

    def report(
        self,
        lane: Lane,
        ticket: Ticket,
        report: OrderReport,
        now: float,
        at: datetime | None = None,
    ) -> None:
        """Join a report into a ticket, book what is new, and say what came of it."""
        before = ticket.life
        life = ticket.life = before.join(report)
        ticket.heard_at = now
        found = fill_to_book(life, ticket.booked)
        if life != before or found is not None:
            # News only: a resting stop that is read again does not make its lane restless.
            lane.touched_at = now
        if life.stage >= Stage.ACCEPTED and before.stage < Stage.ACCEPTED:
            self._known(lane, ticket)
        if life.stage != before.stage:
            self._note_move(lane, ticket)
        if found is not None:
            self._book(lane, ticket, *found, at)
        if life.is_over and not before.is_over:
            self._over(lane, ticket, now, has_filled=found is not None)

    def watch(self, now: float) -> None:
        """Tell which stops are confirmed, and for how long their positions stood without one."""
        self._end_the_forgotten()
        for lane in self.lanes.values():
            stop = lane.working_stop
            if stop is None:
                if whole(lane.held) > 0 and lane.bare_since is None:
                    lane.bare_since = now
                elif lane.held <= 0:
                    lane.bare_since = None
                continue
            if not stop.is_told:
                mine = own_id(stop.life.client_id)
                self.note(
                    ev.StopConfirmed,
                    symbol=lane.symbol,
                    client_id=stop.life.client_id,
                    serial=mine.number if mine else lane.serial,
                    quantity=float(stop.life.left),
                    price=float(stop.price or NOTHING),
                    bare_s=None if lane.bare_since is None else round(now - lane.bare_since, 3),
                )
                stop.is_told = True
                lane.stop_backoff.worked()
            lane.bare_since = None

    def _end_the_forgotten(self) -> None:
        """Say that orders are over which are neither wanted nor at the broker any more."""
        for order_id, symbol in list(self.waiting.items()):
            lane = self.lanes[symbol]
            wanted = {order.id for order in (lane.entry, lane.exit) if order is not None}
            if order_id not in wanted and not any(
                ticket.order_id == order_id and ticket.is_open for ticket in lane.tickets.values()
            ):
                self._cancelled(lane, order_id, "not wanted any more, and not at the broker")

    def note(self, kind: type[ev.Event], **fields: object) -> None:
        """Have something kept as an event."""
        self.updates.append(Noted(kind=kind, fields=fields))

    def drop_entry(self, lane: Lane, reason: str) -> None:
        """End an entry that never was at the broker."""
        if lane.entry is not None:
            self._cancelled(lane, lane.entry.id, reason)
            lane.entry, lane.cancels_entry = None, False

    def sold_outside(
        self, lane: Lane, client_id: str, quantity: Decimal, price: Decimal, at: datetime
    ) -> None:
        """Book shares of ours that were sold by hand, or by another program."""
        quantity = min(quantity, lane.held)
        lane.held -= quantity
        self.updates.append(
            Fill(
                order_id=f"outside-{client_id}",
                at=at,
                symbol=lane.symbol,
                side=Side.SELL,
                quantity=float(quantity),
                price=float(price),
                commission=0.0,
                slippage=0.0,
                reason=ExitReason.MANUAL,
                venue_order=client_id,
            )
        )

    def _ticket(
        self, lane: Lane, role: Role, client_id: str, order_id: str, quantity: Decimal
    ) -> Ticket:
        ticket = lane.tickets[client_id] = Ticket(
            role=role,
            life=OrderLife(client_id=client_id, quantity=quantity, stage=Stage.SENT),
            order_id=order_id,
            booked=self.booked.get(client_id, Booked()),
        )
        over = [key for key, known in lane.tickets.items() if not known.is_open]
        for key in over[: max(0, len(lane.tickets) - MOST_TICKETS)]:
            del lane.tickets[key]
        return ticket

    def _known(self, lane: Lane, ticket: Ticket) -> None:
        """The broker has the order: what it was sent for is on its way."""
        lane.ask_backoff.worked()
        if ticket.role is Role.STOP:
            mine = own_id(ticket.life.client_id)
            if mine is not None and mine.order_id == lane.base:
                lane.serial = max(lane.serial, mine.number + 1)
            if ticket.replaces:
                lane.raised_at = ticket.heard_at
        elif lane.entry is not None and lane.entry.id == ticket.order_id:
            lane.entry = None

    def _book(
        self, lane: Lane, ticket: Ticket, quantity: Decimal, price: Decimal, at: datetime | None
    ) -> None:
        life, client_id = ticket.life, ticket.life.client_id
        ticket.booked = self.booked[client_id] = Booked(
            quantity=ticket.booked.quantity + quantity,
            value=ticket.booked.value + quantity * price,
        )
        buying = ticket.role is Role.ENTRY
        if buying:
            if lane.held <= 0:
                lane.base, lane.serial, lane.level = ticket.order_id, 1, None
                lane.sells_at_market = False
            lane.held += quantity
        else:
            if quantity > lane.held:
                self.note(
                    ev.Alert,
                    text=f"{lane.symbol}: the broker sold {quantity:f} and the books hold"
                    f" {lane.held:f}: look at the account's page",
                )
            quantity = min(quantity, lane.held)
            lane.held -= quantity
        if quantity <= 0:
            return
        is_final = life.is_over if buying else lane.held <= 0 or life.stage is Stage.FILLED
        if is_final:
            self.waiting.pop(ticket.order_id, None)
        paid = (price - ticket.reference) * quantity if ticket.reference else NOTHING
        self.updates.append(
            Fill(
                order_id=ticket.order_id,
                at=self._after_decision(ticket, at),
                symbol=lane.symbol,
                side=Side.BUY if buying else Side.SELL,
                quantity=float(quantity),
                price=float(price),
                commission=0.0,
                slippage=float(paid if buying else -paid),
                reason=self._reason(lane, ticket),
                final=is_final,
                venue_order=client_id,
            )
        )

    def _reason(self, lane: Lane, ticket: Ticket) -> str:
        if ticket.role is Role.STOP:
            return lane.level_from
        if ticket.reason:
            return ticket.reason
        return ExitReason.MANUAL if ticket.role is Role.EXIT else "observed"

    def _after_decision(self, ticket: Ticket, at: datetime | None) -> datetime:
        """Return a fill's instant, which no skew of clocks puts before its decision."""
        decided = decided_at(ticket.order_id)
        return max(at, decided) if at is not None else decided

    def _over(self, lane: Lane, ticket: Ticket, now: float, *, has_filled: bool) -> None:
        life = ticket.life
        if ticket.role is Role.ENTRY:
            lane.cancels_entry = False
            if lane.entry is not None and lane.entry.id == ticket.order_id:
                lane.entry = None
            if not has_filled:
                said = f": {life.reason}" if life.reason else ""
                self._cancelled(lane, ticket.order_id, f"{life.stage.text} by the broker{said}")
        elif ticket.role is Role.EXIT:
            if lane.held <= 0 or life.stage is Stage.FILLED:
                lane.exit = None
                lane.exit_backoff.worked()
            elif lane.exit is not None:
                lane.attempt += 1
                lane.exit_backoff.refused(now)
                self.note(
                    ev.Alert,
                    text=f"{lane.symbol}: the sale ended {life.stage.text} with"
                    f" {lane.held:f} shares left: it is sent again",
                )
        elif life.stage in (Stage.REJECTED, Stage.EXPIRED, Stage.CANCELLED) and lane.held > 0:
            if life.stage is Stage.REJECTED:
                # From its sending on: one that was missed for seconds has waited long enough.
                lane.stop_backoff.refused(ticket.sent_at)
            if ticket.cancelled_at < 0:
                said = f" ({life.reason})" if life.reason else ""
                self.note(
                    ev.Alert,
                    text=f"{lane.symbol}: its stop was {life.stage.text} at the broker{said}:"
                    " another is placed",
                )

    def _note_move(self, lane: Lane, ticket: Ticket) -> None:
        self.note(
            ev.OrderMoved,
            order_id=ticket.order_id,
            client_id=ticket.life.client_id,
            symbol=lane.symbol,
            stage=ticket.life.stage.text,
            note=ticket.life.reason,
        )

    def _cancelled(self, lane: Lane, order_id: str, reason: str) -> None:
        if self.waiting.pop(order_id, None) is None:
            # An order that ended long ago was read again.
            return
        self.updates.append(Cancelled(order_id=order_id, symbol=lane.symbol, reason=reason))


def decided_at(order_id: str) -> datetime:
    """Return the instant that an order id of ours begins with."""
    return datetime.strptime(f"{order_id[:16]}+0000", "%Y%m%dT%H%M%SZ%z")


def open_buys(lanes: Iterable[Lane]) -> list[Order]:
    """Return the entries that wait to be sent, higher priority first, then by symbol."""
    waiting = [lane.entry for lane in lanes if lane.entry is not None]
    return sorted(waiting, key=lambda order: (-order.priority, order.symbol))
