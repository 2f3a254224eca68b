"""The tape's entries as rows."""

from __future__ import annotations

from collections.abc import Iterable

from hybrid_tui.tui import format as f
from hybrid_tui.tui.tape import Entry
from hybrid_tui.tui.widgets.lines import Row, Span, row, width_of

KIND_STYLES = {
    "fill": "bold",
    "trouble": "bad",
    "alert": "bad",
    "lock": "warn",
    "paused": "warn",
    "halt": "warn",
    "strategy": "accent",
    "approved": "good",
    "vetoed": "warn",
    "news": "dim",
    "no entry": "dim",
}
WORD = 8


def tape_rows(entries: Iterable[Entry], width: int) -> list[Row]:
    """Return the entries as rows; the reason gives way to what happened."""
    day: object = None
    rows = []
    for entry in entries:
        stamp = f.new_york(entry.at)
        this_day = f.new_york(entry.at, "%a")
        if day is not None and this_day != day:
            rows.append(row((f"{f.new_york(entry.at, '%a %d %b')} ".ljust(12, "─"), "dim")))
        day = this_day
        spans: list[Span] = [
            (stamp, "dim"),
            ("  ", ""),
            (f.fit(entry.kind, WORD), KIND_STYLES.get(entry.kind, "")),
            (" ", ""),
        ]
        room = width - width_of(tuple(spans))
        spans.append((f.fit(entry.text, min(room, len(entry.text))), entry.style))
        room -= len(entry.text) + 3
        if entry.because and room >= 8:
            spans.append(("   ", ""))
            spans.append((f.fit(f"← {entry.because}", room), "dim"))
        rows.append(row(*spans, key=entry.key))
    return rows
