"""The health of everything: what lives, how old it is, how fast, what failed, how it is set."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from hybrid_tui.domain.inquiries import Health, HealthInquiry
from hybrid_tui.errors import DataError
from hybrid_tui.tui.health.rows import (
    data_rows,
    engine_rows,
    is_changed,
    setting_rows,
    tier_rows,
    trouble_rows,
)
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.page import Page
from hybrid_tui.tui.widgets.filter_line import FilterLine
from hybrid_tui.tui.widgets.rows_view import RowsView, TapeView

PANES = ("tiers", "data", "engine", "troubles", "settings")
ASK_SECONDS = 2.0


class HealthPage(Page):
    """Log and health."""

    NAME: ClassVar[str] = "Health"
    CSS_PATH = "health.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "pane(1)", "pane", id="look.pane", tooltip="The next pane"),
        Binding("shift+tab", "pane(-1)", "pane before", id="look.pane_before", show=False,
                tooltip="The pane before"),
        Binding("slash", "filter", "filter", id="health.filter", key_display="/",
                tooltip="Show only the settings with these letters in them"),
        Binding("c", "changed", "changed only", id="health.changed",
                tooltip="Show all settings, or only those that are not the defaults"),
        Binding("e,enter", "explain", "why", id="look.explain", key_display="e",
                tooltip="What is behind the selected trouble"),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """Lay the panes out."""
        with Horizontal():
            with Vertical(id="health-left"):
                yield RowsView(id="tiers")
                yield RowsView(id="data")
                yield RowsView(id="engine")
            with Vertical(id="health-right"):
                yield TapeView(id="troubles")
                yield RowsView(id="settings")
                yield FilterLine()

    def ready(self) -> None:
        """Find the panes and begin to ask the engine."""
        self._views = {name: self.query_one(f"#{name}", RowsView) for name in PANES}
        for view in self._views.values():
            view.add_class("pane")
        self._filter = self.query_one(FilterLine)
        self._wanted = ""
        self._changed_only = False
        self._health: Health | None = None
        self._heard_at = 0.0
        self._refused = ""
        self._choose(PANES[0])
        self.set_interval(ASK_SECONDS, self._inquire)
        self._inquire()

    @property
    def view(self) -> RowsView:
        """The current pane."""
        return self._views[self._current]

    def looks(self) -> object:
        """Return what the panes show beside the model."""
        sizes = tuple(view.size for view in self._views.values())
        heard = (self._heard_at, self._refused)
        return (self._current, self._wanted, self._changed_only, heard, sizes)

    def on_screen_resume(self) -> None:
        """Ask at once when the page is opened again."""
        super().on_screen_resume()
        if self.is_mounted and hasattr(self, "_views"):
            self._inquire()

    def paint_body(self, wall: float) -> None:
        """Fill the panes."""
        model = self.desk.model
        state, now, stale = model.state, model.now(wall), model.is_stale
        for name, view in self._views.items():
            self.entitle(view, name.capitalize())
        if state is not None and now is not None:
            rows, head = tier_rows(state, now, self._width("tiers"))
            self._views["tiers"].show(rows, head, stale=stale)
            rows, head = data_rows(state, now, self._width("data"))
            self._views["data"].show(rows, head, stale=stale)
        troubles = trouble_rows(model.tape.entries, self._width("troubles"))
        self._views["troubles"].show(troubles)
        age = wall - self._heard_at
        rows, head = engine_rows(self._health, age, self._refused, self._width("engine"))
        self._views["engine"].show(rows, head, stale=stale)
        self._paint_settings()

    def _paint_settings(self) -> None:
        process = self._health.process if self._health is not None else None
        settings = process.settings if process is not None else ()
        rows, head = setting_rows(
            settings,
            self._wanted,
            changed_only=self._changed_only,
            width=self._width("settings"),
        )
        view = self._views["settings"]
        view.show(rows, head)
        changed = sum(map(is_changed, settings))
        shown = f"{changed} not the defaults" + (" · only those" if self._changed_only else "")
        self.entitle(view, f"Settings · {len(settings)}", shown if settings else "")

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        self._choose(PANES[(PANES.index(self._current) + by) % len(PANES)])

    def action_filter(self) -> None:
        """Type a filter for the settings."""
        self._show("settings")
        self._filter.open()

    def action_changed(self) -> None:
        """Show all settings, or only those that were set."""
        self._changed_only = not self._changed_only
        self._choose("settings")

    def action_explain(self) -> None:
        """Show what is behind a trouble, or a whole line that did not fit."""
        entry = self.desk.model.tape.find(self.view.cursor_key or "")
        if entry is not None:
            self.desk.explain(entry)

    def on_filter_line_typed(self, message: FilterLine.Typed) -> None:
        """Show what is wanted."""
        self._wanted = message.text
        self.paint()

    def on_filter_line_left(self) -> None:
        """Give the keys back to the settings."""
        self.view.focus()
        self.paint()

    def on_rows_view_picked(self, event: RowsView.Picked) -> None:
        """Follow the mouse to another pane."""
        if event.view.id in PANES:
            self._choose(event.view.id)

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_explain()

    def _choose(self, name: str) -> None:
        self._show(name)
        self.call_after_refresh(self._focus_current)

    def _show(self, name: str) -> None:
        self._current = name
        for view in self._views.values():
            view.set_class(view.id == name, "-current")
        self.query_one("#health-left").set_class(name not in PANES[:3], "-empty")
        self.query_one("#health-right").set_class(name not in PANES[3:], "-empty")

    def _focus_current(self) -> None:
        self.view.focus(scroll_visible=False)
        self.paint()

    def _width(self, name: str) -> int:
        return self._views[name].size.width - 1

    def _inquire(self) -> None:
        if self.desk.page is self and self.desk.model.link.phase is Phase.LIVE:
            self.run_worker(self._ask(), name="health", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        from hybrid_tui.journal.codec import load_health

        answer = await self.desk.ask(HealthInquiry())
        self._refused = answer.refused
        if answer.document is not None:
            try:
                self._health = load_health(answer.document)
                self._heard_at = self.desk.wall()
            except DataError as error:
                self._refused = error.message
        self.paint()
