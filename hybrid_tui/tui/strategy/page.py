"""Tier 3's sessions, of the day and earlier: each in full, or two beside each other."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.errors import HybridError
from hybrid_tui.journal.sessions import PAGE, SessionDetail, StoredSession
from hybrid_tui.tui import format as f
from hybrid_tui.tui.approving import Approving
from hybrid_tui.tui.bindings import APPROVE_BINDINGS
from hybrid_tui.tui.panes import Paned
from hybrid_tui.tui.strategy.compare import compare_rows
from hybrid_tui.tui.strategy.rows import (
    WRITING,
    SessionView,
    detail_rows,
    list_rows,
    of_state,
    writing_rows,
)
from hybrid_tui.tui.widgets.lines import row
from hybrid_tui.tui.widgets.rows_view import RowsView

log = logging.getLogger(__name__)

LIST, FULL = "sessions", "session"
NEAR = 5
"""How near to the end of what is loaded the cursor comes before more is read."""


class StrategyPage(Approving, Paned):
    """The page of sessions."""

    NAME: ClassVar[str] = "Strategy"
    CSS_PATH = "strategy.tcss"
    PANES = (LIST, FULL)
    BINDINGS: ClassVar[list[BindingType]] = [
        *APPROVE_BINDINGS,
        Binding("tab,shift+tab", "pane(1)", "pane", id="look.pane", key_display="tab",
                tooltip="From the list of sessions to the one in full, and back"),
        Binding("enter", "open", "open", id="look.open", show=False,
                tooltip="The selected session in full; there: the selected symbol's page"),
        Binding("m", "mark", "compare", id="look.mark",
                tooltip="Mark a session; another one that is selected then stands beside it"),
        Binding("e", "explain", "why", id="look.explain",
                tooltip="What led to the session, and what came of it"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._stored: list[StoredSession] = []
        self._details: dict[int, SessionDetail | None] = {}
        self._wanted: set[int] = set()
        self._is_whole = False
        self._is_reading = False
        self._of: object = None
        self._version = 0
        self._marked = ""

    def body(self) -> ComposeResult:
        """Lay the panes out."""
        with Horizontal():
            yield RowsView(id=LIST, marks_always=True)
            yield RowsView(id=FULL, marks_always=True)

    def ready(self) -> None:
        """Find the panes."""
        super().ready()
        self._list, self._full = self.panes[LIST], self.panes[FULL]

    def looks(self) -> object:
        """Return what was read, what is selected and marked, and the panes' sizes."""
        selected = (self._list.cursor_key, self._marked, self._current, id(self.preview))
        return (self._version, *selected, self.sizes())

    def chosen_waiting(self) -> str | None:
        """Return the symbol under the cursor of the session in full."""
        return self._full.cursor_key

    def choose_waiting(self, symbol: str) -> None:
        """Put the cursor of the session in full on a symbol."""
        self._full.select_key(symbol)

    def paint_body(self, wall: float) -> None:
        """Read what is out of date, and paint what is known."""
        model = self.desk.model
        state, now = model.state, model.now(wall)
        if state is None or now is None:
            self.entitle(self._list, "Sessions")
            self.entitle(self._full, "Session")
            return
        self._read_anew(state)
        views = self._views(state)
        rows, head = list_rows(views, state, now, self._marked, self._list.size.width - 1)
        if not views and not state.writing:
            rows = [row((self._nothing(state), "dim"))]
        self._list.show(rows, head, stale=model.is_stale, keeps_place=True)
        more = "" if self._is_whole or not self._stored else " · more below"
        held = sum(bool(view.stored.signal_id) for view in views)
        said = f"{held} proposals{more}" if views else ""
        self.entitle(self._list, "Sessions", said)
        self._paint_full(views, state, wall)

    def _paint_full(self, views: list[SessionView], state: DeskState, wall: float) -> None:
        model, width = self.desk.model, self._full.size.width - 1
        now = model.now(wall)
        assert now is not None
        chosen, marked = self._view_of(views, self._list.cursor_key), self._view_of(
            views, self._marked
        )  # fmt: skip
        waiting: SignalState | None = None
        is_stale = model.is_stale
        if self._list.cursor_key == WRITING:
            self._full.show(writing_rows(state.writing, width), stale=is_stale)
            self.entitle(self._full, "Session · being written", self._below())
        elif chosen is None:
            self._full.show([])
            self.entitle(self._full, "Session", "")
        elif marked is not None and marked is not chosen:
            older, newer = sorted((marked, chosen), key=lambda one: one.stored.event_id)
            for one in (older, newer):
                self._want(one)
            rows, head = compare_rows(older, newer, width)
            self._full.show(rows, head, stale=is_stale)
            self.entitle(self._full, "Compared · esc ends it", self._below())
        else:
            self._want(chosen)
            known = chosen.now_known
            waiting = known if known is not None and known.is_pending(now) else None
            # Noted first: another list than before has no preview yet.
            self.shown(waiting, wall)
            rows = detail_rows(chosen, state, now, width, self.preview)
            self._full.show(rows, stale=is_stale, of=chosen.key)
            self.entitle(self._full, self._title(chosen, state), self._below())
        if waiting is None:
            self.shown(None, wall)
        self._full.set_class(waiting is not None and not is_stale, "-wants")

    def _title(self, view: SessionView, state: DeskState) -> str:
        stored = view.stored
        at = f.new_york(stored.at, "%a %d %b %H:%M")
        known = view.now_known
        now = self.desk.model.now(self.desk.wall())
        if known is not None and now is not None and known.is_pending(now):
            status = f"PENDING {f.countdown(known.pending_until - now)}"
        elif view.is_in_force and known is not None:
            status = f"in force until {f.new_york(known.signal.expires_at, '%a %H:%M')}"
        else:
            status = view.status or "no proposal"
        return f"{f.clean(stored.session)} · {at} · {status}"

    def _below(self) -> str:
        below = self._full.below()
        return f"{below} more" if below else ""

    def _nothing(self, state: DeskState) -> str:
        if state.started is not None and "llm" not in state.started.tiers:
            return "Tier 3 is switched off."
        return "No session yet; L holds one now."

    def _views(self, state: DeskState) -> list[SessionView]:
        """Return all known sessions, newest first, with what the desk knows of each now."""
        stored = {one.event_id: one for one in self._stored}
        oldest = min(stored, default=0)
        for kept in state.signals.values():
            if kept.event_id not in stored and (self._is_whole or kept.event_id >= oldest):
                stored[kept.event_id] = of_state(kept)
        now = state.now
        in_force = state.strategy(now) if now is not None else None
        return [
            SessionView(
                stored=one,
                now_known=(known := state.signals.get(one.signal_id)),
                detail=self._details.get(one.event_id),
                is_in_force=in_force is not None and in_force is known,
            )
            for _, one in sorted(stored.items(), reverse=True)
        ]

    def _view_of(self, views: list[SessionView], key: str | None) -> SessionView | None:
        return next((view for view in views if view.key == key), None)

    def action_open(self) -> None:
        """Go to the session in full; there, open the page of the selected symbol."""
        symbol = self._full.cursor_key
        if self._current == LIST:
            self.choose(FULL)
        elif symbol is not None:
            self.desk.open_symbol(symbol)

    def action_back(self) -> None:
        """End the comparison, then go back to the list, then to where one came from."""
        if self._marked:
            self._marked = ""
            self.paint()
        elif self._current == FULL:
            self.choose(LIST)
        else:
            super().action_back()

    def action_mark(self) -> None:
        """Mark the selected session, or take the mark away."""
        key = self._list.cursor_key
        chosen = next((one for one in self._stored_and_known() if str(one.event_id) == key), None)
        if chosen is None or not chosen.signal_id:
            self.say("only a proposal can be compared")
            return
        self._marked = "" if self._marked == key else str(key)
        if self._marked:
            self.say("marked: select another session to compare, esc ends it")
        self.paint()

    def action_explain(self) -> None:
        """Show what led to the session and what came of it."""
        key = self._list.cursor_key
        chosen = next((one for one in self._stored_and_known() if str(one.event_id) == key), None)
        if chosen is None or not chosen.signal_id:
            self.say("no proposal is selected")
            return
        self.desk.tell_story(chosen.signal_id)

    def action_move(self, by: int) -> None:
        """Move the cursor; near the end of the list, earlier sessions are read."""
        super().action_move(by)
        if self._current == LIST and by > 0:
            self._read_more()
        self.paint()

    def action_last(self) -> None:
        """Go to the last line; earlier sessions are read."""
        super().action_last()
        if self._current == LIST:
            self._read_more()
        self.paint()

    def action_first(self) -> None:
        """Go to the first line."""
        super().action_first()
        self.paint()

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_open()

    def _stored_and_known(self) -> list[StoredSession]:
        state = self.desk.model.state
        return [view.stored for view in self._views(state)] if state is not None else []

    def _read_anew(self, state: DeskState) -> None:
        """Read the newest page again where a session was held or something was decided."""
        run = state.started.run if state.started is not None else ""
        held = (run, len(state.sessions_held), max(state.sessions_held.values(), default=None))
        decided = tuple((s.event_id, s.status, tuple(s.symbols.items()))
                        for s in state.signals.values())  # fmt: skip
        of = (held, decided, state.trades_closed)
        if self.desk.history is None or of == self._of or self._is_reading:
            return
        if self._of is None or self._of[0][0] != run:  # type: ignore[index]
            self._stored, self._is_whole, self._marked = [], False, ""
            self._details.clear()
        self._of = of
        self._wanted.clear()
        self._read(run, None)

    def _read_more(self) -> None:
        keys = [shown.key for shown in self._list.rows if shown.key is not None]
        state, key = self.desk.model.state, self._list.cursor_key
        if self._is_whole or self._is_reading or not self._stored or key not in keys[-NEAR:]:
            return
        if state is not None and state.started is not None:
            self._read(state.started.run, min(one.event_id for one in self._stored))

    def _read(self, run: str, before: int | None) -> None:
        self._is_reading = True
        self.run_worker(self._take(run, before), name="sessions", exit_on_error=False)

    async def _take(self, run: str, before: int | None) -> None:
        history = self.desk.history
        assert history is not None
        try:
            found = await asyncio.to_thread(history.sessions, run, before)
        except HybridError as error:
            log.warning("no sessions from the journal: %s", error.render())
            self.say(f"no sessions from the journal: {error.message}", "warn")
            self._is_whole = True
        else:
            known = {one.event_id: one for one in (*self._stored, *found)}
            if before is not None or not self._stored:
                self._is_whole = sum(bool(one.signal_id) for one in found) < PAGE
            self._stored = sorted(known.values(), key=lambda one: one.event_id, reverse=True)
        finally:
            self._is_reading = False
            self._version += 1
        self.paint()

    def _want(self, view: SessionView) -> None:
        """Have a session's details read, where they are not yet."""
        event_id, state = view.stored.event_id, self.desk.model.state
        if not view.stored.signal_id or event_id in self._wanted or self.desk.history is None:
            return
        if state is not None and state.started is not None:
            self._wanted.add(event_id)
            self.run_worker(self._detail(state.started.run, event_id), exit_on_error=False)

    async def _detail(self, run: str, event_id: int) -> None:
        history = self.desk.history
        assert history is not None
        try:
            self._details[event_id] = await asyncio.to_thread(history.session, run, event_id)
        except HybridError as error:
            log.warning("no session from the journal: %s", error.render())
            self.say(f"no session from the journal: {error.message}", "warn")
        self._version += 1
        self.paint()
