"""The keys that are the same on every page, each with an id to remap it by and a tooltip.

The part of an id before its dot is the group under which the help page lists the key.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType
from textual.keys import format_key

from hybrid_tui.tui.registry import PAGES

GROUPS = ("Decide", "Safety", "Look", "Page", "Desk")

COMMON_BINDINGS: list[BindingType] = [
    *(
        Binding(entry.key, f"go('{entry.name}')", entry.name, show=False, tooltip=entry.words,
                id=f"page.{entry.name.lower()}")
        for entry in PAGES if entry.key
    ),
    Binding("escape", "back", "back", id="page.back", show=False, key_display="esc",
            tooltip="Back, in the end to the desk"),
    Binding("p", "pause", "pause", id="safety.pause",
            tooltip="Pause entries, or allow them again; exits always go on"),
    Binding("X", "flatten", "sell all", id="safety.flatten",
            tooltip="Pause entries and sell everything; asks first and says exactly what"),
    Binding("L", "run_session", "session now", id="decide.session", show=False,
            tooltip="Have the strategist hold a session now, within its budget"),
    Binding("l", "locks", "locks", id="safety.locks", show=False,
            tooltip="The locks in force with their reasons; asks which to lift"),
    Binding("j,down", "move(1)", "down", id="look.down", show=False, key_display="j ↓",
            tooltip="The next line"),
    Binding("k,up", "move(-1)", "up", id="look.up", show=False, key_display="k ↑",
            tooltip="The line before"),
    Binding("g,home", "first", "first", id="look.first", show=False, key_display="g",
            tooltip="The first line"),
    Binding("G,end", "last", "last", id="look.last", show=False, key_display="G",
            tooltip="The last line"),
    Binding("pagedown,ctrl+f", "move(10)", "page down", id="look.page_down", show=False,
            key_display="PgDn", tooltip="Ten lines on"),
    Binding("pageup,ctrl+b", "move(-10)", "page up", id="look.page_up", show=False,
            key_display="PgUp", tooltip="Ten lines back"),
    Binding("plus,equals_sign", "speed(1)", "faster", id="desk.faster", show=False,
            key_display="+", tooltip="Run a simulated or recorded clock faster"),
    Binding("minus", "speed(-1)", "slower", id="desk.slower", show=False, key_display="-",
            tooltip="Run a simulated or recorded clock slower"),
    Binding("y", "copy", "copy", id="look.copy", show=False,
            tooltip="Copy the selected line to the clipboard"),
    Binding("w", "watchlist", "watchlist", id="desk.watchlist", show=False,
            tooltip="Edit the watchlist; it is kept for the next start"),
    Binding("r", "again", "start again", id="desk.again",
            tooltip="Start the engine again, or try again now"),
    Binding("question_mark,f1", "help", "help", id="desk.help", key_display="?",
            tooltip="This page"),
    Binding("q,ctrl+c", "ask_quit", "quit", id="desk.quit", key_display="q",
            tooltip="Leave the screen; asks whether the desk goes on running"),
]  # fmt: skip

PANE_BINDINGS: list[BindingType] = [
    Binding("tab", "pane(1)", "pane", id="look.pane", tooltip="The next pane"),
    Binding("shift+tab", "pane(-1)", "pane before", id="look.pane_before", show=False,
            tooltip="The pane before"),
]  # fmt: skip
"""For pages of panes (they are a ``Paned``)."""

APPROVE_BINDINGS: list[BindingType] = [
    Binding("a", "approve", "approve", id="decide.approve",
            tooltip="Approve the symbol under the strategy's cursor"),
    Binding("A", "approve_all", "all", id="decide.approve_all",
            tooltip="Approve all symbols of the list that still wait"),
    Binding("v", "veto", "veto", id="decide.veto",
            tooltip="Veto the symbol under the strategy's cursor; asks why, which may stay empty"),
    Binding("V", "veto_all", "all", id="decide.veto_all",
            tooltip="Veto all symbols of the list that still wait; asks why"),
    Binding("u", "undo", "undo", id="decide.undo",
            tooltip="Take back the last decision on the list, until it is acted on"),
]  # fmt: skip
"""For pages that show the list that waits (they are an ``Approving``)."""

POSITION_BINDINGS: list[BindingType] = [
    Binding("x", "close_position", "close", id="safety.close",
            tooltip="Sell the selected position; asks first"),
    Binding("s", "tighten", "tighten stop", id="safety.tighten", show=False,
            tooltip="Raise the stop of the selected position; it is never lowered"),
    Binding("O", "adopt", "own it", id="safety.adopt", show=False,
            tooltip="Take the selected external position over; its symbol has to be typed"),
]  # fmt: skip
"""For pages that select a symbol (``chosen_symbol``)."""


def bindings_of(kind: type) -> list[Binding]:
    """Return the bindings of a page's class and of its bases that have an id, its own first."""
    found: dict[str, Binding] = {}
    for base in kind.__mro__:
        for binding in _declared(base):
            if binding.id is not None:
                found.setdefault(binding.id, binding)
    return list(found.values())


def key_of(binding: Binding) -> str:
    """Return the key as people call it."""
    return binding.key_display or format_key(binding.key.split(",")[0])


def _declared(base: type) -> Iterable[Binding]:
    return (b for b in base.__dict__.get("BINDINGS", ()) if isinstance(b, Binding))
