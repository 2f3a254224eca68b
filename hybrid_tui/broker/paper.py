"""The paper broker: one cash account, filled through bars by the fill rules of the design.

Within the bars of one start, in this order: (1) decided exits fill at the open and resting stops
at or above the open fill there; (2) entries fill at the open in their order, cut or cancelled by
the caps; (3) resting stops at or above the low fill at their level, those of entries of this very
open included. Slippage is against the trader on each fill; prices are not rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.domain.bars import Bar, BarSlice
from hybrid_tui.domain.orders import ExitReason, Fill, Order, OrderKind, Position, Side
from hybrid_tui.domain.ports import Cancelled, CapAtFill, OnUpdate
from hybrid_tui.errors import HybridError

HalfSpread = Callable[[str, datetime], float | None]
"""Half of the spread of a symbol at an instant, as a fraction of the price; None: not recorded."""


def bought_at(base: float, slip: float) -> float:
    """Return the price of a buy: ``base`` dollars and slippage (a fraction) against the trader."""
    return base * (1 + slip)


def sold_at(base: float, slip: float) -> float:
    """Return the price of a sale: ``base`` dollars less slippage (a fraction)."""
    return base * (1 - slip)


def check_cash(cash: float, cost: float, symbol: str) -> None:
    """Raise HybridError where a buy costs more than the cash there is, dollars."""
    if cost > cash:
        raise HybridError(f"buying {symbol} for {cost:.2f} leaves cash at {cash - cost:.2f}")


LOW = Bar._fields.index("low")


@dataclass(slots=True)
class _Stop:
    """The resting protective stop of a held symbol."""

    order_id: str
    reason: str


class PaperBroker:
    """Fills orders through bars. Slippage in basis points, commission in dollars a fill.

    ``participation`` (a fraction of the bar's volume; None: no limit) makes fills partial: the rest
    of an entry is cancelled, the rest of an exit waits for the next bar. ``half_spread`` takes the
    place of ``slippage_bps`` where it knows the spread.
    """

    name = "paper"

    def __init__(
        self,
        *,
        cash: float,
        slippage_bps: float = 1.0,
        commission: float = 0.0,
        participation: float | None = None,
        half_spread: HalfSpread | None = None,
    ) -> None:
        self.cash = cash
        self.quantities: dict[str, float] = {}
        self.orders: dict[str, Order] = {}
        self._stops: dict[str, _Stop] = {}
        # The stops' levels by themselves: each bar's end looks at all of them.
        self._levels: dict[str, float] = {}
        # A touched stop is an order at the market: what a bar's volume left over is sold at the
        # next open, whatever the price.
        self._touched: set[str] = set()
        self._seen: set[str] = set()
        self._left: dict[str, float] = {}
        self._peaks: dict[str, float] = {}
        self._slip = slippage_bps / 10_000
        self._commission = commission
        self._participation = participation
        self._half_spread = half_spread
        self._used: dict[str, float] = {}

    def restore(
        self,
        cash: float,
        positions: Iterable[Position],
        orders: Iterable[Order],
        filled: Mapping[str, float],
    ) -> None:
        """Take over an account as the journal knows it: every committed intent counts as sent."""
        self.cash = cash
        for held in positions:
            self.quantities[held.symbol] = held.quantity
            identity = f"{held.entry_order_id}-stop"
            self._stops[held.symbol] = _Stop(identity, held.level_from)
            self._levels[held.symbol] = held.level
            if identity in filled:
                self._touched.add(held.symbol)
        for order in orders:
            self.submit(order)
            self._left[order.id] -= filled.get(order.id, 0.0)

    def submit(self, order: Order) -> None:
        """Take an order; the same id twice is one order."""
        if order.id in self._seen:
            return
        self._seen.add(order.id)
        self.orders[order.id] = order
        self._left[order.id] = order.quantity

    def cancel(self, order_id: str) -> bool:
        """Drop an open order at once (a paper broker has no queue)."""
        self.orders.pop(order_id, None)
        self._left.pop(order_id, None)
        self._peaks.pop(order_id, None)
        return True

    def place_stop(self, symbol: str, level: float, reason: str) -> None:
        """Rest, or raise, the protective stop of a held symbol."""
        stop = self._stops.get(symbol)
        if stop is None:
            raise HybridError(f"no position in {symbol} to protect")
        self._levels[symbol], stop.reason = level, reason

    def adopt(self, symbol: str, quantity: float, order_id: str) -> None:
        """Hold shares that came from elsewhere, with a stop that waits for its level."""
        self.quantities[symbol] = quantity
        self._rest_stop(symbol, order_id)

    def collect(self, on_update: OnUpdate) -> None:
        """Do nothing: what happens, happens while bars are traded through."""

    def dispatch(self, cap: CapAtFill) -> None:
        """Do nothing: an order waits for its bar, and is cut there."""

    def _rest_stop(self, symbol: str, order_id: str) -> None:
        """Rest the stop of an entry, out of reach until its level is known."""
        self._stops[symbol] = _Stop(f"{order_id}-stop", ExitReason.HARD_STOP)
        self._levels[symbol] = -math.inf

    def advance(self, bars: BarSlice, cap: CapAtFill, on_update: OnUpdate) -> None:
        """Trade through the bars of one start; raises HybridError if cash would turn negative."""
        prices = bars.bars
        if not self.orders and not self._any_stop_reached(prices):
            return
        self._used.clear()
        if self.orders:
            self._exits_at_open(bars, on_update)
        for symbol in sorted(self._stops):
            bar = prices.get(symbol)
            level = self._levels[symbol]
            if bar is not None and (symbol in self._touched or bar.open <= level):
                self._sell_by_stop(bars, symbol, bar.open, on_update)
        if self.orders:
            self._entries_at_open(bars, cap, on_update)
        for symbol in sorted(self._stops):
            bar = prices.get(symbol)
            level = self._levels[symbol]
            if bar is not None and symbol not in self._touched and bar.low <= level:
                self._sell_by_stop(bars, symbol, level, on_update)
        if self.orders:
            self._resting_orders(bars, on_update)

    def stops_touched(self) -> set[str]:
        """Return the symbols of which the rest is sold at the next open, whatever the price."""
        return set(self._touched)

    def _any_stop_reached(self, prices: Mapping[str, Bar]) -> bool:
        if self._touched:
            return True
        bar_of = prices.get
        for symbol, level in self._levels.items():
            bar = bar_of(symbol)
            if bar is not None and bar[LOW] <= level:
                return True
        return False

    def session_closed(self, on_update: OnUpdate) -> None:
        """Cancel the buys that found no bar in their session."""
        for order in [o for o in self.orders.values() if o.side is Side.BUY]:
            self.cancel(order.id)
            on_update(
                Cancelled(order_id=order.id, symbol=order.symbol, reason="no bar in its session")
            )

    def _exits_at_open(self, bars: BarSlice, on_update: OnUpdate) -> None:
        exits = [
            order
            for order in self.orders.values()
            if order.side is Side.SELL
            and order.kind is OrderKind.MARKET
            and order.symbol in bars.bars
            and order.at <= bars.start
        ]
        for order in sorted(exits, key=lambda order: order.symbol):
            bar = bars.bars[order.symbol]
            wanted = min(self._left[order.id], self.quantities.get(order.symbol, 0.0))
            quantity = self._available(order.symbol, wanted, bar)
            if quantity > 0:
                self._fill(order, bars, quantity, bar.open, wanted, on_update)

    def _entries_at_open(self, bars: BarSlice, cap: CapAtFill, on_update: OnUpdate) -> None:
        entries = [
            order
            for order in self.orders.values()
            if order.side is Side.BUY and order.symbol in bars.bars and order.at <= bars.start
        ]
        entries.sort(key=lambda order: (order.at, -order.priority, order.symbol))
        for order in entries:
            bar = bars.bars[order.symbol]
            base = bar.open
            slip = self._slip_of(order.symbol, bars.start)
            if order.kind is OrderKind.LIMIT:
                assert order.price is not None
                if bar.low > order.price:
                    continue
                base = min(bar.open, order.price / (1 + slip))
            price = bought_at(base, slip)
            allowed = cap(order, price)
            quantity = self._available(order.symbol, allowed, bar)
            if quantity <= 0:
                by = "cash, exposure or the smallest position"
                if allowed > 0:
                    by = "the bar's volume"
                self.cancel(order.id)
                on_update(
                    Cancelled(
                        order_id=order.id, symbol=order.symbol, reason=f"cut to nothing by {by}"
                    )
                )
                continue
            self._fill(order, bars, quantity, base, quantity, on_update)

    def _resting_orders(self, bars: BarSlice, on_update: OnUpdate) -> None:
        """Fill limit, stop and trailing-stop sells that are not the protective stop."""
        kinds = (OrderKind.LIMIT, OrderKind.STOP, OrderKind.TRAILING_STOP)
        resting = [
            order
            for order in self.orders.values()
            if order.side is Side.SELL
            and order.kind in kinds
            and order.symbol in bars.bars
            and order.at <= bars.start
        ]
        for order in sorted(resting, key=lambda order: (order.symbol, order.id)):
            bar = bars.bars[order.symbol]
            base = self._resting_price(order, bar)
            wanted = min(self._left[order.id], self.quantities.get(order.symbol, 0.0))
            if base is not None and wanted > 0:
                quantity = self._available(order.symbol, wanted, bar)
                if quantity > 0:
                    self._fill(order, bars, quantity, base, wanted, on_update)

    def _resting_price(self, order: Order, bar: Bar) -> float | None:
        if order.kind is OrderKind.LIMIT:
            assert order.price is not None
            return max(bar.open, order.price) if bar.high >= order.price else None
        level = order.price
        if order.kind is OrderKind.TRAILING_STOP:
            assert order.trail is not None
            peak = self._peaks.get(order.id, bar.open)
            level = peak * (1 - order.trail)
            self._peaks[order.id] = max(peak, bar.high)
        assert level is not None
        if bar.open <= level:
            return bar.open
        return level if bar.low <= level else None

    def _available(self, symbol: str, wanted: float, bar: Bar) -> float:
        """Return how much of ``wanted`` the bar's volume allows, beside what it gave already."""
        if self._participation is None:
            return wanted
        left = math.floor(self._participation * bar.volume) - self._used.get(symbol, 0.0)
        return max(0.0, min(wanted, left))

    def _slip_of(self, symbol: str, at: datetime) -> float:
        """Return the slippage of a fill as a fraction of the price."""
        if self._half_spread is None:
            return self._slip
        half = self._half_spread(symbol, at)
        return self._slip if half is None else half

    def _sell_by_stop(self, bars: BarSlice, symbol: str, base: float, on_update: OnUpdate) -> None:
        stop = self._stops[symbol]
        order = Order(
            id=stop.order_id,
            at=bars.start,
            symbol=symbol,
            side=Side.SELL,
            quantity=self.quantities[symbol],
            reason=stop.reason,
            kind=OrderKind.STOP,
            price=self._levels[symbol],
        )
        self._left[order.id] = order.quantity
        self._touched.add(symbol)
        quantity = self._available(symbol, order.quantity, bars.bars[symbol])
        if quantity > 0:
            self._fill(order, bars, quantity, base, order.quantity, on_update)

    def _fill(
        self,
        order: Order,
        bars: BarSlice,
        quantity: float,
        base: float,
        wanted: float,
        on_update: OnUpdate,
    ) -> None:
        """Book ``quantity`` at ``base`` dollars plus slippage; sells free cash, buys use it."""
        buying = order.side is Side.BUY
        slips = not (order.kind is OrderKind.LIMIT and not buying)
        symbol = order.symbol
        slip = self._slip_of(symbol, bars.start)
        price = bought_at(base, slip) if buying else sold_at(base, slip * slips)
        self._used[symbol] = self._used.get(symbol, 0.0) + quantity
        self._left[order.id] -= quantity
        final = buying or quantity >= wanted
        fill = Fill(
            order_id=order.id,
            at=bars.start,
            symbol=symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=self._commission,
            slippage=quantity * abs(price - base),
            reason=order.reason,
            final=final,
        )
        if buying:
            check_cash(self.cash, fill.cost, symbol)
        self.cash -= fill.cost
        if buying:
            # Whole shares stay whole numbers.
            self.quantities[symbol] = self.quantities.get(symbol, 0) + quantity
            if symbol not in self._stops:
                self._rest_stop(symbol, order.id)
        elif quantity < self.quantities[symbol]:
            self.quantities[symbol] -= quantity
        else:
            del self.quantities[symbol]
            del self._stops[symbol], self._levels[symbol]
            self._touched.discard(symbol)
        if final:
            self.cancel(order.id)
        on_update(fill)

    def adjust(self, symbol: str, ratio: float, amount: float) -> None:
        """Apply a split (``ratio`` new shares for one) and a dividend (dollars an old share)."""
        for order_id, order in self.orders.items():
            if order.symbol == symbol:
                split = order.split(ratio)
                # As the position's quantity is: the last share must not stay behind by rounding.
                left = self._left[order_id] * ratio
                self._left[order_id] = min(left, split.quantity)
                self.orders[order_id] = split
        held = self.quantities.get(symbol)
        if held is None:
            return
        self.cash += held * amount
        self.quantities[symbol] = held * ratio
        self._levels[symbol] /= ratio
