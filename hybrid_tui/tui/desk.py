"""The desk: four panes painted from the model a few times a second, and the keys that act."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen

from hybrid_tui.tui import format as f
from hybrid_tui.tui.bindings import DESK_BINDINGS
from hybrid_tui.tui.decide import Deciding
from hybrid_tui.tui.details import entry_page, symbol_page
from hybrid_tui.tui.dialogs import Reading
from hybrid_tui.tui.header import MODES, header_lines
from hybrid_tui.tui.lines import Row, Span, row
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.pages import help_rows, keys_row
from hybrid_tui.tui.positions import open_result, position_rows
from hybrid_tui.tui.probabilities import live_calibration, members, probability_rows, reached
from hybrid_tui.tui.rows_view import RowsView, TapeView
from hybrid_tui.tui.strategy import strategy_rows, strategy_title
from hybrid_tui.tui.tape_rows import tape_rows

if TYPE_CHECKING:
    from hybrid_tui.domain.events import Event
    from hybrid_tui.tui.tape import Entry

log = logging.getLogger(__name__)

PAINT_SECONDS = 0.25
NOTICE_SECONDS = 8.0
PANES = ("positions", "strategy", "probabilities", "tape")
NARROW, SHORT = 100, 30
READING_WIDTH = 94


class DeskScreen(Deciding, Screen[None]):
    """The main screen."""

    BINDINGS: ClassVar[list[BindingType]] = list(DESK_BINDINGS)

    def compose(self) -> ComposeResult:
        """Lay the panes out."""
        yield RowsView(id="header", focusable=False)
        yield RowsView(id="tabs", focusable=False)
        with Vertical(id="body"):
            with Horizontal(id="upper"):
                with Vertical(id="left"):
                    yield RowsView(id="positions")
                    yield RowsView(id="probabilities")
                yield RowsView(id="strategy", marks_always=True)
            yield TapeView(id="tape")
        yield RowsView(id="notice", focusable=False)
        yield RowsView(id="keys", focusable=False)

    def on_mount(self) -> None:
        """Begin to paint."""
        self._zoomed = False
        self._current = PANES[0]
        self._painted: object = None
        self._failed_at = -1
        self._views = {name: self.query_one(f"#{name}", RowsView) for name in PANES}
        for view in self._views.values():
            view.add_class("pane")
        self._header = self.query_one("#header", RowsView)
        self._tabs = self.query_one("#tabs", RowsView)
        self._notice_line = self.query_one("#notice", RowsView)
        self._keys = self.query_one("#keys", RowsView)
        self._arrange()
        self.paint()
        self.set_interval(PAINT_SECONDS, self.paint)
        self.call_after_refresh(self.desk.begin)

    def on_resize(self) -> None:
        """Choose between four panes and one, and paint for the new size."""
        self._arrange()
        self.call_after_refresh(self.paint)

    def on_rows_view_picked(self, event: RowsView.Picked) -> None:
        """Follow the mouse to another pane."""
        name = event.view.id
        if name in PANES and name != self._current:
            self._current = name
            self._arrange()

    def paint(self) -> None:
        """Paint what changed since the last time; a fault in it is logged, shown, and survived."""
        wall = self.desk.wall()
        self.say_fresh(wall)
        sizes = tuple(view.size for view in self._views.values())
        model = self.desk.model
        looks = (model.version, model.link, int(wall * 4), sizes, self._current, self.notice)
        if looks == self._painted:
            return
        self._painted = looks
        try:
            self._paint(wall)
        except Exception:
            if self._failed_at != model.version:
                log.exception("a pane could not be painted")
            self._failed_at = model.version
            self.say("a pane could not be painted: the log says why", "bad")

    def _paint(self, wall: float) -> None:
        model = self.desk.model
        width = self.size.width
        stale = model.is_stale
        header = header_lines(model, wall, width, self.desk.zone)
        self._header.show([Row(line=line) for line in header])
        self._notice_line.show([self._notice_row(wall, width)])
        can_start = model.link.phase in (Phase.GONE, Phase.ENDED, Phase.FAILED)
        self._keys.show([keys_row(DESK_BINDINGS, width, can_start=can_start)])
        state, now = model.state, model.now(wall)
        if state is None or now is None:
            self._tabs.show([self._tabs_row({})])
            for view in self._views.values():
                self._title(view, (view.id or "").capitalize())
                view.show([])
            return
        sizes = {name: view.size.width - 1 for name, view in self._views.items()}
        focus = model.focus(now)
        waits = focus is not None and focus.is_pending(now)
        self.shown(focus if waits else None, wall)

        held = self._views["positions"]
        rows, head = position_rows(state, now, model.charts, sizes["positions"])
        held.show(rows, head, stale=stale)
        self._title(held, f"Positions · {len(state.positions)}")
        result = open_result(state)
        self._subtitle(held, f"open {f.arrow(result)} {f.signed(result)}" if rows[0].key else "")

        likely = self._views["probabilities"]
        threshold = model.threshold()
        rows, head = probability_rows(state, now, threshold, sizes["probabilities"])
        likely.show(rows, head, stale=stale)
        made = max((p.at for p in state.predictions.values()), default=None)
        at = f" · {f.new_york(made, '%H:%M')}" if made is not None else ""
        self._title(likely, f"Probabilities{at} · {reached(state, now, threshold)}")
        more = f"{likely.below()} more · " if likely.below() else ""
        votes = f"votes: {members(state)}" if members(state) else ""
        parts = [part for part in (votes, live_calibration(state)) if part]
        self._subtitle(likely, more + " · ".join(parts) if parts else "")

        plan = self._views["strategy"]
        plan.show(strategy_rows(focus, state, now, sizes["strategy"]), stale=stale)
        self._title(plan, strategy_title(focus, state, now))
        plan.set_class(waits and not stale, "-wants")

        tape = self._views["tape"]
        tape.show(tape_rows(model.tape.entries, sizes["tape"]), stale=stale)
        self._title(tape, "Tape")
        for view in (plan, tape):
            below = view.below()
            self._subtitle(view, f"{below} more" if below else "")
        waiting = 0
        if focus is not None and waits:
            waiting = sum(status == "pending" for status in focus.symbols.values())
        self._tabs.show([self._tabs_row({"positions": len(state.positions), "strategy": waiting})])

    def action_move(self, by: int) -> None:
        """Move the cursor of the pane."""
        self._views[self._current].move(by)

    def action_first(self) -> None:
        """Go to the pane's first line."""
        self._views[self._current].go(end=False)

    def action_last(self) -> None:
        """Go to the pane's last line."""
        self._views[self._current].go(end=True)

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        self._current = PANES[(PANES.index(self._current) + by) % len(PANES)]
        self._arrange()

    def action_zoom(self) -> None:
        """Give one pane the whole screen, or all of them their place."""
        self._zoomed = not self._zoomed
        self._arrange()

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(Reading("Keys", help_rows(DESK_BINDINGS)))

    def action_explain(self) -> None:
        """Show what is behind the selected line."""
        state, now = self.desk.model.state, self.desk.model.now(self.desk.wall())
        key = self._views[self._current].cursor_key
        if state is None or now is None or key is None:
            self.say("nothing is selected: j and k select a line")
            return
        if self._current == "tape":
            entry = self.desk.model.tape.find(key)
            if entry is not None:
                self.run_worker(self._explain(entry), exit_on_error=False)
            return
        rows = symbol_page(self.desk.model, key, now, min(READING_WIDTH, self.size.width - 6))
        self.app.push_screen(Reading(key, rows))

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_explain()

    async def _explain(self, entry: Entry) -> None:
        model = self.desk.model
        causes: list[Event] = await self.desk.causes(entry.event)
        now = model.now(self.desk.wall())
        if now is not None:
            width = min(READING_WIDTH, self.size.width - 6)
            rows = entry_page(model, entry, causes, now, width)
            self.app.push_screen(Reading(f"{entry.kind} · #{entry.event.id}", rows))

    def _arrange(self) -> None:
        """Show the panes that there is room for, and give the current one the focus."""
        width, height = self.size
        single = self._zoomed or width < NARROW or height < SHORT
        self.set_class(single, "-single")
        for name, view in self._views.items():
            view.set_class(name == self._current, "-current")
        self.query_one("#upper").set_class(self._current == "tape", "-empty")
        self.query_one("#left").set_class(
            self._current not in ("positions", "probabilities"), "-empty"
        )
        current = self._views[self._current]
        if self.focused is not current:
            self.call_after_refresh(self._focus_current)

    def _focus_current(self) -> None:
        self._views[self._current].focus(scroll_visible=False)
        self.paint()

    def _tabs_row(self, counts: dict[str, int]) -> Row:
        spans: list[Span] = [(" ", "")]
        for name in PANES:
            count = counts.get(name, 0)
            words = f"{name.capitalize()} {count}" if count else name.capitalize()
            style = "bold" if name == self._current else "dim"
            if name == "strategy" and count:
                words, style = f"{name.capitalize()} ({count} wait)", "accent"
            mark = ("[", "]") if name == self._current else (" ", " ")
            spans += [(mark[0], "accent"), (words, style), (mark[1], "accent"), (" ", "")]
        return row(*spans)

    def _notice_row(self, wall: float, width: int) -> Row:
        notice = self.notice
        if notice is not None and wall < notice[2]:
            return row((" ", ""), (f.fit(notice[0], width - 2), notice[1]))
        model = self.desk.model
        started = model.state.started if model.state is not None else None
        if started is None:
            return row("")
        sources = [f.clean(started.sources[n]) for n in ("market", "broker", "llm")
                   if n in started.sources]  # fmt: skip
        mode = MODES.get(started.mode, started.mode)
        words = f"{mode}: {' · '.join(sources)} · {started.hybrid}, approval: {started.policy}"
        if model.link.phase is not Phase.LIVE:
            words = "figures are dimmed: they are not of now"
        return row((f" {f.fit(words, width - 2)}", "dim"))

    def _title(self, view: RowsView, text: str) -> None:
        if view.shown_title != text:
            view.shown_title = text
            view.border_title = Content(text)

    def _subtitle(self, view: RowsView, text: str) -> None:
        if view.shown_subtitle != text:
            view.shown_subtitle = text
            view.border_subtitle = Content(text)
