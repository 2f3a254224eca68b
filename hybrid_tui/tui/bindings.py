"""The keys of the desk, each with an id to remap it by and a tooltip that explains it."""

from __future__ import annotations

from textual.binding import Binding

GROUPS = ("Decide", "Safety", "Look", "Desk")

DESK_BINDINGS = [
    Binding("a", "approve", "approve", id="decide.approve",
            tooltip="Approve the symbol under the strategy's cursor"),
    Binding("v", "veto", "veto", id="decide.veto",
            tooltip="Veto the symbol under the strategy's cursor"),
    Binding("A", "approve_all", "approve all", id="decide.approve_all",
            tooltip="Approve all symbols of the list that still wait"),
    Binding("V", "veto_all", "veto all", id="decide.veto_all",
            tooltip="Veto all symbols of the list that still wait"),
    Binding("p", "pause", "pause", id="safety.pause",
            tooltip="Pause entries, or allow them again; exits always go on"),
    Binding("x", "close_position", "close", id="safety.close",
            tooltip="Sell the selected position; asks first"),
    Binding("X", "flatten", "flatten", id="safety.flatten",
            tooltip="Pause entries and sell everything; asks first and says exactly what"),
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
    Binding("tab", "pane(1)", "pane", id="look.pane", tooltip="The next pane"),
    Binding("shift+tab", "pane(-1)", "pane before", id="look.pane_before", show=False,
            tooltip="The pane before"),
    Binding("e,enter", "explain", "why", id="look.explain", key_display="e",
            tooltip="Details of the selected line or symbol: the whole chain of reasons"),
    Binding("z", "zoom", "zoom", id="look.zoom", show=False,
            tooltip="One pane on the whole screen, or all of them"),
    Binding("plus,equals_sign", "speed(1)", "faster", id="desk.faster", show=False,
            key_display="+", tooltip="Run a simulated or recorded clock faster"),
    Binding("minus", "speed(-1)", "slower", id="desk.slower", show=False, key_display="-",
            tooltip="Run a simulated or recorded clock slower"),
    Binding("r", "again", "start again", id="desk.again",
            tooltip="Start the engine again, or try again now"),
    Binding("question_mark,f1", "help", "help", id="desk.help", key_display="?",
            tooltip="This page"),
    Binding("q,ctrl+c", "ask_quit", "quit", id="desk.quit", key_display="q",
            tooltip="Leave the screen; asks whether the desk goes on running"),
]  # fmt: skip
