"""The line at the bottom: the pages and the keys that apply; a click does what the key does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from textual import events
from textual.binding import Binding

from hybrid_tui.tui.bindings import key_of
from hybrid_tui.tui.registry import PageEntry
from hybrid_tui.tui.widgets.lines import Row, Span, row, width_of
from hybrid_tui.tui.widgets.rows_view import RowsView

ENDS = ("pause", "flatten", "help", "ask_quit")
"""What is offered before anything else, at the end: stopping things, help and the way out."""
SPARE = ("explain", "mark", "open", "pane(1)")
"""What gives way to the pages' names, the last first: enter and tab are keys that people try."""

GAP = 2


class KeyLine(RowsView):
    """One row of pages and keys."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, focusable=False)
        self._actions: list[tuple[int, str]] = []

    def show_keys(
        self,
        pages: Sequence[tuple[PageEntry, str]],
        current: str,
        bindings: Sequence[Binding],
        width: int,
    ) -> None:
        """Show the pages (each with its key), the current one in brackets, and the bindings."""
        words = keys_words(pages, current, bindings, width)
        self._actions = []
        for span, action in words:
            self._actions += [(cell_len(span[0]), action)]
        self.show([keys_row(words)])

    def on_click(self, event: events.Click) -> None:
        """Do what the key under the pointer does."""
        event.prevent_default()
        event.stop()
        x = event.x
        for width, action in self._actions:
            if x < width:
                if action:
                    self.screen.call_later(self.screen.run_action, action)
                return
            x -= width


def keys_words(
    pages: Sequence[tuple[PageEntry, str]], current: str, bindings: Sequence[Binding], width: int
) -> list[tuple[Span, str]]:
    """Return spans and the action of each; what does not fit is left to the help page.

    The pages have their names, or short ones, where all keys but the ``SPARE`` fit beside them.
    """
    shown = [binding for binding in bindings if binding.show]
    needed = [binding for binding in shown if binding.action not in SPARE]
    room = width + GAP
    keys = sum(_room(binding) for binding in needed)
    for name_of in (_full_name, _short_name, _no_name):
        words = _pages(pages, current, name_of)
        if _taken(words) + keys <= room:
            break
    left = room - _taken(words)
    ranked = sorted(needed, key=_rank)
    spare = [binding for binding in shown if binding.action in SPARE]
    kept = []
    for binding in (*ranked, *sorted(spare, key=lambda one: SPARE.index(one.action))):
        if _room(binding) <= left:
            left -= _room(binding)
            kept.append(binding)
    for binding in sorted(shown, key=lambda one: one.action in ENDS):
        if binding in kept:
            words += _word(binding)
    return words


def _rank(binding: Binding) -> tuple[bool, bool]:
    """Say what gives way first: never the veto of one symbol for the approval of all."""
    return (binding.action not in ENDS, binding.action.endswith("_all"))


def _full_name(entry: PageEntry) -> str:
    return entry.name


def _short_name(entry: PageEntry) -> str:
    return entry.short or entry.name


def _no_name(_entry: PageEntry) -> str:
    return ""


def _pages(
    pages: Sequence[tuple[PageEntry, str]], current: str, name_of: Callable[[PageEntry], str]
) -> list[tuple[Span, str]]:
    words: list[tuple[Span, str]] = [((" ", ""), "")]
    for entry, key in pages:
        action = f"go('{entry.name}')"
        if entry.name == current:
            here = f"{key} {name_of(entry) or entry.name}"
            words += [(("[", "dim"), action), ((here, "bold"), action), (("] ", "dim"), action)]
        else:
            name = f" {name_of(entry)} " if name_of(entry) else " "
            words += [((key, "accent"), action), ((name, "dim"), action)]
    return [*words, ((" ", ""), "")]


def keys_row(words: Sequence[tuple[Span, str]]) -> Row:
    """Return the words as a row."""
    return row(*(span for span, _ in words))


def _word(binding: Binding) -> list[tuple[Span, str]]:
    return [
        ((key_of(binding), "accent"), binding.action),
        ((f" {binding.description}{' ' * GAP}", "dim"), binding.action),
    ]


def _room(binding: Binding) -> int:
    return sum(cell_len(span[0]) for span, _ in _word(binding))


def _taken(words: Sequence[tuple[Span, str]]) -> int:
    return width_of(tuple(span for span, _ in words))
