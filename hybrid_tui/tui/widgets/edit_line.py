"""One line to change a text in: enter takes it, esc leaves it as it was."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class EditLine(Input):
    """Hidden until it is opened for a named text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "as it was", id="edit.leave", tooltip="Leave it as it was"),
    ]

    class Given(Message):
        """The text of ``name`` was given; None: it stays as it was."""

        def __init__(self, name: str, text: str | None) -> None:
            super().__init__()
            self.name = name
            self.text = text

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.display = False
        self._asked = ""

    def open(self, name: str, text: str, hint: str) -> None:
        """Show the line with what there is, and take the keys."""
        self._asked = name
        self.value = text
        self.placeholder = hint
        self.display = True
        self.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the text."""
        event.stop()
        self._end(event.value.strip())

    def action_leave(self) -> None:
        """Leave it as it was."""
        self._end(None)

    def _end(self, text: str | None) -> None:
        self.display = False
        self.post_message(self.Given(self._asked, text))
