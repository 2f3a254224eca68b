"""A story as rows to read: when, what, and its figures below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid_tui.tui import format as f
from hybrid_tui.tui.widgets.lines import Row, row

if TYPE_CHECKING:
    from hybrid_tui.analysis.story import Story

KIND = 11
CLOCK = 10
LABEL = 11
STYLES = {
    "approved": "good",
    "vetoed": "warn",
    "expired": "dim",
    "strategist": "accent",
    "prediction": "blue",
    "rule": "bold",
    "fill": "bold",
    "lock": "warn",
    "ended": "warn",
}


def story_rows(story: Story, width: int) -> list[Row]:
    """Return the story as rows of at most ``width`` cells."""
    rows: list[Row] = []
    day = None
    for step in story.steps:
        this_day = f.new_york(step.at, "%a %d %b %Y")
        if this_day != day:
            rows += [row("")] if rows else []
            rows.append(row((f"{this_day}, New York", "head")))
            day = this_day
        style = STYLES.get(step.kind, "")
        if step.kind == "result":
            style = "down" if step.text.startswith("-") else "up"
        lines = f.wrap(f.clean(step.text), max(20, width - CLOCK - KIND)) or [""]
        for number, line in enumerate(lines):
            clock = f.new_york(step.at) if number == 0 else ""
            kind = step.kind if number == 0 else ""
            rows.append(
                row((f.fit(clock, CLOCK), "dim"), (f.fit(kind, KIND), style), (line, style))
            )
        for label, text in step.facts:
            room = max(20, width - CLOCK - KIND - LABEL)
            for number, line in enumerate(f.wrap(f.clean(text), room) or [""]):
                name = label if number == 0 else ""
                rows.append(row(" " * (CLOCK + KIND), (f.fit(name, LABEL), "dim"), line))
    return rows or [row(("Nothing is known of it.", "dim"))]
