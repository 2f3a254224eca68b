"""The pane of tier 3: what waits for the person, or what is in force, and why."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.rules.overnight import gap_risk
from hybrid_tui.tui import format as f
from hybrid_tui.tui.widgets.lines import Row, Span, row, width_of

STATUS: dict[str, Span] = {
    "pending": ("waits", "accent"),
    "approved": ("✓ approved", "good"),
    "vetoed": ("✗ vetoed", "warn"),
    "expired": ("- expired", "dim"),
}
URGENT = timedelta(minutes=5)
MOST_HEADLINES = 12
MOST_WRITTEN = 8


def strategy_title(focus: SignalState | None, state: DeskState, now: datetime) -> str:
    """Return the pane's title: the session, and PENDING with its clock."""
    if focus is None:
        return "Strategy"
    session = f.clean(focus.signal.session)
    if focus.is_pending(now):
        return f"Strategy · {session} · PENDING {f.countdown(focus.pending_until - now)}"
    if state.strategy_id == focus.signal.id and now < focus.signal.expires_at:
        return f"Strategy · {session} · in force"
    return f"Strategy · {session} · {focus.status}"


def strategy_rows(
    focus: SignalState | None, state: DeskState, now: datetime, width: int
) -> list[Row]:
    """Return the pane's rows; those of focus symbols have the symbol as their key."""
    rows = _writing(state, width)
    if focus is None:
        return rows or [row((line, "dim")) for line in f.wrap(_nothing(state, now), width)]
    signal, pending = focus.signal, focus.is_pending(now)
    rows += [
        row(
            _direction(signal.direction.value),
            (" · ", "dim"),
            signal.risk_level.value,
            (" · overnight ", "dim"),
            f"{signal.overnight_target * 100:.0f} %",
        )
    ]
    rows += [row((line, "dim")) for line in f.wrap(_worst_night(state), width)]
    rows += [row((line, "dim")) for line in f.wrap(_in_force(focus, state, now), width)]
    others = [found for found in state.pending(now) if found is not focus]
    if others:
        rows.append(row((f"{len(others)} older list(s) wait as well", "warn")))
    rows.append(row(""))
    rows += _symbols(focus, state, now, width)
    if not signal.focus_stocks:
        rows.append(row(("The focus list is empty: no entries from it.", "dim")))
    if pending:
        keys = "a approve  v veto  A all  V all  e why"
        left = focus.pending_until - now
        rows.append(row((keys, "warn" if left < URGENT else "accent")))
    elif focus.decided_by:
        who = {"person": "you", "clock": "time ran out"}.get(focus.decided_by, focus.decided_by)
        at = f.new_york(focus.decided_at, "%H:%M") if focus.decided_at else ""
        rows.append(row((f.fit(f"{focus.status} {at} ({f.clean(who)})", width), "dim")))
    rows.append(row(""))
    rows += _reasoning(focus, state, width)
    return rows


def thesis_of(focus: SignalState, symbol: str) -> str:
    """Return the claim about a symbol and what would make it wrong."""
    for thesis in focus.signal.theses:
        if thesis.symbol == symbol:
            claim = f.clean(thesis.claim).removeprefix(f"{symbol}: ")
            why = focus.unchecked.get(thesis.invalid_if)
            note = f" (UNCHECKED: {f.clean(why)})" if why else ""
            return f"{claim}; wrong if {f.clean(thesis.invalid_if)}{note}"
    return ""


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


def _nothing(state: DeskState, now: datetime) -> str:
    if state.started is not None and "llm" not in state.started.tiers:
        return "Tier 3 is switched off: no list to approve."
    beat = state.beats.get("llm")
    if beat is not None and beat.health == "failed":
        return f"Tier 3 failed: {f.clean(beat.reason)}"
    if beat is not None and beat.next_at is not None and beat.next_at > now:
        at = f.new_york(beat.next_at, "%H:%M")
        return f"No strategy. The next session is at {at} New York."
    return "No strategy. Without one in force nothing is bought."


def _worst_night(state: DeskState) -> str:
    """Say which holding a rare night would cost most, in spite of its stop."""
    risks = [
        (risk.exit, symbol, risk)
        for symbol, held in state.positions.items()
        if symbol in state.nights and symbol in state.closes
        for risk in (gap_risk(state.nights[symbol], held, state.closes[symbol]),)
    ]
    if not risks:
        return ""
    _, symbol, risk = min(risks, key=lambda found: found[:2])
    return f"Night: {symbol} {risk.text}"


def _direction(value: str) -> Span:
    return {
        "bullish": ("▲ bullish", "up"),
        "bearish": ("▼ bearish", "down"),
    }.get(value, (f"· {value}", ""))


def _in_force(focus: SignalState, state: DeskState, now: datetime) -> str:
    current = state.strategy(now)
    if current is None:
        return "Nothing is in force: nothing is bought."
    signal = current.signal
    until = f.new_york(signal.expires_at, "%a %H:%M")
    if current is focus:
        return f"In force until {until}."
    listed = f.names(sorted(current.approved()), 4) or "no symbols"
    return (
        f"In force until {until}: {signal.session} {signal.direction.value},"
        f" {signal.risk_level.value}, {listed}."
    )


def _symbols(focus: SignalState, state: DeskState, now: datetime, width: int) -> list[Row]:
    rows = []
    for symbol in focus.signal.focus_stocks:
        score = focus.signal.sentiment_scores.get(symbol)
        status = STATUS.get(focus.symbols.get(symbol, "pending"), ("?", "warn"))
        shown: Span = (
            (f"{f.score(score):>5}", f.direction(score)) if score is not None else ("    ·", "dim")
        )
        held = " held" if symbol in state.positions else ""
        prediction = state.prediction(symbol, now)
        p = f.probability(prediction.buy_probability) if prediction is not None else f.NOTHING
        spans: list[Span] = [
            (f.fit(symbol, 6), "bold"),
            (" ", ""),
            shown,
            (f"  p {p:>3}  ", "dim"),
            (f.fit(status[0], 10), status[1]),
            (held, "accent"),
        ]
        room = width - width_of(tuple(spans)) - 2
        if room >= 24:
            spans.append(("  " + f.fit(thesis_of(focus, symbol), room), "dim"))
        rows.append(row(*spans, key=symbol))
    return rows


def _reasoning(focus: SignalState, state: DeskState, width: int) -> list[Row]:
    signal = focus.signal
    cost = f" · ${signal.cost_usd:.4f}" if signal.cost_usd else ""
    source = "local analyst, no LLM" if signal.source == "local" else f.clean(signal.source)
    rows = [row((f.fit(f"Why · {source}{cost}", width), "head"))]
    text = f.clean(signal.reasoning) or "It gave no reasoning."
    text, cited = numbered(text, signal.cited)
    rows += [row(line) for line in f.wrap(text, width)]
    if signal.flags:
        rows += [
            row((line, "warn"))
            for line in f.wrap("Flags: " + "; ".join(map(f.clean, signal.flags)), width)
        ]
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
