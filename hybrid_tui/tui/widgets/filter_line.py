"""A line to type a filter into: it filters while it is typed, and stays until it is cleared."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """Hidden until it is opened; enter leaves it with the filter on, esc without."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "no filter", id="filter.clear", tooltip="Show everything again"),
    ]

    class Typed(Message):
        """The filter has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The line was left: the keys belong to the page again."""

    def __init__(self) -> None:
        super().__init__(placeholder="filter: enter keeps it, esc shows everything", compact=True)
        self.display = False

    def open(self) -> None:
        """Show the line and take the keys."""
        self.display = True
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter by what is there now."""
        event.stop()
        self.post_message(self.Typed(event.value.strip().casefold()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Leave the line; an empty one goes."""
        event.stop()
        self.display = bool(self.value.strip())
        self.post_message(self.Left())

    def action_clear(self) -> None:
        """Take the filter away and leave."""
        self.value = ""
        self.display = False
        self.post_message(self.Left())
