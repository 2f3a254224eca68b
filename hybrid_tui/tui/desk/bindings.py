"""The keys of the desk alone."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from hybrid_tui.tui.bindings import PANE_BINDINGS

DESK_BINDINGS: list[BindingType] = [
    *PANE_BINDINGS,
    Binding("enter", "open", "open", id="look.open", show=False,
            tooltip="The selected symbol on a page of its own; on the tape: why"),
    Binding("e", "explain", "why", id="look.explain",
            tooltip="Details of the selected line or symbol: the whole chain of reasons"),
    Binding("z", "zoom", "zoom", id="look.zoom", show=False,
            tooltip="One pane on the whole screen, or all of them"),
]  # fmt: skip
