"""The desk: four panes painted from the model, and the keys that act on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.approving import Approving
from hybrid_tui.tui.bindings import APPROVE_BINDINGS, POSITION_BINDINGS
from hybrid_tui.tui.desk.bindings import DESK_BINDINGS
from hybrid_tui.tui.desk.positions import open_result, position_rows
from hybrid_tui.tui.desk.probabilities import (
    drift,
    live_calibration,
    members,
    probability_rows,
    reached,
)
from hybrid_tui.tui.desk.reasoning import reasoning_rows, reasoning_title
from hybrid_tui.tui.desk.strategy import strategy_rows, strategy_title
from hybrid_tui.tui.desk.tape_rows import tape_rows
from hybrid_tui.tui.panes import Paned
from hybrid_tui.tui.widgets.lines import Row, Span, row
from hybrid_tui.tui.widgets.rows_view import RowsView, TapeView

NARROWEST = 70
SHORT_NAMES = {
    "positions": "Held",
    "strategy": "List",
    "probabilities": "Odds",
    "reasoning": "Why",
    "tape": "Tape",
}


class DeskPage(Approving, Paned):
    """The main page."""

    NAME: ClassVar[str] = "Desk"
    PANES = ("positions", "strategy", "probabilities", "reasoning", "tape")
    SIDES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "upper": ("positions", "strategy", "probabilities", "reasoning"),
        "left": ("positions", "probabilities"),
        "right": ("strategy", "reasoning"),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *APPROVE_BINDINGS,
        *POSITION_BINDINGS,
        *DESK_BINDINGS,
    ]

    def body(self) -> ComposeResult:
        """Lay the panes out."""
        yield RowsView(id="tabs", focusable=False)
        with Horizontal(id="upper"):
            with Vertical(id="left"):
                yield RowsView(id="positions")
                yield RowsView(id="probabilities")
            with Vertical(id="right"):
                yield RowsView(id="strategy", marks_always=True)
                yield RowsView(id="reasoning")
        yield TapeView(id="tape")

    def ready(self) -> None:
        """Find the panes, and begin."""
        self._zoomed = False
        self._tabs = self.query_one("#tabs", RowsView)
        super().ready()
        self.call_after_refresh(self.desk.begin)

    def on_resize(self) -> None:
        """Choose between four panes and one."""
        self.mark_current()

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_open()

    def looks(self) -> object:
        """Return the panes' sizes and which one is current."""
        return (self._current, id(self.preview), self.sizes())

    def chosen_symbol(self) -> str | None:
        """Return the position under the cursor."""
        return self.panes["positions"].cursor_key

    def chosen_waiting(self) -> str | None:
        """Return the symbol under the strategy's cursor."""
        return self.panes["strategy"].cursor_key

    def choose_waiting(self, symbol: str) -> None:
        """Put the strategy's cursor on a symbol."""
        self.panes["strategy"].select_key(symbol)

    def paint_body(self, wall: float) -> None:
        """Fill the four panes."""
        model = self.desk.model
        state, now = model.state, model.now(wall)
        if state is None or now is None:
            self._tabs.show([self._tabs_row({})])
            for view in self.panes.values():
                self.entitle(view, (view.id or "").capitalize())
                view.show([])
            return
        focus = model.focus(now)
        waits = focus is not None and focus.is_pending(now)
        self.shown(focus if waits else None, wall)
        self._paint_positions(state, now)
        self._paint_probabilities(state, now)
        self._paint_strategy(focus, state, now, waits=waits)
        self._paint_reasoning(focus, state)
        self._paint_tape()
        waiting = 0
        if focus is not None and waits:
            waiting = sum(status == "pending" for status in focus.symbols.values())
        self._tabs.show([self._tabs_row({"positions": len(state.positions), "strategy": waiting})])

    def _paint_positions(self, state: DeskState, now: datetime) -> None:
        view, model = self.panes["positions"], self.desk.model
        rows, head = position_rows(state, now, model.charts, view.size.width - 1)
        view.show(rows, head, stale=model.is_stale)
        result = open_result(state)
        more = f"{view.below()} more · " if view.below() else ""
        self.entitle(
            view,
            f"Positions · {len(state.positions)}",
            f"{more}open {f.arrow(result)} {f.signed(result)}" if rows[0].key else "",
        )

    def _paint_probabilities(self, state: DeskState, now: datetime) -> None:
        view, model = self.panes["probabilities"], self.desk.model
        threshold = model.threshold()
        rows, head = probability_rows(state, now, threshold, view.size.width - 1)
        view.show(rows, head, stale=model.is_stale)
        made = max((p.at for p in state.predictions.values()), default=None)
        at = ""
        if made is not None:
            at = f" · {f.new_york(made, '%H:%M')}, {f.span(now - made)} old"
        more = f"{view.below()} more · " if view.below() else ""
        votes = f" · votes: {members(state)}" if members(state) else ""
        said = (live_calibration(state), reached(state, now, threshold), drift(state))
        parts = [part for part in said if part]
        self.entitle(view, f"Probabilities{at}{votes}", more + " · ".join(parts))

    def _paint_strategy(
        self, focus: SignalState | None, state: DeskState, now: datetime, *, waits: bool
    ) -> None:
        view, is_stale = self.panes["strategy"], self.desk.model.is_stale
        rows = strategy_rows(focus, state, now, view.size.width - 1, self.preview)
        view.show(rows, stale=is_stale, of=focus.signal.id if focus is not None else "")
        self.entitle(view, strategy_title(focus, state, now), _more(view))
        view.set_class(waits and not is_stale, "-wants")

    def _paint_reasoning(self, focus: SignalState | None, state: DeskState) -> None:
        view, is_stale = self.panes["reasoning"], self.desk.model.is_stale
        rows = reasoning_rows(focus, state, view.size.width - 1)
        view.show(rows, stale=is_stale, of=focus.signal.id if focus is not None else "")
        self.entitle(view, reasoning_title(focus), _more(view))

    def _paint_tape(self) -> None:
        view, model = self.panes["tape"], self.desk.model
        view.show(tape_rows(model.tape.entries, view.size.width - 1), stale=model.is_stale)
        self.entitle(view, "Tape", _more(view))

    def action_zoom(self) -> None:
        """Give one pane the whole screen, or all of them their place."""
        self._zoomed = not self._zoomed
        self.choose(self._current)

    def action_open(self) -> None:
        """Open the page of the selected symbol; on the tape, say why."""
        key = self.view.cursor_key
        if self._current == "tape" or key is None:
            self.action_explain()
        else:
            self.desk.open_symbol(key)

    def action_explain(self) -> None:
        """Show what is behind the selected line."""
        key = self.view.cursor_key
        if self.desk.model.state is None or key is None:
            self.say("nothing is selected: j and k select a line")
            return
        if self._current == "tape":
            entry = self.desk.model.tape.find(key)
            if entry is not None:
                self.desk.explain(entry)
            return
        self.desk.read_symbol(key)

    def mark_current(self) -> None:
        """Show the panes that there is room for."""
        super().mark_current()
        self.set_class(self._zoomed or self.has_little_room, "-single")

    def _tabs_row(self, counts: dict[str, int]) -> Row:
        spans: list[Span] = [(" ", "")]
        for name in self.PANES:
            count = counts.get(name, 0)
            word = SHORT_NAMES[name] if self.size.width < NARROWEST else name.capitalize()
            words = f"{word} {count}" if count else word
            style = "bold" if name == self._current else "dim"
            if name == "strategy" and count:
                words, style = f"{word} ({count} wait)", "accent"
            mark = ("[", "]") if name == self._current else (" ", " ")
            spans += [(mark[0], "accent"), (words, style), (mark[1], "accent"), (" ", "")]
        return row(*spans)


def _more(view: RowsView) -> str:
    below = view.below()
    return f"{below} more" if below else ""
