"""Questions that stand in the way until they are answered; the safe answer has the focus."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from hybrid_tui.tui.widgets.lines import Row, row, text_of, wrapped
from hybrid_tui.tui.widgets.rows_view import RowsView

Choice = tuple[str, str, str]
"""An answer's id, its words, and the button's variant."""

Words = Sequence[Row] | Callable[[], Sequence[Row]]
"""What a dialog says; what is called is asked again while it stands: the desk goes on."""

CANCEL = "cancel"
COLUMNS = 66
EDGES = 6
"""The columns of the frame and the space inside it."""
ANSWER_LINES = 8
"""The lines of the frame, its space, and the line to type in or the buttons."""
SAID_AGAIN_SECONDS = 0.5
HELD_SECONDS = 0.3
"""A key that is held down comes again within this time."""


Result = TypeVar("Result")


class _Once(ModalScreen[Result]):
    """A dialog that gives one answer: a key may come again before it has closed."""

    _is_answered = False

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Keep the styles of the mounting, a moment ago: to find them again takes as long."""
        event.refresh_styles = False

    def give(self, answer: Result) -> None:
        """Close with an answer; one that comes after it would close what is below."""
        if not self._is_answered:
            self._is_answered = True
            self.dismiss(answer)


class _Telling(_Once[Result]):
    """A box with a text that is scrolled where it does not fit, and the keys on its frame."""

    KEYS: ClassVar[str] = ""
    SHORT_KEYS: ClassVar[str] = ""
    SCROLLS: ClassVar[str] = ""

    def __init__(self, title: str, words: Words) -> None:
        super().__init__()
        self._title = title
        self._words = words

    def box(self) -> Vertical:
        """Return the frame of the dialog."""
        box = Vertical(id="dialog")
        box.styles.width = COLUMNS
        box.border_title = Content(self._title)
        return box

    def on_mount(self) -> None:
        """Show the text, and what becomes of it while the dialog stands."""
        self.lay_text()
        if callable(self._words):
            self.set_interval(SAID_AGAIN_SECONDS, self.lay_text)

    def on_resize(self) -> None:
        """Break the text for the new width."""
        self.lay_text()

    def lay_text(self) -> None:
        """Break the text into lines; what does not fit is scrolled, the answers stay in sight."""
        text = self.query_one("#dialog-text", RowsView)
        rows = self._words() if callable(self._words) else self._words
        shown = wrapped(rows, min(COLUMNS, self.app.size.width) - EDGES)
        height = max(1, min(len(shown), self.app.size.height - ANSWER_LINES))
        text.styles.height = height
        text.show(shown)
        self._name_keys(text.below(height))

    def action_scroll(self, by: int) -> None:
        """Scroll the text."""
        text = self.query_one("#dialog-text", RowsView)
        text.scroll_rows(by)
        self._name_keys(text.below())

    def _name_keys(self, below: int) -> None:
        more = f"{below} more, {self.SCROLLS} · {self.SHORT_KEYS}" if below else self.KEYS
        self.query_one("#dialog").border_subtitle = Content(more)


