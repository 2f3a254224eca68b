"""A page of panes: one of them is current, is framed so, and has the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hybrid_tui.tui.page import Page
from hybrid_tui.tui.widgets.rows_view import RowsView

NARROW, SHORT = 100, 30
"""Below this many columns or lines there is room for one pane only."""


class Paned(Page):
    """A page of the panes ``PANES``, the ids of its ``RowsView``s in the order of the tab key.

    ``SIDES`` names the containers that a page of one pane hides: those that do not hold it.
    """

    PANES: ClassVar[tuple[str, ...]] = ()
    SIDES: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    _current = ""

    def ready(self) -> None:
        """Find the panes; the first is current."""
        self.panes = {name: self.query_one(f"#{name}", RowsView) for name in self.PANES}
        for pane in self.panes.values():
            pane.add_class("pane")
        self.choose(self.PANES[0])

    @property
    def view(self) -> RowsView:
        """The current pane."""
        return self.panes[self._current]

    @property
    def has_little_room(self) -> bool:
        """Whether the screen is too small for all panes at once."""
        return self.size.width < NARROW or self.size.height < SHORT

    def sizes(self) -> tuple[object, ...]:
        """Return the panes' sizes."""
        return tuple(pane.size for pane in self.panes.values())

    def width_of(self, name: str) -> int:
        """Return the columns that a pane's rows have."""
        return self.panes[name].size.width - 1

    def choose(self, name: str) -> None:
        """Make a pane the current one and give it the keys."""
        self._current = name
        self.mark_current()
        self.call_after_refresh(self._focus_current)

    def mark_current(self) -> None:
        """Frame the current pane, and hide the sides without it where only one is shown."""
        for name, pane in self.panes.items():
            pane.set_class(name == self._current, "-current")
        for side, held in self.SIDES.items():
            self.query_one(f"#{side}").set_class(self._current not in held, "-empty")

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        at = self.PANES.index(self._current)
        self.choose(self.PANES[(at + by) % len(self.PANES)])

    def on_rows_view_picked(self, event: RowsView.Picked) -> None:
        """Follow the mouse to another pane."""
        if event.view.id in self.PANES:
            self.choose(event.view.id)

    def _focus_current(self) -> None:
        self.view.focus(scroll_visible=False)
        self.paint()
