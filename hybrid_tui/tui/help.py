"""The help page, made from the keys of the page it is asked on."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from hybrid_tui.tui import format as f
from hybrid_tui.tui.bindings import GROUPS, key_of
from hybrid_tui.tui.widgets.lines import Row, row

SIGNS = (
    ("●  ○  ✗", "a tier that works, waits, has failed"),
    ("▕██▓▓▏", "how near the price is to the stop; ▓ is the last third"),
    ("hard  trail", "the rule that would sell: hard stop, trailing take-profit"),
    ("│  ┃", "the buy probability that an entry needs"),
    ("▲ · ▼", "a member of the ensemble above, near, below an even chance"),
)


def help_rows(bindings: Sequence[Binding], signs: Sequence[tuple[str, str]]) -> list[Row]:
    """Return the help page, made from the bindings, and what a page's signs mean."""
    rows: list[Row] = []
    for group in GROUPS:
        listed = [b for b in bindings if (b.id or "").startswith(f"{group.lower()}.")]
        if not listed:
            continue
        rows.append(row((group, "head")))
        for binding in listed:
            key = f.fit(key_of(binding), 12)
            rows.append(row("  ", (key, "accent"), binding.tooltip or binding.description))
        rows.append(row(""))
    rows.append(row("  ", (f.fit("ctrl+p", 12), "accent"), "All commands by name"))
    rows.append(row("  ", (f.fit("ctrl+q", 12), "accent"), "Leave at once; the desk goes on"))
    rows += [row(""), row(("Signs", "head"))]
    rows += [row("  ", f.fit(sign, 12), (meaning, "dim")) for sign, meaning in signs]
    return rows
