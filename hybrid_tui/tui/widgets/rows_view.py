"""A light table on the line API: one strip a row, only what changed is painted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hybrid_tui.tui.widgets.lines import Line, Row, text_of

# Not component classes: those are matched against the whole stylesheet, for each view, which was
# half of what it took to show another page.
COLOURS = {
    "up": "up", "down": "down", "dim": "muted", "warn": "warning", "bad": "error",
    "good": "success", "accent": "accent", "blue": "primary", "head": "muted",
}  # fmt: skip
"""The theme's variable that a style's text is painted in."""
GROUNDS = {"buy": "success", "sell": "error", "badge": "primary", "alarm": "error"}
"""The theme's variable that lies under a style's text, which has the colour of the background."""
BOLD = {"warn", "bad", "bold", *GROUNDS}
UNDERLINED = {"head"}
CURSOR = "cursor-line"
DIM = Style(dim=True)


class RowsView(Widget):
    """Rows with an optional fixed header and a cursor over the rows that have a key."""

    class Picked(Message):
        """The view was clicked."""

        def __init__(self, view: RowsView) -> None:
            super().__init__()
            self.view = view

    class Opened(Message):
        """A row was clicked twice."""

        def __init__(self, view: RowsView) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, id: str, marks_always: bool = False, focusable: bool = True) -> None:
        super().__init__(id=id)
        self.can_focus = focusable
        self._marks_always = marks_always
        self._rows: tuple[Row, ...] = ()
        self._header: Line | None = None
        self._top = 0
        self._cursor: int | None = None
        self._is_stale = False
        self._styles_of: dict[tuple[str, bool], Style] = {}
        self._of = ""
        self.shown_title = ""
        self.shown_subtitle = ""

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return None if self._cursor is None else self._rows[self._cursor].key

    @property
    def cursor_text(self) -> str:
        """The words of the row under the cursor; empty without one."""
        return "" if self._cursor is None else text_of(self._rows[self._cursor].line).strip()

    @property
    def rows(self) -> tuple[Row, ...]:
        """What the view shows."""
        return self._rows

    def show(
        self,
        rows: Sequence[Row],
        header: Line | None = None,
        *,
        stale: bool = False,
        keeps_place: bool = False,
        of: str = "",
    ) -> None:
        """Show rows; the cursor stays with its key, and only lines that differ are painted.

        With ``keeps_place`` the row under the cursor stays at its height on the screen as well,
        whatever comes or goes above it. ``of`` names what the rows are about: another thing than
        before begins at its top, with the cursor on its first row that has a key.
        """
        if of != self._of:
            self._of = of
            self._begin(rows, header, stale=stale)
            return
        before, before_top = self._rows, self._top
        key, at = self.cursor_key, self._cursor
        was_first = at is not None and at == self._keyed_from(0, 1)
        new = tuple(rows)
        whole = header != self._header or stale != self._is_stale
        if new == before and not whole:
            return
        self._rows, self._header, self._is_stale = new, header, stale
        self._cursor = self._place(key, at, follow_first=was_first)
        is_same = at is not None and key is not None and self.cursor_key == key
        # Whoever has scrolled the cursor away reads something else, which stays where it is.
        is_away = at is not None and not before_top <= at < before_top + self._room
        if is_same and at is not None and (keeps_place or is_away):
            self._top = max(0, self._top + (self._cursor or 0) - at)
        self._top = min(self._top, max(0, len(new) - self._room))
        if self._cursor != at and not (is_same and is_away):
            if key is not None and not is_same:
                self._top = 0
            self._keep_in_sight()
        if whole or self._top != before_top or len(new) != len(before):
            self.refresh(layout=self.styles.is_auto_height and len(new) != len(before))
            return
        for index in range(self._top, self._top + self._room):
            old = before[index] if index < len(before) else None
            now = new[index] if index < len(new) else None
            if old != now or (self._cursor != at and index in (at, self._cursor)):
                self._refresh_row(index)

    def _begin(self, rows: Sequence[Row], header: Line | None, *, stale: bool) -> None:
        is_longer = len(rows) != len(self._rows)
        self._rows, self._header, self._is_stale = tuple(rows), header, stale
        self._top, self._cursor = 0, self._keyed_from(0, 1)
        self._keep_in_sight(shows_head=True)
        self.refresh(layout=self.styles.is_auto_height and is_longer)

    def move(self, by: int) -> None:
        """Move the cursor by rows that have a key; at an end, scroll."""
        start = self._cursor
        step = 1 if by > 0 else -1
        for _ in range(abs(by)):
            origin = -1 if start is None else start
            following = self._keyed_from(origin + step, step)
            if following is None:
                break
            start = following
        if start != self._cursor:
            self.select(start)
        else:
            self.scroll_rows(step)

    def go(self, *, end: bool) -> None:
        """Move to the first or the last row."""
        self.select(self._keyed_from(len(self._rows) - 1, -1) if end else self._keyed_from(0, 1))
        self.scroll_rows(len(self._rows) if end else -len(self._rows))

    def select(self, index: int | None) -> None:
        """Put the cursor on a row by its number."""
        before, top = self._cursor, self._top
        self._cursor = index
        self._keep_in_sight(shows_head=True)
        if self._top != top:
            self.refresh()
            return
        for changed in {before, index} - {None}:
            self._refresh_row(changed)  # type: ignore[arg-type]

    def select_key(self, key: str) -> None:
        """Put the cursor on the row of a key, where there is one."""
        for index, shown in enumerate(self._rows):
            if shown.key == key:
                self.select(index)
                return

    def scroll_rows(self, by: int) -> None:
        """Scroll without moving the cursor."""
        top = min(max(0, self._top + by), max(0, len(self._rows) - self._room))
        if top != self._top:
            self._top = top
            self.refresh()

    def below(self, room: int | None = None) -> int:
        """Return how many rows do not fit below the last one; ``room`` is the height to come."""
        return max(0, len(self._rows) - self._top - (self._room if room is None else room))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height that all rows need."""
        return len(self._rows) + (1 if self._header is not None else 0)

    def render_line(self, y: int) -> Strip:
        """Return one line of the view."""
        width = self.size.width
        if self._header is not None:
            if y == 0:
                return self._strip(" ", self._header, width, under_cursor=False)
            y -= 1
        index = self._top + y
        if index >= len(self._rows):
            return Strip.blank(width, self._style("", under_cursor=False))
        shown = self._rows[index]
        is_marked = self.has_focus or self._marks_always
        if index == self._cursor and shown.key is not None and is_marked:
            return self._strip("▸", shown.line, width, under_cursor=True)
        return self._strip(" ", shown.line, width, under_cursor=False)

    def notify_style_update(self) -> None:
        """Forget the styles: the theme, the focus or a class has changed."""
        self._styles_of.clear()
        super().notify_style_update()

    @property
    def _room(self) -> int:
        return max(0, self.size.height - (1 if self._header is not None else 0))

    def _strip(self, marker: str, line: Line, width: int, *, under_cursor: bool) -> Strip:
        plain = self._style("", under_cursor=under_cursor)
        segments = [Segment(marker, plain)] if self.can_focus else []
        for text, name in line:
            style = self._style(name, under_cursor=under_cursor)
            segments.append(Segment(text, style + DIM if self._is_stale else style))
        return Strip(segments).adjust_cell_length(width, plain)

    def _style(self, name: str, *, under_cursor: bool) -> Style:
        found = self._styles_of.get((name, under_cursor))
        if found is None:
            found = self.rich_style
            variables = self.app.theme_variables
            if under_cursor:
                found += Style(bgcolor=Color.parse(variables[CURSOR]).rich_color)
            if name:
                found += _style_of(name, variables)
            self._styles_of[name, under_cursor] = found
        return found

    def _place(self, key: str | None, at: int | None, *, follow_first: bool) -> int | None:
        if follow_first and self.follows_first:
            return self._keyed_from(0, 1)
        if key is not None:
            for index, shown in enumerate(self._rows):
                if shown.key == key:
                    return index
        if not self._rows:
            return None
        start = min(at or 0, len(self._rows) - 1)
        found = self._keyed_from(start, 1)
        return found if found is not None else self._keyed_from(start, -1)

    follows_first: ClassVar[bool] = False

    def _keyed_from(self, index: int, step: int) -> int | None:
        while 0 <= index < len(self._rows):
            if self._rows[index].key is not None:
                return index
            index += step
        return None

    def _keep_in_sight(self, *, shows_head: bool = False) -> None:
        """Scroll as far as the cursor needs; ``shows_head``: to the top where it is on the first.

        What stands above the first row is what the rows are about.
        """
        if self._cursor is None or self._room <= 0:
            return
        is_first = self._cursor == self._keyed_from(0, 1)
        if shows_head and is_first and self._cursor < self._room:
            self._top = 0
        elif self._cursor < self._top:
            self._top = self._cursor
        elif self._cursor >= self._top + self._room:
            self._top = self._cursor - self._room + 1

    def _refresh_row(self, index: int) -> None:
        y = index - self._top + (1 if self._header is not None else 0)
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def on_focus(self) -> None:
        """Show the cursor."""
        if self._cursor is not None:
            self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        """Hide the cursor."""
        if self._cursor is not None:
            self._refresh_row(self._cursor)

    def on_resize(self) -> None:
        """Begin at the top again, as far as the cursor stays in sight."""
        self._top = 0
        self._keep_in_sight(shows_head=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll."""
        self.scroll_rows(2)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll."""
        self.scroll_rows(-2)
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; twice opens it."""
        self.post_message(self.Picked(self))
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = self._top + offset.y - (1 if self._header is not None else 0)
        if 0 <= index < len(self._rows) and self._rows[index].key is not None:
            self.select(index)
            if event.chain == 2:
                self.post_message(self.Opened(self))


def _style_of(name: str, variables: Mapping[str, str]) -> Style:
    """Return what a style's name adds to the plain one, in a theme's colours."""
    ground = GROUNDS.get(name)
    colour = "background" if ground else COLOURS.get(name)
    return Style(
        color=Color.parse(variables[colour]).rich_color if colour else None,
        bgcolor=Color.parse(variables[ground]).rich_color if ground else None,
        bold=True if name in BOLD else None,
        underline=True if name in UNDERLINED else None,
    )


class TapeView(RowsView):
    """Rows that grow at the top: a cursor on the newest stays on the newest."""

    follows_first: ClassVar[bool] = True
