"""All trades of the run: the open ones live, the closed ones a page at a time from the journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Input

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import HybridError
from hybrid_tui.journal.trades import SORTS, StoredTrade, TradeQuery, TradeTotals
from hybrid_tui.tui import format as f
from hybrid_tui.tui.bindings import POSITION_BINDINGS
from hybrid_tui.tui.page import Page
from hybrid_tui.tui.trades import window as pages
from hybrid_tui.tui.trades.bindings import TRADES_BINDINGS
from hybrid_tui.tui.trades.rows import (
    SORT_WORDS,
    closed_row,
    columns_of,
    day_begins,
    finds,
    open_row,
    open_words,
    story_id,
    total_rows,
)
from hybrid_tui.tui.trades.window import PAGE, Window
from hybrid_tui.tui.widgets.lines import Row, row
from hybrid_tui.tui.widgets.rows_view import RowsView

log = logging.getLogger(__name__)

TYPING_SECONDS = 0.15
ORDER = ("exit", "pnl", "share", "held", "symbol")
OPEN = "open-"

Change = Callable[[Window, pages.Read], Window]


class TradesPage(Page):
    """The page of trades."""

    NAME: ClassVar[str] = "Trades"
    CSS_PATH = Path(__file__).with_name("trades.tcss")
    # The hidden filter comes first, and would take the keys until its styles hide it.
    AUTO_FOCUS = "#trades"
    BINDINGS: ClassVar[list[BindingType]] = [*TRADES_BINDINGS, *POSITION_BINDINGS]

    def __init__(self) -> None:
        super().__init__()
        self._window = Window()
        self._totals: dict[str, TradeTotals] = {}
        self._text = ""
        self._of: object = None
        self._summed: object = None
        self._is_reading = False
        self._again: tuple[Change, bool | None] | None = None
        self._version = 0
        self._made: dict[tuple[int, int, str, bool], Row] = {}
        self._typing: Timer | None = None

    def body(self) -> ComposeResult:
        """Lay the page out."""
        yield RowsView(id="trades-totals", focusable=False)
        yield Input(id="trades-filter", placeholder="symbol, reason, day, win, loss", compact=True)
        yield RowsView(id="trades")

    def ready(self) -> None:
        """Find the widgets."""
        self._sums = self.query_one("#trades-totals", RowsView)
        self._entry = self.query_one("#trades-filter", Input)
        self._table = self.query_one("#trades", RowsView)
        self._table.add_class("pane")
        self._table.focus(scroll_visible=False)

    def looks(self) -> object:
        """Return what was read, and the table's size."""
        return (self._version, self._text, self._table.size, self._table.cursor_key)

    @property
    def view(self) -> RowsView | None:
        """The table, also while the filter is typed."""
        return self._table

    def chosen_symbol(self) -> str | None:
        """Return the symbol of the open trade under the cursor."""
        key = self._table.cursor_key or ""
        return key.removeprefix(OPEN) if key.startswith(OPEN) else None

    def paint_body(self, wall: float) -> None:
        """Read what is out of date, and paint what is known."""
        model = self.desk.model
        state, now = model.state, model.now(wall)
        if state is None or now is None:
            self.entitle(self._table, "Trades")
            self._table.show([])
            return
        run = state.started.run if state.started is not None else ""
        of = (run, state.trades_closed, self._text, now.astimezone(NEW_YORK).date())
        if of != self._of:
            self._of = of
            self._change(self._anew)
        query = self._window.query
        width = self._table.size.width - 1
        columns = columns_of(width, query.sort, descending=query.descending)
        held = sorted(state.positions.values(), key=lambda position: position.symbol)
        shown = [open_row(columns, state, p, now) for p in held if finds(self._text, p)]
        known = (width, query.sort, query.descending)
        for stored in self._window.rows:
            key = (stored.event_id, *known)
            found = self._made.get(key)
            if found is None:
                found = self._made[key] = closed_row(columns, stored)
            shown.append(found)
        if len(self._made) > 4 * pages.MOST:
            self._made.clear()
        if not shown:
            shown.append(row((self._nothing(), "dim")))
        stale = model.is_stale
        self._table.show(shown, columns.header(), stale=stale, keeps_place=True)
        self._paint_sums(state, len(shown) - len(self._window.rows))

    def _paint_sums(self, state: DeskState, open_rows: int) -> None:
        self._sums.show(total_rows(self._totals, self.size.width))
        query, total = self._window.query, self._totals.get("all", TradeTotals()).count
        words = f"by {SORT_WORDS[query.sort]}{'' if query.descending else ', reversed'}"
        found = f" · “{f.clean(self._text)}”" if self._text else ""
        place = self._place(open_rows)
        where = f"{place:,} of {total:,} closed" if place else f"{total:,} closed"
        self.entitle(self._table, f"Trades{open_words(state)}{found}", f"{where} · {words}")

    def _place(self, open_rows: int) -> int:
        """Return the place of the closed trade under the cursor among all, 0 on an open one."""
        key = self._table.cursor_key
        if key is None or key.startswith(OPEN):
            return 0
        for number, shown in enumerate(self._table.rows):
            if shown.key == key:
                return self._window.offset + number - open_rows + 1
        return 0

    def _nothing(self) -> str:
        return "No trade fits the filter; esc clears it." if self._text else "No trades yet."

    def action_move(self, by: int) -> None:
        """Move the cursor; near an end of what is loaded, more is read."""
        super().action_move(by)
        rows, key = self._table.rows, self._table.cursor_key
        at = next((n for n, shown in enumerate(rows) if shown.key == key), 0)
        if by > 0 and at >= len(rows) - pages.NEAR and not self._window.is_end:
            self._change(pages.onward)
        elif by < 0 and at <= pages.NEAR and not self._window.is_start:
            self._change(pages.back)
        self.paint()

    def action_first(self) -> None:
        """Go to the first trade."""
        if self._window.is_start:
            super().action_first()
        else:
            self._change(lambda window, read: pages.first(window.query, read), then_end=False)

    def action_last(self) -> None:
        """Go to the last trade, without reading those between."""
        if self._window.is_end:
            super().action_last()
            self.paint()
            return
        total = self._totals.get("all", TradeTotals()).count
        self._change(lambda window, read: pages.last(window.query, read, total), then_end=True)

    def action_sort(self) -> None:
        """Sort by the next column."""
        sort = ORDER[(ORDER.index(self._window.query.sort) + 1) % len(ORDER)]
        self._begin(replace(self._window.query, sort=sort, descending=sort != "symbol"))

    def action_reverse(self) -> None:
        """Turn the order round."""
        query = self._window.query
        self._begin(replace(query, descending=not query.descending))

    def action_filter(self) -> None:
        """Open the filter."""
        self._entry.add_class("-open")
        self._entry.focus()

    def action_back(self) -> None:
        """Close and clear the filter, then go back."""
        if self._entry.has_class("-open") or self._text:
            self._entry.value = ""
            self._entry.remove_class("-open")
            self._table.focus(scroll_visible=False)
            self._find("")
        else:
            super().action_back()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter when the typing rests for a moment."""
        event.stop()
        if self._typing is not None:
            self._typing.stop()
        text = event.value.strip()
        self._typing = self.set_timer(TYPING_SECONDS, lambda: self._find(text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go to the table."""
        event.stop()
        self._find(event.value.strip())
        if not self._text:
            self._entry.remove_class("-open")
        self._table.focus(scroll_visible=False)

    def on_rows_view_opened(self) -> None:
        """Say why, for what was clicked twice."""
        self.action_explain()

    def action_open(self) -> None:
        """Open the page of the trade's symbol."""
        symbol = self.chosen_symbol()
        chosen = self._chosen()
        if chosen is not None:
            symbol = chosen.trade.symbol
        if symbol is None:
            self.say("no trade is selected")
            return
        self.desk.open_symbol(symbol)

    def action_explain(self) -> None:
        """Show the chain behind the trade under the cursor."""
        state, symbol, chosen = self.desk.model.state, self.chosen_symbol(), self._chosen()
        if chosen is not None:
            self.desk.tell_story(story_id(chosen.trade) or chosen.trade.symbol)
        elif state is not None and symbol is not None and symbol in state.positions:
            self.desk.tell_story(state.positions[symbol].entry_order_id or symbol)
        else:
            self.say("no trade is selected: j and k select one")

    def _chosen(self) -> StoredTrade | None:
        """Return the closed trade under the cursor."""
        key = self._table.cursor_key
        return next((one for one in self._window.rows if str(one.event_id) == key), None)

    def _find(self, text: str) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        if text != self._text:
            self._text = text
            self.paint()

    def _begin(self, query: TradeQuery) -> None:
        """Show the first page of another query."""
        assert query.sort in SORTS
        self._change(lambda _, read: pages.first(query, read), then_end=False)

    def _anew(self, window: Window, read: pages.Read) -> Window:
        """Read again what is loaded: another filter, or a trade more; the order stays."""
        query = replace(window.query, text=self._text)
        if query.text != window.query.text or window.is_start:
            count = max(PAGE, len(window.rows)) if query.text == window.query.text else PAGE
            return pages.first(query, read, count)
        return window

    def _change(self, change: Change, *, then_end: bool | None = None) -> None:
        """Read in a thread, one at a time; the newest wish that had to wait comes next."""
        state, history = self.desk.model.state, self.desk.history
        if state is None or state.started is None or history is None:
            return
        if self._is_reading:
            self._again = (change, then_end)
            return
        self._is_reading = True
        self.run_worker(self._read(change, then_end), name="trades", exit_on_error=False)

    async def _read(self, change: Change, then_end: bool | None) -> None:
        state, history = self.desk.model.state, self.desk.history
        assert state is not None
        assert state.started is not None
        assert history is not None
        run, now = state.started.run, state.now
        window, text = self._window, self._text

        def read(query: TradeQuery) -> list[StoredTrade]:
            return history.trades(run, query)

        try:
            found = await asyncio.to_thread(change, window, read)
            if now is not None and self._summed != self._of:
                self._summed = self._of
                both = await asyncio.to_thread(history.totals, run, text, day_begins(now))
                self._totals = dict(zip(("all", "today"), both, strict=True))
            self._window = found
        except HybridError as error:
            log.warning("no trades from the journal: %s", error.render())
            self.say(f"no trades from the journal: {error.message}", "warn")
        finally:
            self._is_reading = False
            self._version += 1
        again, self._again = self._again, None
        if again is not None:
            self._change(again[0], then_end=again[1])
        self.paint()
        if then_end is not None:
            self._table.go(end=then_end)
            self.paint()
