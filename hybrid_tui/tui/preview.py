"""What approving a list would make possible: the engine's answer, in shares or in a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.widgets.lines import Row, row

Preview = Mapping[str, tuple[int, str]]
"""By symbol: the shares that would be bought next, and why none (or fewer)."""


def preview_of(document: Mapping[str, Any]) -> Preview:
    """Return the preview of an engine's answer."""
    return {
        str(symbol): (int(found["shares"]), str(found["why"]))
        for symbol, found in document["symbols"].items()
    }


def possible_rows(
    symbol: str, listed: SignalState, state: DeskState, preview: Preview | None, width: int
) -> list[Row]:
    """Return what approving a symbol of a list would make possible, where it still waits."""
    is_open = listed.symbols.get(symbol) == "pending" and symbol not in state.positions
    if preview is None or symbol not in preview or not is_open:
        return []
    shares, why = preview[symbol]
    if not shares:
        return [row((f.fit(f"  → no entry: {f.clean(why)}", width), "dim"))]
    rules = state.started.settings.get("entry", "the rules") if state.started else "the rules"
    cut = f" ({f.clean(why)})" if why else ""
    return [row((f.fit(f"  → buys {shares} once {rules} confirms{cut}", width), "good"))]
