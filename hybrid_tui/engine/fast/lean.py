"""Tiers 1 and 2 over recorded bars without events: the same decisions, taken only where due.

Without tier 3 nothing but prices, and predictions that are made from them, moves a position: as
soon as it is filled, its exit is known from arrays (the first exit signal, or the first low at the
running stop). What remains is a heap of fills, the occasions to buy (technical confirmations that
tier 2 lets through), and shared cash. A session is run as if equity set no lock; its
marks then show whether one was set, and if an entry was decided in spite of it, the session is run
once more with the lock from that instant on.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np

from hybrid_tui.broker.paper import bought_at, check_cash, sold_at
from hybrid_tui.config import Config
from hybrid_tui.domain.bars import DAY_SECONDS, FloatArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import (
    STOP_REASONS,
    ExitReason,
    cost_of_buying,
    cost_of_selling,
)
from hybrid_tui.domain.signals import RiskLevel
from hybrid_tui.engine.fast.book import Book, Lot, Sale
from hybrid_tui.engine.fast.columns import NEVER, columns_of
from hybrid_tui.engine.fast.forecasts import LOCKED, NO_TARGET, TOO_MANY, TOO_SMALL, Occasions
from hybrid_tui.engine.fast.grid import Grid
from hybrid_tui.engine.fast.stops import first_touch
from hybrid_tui.rules.protections import first_lock_by_equity, stops_within
from hybrid_tui.rules.sizing import shares_at_decision, shares_at_fill
from hybrid_tui.rules.stops import first_level, next_level

# The places within a bar: exits and stops at the open, entries there, stops inside, then decisions.
EXIT, GAP, ENTRY, STOP, COUNT = range(5)


class LeanRun:
    """One run of tier 1, and of tier 2 by ``occasions``; ``run`` leaves its figures here.

    ``equity`` and ``gross`` have one figure an instant of the grid, ``daily`` the closes (UTC epoch
    seconds) of the sessions with a bar and the equity then.
    """

    def __init__(
        self,
        config: Config,
        grid: Grid,
        occasions: Mapping[str, Occasions],
        calendar: TradingCalendar,
        interval: int,
        ends_at: datetime,
        *,
        judges: bool,
    ) -> None:
        self._grid = grid
        self._judges = judges
        self._calendar = calendar
        self._risk = risk = config.risk
        self._is_daily = interval >= DAY_SECONDS
        self._hard, self._trail, self._factor = risk.levels.of(RiskLevel.MODERATE)
        self._slip = config.broker.slippage_bps / 10_000
        self._commission = config.broker.commission
        self._cooldown = self._seconds_of("cooldown", risk.cooldown_minutes)
        self._guard = self._seconds_of("stop_guard", risk.stop_guard_minutes)
        self._counts_entries = "max_entries" in risk.protections
        limit = None if self._is_daily else calendar.close_seconds
        self._columns = columns_of(grid, occasions, limit)
        self._ends_at = int(ends_at.timestamp())
        self._bounds = self._session_bounds()
        self.book = Book(cash=config.broker.cash)
        self.sales: list[Sale] = []
        count = len(grid.known)
        self.equity: FloatArray = np.empty(count)
        self.gross: FloatArray = np.empty(count)
        self.daily: list[tuple[int, float]] = []
        self.reference = self.peak = config.broker.cash

    def run(self, progress: Callable[[datetime], None] | None = None) -> None:
        """Go through the sessions that have bars."""
        closes = self._calendar.close_seconds
        drawn_down = False
        for (first, session), (last, _) in pairwise(self._bounds):
            self._open = int(self._calendar.open_seconds[session])
            self._close = int(closes[session])
            self._deadline = int(closes[session + self._is_daily])
            at_close = self._columns.known[last - 1] >= self._close
            self._ends_undecided = at_close and not self._is_daily
            self._last_decision = last - self._ends_undecided
            self.book.entries_today, self.book.is_full = 0, False
            before = self.book.copy()
            self._trade(first, last, first if drawn_down else last)
            equity = self._mark(before, first, last)
            locked = self._locked(equity, drawn_down)
            if locked is not None and self.book.last_decided >= first + locked:
                self.book = before.copy()
                del self.sales[before.sold :]
                self._trade(first, last, first + locked)
                equity = self._mark(before, first, last)
            drawn_down = drawn_down or self._is_drawn_down(equity)
            if self._close <= self._ends_at:
                self.reference = float(equity[-1])
                self.daily.append((self._close, self.reference))
            self.peak = max(self.peak, float(equity.max()))
            self.book.steps.clear()
            self._grid.release()
            if progress is not None:
                progress(self._grid.instant(last - 1))

    def _seconds_of(self, protection: str, minutes: float) -> float:
        if protection not in self._risk.protections:
            return 0.0
        return timedelta(minutes=minutes) / timedelta(seconds=1)

    def _session_bounds(self) -> list[tuple[int, int]]:
        """Return (first instant on the grid, session) of each session with bars, and the end."""
        return [*self._grid.sessions(self._calendar), (len(self._grid.known), -1)]

    def _trade(self, first: int, last: int, locked_from: int) -> None:
        """Take the fills and decisions of one session in their order."""
        book, columns = self.book, self._columns
        events, at = book.events, columns.signal_index
        signal = book.next_signal
        while True:
            index = at[signal]
            if events and events[0][0] <= index:
                if events[0][0] >= last:
                    break
                event = heappop(events)
                if event[1] == ENTRY:
                    self._buy(*event)
                elif event[1] == COUNT:
                    book.is_full = book.entries_today >= self._risk.max_entries
                else:
                    self._sell(*event)
                continue
            if index >= last:
                break
            begin = signal
            signal += 1
            while at[signal] == index:
                signal += 1
            is_locked = index >= locked_from or book.is_full
            if self._judges or not is_locked:
                self._decide(index, begin, signal, is_locked)
        book.next_signal = signal

    def _decide(self, index: int, first: int, last: int, is_locked: bool) -> None:
        """Decide the entries of one instant: its occasions are ``first`` to ``last`` (excluded)."""
        book, columns, risk = self.book, self._columns, self._risk
        now = columns.known[index]
        if book.guarded_until > now:
            if not self._judges:
                return
            is_locked = True
        lots, buying, cooldowns = book.lots, book.buying, book.cooldowns
        equity: float | None = None
        wanted = []
        for number in range(first, last):
            symbol = columns.signal_symbol[number]
            if symbol in lots or symbol in buying:
                continue
            if is_locked or cooldowns.get(symbol, 0.0) > now:
                self._refuse(index, LOCKED)
                continue
            verdict = columns.signal_verdict[number]
            if verdict:
                self._refuse(index, verdict)
                continue
            target = columns.signal_target[number]
            if equity is None:
                equity = book.cash + self._gross(index)
            quantity = shares_at_decision(
                target=target,
                factor=self._factor,
                max_position=risk.max_position,
                equity=equity,
                close=columns.signal_close[number],
            )
            if quantity >= 1:
                rank = -columns.signal_priority[number]
                wanted.append((rank, symbol, quantity, columns.signal_open[number]))
            else:
                self._refuse(index, NO_TARGET if target == 0 else TOO_SMALL)
        wanted.sort()
        if self._counts_entries:
            room = max(0, risk.max_entries - book.entries_today)
            for _ in wanted[room:]:
                self._refuse(index, TOO_MANY)
            del wanted[room:]
        book.judged[0] += len(wanted)
        for rank, symbol, quantity, base in wanted:
            assert equity is not None
            self._order(index, rank, symbol, quantity, base, equity)

    def _refuse(self, index: int, verdict: int) -> None:
        if self._judges:
            self.book.judged[verdict] += 1
            self.book.last_decided = index

    def _order(
        self, index: int, rank: float, symbol: int, quantity: int, base: float, equity: float
    ) -> None:
        book, columns = self.book, self._columns
        book.last_decided = index
        book.entries_today += 1
        filled = columns.next_index(symbol, index)
        if filled < NEVER and columns.known[filled] <= self._deadline:
            book.buying.add(symbol)
            heappush(book.events, (filled, ENTRY, index, rank, symbol, quantity, base, equity))
        elif self._deadline <= self._ends_at:
            book.cancelled += 1
        if self._counts_entries and index + 1 < self._last_decision:
            # Locks are looked at before entries: the count is seen one decision later.
            heappush(book.events, (index + 1, COUNT, 0, 0))

    def _gross(self, index: int) -> float:
        """Return the gross exposure at an instant, dollars."""
        return self._columns.gross(self.book.names, self.book.lots, index)

    def _buy(
        self,
        index: int,
        _place: int,
        decided: int,
        _rank: float,
        symbol: int,
        wanted: int,
        base: float,
        equity: float,
    ) -> None:
        """Fill an entry at the open, cut or cancelled by the caps."""
        book, columns, risk = self.book, self._columns, self._risk
        price = bought_at(base, self._slip)
        quantity = shares_at_fill(
            wanted=wanted,
            price=price,
            commission=self._commission,
            cash=book.cash,
            gross=self._gross(index - 1),
            max_gross=risk.max_gross,
            min_position=risk.min_position,
            decision_equity=equity,
        )
        book.buying.discard(symbol)
        if quantity <= 0:
            book.cancelled += 1
            book.entries_today -= columns.known[decided] >= self._open
            return
        cost = cost_of_buying(quantity, price, self._commission)
        check_cash(book.cash, cost, columns.names[symbol])
        book.cash -= cost
        self._count(index, quantity, price, base)
        book.lots[symbol] = lot = Lot(symbol, quantity, price, index, decided)
        insort(book.names, symbol)
        self._plan_exit(lot)

    def _plan_exit(self, lot: Lot) -> None:
        """Put the sale of a new lot on the heap: nothing but prices decides it."""
        columns, symbol, entry = self._columns, lot.symbol, lot.price
        events = self.book.events
        row = columns.row(symbol, lot.entered)
        level = first_level(entry, self._hard)
        if columns.lows[symbol][row] <= level:
            heappush(events, (lot.entered, STOP, 0, symbol, level, ExitReason.HARD_STOP, -1))
            return
        leaving = columns.next_exit(symbol, row)
        high = max(entry, float(columns.highs[symbol][row]))
        level, level_from = next_level(
            entry=entry,
            high=high,
            level=level,
            level_from=ExitReason.HARD_STOP,
            hard=self._hard,
            trail=self._trail,
        )
        touch = first_touch(
            columns.highs[symbol][row + 1 : leaving + 1],
            columns.lows[symbol][row + 1 : leaving + 1],
            entry=entry,
            high=high,
            level=level,
            level_from=level_from,
            hard=self._hard,
            trail=self._trail,
        )
        if touch is not None:
            row += 1 + touch.bar
            opened = columns.opens[symbol][row]
            place, base = (GAP, opened) if opened <= touch.level else (STOP, touch.level)
            index = columns.index(symbol, row)
            heappush(events, (index, place, 0, symbol, base, touch.level_from, -1))
        elif leaving + 1 < columns.lengths[symbol]:
            index = columns.index(symbol, leaving + 1)
            base = columns.opens[symbol][leaving + 1]
            decided = columns.index(symbol, leaving)
            heappush(events, (index, EXIT, 0, symbol, base, ExitReason.SIGNAL_EXIT, decided))

    def _sell(
        self,
        index: int,
        _place: int,
        _order: int,
        symbol: int,
        base: float,
        reason: ExitReason,
        decided: int,
    ) -> None:
        """Sell a lot whole, and set the locks of a stop."""
        book = self.book
        lot = book.lots.pop(symbol)
        book.names.remove(symbol)
        price = sold_at(base, self._slip)
        book.cash -= cost_of_selling(lot.quantity, price, self._commission)
        self._count(index, lot.quantity, price, base)
        self.sales.append(Sale(lot, index, price, reason, decided))
        book.sold += 1
        if reason not in STOP_REASONS:
            return
        at = self._columns.start[index]
        if self._cooldown:
            book.cooldowns[symbol] = at + self._cooldown
        if self._guard:
            book.stop_fills.append(at)
            if stops_within(book.stop_fills, at, self._guard) >= self._risk.stop_guard_count:
                book.guarded_until = at + self._guard
            book.stop_fills = [fill for fill in book.stop_fills if at - self._guard <= fill]

    def _count(self, index: int, quantity: int, price: float, base: float) -> None:
        book = self.book
        book.turnover += quantity * price
        book.fees += self._commission
        book.slippage += quantity * abs(price - base)
        book.steps.append((index, book.cash))

    def _mark(self, before: Book, first: int, last: int) -> FloatArray:
        """Write equity and gross exposure of a session's instants; return the equity."""
        columns, gross = self._columns, self.gross[first:last]
        spans = [(lot.symbol, lot.entered, last, lot.quantity) for lot in self.book.lots.values()]
        spans += [
            (sale.lot.symbol, sale.lot.entered, sale.sold, sale.lot.quantity)
            for sale in self.sales[before.sold :]
        ]
        spans.sort()
        gross[:] = 0.0
        for symbol, entered, until, quantity in spans:
            begin = max(entered, first)
            if begin == until:
                continue
            closes = columns.closes_between(symbol, begin, until)
            part = gross[begin - first : until - first]
            part += float(quantity) * closes
        equity = self.equity[first:last]
        equity[:] = before.cash
        for index, cash in self.book.steps:
            equity[index - first :] = cash
        equity += gross
        return equity

    def _locked(self, equity: FloatArray, drawn_down: bool) -> int | None:
        return first_lock_by_equity(
            self._decisions(equity),
            reference=self.reference,
            peak=self.peak,
            held={"max_drawdown"} if drawn_down else (),
            risk=self._risk,
        )

    def _is_drawn_down(self, equity: FloatArray) -> bool:
        if "max_drawdown" not in self._risk.protections:
            return False
        found = first_lock_by_equity(
            self._decisions(equity),
            reference=self.reference,
            peak=self.peak,
            held={"daily_loss"},
            risk=self._risk,
        )
        return found is not None

    def _decisions(self, equity: FloatArray) -> FloatArray:
        """Return the equity at decisions: the tick at the close decides nothing."""
        return equity[:-1] if self._ends_undecided else equity
