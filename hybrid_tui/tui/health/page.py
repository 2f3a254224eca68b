"""The health of everything: what lives, how old it is, how fast, what failed, how it is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import ScreenResume

from hybrid_tui.domain.inquiries import Health, HealthInquiry
from hybrid_tui.errors import DataError
from hybrid_tui.tui.bindings import PANE_BINDINGS
from hybrid_tui.tui.health.rows import (
    data_rows,
    engine_rows,
    is_changed,
    setting_rows,
    tier_rows,
    trouble_rows,
)
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.panes import Paned
from hybrid_tui.tui.widgets.filter_line import FilterLine
from hybrid_tui.tui.widgets.rows_view import RowsView, TapeView

ASK_SECONDS = 2.0


class HealthPage(Paned):
    """Log and health."""

    NAME: ClassVar[str] = "Health"
    CSS_PATH = "health.tcss"
    PANES = ("tiers", "data", "engine", "troubles", "settings")
    SIDES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "health-left": ("tiers", "data", "engine"),
        "health-right": ("troubles", "settings"),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *PANE_BINDINGS,
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
        """Begin to ask the engine."""
        super().ready()
        self._filter = self.query_one(FilterLine)
        self._wanted = ""
        self._changed_only = False
        self._health: Health | None = None
        self._heard_at = 0.0
        self._refused = ""
        self.set_interval(ASK_SECONDS, self._inquire)
        self._inquire()

    def looks(self) -> object:
        """Return what the panes show beside the model."""
        heard = (self._heard_at, self._refused)
        return (self._current, self._wanted, self._changed_only, heard, self.sizes())

    @on(ScreenResume)
    def ask_again(self) -> None:
        """Ask at once when the page is opened again."""
        if self.is_mounted and hasattr(self, "panes"):
            self._inquire()

    def paint_body(self, wall: float) -> None:
        """Fill the panes."""
        model = self.desk.model
        state, now, stale = model.state, model.now(wall), model.is_stale
        for name, view in self.panes.items():
            self.entitle(view, name.capitalize())
        if state is not None and now is not None:
            rows, head = tier_rows(state, now, self.width_of("tiers"))
            self.panes["tiers"].show(rows, head, stale=stale)
            rows, head = data_rows(state, now, self.width_of("data"))
            self.panes["data"].show(rows, head, stale=stale)
        troubles = trouble_rows(model.tape.entries, self.width_of("troubles"))
        self.panes["troubles"].show(troubles)
        age = wall - self._heard_at
        rows, head = engine_rows(self._health, age, self._refused, self.width_of("engine"))
        self.panes["engine"].show(rows, head, stale=stale)
        self._paint_settings()

    def _paint_settings(self) -> None:
        process = self._health.process if self._health is not None else None
        settings = process.settings if process is not None else ()
        rows, head = setting_rows(
            settings,
            self._wanted,
            changed_only=self._changed_only,
            width=self.width_of("settings"),
        )
        view = self.panes["settings"]
        view.show(rows, head)
        changed = sum(map(is_changed, settings))
        shown = f"{changed} not the defaults" + (" · only those" if self._changed_only else "")
        self.entitle(view, f"Settings · {len(settings)}", shown if settings else "")

    def action_filter(self) -> None:
        """Type a filter for the settings."""
        self._current = "settings"
        self.mark_current()
        self._filter.open()

    def action_changed(self) -> None:
        """Show all settings, or only those that were set."""
        self._changed_only = not self._changed_only
        self.choose("settings")

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

    def on_rows_view_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_explain()

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
