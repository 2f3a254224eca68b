"""What the bottom line offers where there is less room than words."""

from __future__ import annotations

import importlib
import re

from hybrid_tui.tui import registry
from hybrid_tui.tui.bindings import bindings_of
from hybrid_tui.tui.desk.page import DeskPage
from hybrid_tui.tui.widgets.key_line import keys_row, keys_words
from hybrid_tui.tui.widgets.lines import text_of

PAGES = [(entry, entry.key) for entry in registry.PAGES if entry.key]
NOT_WHILE_A_LIST_WAITS = ("undo", "again", "close_position", "tighten", "adopt", "stop")


def line_of(name: str, kind: type, width: int) -> str:
    """Return the line of a page whose list waits."""
    offered = [b for b in bindings_of(kind) if b.action not in NOT_WHILE_A_LIST_WAITS]
    return text_of(keys_row(keys_words(PAGES, name, offered, width)).line).rstrip()


def test_120_columns_name_the_pages_beside_the_decisions() -> None:
    for entry, _ in PAGES:
        line = line_of(entry.name, getattr(importlib.import_module(entry.module), entry.kind), 120)
        assert len(line) <= 120
        for other, key in PAGES:
            assert re.search(rf"{key} ({other.name}|{other.short or other.name})\b", line)
        for words in ("p pause", "X sell all", "? help", "q quit"):
            assert words in line
        if entry.name in ("Desk", "Strategy"):
            assert "a approve  A all  v veto  V all" in line


def test_80_columns_offer_a_veto_beside_an_approval() -> None:
    line = line_of("Desk", DeskPage, 80)
    assert "a approve  v veto" in line
    assert line.endswith("p pause  X sell all  ? help  q quit")
