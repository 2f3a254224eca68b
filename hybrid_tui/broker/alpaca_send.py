"""Requests for one symbol: sent once, and every answer (or none) taken into the books."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, Protocol

from hybrid_tui.broker.alpaca_budget import Urgency
from hybrid_tui.broker.alpaca_gateway import AlpacaGateway, Lost, No, Refusal
from hybrid_tui.broker.alpaca_reconcile import Reconciler, Request
from hybrid_tui.broker.alpaca_rows import OrderRow
from hybrid_tui.broker.lane_book import LaneBook
from hybrid_tui.broker.lanes import Ask, Cancel, Lane, Replace, Role, Step, Submit, Ticket
from hybrid_tui.domain.order_life import OrderReport, Stage
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.ticks import exact

log = logging.getLogger(__name__)


class Tell(Protocol):
    """Says something once a topic; an empty text says that it is over."""

    def __call__(self, topic: str, text: str) -> None:
        """Say it."""


def urgency_of_asking(ticket: Ticket) -> Urgency:
    """Return how soon it has to be known what became of an order."""
    if ticket.life.is_unknown or ticket.cancelled_at > -math.inf:
        return Urgency.ENTRY if ticket.role is Role.ENTRY else Urgency.EXIT
    # Of a stop that was accepted and may be gone: behind sales and first stops only.
    return Urgency.RAISE if ticket.role is Role.STOP else Urgency.HOUSEKEEPING


class Sender:
    """Carries out steps; ``forbid`` takes a cause and why nothing may be bought."""

    def __init__(
        self,
        book: LaneBook,
        gateway: AlpacaGateway,
        desk: DeskState,
        request: Request,
        reconciler: Reconciler,
        *,
        forbid: Callable[[str, str | None], None],
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self.book = book
        self._gateway = gateway
        self._desk = desk
        self._request = request
        self._reconciler = reconciler
        self._forbid = forbid
        self._tell = tell
        self._clock = clock

    async def execute(self, lane: Lane, step: Step) -> None:
        """Make the request of a step; what comes of it is in the books when this returns."""
        match step:
            case Ask(client_id=client_id):
                await self._ask(lane, client_id)
            case Cancel(client_id=client_id):
                await self._cancel(lane, lane.tickets[client_id])
            case Submit():
                await self._submit(lane, step)
            case Replace():
                await self._replace(lane, step)

    async def _ask(self, lane: Lane, client_id: str) -> None:
        ticket = lane.tickets[client_id]
        was_known = not ticket.life.is_unknown
        if await self._reconciler.ask(lane, ticket, urgency_of_asking(ticket)) and was_known:
            ticket.is_checked = True

    async def _cancel(self, lane: Lane, ticket: Ticket) -> None:
        try:
            await self._request(Urgency.EXIT, self._gateway.cancel, ticket.life.venue_id)
        except Refusal as refusal:
            if refusal.kind is No.RATE:
                return
            ticket.heard_at = -math.inf
        except Lost:
            ticket.heard_at = -math.inf
        ticket.cancelled_at = self._clock()

    async def _submit(self, lane: Lane, step: Submit) -> None:
        now, price = self._clock(), step.price
        ticket = self.book.sent(lane, step.role, step.client_id, step.order_id, step.quantity, now)
        quote = self._desk.quotes.get(lane.symbol, (0.0, 0.0))
        ticket.price = price
        call: Callable[..., OrderRow]
        given: tuple[Any, ...] = (step.client_id, lane.symbol, step.quantity)
        if step.role is Role.ENTRY:
            assert lane.entry is not None
            ticket.reason, ticket.reference = lane.entry.reason, exact(quote[1])
            call, given, urgency = self._gateway.buy, (*given, price), Urgency.ENTRY
        elif price is not None:
            ticket.reference = price
            call, given, urgency = self._gateway.rest_stop, (*given, price), Urgency.EXIT
        else:
            ticket.reason = lane.exit.reason if lane.exit and step.role is Role.EXIT else ""
            ticket.reference = exact(quote[0])
            call, urgency = self._gateway.sell, Urgency.EXIT
        await self._send(lane, ticket, urgency, call, *given)

    async def _replace(self, lane: Lane, step: Replace) -> None:
        old = lane.tickets[step.client_id]
        ticket = self.book.sent(
            lane, Role.STOP, step.new_client_id, step.order_id, step.quantity, self._clock()
        )
        ticket.price, ticket.reference = step.price, step.price
        ticket.replaces = step.client_id
        given = (old.life.venue_id, step.new_client_id, step.quantity, step.price)
        await self._send(lane, ticket, Urgency.RAISE, self._gateway.replace_stop, *given)
        lane.raised_at = self._clock()
        old.heard_at = -math.inf

    async def _send(
        self,
        lane: Lane,
        ticket: Ticket,
        urgency: Urgency,
        call: Callable[..., OrderRow],
        *given: Any,
    ) -> None:
        """Send an order once: taken, refused, or (until the broker is asked) unknown."""
        try:
            row = await self._request(urgency, call, *given)
        except Refusal as refusal:
            self._refused(lane, ticket, refusal)
        except Lost as lost:
            self.book.report(lane, ticket, OrderReport(stage=Stage.UNKNOWN), self._clock())
            log.warning("%s %s: %s", lane.symbol, ticket.role, lost.text)
        else:
            self._tell(f"{lane.symbol} {ticket.role}", "")
            self.book.take(row, self._clock())

    def _refused(self, lane: Lane, ticket: Ticket, refusal: Refusal) -> None:
        now = self._clock()
        if refusal.kind is No.DUPLICATE:
            # An earlier sending of it arrived: it is looked up, and taken as sent.
            self.book.report(lane, ticket, OrderReport(stage=Stage.UNKNOWN), now)
            return
        self.book.forget(lane, ticket.life.client_id)
        if refusal.kind is No.RATE:
            return
        if refusal.kind in (No.SHARES_HELD, No.WASH_TRADE, No.TOO_LATE, No.NOT_FOUND):
            self._reconciler.soon()
        if refusal.kind is No.KEYS:
            self._forbid("keys", "the broker refuses the keys")
        if ticket.role is Role.ENTRY:
            self.book.drop_entry(lane, f"refused by the broker: {refusal.text}")
            return
        if ticket.role is Role.STOP:
            lane.stop_backoff.refused(now)
            lane.sells_at_market = lane.sells_at_market or refusal.kind is No.PRICE
        else:
            lane.exit_backoff.refused(now)
        if ticket.replaces and refusal.kind is No.TOO_LATE:
            return
        what = "sale" if ticket.role is Role.EXIT else "stop"
        topic = f"{lane.symbol} {ticket.role}"
        self._tell(topic, f"{lane.symbol}: the broker refused the {what}: {refusal.text}")
