"""What happened at which bar: fills, decisions, sessions and headlines, as marks of a chart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.domain.inquiries import Chart
from hybrid_tui.domain.orders import Fill, Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.tape import WORDS

ORDER = "BSavLn"
STYLES = {"B": "good", "S": "bad", "a": "good", "v": "warn", "L": "accent", "n": "blue"}
MEANINGS = {
    "B": "bought",
    "S": "sold",
    "a": "approved",
    "v": "vetoed",
    "L": "session of the strategist",
    "n": "headline",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One happening: its sign (a key of ``STYLES``), when, at what price, and in words."""

    sign: str
    at: datetime
    text: str
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price that held from an instant on, until the next one: the stop of a position."""

    at: datetime
    price: float


def marks_of(state: DeskState, symbol: str, fills: Iterable[Fill]) -> list[Mark]:
    """Return what the desk knows of a symbol's past, oldest first."""
    marks = [_filled(fill) for fill in fills]
    for found in state.signals.values():
        signal = found.signal
        name = f.clean(signal.session)
        marks.append(Mark(sign="L", at=signal.at, text=f"{name} session: {signal.direction.value}"))
        status = found.symbols.get(symbol)
        if found.decided_at is not None and status in ("approved", "vetoed"):
            by = {"person": "you"}.get(found.decided_by, f.clean(found.decided_by))
            text = f"{status} by {by}"
            marks.append(
                Mark(sign="a" if status == "approved" else "v", at=found.decided_at, text=text)
            )
    for item in state.news:
        if symbol in item.symbols:
            score = state.scores.get(item.id)
            shown = f"{f.score(score)} " if score is not None else ""
            marks.append(Mark(sign="n", at=item.received_at, text=shown + f.clean(item.headline)))
    return sorted(marks, key=lambda mark: mark.at)


def by_bar(chart: Chart, marks: Sequence[Mark]) -> dict[int, list[Mark]]:
    """Return the marks by the bar that they fall into; those before the first bar are left out.

    What happened between two bars stands at the later one, when it could be acted on; what came
    after the last bar stands at the last.
    """
    found: dict[int, list[Mark]] = {}
    for mark in marks:
        second = int(mark.at.timestamp())
        if not len(chart) or second < chart.start[0]:
            continue
        index = bisect_right(chart.start, second) - 1
        if second >= chart.known_at[index] and index + 1 < len(chart):
            index += 1
        found.setdefault(index, []).append(mark)
    return found


def shown_sign(marks: Sequence[Mark]) -> tuple[str, str]:
    """Return the one sign that stands for several marks, the weightiest, and its style."""
    sign = min((mark.sign for mark in marks), key=ORDER.index)
    return sign, STYLES[sign]


def _filled(fill: Fill) -> Mark:
    buys = fill.side is Side.BUY
    why = WORDS.get(fill.reason, f.clean(fill.reason))
    return Mark(
        sign="B" if buys else "S",
        at=fill.at,
        text=f"{'bought' if buys else 'sold'} {f.quantity(fill.quantity)} at"
        f" {f.money(fill.price)}: {why}",
        price=fill.price,
    )
