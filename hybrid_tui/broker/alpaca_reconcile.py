"""The broker's word against the books: at the start, every minute, and when something was missed.

The broker is the truth for positions, orders and cash; the journal for the reasons. What differs
is handed to the desk as fills that were missed and as observed facts. What is not this desk's is
shown and left alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from hybrid_tui.broker.alpaca_budget import Urgency
from hybrid_tui.broker.alpaca_gateway import AlpacaGateway, Lost, No, Refusal
from hybrid_tui.broker.alpaca_rows import AccountRow, ActivityRow, OrderRow, PositionRow
from hybrid_tui.broker.lane_book import LaneBook, own_id
from hybrid_tui.broker.lanes import Lane, Role, Ticket
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.order_life import NOTHING
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.ticks import exact

log = logging.getLogger(__name__)

EVERY_S = 60.0
AGAIN_S = 2.0
LONGEST_BACKOFF_S = 15.0
OVERLAP = timedelta(minutes=10)
CENT = Decimal("0.005")
SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50)
SPLIT_NEAR = Decimal("0.01")
SILENT = "the broker does not answer"


class Request(Protocol):
    """Makes one request when the budget allows it."""

    def __call__(self, urgency: Urgency, call: Callable[..., Any], *given: Any) -> Awaitable[Any]:
        """Return the answer; raises Refusal or Lost."""


class Reconciler:
    """Compares and repairs; ``is_ready`` once the broker was heard for the first time."""

    def __init__(
        self,
        book: LaneBook,
        gateway: AlpacaGateway,
        desk: DeskState,
        request: Request,
        *,
        forbid: Callable[[str, str | None], None],
        forbid_symbol: Callable[[str, str | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_ready = False
        self._book = book
        self._gateway = gateway
        self._desk = desk
        self._request = request
        self._forbid = forbid
        self._forbid_symbol = forbid_symbol
        self._clock = clock
        self._soon = asyncio.Event()
        self._fills_since = (desk.now or gateway.now()) - OVERLAP
        self._foreign: dict[str, OrderRow] = {}
        self._differed: dict[str, Decimal] = {}
        self._outside: frozenset[str] = frozenset()
        self._account_told: tuple[object, ...] | None = None

    def soon(self) -> None:
        """Have the next comparison at once."""
        self._soon.set()

    async def run(self, tell: Callable[[str, str], None], kick: Callable[[], None]) -> None:
        """Compare until cancelled; ``tell`` takes a topic and a text, ``kick`` ends the waiting."""
        failures = 0
        while True:
            self._soon.clear()
            wait = EVERY_S
            try:
                settled = await self.compare()
            except (Refusal, Lost) as error:
                said = self._gateway.explained(error, "the account")
                tell("broker", f"{SILENT}: {said.render()}")
                self._forbid("broker", SILENT)
                wait = min(2.0**failures, LONGEST_BACKOFF_S)
                failures += 1
            else:
                failures = 0
                tell("broker", "")
                self._forbid("broker", None)
                self._forbid("keys", None)
                self.is_ready = True
                if not settled:
                    wait = AGAIN_S
            kick()
            try:
                async with asyncio.timeout(wait):
                    await self._soon.wait()
            except TimeoutError:
                continue
            # Several messages of one moment are one reason to look.
            await asyncio.sleep(AGAIN_S / 10)

    async def ask(self, lane: Lane, ticket: Ticket, urgency: Urgency = Urgency.EXIT) -> bool:
        """Find out what became of an order; False where the broker did not say.

        One that the broker does not have is sent again.
        """
        try:
            row = await self._request(urgency, self._gateway.order, ticket.life.client_id)
        except Refusal as refusal:
            if refusal.kind is No.NOT_FOUND and ticket.life.is_unknown:
                self._book.forget(lane, ticket.life.client_id)
            elif refusal.kind is not No.RATE:
                ticket.heard_at = self._clock()
                lane.ask_backoff.refused(self._clock())
        except Lost as lost:
            log.warning("%s: %s", ticket.life.client_id, lost.text)
            ticket.heard_at = self._clock()
            lane.ask_backoff.refused(self._clock())
        else:
            return self._book.take(row, self._clock())
        return False

    async def compare(self) -> bool:
        """Take the broker's word once; False where something was under way and is looked at again.

        Raises Refusal or Lost.
        """
        urgency = Urgency.HOUSEKEEPING if self.is_ready else Urgency.EXIT
        for row in await self._request(urgency, self._gateway.open_orders):
            if not self._book.take(row, self._clock()):
                self._foreign[row.id] = row
        await self._resolve()
        begun = self._gateway.now()
        await self._missed_fills(urgency)
        asked = self._clock()
        account = await self._request(urgency, self._gateway.account)
        orders = await self._request(urgency, self._gateway.open_orders)
        positions = await self._request(urgency, self._gateway.positions)
        for row in orders:
            self._book.take(row, self._clock())
        await self._ask_about_missing({row.client_order_id for row in orders}, asked)
        if self._differing(positions):
            # What was sold since the fills were read has its fill by now.
            await self._missed_fills(urgency)
        settled = self._compare_positions(positions, asked)
        self._note_outside(positions, orders)
        self._forbid("account", account.blocked or None)
        # Cash is taken over when the shares agree: what was paid for them would count twice.
        settled = settled and await self._compare_account(account, asked)
        if settled:
            self._fills_since = begun - OVERLAP
            self._foreign.clear()
        return settled

    async def _resolve(self) -> None:
        """Ask about every order whose fate is unknown, before anything is compared."""
        if self.is_ready:
            return
        for lane in self._book.lanes.values():
            for ticket in list(lane.tickets.values()):
                if ticket.life.is_unknown:
                    row = None
                    try:
                        row = await self._request(
                            Urgency.EXIT, self._gateway.order, ticket.life.client_id
                        )
                    except Refusal as refusal:
                        if refusal.kind is not No.NOT_FOUND:
                            raise
                        self._book.forget(lane, ticket.life.client_id)
                    else:
                        self._book.take(row, self._clock())

    async def _ask_about_missing(self, there: Collection[str], asked: float) -> None:
        """Ask about what the books believe open and the broker did not name: its end was missed.

        Nothing else would: a resting stop is not asked about, it is heard of when it ends.
        """
        for lane in self._book.lanes.values():
            for client_id, ticket in list(lane.tickets.items()):
                is_known = ticket.is_open and not ticket.life.is_unknown
                if is_known and client_id not in there and ticket.heard_at <= asked:
                    await self.ask(lane, ticket)

    async def _missed_fills(self, urgency: Urgency) -> None:
        """Read the orders of the fills since the last comparison that the tickets do not have."""
        known = {
            ticket.life.venue_id: ticket
            for lane in self._book.lanes.values()
            for ticket in lane.tickets.values()
        }
        activities: Sequence[ActivityRow] = await self._request(
            urgency, self._gateway.fills, self._fills_since + self._gateway.skew
        )
        done: dict[str, Decimal] = {}
        for fill in activities:
            done[fill.order_id] = done.get(fill.order_id, NOTHING) + fill.qty
        for venue_id, quantity in done.items():
            ticket = known.get(venue_id)
            if ticket is not None and ticket.life.filled >= quantity:
                continue
            earlier = self._foreign.get(venue_id)
            if earlier is not None and earlier.filled_qty >= quantity:
                continue
            row = await self._request(urgency, self._gateway.order_by_venue_id, venue_id)
            if not self._book.take(row, self._clock()):
                self._foreign[row.id] = row

    def _differing(self, positions: Sequence[PositionRow]) -> dict[str, Decimal]:
        """Return the symbols of ours of which the broker holds another quantity, and that."""
        theirs = {row.symbol: row.quantity for row in positions}
        found = {}
        for lane in self._book.lanes.values():
            there = max(theirs.get(lane.symbol, NOTHING), NOTHING)
            if lane.held > 0 and there != lane.held:
                found[lane.symbol] = there
        return found

    def _compare_positions(self, positions: Sequence[PositionRow], asked: float) -> bool:
        """Bring our quantities to the broker's; False where a lane is under way.

        A difference is believed when it is seen twice: a fill's own row may come a moment later.
        """
        differing, seen = self._differing(positions), self._differed
        self._differed = differing
        settled = True
        for symbol, there in differing.items():
            lane = self._book.lanes[symbol]
            is_moving = lane.touched_at >= asked or self._is_moving(lane)
            if self.is_ready and (is_moving or seen.get(symbol) != there):
                settled = False
                continue
            ratio = split_of(lane.held, there)
            if ratio != 1 and self._is_split(lane, positions, ratio):
                self._take_quantity(lane, there, "a split at the broker", float(ratio))
            elif there < lane.held:
                self._sold_by_hand(lane, lane.held - there)
                if lane.held > there:
                    self._take_quantity(lane, there, "the broker holds fewer")
        return settled

    def _is_moving(self, lane: Lane) -> bool:
        """Whether an order of a lane may be filling at this moment."""
        return lane.entry is not None or any(
            ticket.is_open and (ticket.role is not Role.STOP or ticket.life.is_unknown)
            for ticket in lane.tickets.values()
        )

    def _is_split(self, lane: Lane, positions: Sequence[PositionRow], ratio: Decimal) -> bool:
        """Whether the broker's mean price fell as the quantity rose."""
        held = self._desk.positions.get(lane.symbol)
        row = next((row for row in positions if row.symbol == lane.symbol), None)
        if held is None or row is None or not row.avg_entry_price:
            return False
        implied = exact(held.entry_price) / row.avg_entry_price
        return abs(implied / ratio - 1) <= SPLIT_NEAR

    def _sold_by_hand(self, lane: Lane, missing: Decimal) -> None:
        """Book foreign sales of a symbol that we hold, as far as shares are missing."""
        for row in sorted(self._foreign.values(), key=lambda row: row.id):
            is_sale = row.symbol == lane.symbol and row.side == "sell" and row.filled_qty > 0
            if not is_sale or missing <= 0 or row.client_order_id in self._desk.booked:
                continue
            quantity = min(missing, row.filled_qty)
            at = row.filled_at or self._gateway.now()
            self._book.sold_outside(lane, row.client_order_id, quantity, row.filled_avg_price, at)
            missing -= quantity

    def _take_quantity(
        self, lane: Lane, quantity: Decimal, reason: str, ratio: float = 1.0
    ) -> None:
        self._book.note(
            ev.PositionObserved,
            symbol=lane.symbol,
            quantity=float(quantity),
            before=float(lane.held),
            reason=reason,
            ratio=ratio,
        )
        lane.held = quantity
        if lane.level is not None:
            lane.level /= ratio

    def _note_outside(self, positions: Sequence[PositionRow], orders: Sequence[OrderRow]) -> None:
        """Tell what the account holds beside this desk, and forbid entries in it."""
        held: dict[str, float] = {}
        for row in positions:
            lane = self._book.lanes.get(row.symbol)
            if lane is not None and self._is_moving(lane):
                continue
            extra = row.quantity - (lane.held if lane is not None else NOTHING)
            if extra:
                held[row.symbol] = float(extra)
        foreign = sorted(
            f"{row.symbol} {row.side} {row.qty.normalize():f} {row.type}"
            for row in orders
            if own_id(row.client_order_id) is None
        )
        symbols = frozenset(held) | {text.split()[0] for text in foreign}
        for symbol in sorted(symbols | self._outside):
            why = "the account holds or trades it outside this desk"
            self._forbid_symbol(symbol, why if symbol in symbols else None)
        self._outside = symbols
        known = self._desk.externals
        before = (dict(known.positions), known.orders) if known is not None else ({}, ())
        if (held, tuple(foreign)) != before:
            self._book.note(ev.ExternalsObserved, positions=held, orders=tuple(foreign))

    async def _compare_account(self, account: AccountRow, asked: float) -> bool:
        """Take over cash and restrictions; False where the books are not at rest."""
        lanes = self._book.lanes.values()
        if self._book.updates or any(
            lane.touched_at >= asked or self._is_moving(lane) for lane in lanes
        ):
            return False
        difference = account.cash - exact(self._desk.cash)
        known = self._desk.account
        is_news = (
            known is None
            or known.account != account.id
            or known.blocked != account.blocked
            or abs(exact(known.buying_power) - account.buying_power) > account.equity / 100
        )
        if abs(difference) < CENT and not is_news:
            return True
        transferred, ids = NOTHING, list[str]()
        if abs(difference) >= CENT:
            begun = self._desk.now or self._gateway.now()
            for row in await self._request(
                Urgency.HOUSEKEEPING, self._gateway.transfers, begun - timedelta(days=7)
            ):
                if row.id not in self._desk.transfers:
                    transferred += row.net_amount
                    ids.append(row.id)
        if abs(transferred) > abs(difference) + CENT:
            # Transfers from before this run's first look are in its starting cash already.
            transferred = NOTHING
        self._book.note(
            ev.AccountObserved,
            account=account.id,
            cash=float(account.cash),
            equity=float(account.equity),
            buying_power=float(account.buying_power),
            blocked=account.blocked,
            transferred=float(transferred),
            activities=tuple(ids),
        )
        return True


def split_of(before: Decimal, after: Decimal) -> Decimal:
    """Return the ratio of a usual split (or reverse split) between quantities; 1: it is none."""
    for new in SPLITS:
        for ratio in (Decimal(new), Decimal(1) / new):
            if abs(after - before * ratio) < Decimal("0.001"):
                return ratio
    return Decimal(1)
