"""The keys of the page of a symbol alone."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from hybrid_tui.tui.bindings import PANE_BINDINGS

SIGNS = (
    ("┃  ▐", "a bar that rose, a bar that fell; the line through it is its range"),
    ("┄┄┄", "where the stop rested"),
    ("B  S", "bought, sold"),
    ("a  v", "approved, vetoed"),
    ("L  n", "a session of the strategist, a headline"),
    ("◂", "the newest price; below and above it stop, entry, forecast and its band"),
    ("✓ in  ✗ out", "whether the price an hour later lay in the interval that was given"),
)

SYMBOL_BINDINGS: list[BindingType] = [
    Binding("comma", "timeframe(-1)", "shorter bars", id="look.shorter", show=False,
            key_display=",", tooltip="Shorter bars: 1d, 1h, 5m, 1m"),
    Binding("full_stop", "timeframe(1)", "bars", id="look.longer", key_display=", .",
            tooltip="Longer bars: 1m, 5m, 1h, 1d; the comma goes back"),
    Binding("left", "cursor(-1)", "cursor", id="look.left", key_display="← →",
            tooltip="The crosshair one bar back; it reads the bar out"),
    Binding("right", "cursor(1)", "cursor on", id="look.right", show=False, key_display="→",
            tooltip="The crosshair one bar on"),
    Binding("shift+left", "cursor(-10)", "ten bars back", id="look.left_ten", show=False,
            tooltip="The crosshair ten bars back"),
    Binding("shift+right", "cursor(10)", "ten bars on", id="look.right_ten", show=False,
            tooltip="The crosshair ten bars on"),
    Binding("i", "indicators", "indicators", id="look.indicators",
            tooltip="Bands, RSI and MACD; averages, RSI and MACD; bands alone; candles alone"),
    Binding("left_square_bracket", "wider(-1)", "narrower", id="look.narrower", show=False,
            key_display="[", tooltip="More bars, narrower"),
    Binding("right_square_bracket", "wider(1)", "wider", id="look.wider", show=False,
            key_display="]", tooltip="Fewer bars, wider"),
    Binding("n", "news", "news", id="look.news",
            tooltip="Its headlines with their sentiment; again: back to the chart"),
    Binding("J", "symbol(1)", "next symbol", id="look.next_symbol", show=False,
            tooltip="The next symbol of the watchlist"),
    Binding("K", "symbol(-1)", "symbol before", id="look.symbol_before", show=False,
            tooltip="The symbol before it on the watchlist"),
    *PANE_BINDINGS,
    Binding("enter", "open", "open", id="look.open", show=False,
            tooltip="Read the selected headline"),
    Binding("e", "explain", "why", id="look.explain",
            tooltip="Why it was bought: the whole chain, of what is held or was held last"),
]  # fmt: skip
