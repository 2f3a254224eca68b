"""The keys of the page of trades alone."""

from __future__ import annotations

from textual.binding import Binding, BindingType

TRADES_BINDINGS: list[BindingType] = [
    Binding("slash", "filter", "filter", id="look.filter", key_display="/",
            tooltip="Filter as you type: symbol, reason, day (2026-03-20), win, loss, open"),
    Binding("o", "sort", "sort", id="look.sort",
            tooltip="Sort by the next column: time, P&L, per cent, time held, symbol"),
    Binding("O", "reverse", "reverse", id="look.reverse", show=False,
            tooltip="The other way round"),
    Binding("e", "explain", "why", id="look.explain",
            tooltip="Why it was bought and sold: the whole chain with times and figures"),
    Binding("enter", "open", "symbol", id="look.open", key_display="enter",
            tooltip="The page of its symbol"),
]  # fmt: skip
