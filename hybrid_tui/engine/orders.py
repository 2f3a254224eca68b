"""Orders on their way, fills coming back, and the protective stops that follow them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar, BarSlice, CorporateAction
from hybrid_tui.domain.orders import ExitReason, Fill, Order, Side
from hybrid_tui.domain.ports import Broker, BrokerUpdate, Noted
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.rules.entries import EntryDecision
from hybrid_tui.rules.guardian import sector_gross, under_sector_cap
from hybrid_tui.rules.protections import locks_after_fill
from hybrid_tui.rules.risk import StopWidths, stop_widths, stop_widths_now
from hybrid_tui.rules.sizing import shares_at_fill
from hybrid_tui.rules.stops import first_level, next_level

HIGH = Bar._fields.index("high")
SPLIT_NEAR = timedelta(days=4)
STILL_HELD_AFTER, STILL_HELD_AGAIN = timedelta(seconds=15), timedelta(minutes=1)
NEXT_BAR = timedelta(minutes=1)
"""What a sale at the paper broker waits for at least: the next minute's open."""
EPOCH_DAY = date(1970, 1, 1).toordinal()
TWO = tuple(f"{number:02}" for number in range(60))


class OrderDesk:
    """Sends committed intents, books updates, and keeps one resting stop a position."""

    def __init__(self, recorder: Recorder, broker: Broker, config: Config) -> None:
        self._recorder = recorder
        self._state = recorder.state
        self._broker = broker
        self._config = config
        self._outbox: list[Order] = []
        # The shares and the limit of buys that were sent to a broker that answers later.
        self._reserved: dict[str, tuple[float, float]] = {}
        self._now: datetime | None = None
        self._tell_left_at: datetime | None = None
        self._hard_stops: dict[str, list[tuple[datetime, float]]] = {}
        self._plain_widths: StopWidths | None = None
        # The distances with which a stop's level was found: as long as they, the entry and the high
        # are the same, so is the level.
        # Stops whose level is to be looked at, whether or not the high rises.
        self._unlevelled: set[str] = set()
        self._levelled_by: StopWidths | None = None

    def buy(self, now: datetime, entry: EntryDecision, equity: float, *, cause: int | None) -> None:
        """Intend an entry; it is sent after the commit."""
        self._intend(
            Order(
                id=order_id(now, entry.symbol, Side.BUY),
                at=now,
                symbol=entry.symbol,
                side=Side.BUY,
                quantity=entry.quantity,
                reason=self._config.rules.entry,
                equity=equity,
                priority=entry.priority,
                hard=stop_widths(self._state, entry.symbol, now, self._config.risk)[0],
                prediction_id=entry.prediction.id if entry.prediction else None,
                strategy_id=entry.strategy_id,
                note=entry.note,
            ),
            cause,
        )

    def sell(
        self, now: datetime, symbol: str, reason: ExitReason, *, cause: int | None = None
    ) -> None:
        """Intend the sale of a whole position; it is sent after the commit."""
        self._intend(
            Order(
                id=order_id(now, symbol, Side.SELL),
                at=now,
                symbol=symbol,
                side=Side.SELL,
                quantity=self._state.positions[symbol].quantity,
                reason=reason,
            ),
            cause,
        )

    def cancel_entries(self, now: datetime, reason: str) -> int:
        """Cancel the open buys; return how many. One is over when the broker says so."""
        entries = [o for o in self._state.orders.values() if o.side is Side.BUY]
        for order in entries:
            if self._broker.cancel(order.id):
                self._cancelled(now, order.id, order.symbol, reason)
        return len(entries)

    def flatten(self, now: datetime, reason: ExitReason, by: str, cause: int | None = None) -> int:
        """Cancel the entries and sell everything; return how many entries are cancelled.

        It goes on (:meth:`go_on_flattening`) until nothing is held or open: an entry that fills
        before its cancellation is confirmed is sold as well.
        """
        state = self._state
        if state.flattening is None and (state.positions or state.orders):
            self._tell_left_at = None
            self._recorder.emit(ev.FlattenBegan, now, cause=cause, reason=reason, by=by)
        cancelled = self.cancel_entries(now, reason)
        self.go_on_flattening(now, cause)
        return cancelled

    def go_on_flattening(self, now: datetime, cause: int | None = None) -> None:
        """While flattening, sell what is held and is not being sold or still being bought."""
        state = self._state
        if state.flattening is None:
            return
        reason = ExitReason(state.flattening)
        self._tell_what_is_left(now)
        busy = {order.symbol for order in state.orders.values()}
        for symbol in sorted(state.positions.keys() - busy):
            self.sell(now, symbol, reason, cause=cause)
        if not state.positions and not state.orders:
            self._recorder.emit(ev.FlattenEnded, now, cause=cause, by="all sold")

    def _tell_what_is_left(self, now: datetime) -> None:
        """Name what flattening has not sold yet, after a while and then every minute."""
        if self._tell_left_at is None:
            waits = timedelta() if self._config.broker.kind == "alpaca" else NEXT_BAR
            self._tell_left_at = now + waits + STILL_HELD_AFTER
        if now < self._tell_left_at or not self._state.positions:
            return
        self._tell_left_at = now + STILL_HELD_AGAIN
        left = ", ".join(
            f"{held.quantity:g} {symbol}"
            + ("" if (why := self._state.halts.get(symbol)) is None else f" ({why})")
            for symbol, held in sorted(self._state.positions.items())
        )
        self._recorder.emit(
            ev.Alert,
            now,
            text=f"not sold yet: {left}: the sale stands, and is sent again if it ends",
        )

    def note_hard_stops(self, now: datetime) -> None:
        """Remember the hard stop's distance of open entries: they fill before it is known here."""
        if not self._state.orders:
            if self._hard_stops:
                self._hard_stops.clear()
            return
        for order in self._state.orders.values():
            if order.side is Side.BUY:
                hard, _ = stop_widths(self._state, order.symbol, now, self._config.risk)
                seen = self._hard_stops.setdefault(order.id, [(order.at, order.hard)])
                if hard != seen[-1][1]:
                    seen.append((now, hard))

    def _hard_at(self, order: Order | None, fill: Fill) -> float:
        """Return the hard stop's distance at the instant of an entry's fill."""
        if order is None:
            return stop_widths(self._state, fill.symbol, fill.at, self._config.risk)[0]
        seen = self._hard_stops.get(order.id, [(order.at, order.hard)])
        # A broker's clock may be behind: what held at the decision holds at least.
        return next((hard for at, hard in reversed(seen) if at <= fill.at), order.hard)

    def send(self) -> None:
        """Send what was committed."""
        if self._outbox:
            for order in self._outbox:
                self._broker.submit(order)
            self._outbox.clear()
            self._broker.dispatch(self._cap_at_send)

    def collect(self, now: datetime) -> None:
        """Book what the broker answered since the last instant."""
        self._now = now
        self._broker.collect(self._on_update)

    def knows_split(self, action: CorporateAction) -> bool:
        """Whether a split was seen in the broker's positions before its announcement came."""
        ratio, at = self._state.splits_seen.get(action.symbol, (1.0, action.ex_at))
        return (
            action.ratio != 1.0 and ratio == action.ratio and abs(at - action.ex_at) <= SPLIT_NEAR
        )

    def trade_through(self, now: datetime, bars: BarSlice) -> None:
        """Let the broker trade through the bars of one start."""
        self._now = now
        self._broker.advance(bars, self._cap, self._on_update)

    def session_closed(self, now: datetime) -> None:
        """Let the broker end the orders that live for one session."""
        self._now = now
        self._broker.session_closed(self._on_update)

    def adjust(self, now: datetime, action: CorporateAction) -> None:
        """Apply a split or dividend to the position, its stop and its open orders."""
        self._unlevelled.add(action.symbol)
        self._recorder.emit(ev.ActionApplied, now, action=action)
        self._broker.adjust(action.symbol, action.ratio, action.amount)

    def raise_stops(self, now: datetime, bars: BarSlice, *, cause: int | None) -> float:
        """Take the bars' highs into the positions that have one, and raise their stops.

        Returns the gross exposure, dollars: each position is looked at once for both.
        """
        prices, positions = bars.bars, self._state.positions
        widths = self._widths(now)
        if widths != self._levelled_by:
            self._levelled_by, self._unlevelled = widths, set(positions)
        moving, gross = _raised(self._state, prices)
        if self._unlevelled:
            self._unlevelled &= positions.keys()
            unlevelled = self._unlevelled & prices.keys()
            self._unlevelled -= unlevelled
            moving = sorted(unlevelled.union(moving))
        highs: dict[str, float] = {}
        for symbol in moving:
            held, bar = positions[symbol], prices[symbol]
            high = max(held.high, bar.high)
            hard, trail = widths.tight if symbol in widths.bad else widths.usual
            level, level_from = next_level(
                entry=held.entry_price,
                high=high,
                level=held.level,
                level_from=held.level_from,
                hard=hard,
                trail=trail,
            )
            if level != held.level:
                self._move_stop(now, symbol, level, high, level_from, cause)
            elif high != held.high:
                highs[symbol] = high
        if highs:
            self._recorder.emit(ev.HighsRose, now, cause=cause, highs=highs)
        return gross

    def tighten(self, now: datetime, symbol: str, level: float) -> None:
        """Raise a position's stop by hand, here and at the broker; its trail goes on from there."""
        high = self._state.positions[symbol].high
        self._move_stop(now, symbol, level, high, ExitReason.TIGHTENED_STOP, None)

    def adopt(self, now: datetime, symbol: str, quantity: float, price: float, by: str) -> None:
        """Make shares of the account the desk's own, and rest a stop for them."""
        identity = order_id(now, symbol, Side.BUY)
        event = self._recorder.emit(
            ev.PositionAdopted,
            now,
            symbol=symbol,
            quantity=quantity,
            price=price,
            order_id=identity,
            by=by,
        )
        self._broker.adopt(symbol, quantity, identity)
        hard = stop_widths(self._state, symbol, now, self._config.risk)[0]
        level = first_level(price, hard)
        self._move_stop(now, symbol, level, price, ExitReason.HARD_STOP, event)

    def _widths(self, now: datetime) -> StopWidths:
        """Return the stop distances at ``now``: always the same while nothing was proposed."""
        if self._state.signals:
            return stop_widths_now(self._state, now, self._config.risk)
        if self._plain_widths is None:
            self._plain_widths = stop_widths_now(self._state, now, self._config.risk)
        return self._plain_widths

    def _intend(self, order: Order, cause: int | None) -> None:
        self._recorder.emit(ev.OrderIntended, order.at, cause=cause, order=order)
        self._outbox.append(order)

    def _cap(self, order: Order, price: float, reserved: float = 0.0) -> float:
        risk, state = self._config.risk, self._state
        wanted = order.quantity - state.filled.get(order.id, 0.0)
        sector = self._config.sectors.get(order.symbol)
        if risk.max_sector and sector is not None:
            wanted = under_sector_cap(
                math.floor(wanted),
                sector=sector,
                gross=sector_gross(state, sector, self._config.sectors),
                close=price,
                equity=state.equity(),
                max_sector=risk.max_sector,
            ).quantity
        return shares_at_fill(
            wanted=wanted,
            price=price,
            commission=self._config.broker.commission,
            cash=state.cash - reserved,
            gross=state.gross() + reserved,
            max_gross=risk.max_gross,
            min_position=risk.min_position,
            decision_equity=order.equity,
        )

    def _cap_at_send(self, order: Order, price: float) -> float:
        """Return the shares that may be bought at most at ``price``; other open buys count."""
        orders, filled = self._state.orders, self._state.filled
        self._reserved = {key: paid for key, paid in self._reserved.items() if key in orders}
        reserved = sum(
            (quantity - filled.get(key, 0.0)) * limit
            for key, (quantity, limit) in self._reserved.items()
        )
        allowed = self._cap(order, price, reserved)
        if allowed > 0:
            self._reserved[order.id] = (allowed, price)
        return allowed

    def _on_update(self, update: BrokerUpdate) -> None:
        assert self._now is not None
        if isinstance(update, Fill):
            self._filled(self._now, update)
        elif isinstance(update, Noted):
            self._recorder.emit(update.kind, self._now, **update.fields)
        else:
            self._cancelled(self._now, update.order_id, update.symbol, update.reason)

    def _filled(self, now: datetime, fill: Fill) -> None:
        state = self._state
        self._unlevelled.add(fill.symbol)
        intent = state.intents.get(fill.order_id)
        order = state.orders.get(fill.order_id)
        event = self._recorder.emit(ev.OrderFilled, now, cause=intent, fill=fill)
        if fill.side is Side.BUY:
            held = state.positions[fill.symbol]
            level = max(held.level, first_level(held.entry_price, self._hard_at(order, fill)))
            self._move_stop(now, fill.symbol, level, held.high, ExitReason.HARD_STOP, event)
            return
        for lock in locks_after_fill(state, fill, self._config.risk):
            self._recorder.emit(ev.LockSet, now, cause=event, lock=lock)
        if fill.symbol not in state.positions:
            for order in list(state.orders.values()):
                is_exit = order.symbol == fill.symbol and order.side is Side.SELL
                if is_exit and self._broker.cancel(order.id):
                    self._cancelled(now, order.id, order.symbol, "the position is closed")

    def _cancelled(self, now: datetime, order_id: str, symbol: str, reason: str) -> None:
        intent = self._state.intents.get(order_id)
        self._recorder.emit(
            ev.OrderCancelled, now, cause=intent, order_id=order_id, symbol=symbol, reason=reason
        )

    def _move_stop(
        self,
        now: datetime,
        symbol: str,
        level: float,
        high: float,
        level_from: ExitReason,
        cause: int | None,
    ) -> None:
        self._recorder.emit(
            ev.StopMoved,
            now,
            cause=cause,
            symbol=symbol,
            level=level,
            high=high,
            level_from=level_from,
        )
        self._broker.place_stop(symbol, level, level_from)


