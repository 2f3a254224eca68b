"""The engine, cycled only where something can happen, and brought up to date in between.

Between two cycles positions, cash, signals and stop widths stay as they are, so that all a bar can
do is to move closes, raise stops, mark equity and, by it, set a lock. Whatever could do more is a
candidate: a due job, an open order's next bar, a held position's stop, exit signal, fallen
prediction or thesis, the overnight window, a technical confirmation in a symbol that is not held,
and an equity low enough for a protection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar, BarSlice, FloatArray
from hybrid_tui.domain.orders import Position
from hybrid_tui.engine.backtest import Ledger, finish
from hybrid_tui.engine.engine import Engine
from hybrid_tui.engine.fast.feed import GridFeed
from hybrid_tui.engine.fast.grid import Grid
from hybrid_tui.engine.fast.signals import SymbolSignals
from hybrid_tui.engine.fast.stops import first_touch
from hybrid_tui.engine.jobs import Job, JobResult
from hybrid_tui.rules.exits import gives_up
from hybrid_tui.rules.protections import first_lock_by_equity
from hybrid_tui.rules.risk import stop_widths

JUST_AFTER = timedelta(microseconds=1)


class SkippingRun:
    """One run of an engine over the grid of recorded bars; ``feed`` streams the same bars."""

    def __init__(
        self,
        engine: Engine,
        ledger: Ledger,
        grid: Grid,
        signals: Mapping[str, SymbolSignals],
        stops_touched: Callable[[], set[str]],
    ) -> None:
        self._engine = engine
        self._state = engine.state
        self._ledger = ledger
        self._grid = grid
        self._signals = signals
        self._stops_touched = stops_touched
        self._config = engine.setup.config
        self._overnight = timedelta(minutes=self._config.rules.overnight_minutes)
        self._confirmed = self._all_confirmed()
        self._begun = False

    def run(
        self,
        feed: GridFeed,
        begins_at: datetime,
        ends_at: datetime,
        run: Callable[[Job], JobResult],
        progress: Callable[[datetime], None] | None = None,
    ) -> None:
        """Step from ``begins_at`` up to ``ends_at`` (included)."""
        engine, now = self._engine, begins_at
        while True:
            due = min(engine.upcoming(now), feed.upcoming_besides_bars(now) or ends_at + JUST_AFTER)
            nxt = min(due, self._candidate(now, due), ends_at + JUST_AFTER)
            nxt = self._catch_up(now, nxt)
            if nxt > ends_at:
                return
            finish(engine.cycle(nxt, feed.read(nxt)), run)
            self._begun = True
            if nxt.date() > now.date():
                self._grid.release()
            now = nxt
            if progress is not None:
                progress(now)

    def _all_confirmed(self) -> list[tuple[int, str]]:
        """Return every technical confirmation as (index on the grid, symbol), in order."""
        return sorted(
            (self._grid.index(symbol, row), symbol)
            for symbol, found in self._signals.items()
            for row in found.entries.tolist()
            if row < len(self._grid.series[symbol])
        )

    def _candidate(self, now: datetime, due: datetime) -> datetime:
        """Return the first instant before ``due`` at which bars could make a difference."""
        grid, state = self._grid, self._state
        first = grid.after(now)
        last = grid.before(due)
        if first >= last:
            return due
        if not self._begun or self._engine.setup.watches_moves:
            return grid.instant(first)
        best = last
        for order in state.orders.values():
            best = min(best, self._next_bar(order.symbol, first, best))
        if state.positions:
            exiting = {order.symbol for order in state.orders.values()}
            for symbol in self._stops_touched():
                best = min(best, self._next_bar(symbol, first, best))
            for held in state.positions.values():
                if held.symbol not in exiting:
                    best = min(best, self._exit(held, now, first, best))
            best = min(best, self._window(now, first, best))
        if state.entries_today >= self._config.risk.max_entries:
            best = min(best, first)
        best = min(best, self._entry(first, best))
        return due if best >= last else grid.instant(best)

    def _next_bar(self, symbol: str, first: int, last: int) -> int:
        row = self._grid.row(symbol, first)
        if row >= len(self._grid.series[symbol]):
            return last
        return self._grid.index(symbol, row)

    def _entry(self, first: int, last: int) -> int:
        """Return the first confirmation of a symbol that could be bought."""
        held, confirmed = self._state.positions, self._confirmed
        at = bisect_right(confirmed, (first - 1, "\uffff"))
        while at < len(confirmed) and confirmed[at][0] < last:
            if confirmed[at][1] not in held:
                return confirmed[at][0]
            at += 1
        return last

    def _window(self, now: datetime, first: int, last: int) -> int:
        """Return the first instant of the overnight window, if a strategy is in force."""
        session, state = self._state.session, self._state
        if session is None or state.strategy_id is None:
            return last
        begin = session.close - self._overnight
        return min(last, first if begin <= now else max(first, self._grid.before(begin)))

    def _exit(self, held: Position, now: datetime, first: int, last: int) -> int:
        """Return the first instant at which a position could be sold, or an exit be decided."""
        grid, symbol = self._grid, held.symbol
        series = grid.series[symbol]
        row = grid.row(symbol, first)
        if row >= len(series) or grid.index(symbol, row) >= last:
            return last
        if self._leaves_at_next_bar(held, int(series.known_at[row])):
            return grid.index(symbol, row)
        exits = self._signals[symbol].exits
        position = int(exits.searchsorted(row))
        if position < len(exits) and exits[position] < len(series):
            last = min(last, grid.index(symbol, int(exits[position])))
        end = grid.row(symbol, last)
        hard, trail = stop_widths(self._state, symbol, now, self._config.risk)
        touched = first_touch(
            series.high[row:end],
            series.low[row:end],
            entry=held.entry_price,
            high=held.high,
            level=held.level,
            level_from=held.level_from,
            hard=hard,
            trail=trail,
        )
        return last if touched is None else min(last, grid.index(symbol, row + touched.bar))

    def _leaves_at_next_bar(self, held: Position, known_at: int) -> bool:
        forecast = self._state.predictions.get(held.symbol)
        if (
            forecast is not None
            and gives_up(forecast.buy_probability, self._config.rules)
            and forecast.is_fresh(datetime.fromtimestamp(known_at, UTC))
        ):
            return True
        return self._engine.theses.watches(held)

    def _catch_up(self, now: datetime, until: datetime) -> datetime:
        """Take in the bars known in (now, until), or up to where a protection sets a lock."""
        grid, state = self._grid, self._state
        first, last = grid.after(now), grid.before(until)
        if first >= last:
            return until
        gross = np.zeros(last - first)
        for held in state.positions.values():
            stale = state.closes[held.symbol]
            gross += held.quantity * grid.closes(held.symbol, first, last, stale)
        equity = state.cash + gross
        if state.session is not None:
            at = grid.instant(first)
            losing = first_lock_by_equity(
                equity,
                reference=state.reference_equity,
                peak=state.peak_equity,
                held=state.lifted | {lock.name for lock in state.locks if lock.holds(at)},
                risk=self._config.risk,
            )
            if losing is not None:
                last = first + losing
                until = grid.instant(last)
                equity, gross = equity[:losing], gross[:losing]
        if last > first:
            self._take(first, last, equity, gross)
        return until

    def _take(self, first: int, last: int, equity: FloatArray, gross: FloatArray) -> None:
        grid, state = self._grid, self._state
        at = grid.instant(last - 1)
        ended: dict[str, Bar] = {}
        for symbol in state.positions:
            series = grid.series[symbol]
            row, end = grid.row(symbol, first), grid.row(symbol, last)
            if end > row:
                high, close = float(series.high[row:end].max()), float(series.close[end - 1])
                ended[symbol] = Bar(close, high, close, close, 0.0)
        best = float(equity.max())
        number = state.last_id + 1
        state.apply(ev.BarsClosed(id=number, at=at, start=at, bars=ended))
        state.apply(ev.EquityMarked(id=number, at=at, equity=best, cash=state.cash, gross=0.0))
        if ended:
            bars = BarSlice(start=at, known_at=at, bars=ended)
            self._engine.orders.raise_stops(grid.instant(first), bars, cause=None)
        seconds = grid.known[first:last].astype(np.float64)
        self._ledger.extend(seconds, equity, gross, int(grid.counts[last] - grid.counts[first]))
