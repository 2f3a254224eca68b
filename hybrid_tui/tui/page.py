"""The frame that every page has: two status lines, a body, a notice, the line of pages and keys.

To add a page (take ``desk/page.py`` as the example):

1. A folder ``tui/<name>/`` with ``page.py``: ``class NamePage(Page)`` (``Approving`` where the list
   that waits is shown), ``NAME = "Name"``, ``BINDINGS`` of its own keys, each with an ``id``
   ("group.word", the groups are in ``bindings.py``) and a ``tooltip``. Keys of ``COMMON_BINDINGS``
   (1-6, esc, p, X, L, l, j k g G, r, ?, q ...) are there already; add ``APPROVE_BINDINGS`` and
   ``POSITION_BINDINGS`` where they apply. Styles go to a ``.tcss`` beside it (``CSS_PATH``).
2. ``body()`` yields its widgets, ``paint_body(wall)`` fills them from ``self.desk.model``: called
   at most 4 times a second and only while the page shows. Give whole rows to a ``RowsView``: it
   paints what differs. ``looks()`` names what else than the model decides how the page looks.
3. One line in ``registry.py``. The page is imported when it is first opened, made once, and keeps
   its place when it is left. ``turn_to(subject)`` is called when it is opened for something.

From a page: ``self.say(text, style)``, ``self.send(command)``, ``self.desk.go(name)``,
``self.desk.open_symbol(symbol)``, ``self.desk.explain(event)``, ``self.desk.back()``. Heavy or
blocking work (the journal) belongs in ``asyncio.to_thread`` inside ``self.run_worker(...,
exit_on_error=False)``. Tests: ``tests/tui/builders.py`` (``desk_app``, ``press``, ``settled``).
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import ScreenResume

from hybrid_tui.tui import format as f
from hybrid_tui.tui.bindings import COMMON_BINDINGS, bindings_of
from hybrid_tui.tui.commanding import Commanding
from hybrid_tui.tui.header import MODES, header_lines
from hybrid_tui.tui.help import SIGNS, help_rows
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.preferences import edit_watchlist
from hybrid_tui.tui.widgets.dialogs import Reading
from hybrid_tui.tui.widgets.key_line import KeyLine
from hybrid_tui.tui.widgets.lines import Row, row
from hybrid_tui.tui.widgets.rows_view import RowsView

log = logging.getLogger(__name__)

FIRST = ("again", "approve", "approve_all", "veto", "veto_all")
"""The actions that stand first in the bottom line, where they apply."""


class Page(Commanding):
    """The base of all pages."""

    NAME: ClassVar[str] = ""
    SIGNS: ClassVar[tuple[tuple[str, str], ...]] = SIGNS
    BINDINGS: ClassVar[list[BindingType]] = list(COMMON_BINDINGS)

    _painted: object = None
    _styled_for = ""
    _failed_at = -1

    @abstractmethod
    def body(self) -> ComposeResult:
        """Yield the widgets between the status lines and the notice."""

    @abstractmethod
    def paint_body(self, wall: float) -> None:
        """Fill the body from the model; ``wall`` is the screen's monotonic clock in seconds."""

    def looks(self) -> object:
        """Return what decides, beside model, clock, notice and size, how the page looks."""
        return None

    def turn_to(self, subject: str) -> None:
        """Show what the page was opened for (a symbol, an event's id)."""

    def applies(self, action: str) -> bool:
        """Whether the bottom line should offer an action now; its key works in any case."""
        state = self.desk.model.state
        if action in ("close_position", "tighten"):
            return state is not None and self.chosen_symbol() in state.positions
        can_start = self.desk.model.link.phase in (Phase.GONE, Phase.ENDED, Phase.FAILED)
        return action != "again" or can_start

    def compose(self) -> ComposeResult:
        """Lay the frame out."""
        yield RowsView(id="header", focusable=False)
        with Vertical(id="body"):
            yield from self.body()
        yield RowsView(id="notice", focusable=False)
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Paint for the first time."""
        self._header = self.query_one("#header", RowsView)
        self._notice_line = self.query_one("#notice", RowsView)
        self._keys = self.query_one("#keys", KeyLine)
        self.ready()
        self.paint()

    def ready(self) -> None:
        """Prepare what needs the widgets; called once, before the first painting."""

    def on_resize(self) -> None:
        """Paint for the new size, once the widgets have theirs."""
        self.call_after_refresh(self.paint)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Paint what happened while another page was shown."""
        # Textual matches the whole stylesheet again; nothing but another theme can have changed.
        event.refresh_styles = self._styled_for != self.app.theme
        self._styled_for = self.app.theme
        self.call_after_refresh(self.paint)

    def paint(self) -> None:
        """Paint what changed since the last time; a fault in it is logged, shown, and survived."""
        if self.desk.page is not self or not self.is_mounted:
            return
        wall = self.desk.wall()
        model = self.desk.model
        notice = self.desk.notice
        looks = (model.version, model.link, int(wall * 4), self.size, notice, self.looks())
        if looks == self._painted:
            return
        self._painted = looks
        try:
            # The body first: it may change which keys apply.
            self.paint_body(wall)
            self._paint_frame(wall)
        except Exception:
            if self._failed_at != model.version:
                log.exception("the page %s could not be painted", self.NAME)
            self._failed_at = model.version
            self.say("a pane could not be painted: the log says why", "bad")

    def current_bindings(self) -> list[Binding]:
        """Return the bindings of the page with the keys that they have, its own first."""
        return [self.desk.remapped(binding) for binding in bindings_of(type(self))]

    @property
    def view(self) -> RowsView | None:
        """The rows that the cursor keys move in."""
        return self.focused if isinstance(self.focused, RowsView) else None

    def action_go(self, name: str) -> None:
        """Go to a page."""
        self.desk.go(name)

    def action_back(self) -> None:
        """Go back."""
        self.desk.back()

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(Reading("Keys", help_rows(self.current_bindings(), self.SIGNS)))

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        if self.view is not None:
            self.view.move(by)

    def action_first(self) -> None:
        """Go to the first line."""
        if self.view is not None:
            self.view.go(end=False)

    def action_last(self) -> None:
        """Go to the last line."""
        if self.view is not None:
            self.view.go(end=True)

    def action_watchlist(self) -> None:
        """Edit the watchlist."""
        edit_watchlist(self.desk)

    def action_copy(self) -> None:
        """Copy the selected line to the clipboard, by the terminal's OSC 52."""
        text = self.view.cursor_text if self.view is not None else ""
        if not text:
            self.say("nothing is selected: j and k select a line")
            return
        self.app.copy_to_clipboard(text)
        self.say(f"copied: {text}")

    def entitle(self, view: RowsView, title: str, subtitle: str | None = None) -> None:
        """Set a view's title, and its subtitle, where they differ from what is there."""
        if view.shown_title != title:
            view.shown_title = title
            view.border_title = Content(title)
        if subtitle is not None and view.shown_subtitle != subtitle:
            view.shown_subtitle = subtitle
            view.border_subtitle = Content(subtitle)

    def _paint_frame(self, wall: float) -> None:
        width = self.size.width
        header = header_lines(self.desk.model, wall, width, self.desk.zone)
        self._header.show([Row(line=line) for line in header])
        self._notice_line.show([self._notice_row(wall, width)])
        offered = [binding for binding in self.current_bindings() if self.applies(binding.action)]
        offered.sort(key=_urgency)
        self._keys.show_keys(self.desk.numbered_pages(), self.NAME, offered, width)

    def _notice_row(self, wall: float, width: int) -> Row:
        notice = self.desk.notice
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


def _urgency(binding: Binding) -> int:
    return FIRST.index(binding.action) if binding.action in FIRST else len(FIRST)