def order_id(now: datetime, symbol: str, side: Side) -> str:
    """Return the client order id of a decision: a retry has the same."""
    return order_id_at(int(now.timestamp()), symbol, side)


def order_id_at(second: int, symbol: str, side: Side) -> str:
    """Return the client order id of a decision at an instant (UTC epoch seconds)."""
    day, rest = divmod(second, 86_400)
    minute, second = divmod(rest, 60)
    hour, minute = divmod(minute, 60)
    # strftime and format specifications take several times as long.
    return "".join((_day(day), "T", TWO[hour], TWO[minute], TWO[second], "Z-", symbol, "-", side))


def _raised(state: DeskState, prices: Mapping[str, Bar]) -> tuple[list[str], float]:
    """Return the positions of which a bar is higher than all before, and the gross exposure.

    The state knows the bars already; its positions are in the symbols' order, and so is the answer.
    """
    raised: list[str] = []
    closes, bar_of, gross = state.closes, prices.get, 0.0
    for symbol, held in state.positions.items():
        bar = bar_of(symbol)
        if bar is not None and bar[HIGH] > held.high:
            raised.append(symbol)
        gross += held.quantity * closes[symbol]
    return raised, gross


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    return f"{date.fromordinal(EPOCH_DAY + days):%Y%m%d}"
