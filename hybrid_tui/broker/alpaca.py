"""The Alpaca broker: orders that survive lost answers, restarts and a slow or silent broker.

All state lives on the event loop's thread; requests run in threads, one at a time for a symbol,
and what comes next is decided by :func:`~hybrid_tui.broker.lanes.next_step` from what is known.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from hybrid_tui.broker.alpaca_budget import RequestBudget, Urgency
from hybrid_tui.broker.alpaca_gateway import AlpacaGateway, No, Refusal
from hybrid_tui.broker.alpaca_reconcile import Reconciler
from hybrid_tui.broker.alpaca_rows import UpdateRow
from hybrid_tui.broker.alpaca_send import Sender, urgency_of_asking
from hybrid_tui.broker.alpaca_updates import TradeUpdates
from hybrid_tui.broker.lane_book import LaneBook, open_buys
from hybrid_tui.broker.lanes import (
    ENTRY_LIFE_S,
    Ask,
    Cancel,
    Lane,
    Role,
    Submit,
    next_step,
)
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSlice
from hybrid_tui.domain.order_life import NOTHING
from hybrid_tui.domain.orders import ExitReason, Order, Side
from hybrid_tui.domain.ports import CapAtFill, OnUpdate
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.ticks import buy_limit, exact

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
LOOK_EVERY_S = 0.25
SETTLE_S = 5.0
REQUESTS_OF_A_SALE = 3
"""Cancel the stop, ask whether it is, sell."""
NO_PRICE = "no price to set its limit by"
CUT = "cut to nothing by cash, buying power, exposure or the smallest position"


class AlpacaBroker:
    """Trades one account; ``desk`` is read for quotes and books, ``forbid`` notes why not to buy.

    ``forbid`` takes a cause and a reason (None: it is over), ``collar_bps`` is how far above the
    ask an entry may pay, ``entry_life_s`` how long one may wait to be sent.
    """

    name = "alpaca"

    def __init__(
        self,
        gateway: AlpacaGateway,
        desk: DeskState,
        *,
        collar_bps: float,
        forbid: Callable[[str, str | None], None],
        forbid_symbol: Callable[[str, str | None], None],
        budget: RequestBudget | None = None,
        clock: Callable[[], float] = time.monotonic,
        entry_life_s: float = ENTRY_LIFE_S,
    ) -> None:
        self.book = LaneBook()
        self._entry_life_s = entry_life_s
        self.stream: TradeUpdates | None = None
        self._desk = desk
        self._collar_bps = collar_bps
        self._budget = budget or RequestBudget()
        self._clock = clock
        self._kick = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._wake: Callable[[], None] = lambda: None
        self._told: dict[str, str] = {}
        self._stopping = False
        self._reconciler = Reconciler(
            self.book,
            gateway,
            desk,
            self.request,
            forbid=forbid,
            forbid_symbol=forbid_symbol,
            clock=clock,
        )

        self._sender = Sender(
            self.book,
            gateway,
            desk,
            self.request,
            self._reconciler,
            forbid=forbid,
            tell=self._tell,
            clock=clock,
        )

    def requests_left(self) -> float:
        """Return how many requests the rate limit allows at once."""
        return self._budget.left()

    def restore(self) -> None:
        """Take over what the journal knows of an earlier life of the engine."""
        self.book.restore(self._desk)

    def submit(self, order: Order) -> None:
        """Take an order whose intent is on disk; the same id twice is one order."""
        lane = self.book.lane(order.symbol)
        known = {ticket.order_id for ticket in lane.tickets.values()}
        if order.id in known or order in (lane.entry, lane.exit):
            return
        self.book.waiting[order.id] = order.symbol
        if order.side is Side.BUY:
            lane.entry, lane.entry_since = order, self._clock()
            lane.entry_quantity = NOTHING
            lane.cancels_entry = False
            return
        lane.exit, lane.attempt = order, 1
        lane.exit_backoff.worked()
        self._kick.set()

    def dispatch(self, cap: CapAtFill) -> None:
        """Price the entries that wait, cut them to what may be bought, and let them go."""
        for order in open_buys(self.book.lanes.values()):
            lane = self.book.lane(order.symbol)
            if lane.entry_quantity > 0 or order.id in lane.tickets:
                continue
            ask = self._desk.quotes.get(order.symbol, (0.0, 0.0))[1]
            ask = ask or self._desk.closes.get(order.symbol, 0.0)
            if ask <= 0:
                self.book.drop_entry(lane, NO_PRICE)
                continue
            limit = buy_limit(ask, self._collar_bps)
            allowed = math.floor(cap(order, float(limit)))
            if self._desk.account is not None:
                power = exact(self._desk.account.buying_power)
                allowed = min(allowed, math.floor(power / limit))
            if allowed < 1:
                self.book.drop_entry(lane, CUT)
                continue
            lane.entry_quantity, lane.entry_limit = Decimal(allowed), limit
        self._kick.set()
        if self.book.updates:
            self._wake()

    def cancel(self, order_id: str) -> bool:
        """Ask for an order to end; True: it never went, False: the answer comes as an update."""
        ended = self._ask_to_end(order_id)
        if ended:
            self.book.waiting.pop(order_id, None)
        return ended

    def _ask_to_end(self, order_id: str) -> bool:
        for lane in self.book.lanes.values():
            if lane.exit is not None and lane.exit.id == order_id:
                lane.exit = None
                self._kick.set()
                return not lane.open(Role.EXIT)
            if any(t.order_id == order_id for t in lane.open(Role.ENTRY)):
                lane.cancels_entry = True
                self._kick.set()
                return False
            if lane.entry is not None and lane.entry.id == order_id:
                lane.entry = None
                return True
        return True

    def place_stop(self, symbol: str, level: float, reason: str) -> None:
        """Rest, or raise, the protective stop of a position at ``level`` dollars."""
        lane = self.book.lane(symbol)
        if lane.level is None or level > lane.level:
            lane.level, lane.level_from = level, ExitReason(reason)
        self._kick.set()

    def adopt(self, symbol: str, quantity: float, order_id: str) -> None:
        """Count shares of the account as ours; their stop is sent once its level is known."""
        lane = self.book.lane(symbol)
        lane.held, lane.base, lane.serial = exact(quantity), order_id, 1
        lane.level = None

    def collect(self, on_update: OnUpdate) -> None:
        """Hand over what came back since the last instant, oldest first."""
        updates = self.book.updates
        while updates:
            on_update(updates.popleft())

    def advance(self, bars: BarSlice, cap: CapAtFill, on_update: OnUpdate) -> None:
        """Do nothing: the market itself fills the orders."""

    def adjust(self, symbol: str, ratio: float, amount: float) -> None:
        """Take a split into the books; the broker's own orders are read anew."""
        lane = self.book.lanes.get(symbol)
        if lane is None or lane.held <= 0 or ratio == 1.0:
            return
        lane.held *= exact(ratio)
        if lane.level is not None:
            lane.level /= ratio
        self._reconciler.soon()

    def session_closed(self, on_update: OnUpdate) -> None:
        """Do nothing: entries are immediate, and exits wait for the next open."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Trade until cancelled: listen, reconcile, and do what is missing."""
        self._wake = wake
        jobs = [self._trade(), self._reconciler.run(self._tell, self.kick)]
        if self.stream is not None:
            jobs.append(self._listen(self.stream))
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, *self._busy.values()):
                task.cancel()
            await asyncio.gather(*tasks, *self._busy.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Wait a moment for the answers to what is under way; nothing new is begun."""
        self._stopping = True
        if self._busy:
            await asyncio.wait(set(self._busy.values()), timeout=SETTLE_S)

    def kick(self) -> None:
        """Have every lane looked at again, and the desk collect what there is."""
        self._kick.set()
        if self.book.updates:
            self._wake()

    def heard(self, update: UpdateRow) -> None:
        """Take in a message of the trade-updates stream."""
        if not self.book.take(update.order, self._clock(), update_reason(update)):
            self._reconciler.soon()
        self.kick()

    def came_up(self) -> None:
        """The stream listens, for the first time or again: look at what was missed."""
        self._tell("stream", "")
        self._reconciler.soon()

    def went_down(self, why: str) -> None:
        """The stream is down; orders are asked about instead."""
        self._tell("stream", f"the broker's order stream is down ({why}): orders are asked about")

    async def request(self, urgency: Urgency, call: Callable[..., Answer], *given: Any) -> Answer:
        """Make one request in a thread when the budget allows it; raises Refusal or Lost."""
        await self._budget.take(urgency)
        try:
            return await asyncio.to_thread(call, *given)
        except Refusal as refusal:
            if refusal.kind is No.RATE:
                self._budget.refused(refusal.wait_s)
            raise

    async def _listen(self, stream: TradeUpdates) -> None:
        from hybrid_tui.errors import Fatal

        try:
            await stream.run()
        except Fatal as error:
            self._tell("stream", f"{error.render()}: orders are asked about instead")

    def _tell(self, topic: str, text: str) -> None:
        """Say something once; an empty text says that it is over."""
        if self._told.get(topic, "") == text:
            return
        if text:
            self.book.note(ev.Alert, text=text)
        elif self._told.get(topic):
            self.book.note(ev.Alert, text=f"it is over: {self._told[topic]}")
        self._told[topic] = text
        self._wake()

    async def _trade(self) -> None:
        while True:
            self._kick.clear()
            if self._reconciler.is_ready and not self._stopping:
                for lane in list(self.book.lanes.values()):
                    self._look(lane)
            self.book.watch(self._clock())
            if self.book.updates:
                self._wake()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._kick.wait()
            except TimeoutError:
                continue

    def _look(self, lane: Lane) -> None:
        """Begin the next request of a symbol, where none is under way."""
        if lane.symbol in self._busy:
            return
        now = self._clock()
        self._give_up(lane, now)
        if lane.entry is not None and lane.entry_quantity <= 0 and not lane.open(Role.ENTRY):
            return
        bid = self._desk.quotes.get(lane.symbol, (0.0, 0.0))[0]
        step = next_step(lane, now, bid)
        if step is None:
            return
        is_entry = isinstance(step, Submit) and step.role is Role.ENTRY
        if is_entry and self._budget.wait_s(Urgency.ENTRY) > 0:
            # It waits here, where it can still be given up, and not in the queue.
            return
        if isinstance(step, Ask):
            asking = urgency_of_asking(lane.tickets[step.client_id])
            if asking > Urgency.EXIT and self._budget.wait_s(asking) > 0:
                # Nor may a question keep the lane from selling.
                return
        if isinstance(step, Cancel) and not self._may_uncover(lane):
            return
        task = asyncio.create_task(self._sender.execute(lane, step))
        self._busy[lane.symbol] = task

        def done(ended: asyncio.Task[None]) -> None:
            self._busy.pop(lane.symbol, None)
            if not ended.cancelled() and ended.exception() is not None:
                log.error("a request for %s failed", lane.symbol, exc_info=ended.exception())
                lane.ask_backoff.refused(self._clock())
            self.kick()

        task.add_done_callback(done)

    def _may_uncover(self, lane: Lane) -> bool:
        """Whether a stop may be cancelled for a sale: one after another where requests are few.

        Else many stops would be cancelled first, and their sales wait for requests meanwhile.
        """
        if lane.exit is None or lane.is_uncovered:
            return True
        others = sum(other.is_uncovered for other in self.book.lanes.values())
        return others == 0 or self._budget.left() >= REQUESTS_OF_A_SALE * (others + 1)

    def _give_up(self, lane: Lane, now: float) -> None:
        """Drop an entry whose moment has passed before it could be sent."""
        waiting = lane.entry is not None and lane.entry.id not in lane.tickets
        if waiting and (lane.cancels_entry or now - lane.entry_since > self._entry_life_s):
            self.book.drop_entry(lane, "its moment passed before the broker took it")


def update_reason(update: UpdateRow) -> str:
    """Return what an update says about why an order ended, where its event says more."""
    return update.event if update.event in ("rejected", "expired", "done_for_day") else ""
