"""The README's table of keys, from the bindings: ``python -m tests.tui.key_table README.md``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hybrid_tui.tui.bindings import GROUPS, bindings_of, key_of
from hybrid_tui.tui.desk.page import DeskPage

BEGIN = "<!-- keys: python -m tests.tui.key_table README.md -->"
END = "<!-- /keys -->"
PLACE = re.compile(f"{re.escape(BEGIN)}\n(.*?){re.escape(END)}", re.DOTALL)
NUMBERS = "page."


def key_table() -> str:
    """Return a table with a row for each group of the desk's keys."""
    bindings = [b for b in bindings_of(DeskPage) if b.id is not None]
    rows = ["| | keys (`?` says more on every page) |", "|---|---|"]
    for group in GROUPS:
        words = [
            f"`{key_of(b)}` {b.description}"
            for b in bindings
            if b.id is not None and b.id.startswith(f"{group.lower()}.")
            and not (b.id.startswith(NUMBERS) and b.key.isdigit())
        ]  # fmt: skip
        if group == "Page":
            words.insert(0, "`1` `2` ... the pages, in the bottom line")
        rows.append(f"| {group} | {', '.join(words)} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write the table into a file, in place of the one there."""
    target = Path(sys.argv[1])
    text = target.read_text(encoding="utf-8")
    target.write_text(PLACE.sub(f"{BEGIN}\n{key_table()}{END}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