class Question(_Telling[str]):
    """Rows of text and buttons; ``focus`` names the answer that has the focus.

    With ``typed``, an answer other than cancel counts only when that word was typed.
    """

    KEYS = "← → chooses · enter does it · esc changes nothing"
    SHORT_KEYS = "← → enter · esc"
    SCROLLS = "j scrolls"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", id="dialog.cancel", tooltip="Change nothing"),
        Binding("left,h", "app.focus_previous", "before", id="dialog.before", show=False),
        Binding("right,l", "app.focus_next", "next", id="dialog.next", show=False),
        Binding("j,down", "scroll(1)", "down", id="dialog.down", show=False),
        Binding("k,up", "scroll(-1)", "up", id="dialog.up", show=False),
        Binding("pagedown", "scroll(10)", "page down", id="dialog.page_down", show=False),
        Binding("pageup", "scroll(-10)", "page up", id="dialog.page_up", show=False),
    ]

    def __init__(
        self,
        title: str,
        words: Words,
        choices: Sequence[Choice],
        *,
        focus: str = CANCEL,
        typed: str | None = None,
    ) -> None:
        super().__init__(title, words)
        self._choices = choices
        self._focus = focus
        self._typed = typed

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with self.box():
            yield RowsView(id="dialog-text", focusable=False)
            if self._typed is not None:
                yield Input(placeholder=f"type {self._typed}", id="dialog-typed", compact=True)
            with Horizontal(id="dialog-buttons"):
                for name, words, variant in self._choices:
                    yield Button(
                        Content(words),
                        id=f"answer-{name}",
                        variant=variant,  # type: ignore[arg-type]
                        compact=True,
                    )

    def on_mount(self) -> None:
        """Focus the safe answer; the text is shown by what all dialogs do when mounted."""
        self.query_one(f"#answer-{self._focus}", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Give the answer."""
        answer = (event.button.id or "").removeprefix("answer-")
        if answer != CANCEL and self._typed is not None:
            given = self.query_one("#dialog-typed", Input)
            if given.value.strip() != self._typed:
                given.focus()
                return
        self.give(answer)

    def action_cancel(self) -> None:
        """Change nothing."""
        self.give(CANCEL)


class Asking(_Telling[str | None]):
    """One line to type under rows of text: enter gives it, esc gives None.

    ``check`` returns what is wrong with a text, or nothing. Keys of the first moments are not
    taken: they belong to the key that was held down to open it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", id="asking.cancel", tooltip="Change nothing"),
        Binding("down", "scroll(1)", "down", id="asking.down", show=False),
        Binding("up", "scroll(-1)", "up", id="asking.up", show=False),
    ]
    KEYS = "enter does it · esc changes nothing"
    SHORT_KEYS = KEYS
    SCROLLS = "↓ scrolls"

    def __init__(
        self,
        title: str,
        words: Words,
        *,
        placeholder: str = "",
        value: str = "",
        check: Callable[[str], str] = lambda _: "",
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(title, words)
        self._placeholder = placeholder
        self._value = value
        self._check = check
        self._wall = wall
        self._opened = wall()

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with self.box():
            yield RowsView(id="dialog-text", focusable=False)
            yield _Line(
                self._wall,
                self._opened,
                value=self._value,
                placeholder=self._placeholder,
                select_on_focus=False,
                id="dialog-typed",
                compact=True,
            )
            yield RowsView(id="dialog-wrong", focusable=False)

    def on_mount(self) -> None:
        """Be ready for what is typed; the text is shown by what all dialogs do when mounted."""
        self.query_one("#dialog-typed", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give what was typed, where nothing is wrong with it."""
        if self._wall() - self._opened < HELD_SECONDS:
            return
        wrong = self._check(event.value.strip())
        if wrong:
            self.query_one("#dialog-wrong", RowsView).show([row((wrong, "bad"))])
            return
        self.give(event.value.strip())

    def action_cancel(self) -> None:
        """Change nothing."""
        self.give(None)


class _Line(Input):
    """A line that takes no key in the first moments."""

    def __init__(self, wall: Callable[[], float], opened: float, **options: Any) -> None:
        super().__init__(**options)
        self._wall = wall
        self._opened = opened

    async def _on_key(self, event: events.Key) -> None:
        if self._wall() - self._opened < HELD_SECONDS and event.key != "escape":
            self._opened = self._wall()
            event.stop()
            event.prevent_default()
            return
        await super()._on_key(event)


class Reading(_Once[None]):
    """Rows to read and scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,e,enter,question_mark", "close", "back", id="reading.close"),
        Binding("j,down", "scroll(1)", "down", id="reading.down", show=False),
        Binding("k,up", "scroll(-1)", "up", id="reading.up", show=False),
        Binding("pagedown,space", "scroll(10)", "page down", id="reading.page", show=False),
        Binding("pageup", "scroll(-10)", "page up", id="reading.page_up", show=False),
        Binding("g,home", "scroll(-10000)", "top", id="reading.top", show=False),
        Binding("G,end", "scroll(10000)", "end", id="reading.end", show=False),
        Binding("y", "copy", "copy", id="reading.copy", show=False),
    ]

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self._title = title
        self._rows = rows

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        view = RowsView(id="reading", focusable=False)
        view.border_title = Content(self._title)
        view.border_subtitle = Content("esc back")
        yield view

    def on_mount(self) -> None:
        """Show the rows."""
        view = self.query_one("#reading", RowsView)
        view.styles.height = len(self._rows) + 2
        view.show(self._rows)
        self.call_after_refresh(self._count)

    def on_resize(self) -> None:
        """Count what does not fit."""
        self.call_after_refresh(self._count)

    def action_scroll(self, by: int) -> None:
        """Scroll by rows."""
        self.query_one("#reading", RowsView).scroll_rows(by)
        self._count()

    def action_copy(self) -> None:
        """Copy the whole page to the clipboard."""
        self.app.copy_to_clipboard("\n".join(text_of(row.line).rstrip() for row in self._rows))
        self.query_one("#reading", RowsView).border_subtitle = Content("copied · esc back")

    def action_close(self) -> None:
        """Go back."""
        self.give(None)

    def _count(self) -> None:
        view = self.query_one("#reading", RowsView)
        below = view.below()
        view.border_subtitle = Content(
            f"{below} more, j scrolls · esc back" if below else "esc back"
        )
