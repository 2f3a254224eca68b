"""The pane of tier 3's words: what it writes just now, or why it proposed what it did."""

from __future__ import annotations

import re

from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.widgets.lines import Row, row

MOST_HEADLINES = 12
MOST_WRITTEN = 8


def reasoning_title(focus: SignalState | None) -> str:
    """Return the pane's title: whose words they are, and what they cost."""
    if focus is None:
        return "Reasoning"
    signal = focus.signal
    source = "local analyst, no LLM" if signal.source == "local" else f.clean(signal.source)
    cost = f" · ${signal.cost_usd:.4f}" if signal.cost_usd else ""
    return f"Reasoning · {source}{cost}"


def reasoning_rows(focus: SignalState | None, state: DeskState, width: int) -> list[Row]:
    """Return the reasoning, what would make it wrong, its flags and the headlines it cites."""
    rows = _writing(state, width)
    if focus is None:
        return rows or [row(("Nothing was proposed yet.", "dim"))]
    signal = focus.signal
    text = f.clean(signal.reasoning) or "It gave no reasoning."
    text, cited = numbered(text, signal.cited)
    rows += [row(line) for line in f.wrap(text, width)]
    for thesis in signal.theses:
        if thesis.invalid_if:
            wrong = f"Wrong if: {f.clean(thesis.symbol)} {f.clean(thesis.invalid_if)}"
            why = focus.unchecked.get(thesis.invalid_if)
            wrong += f" (UNCHECKED: {f.clean(why)})" if why else ""
            rows += [row((line, "warn" if why else "")) for line in f.wrap(wrong, width)]
    if signal.flags:
        said = "Flags: " + "; ".join(map(f.clean, signal.flags))
        rows += [row((line, "warn")) for line in f.wrap(said, width)]
    headlines = {item.id: item for item in state.news}
    for number, name in enumerate(cited[:MOST_HEADLINES], start=1):
        item = headlines.get(name)
        said = f.clean(item.headline) if item is not None else f"{f.clean(name)}: no longer kept"
        lines = f.wrap(f"[{number}] {said}", width)
        rows += [row((line, "dim")) for line in lines[:2]]
    if len(signal.cited) > min(len(cited), MOST_HEADLINES):
        more = len(signal.cited) - min(len(cited), MOST_HEADLINES)
        rows.append(row((f"and {more} more headlines read", "dim")))
    return rows


def numbered(text: str, cited: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the text with headline ids as [1], [2], ..., and the ids in that order.

    Without ids in the text it is all that were cited, in their order.
    """
    if not cited:
        return text, []
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(0)
        if name not in order:
            order.append(name)
        return f"[{order.index(name) + 1}]"

    longest_first = sorted(map(re.escape, cited), key=len, reverse=True)
    shown = re.sub(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", number, text)
    shown = re.sub(r"\((\[\d+\](?:, \[\d+\])*)\)", lambda m: m.group(1).replace(", ", ""), shown)
    return shown, order or list(cited)


def _writing(state: DeskState, width: int) -> list[Row]:
    """Return the end of what a model is writing just now."""
    if not state.writing:
        return []
    lines = f.wrap(f.clean(state.writing), width)[-MOST_WRITTEN:]
    return [
        row(("The strategist writes …", "accent")),
        *(row((line, "dim")) for line in lines),
        row(""),
    ]
