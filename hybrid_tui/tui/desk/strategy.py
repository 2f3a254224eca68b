"""The pane of tier 3: what waits for the person, or what is in force, and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from hybrid_tui.domain.signals import BAD_SENTIMENT
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.rules.overnight import gap_risk
from hybrid_tui.tui import format as f
from hybrid_tui.tui.preview import Preview, possible_rows
from hybrid_tui.tui.widgets.lines import Row, Span, row, width_of

STATUS: dict[str, Span] = {
    "pending": ("waits", "accent"),
    "approved": ("✓ approved", "good"),
    "vetoed": ("✗ vetoed", "warn"),
    "expired": ("- expired", "dim"),
}
URGENT = timedelta(minutes=5)


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
    focus: SignalState | None,
    state: DeskState,
    now: datetime,
    width: int,
    preview: Preview | None = None,
) -> list[Row]:
    """Return the pane's rows; those of focus symbols have the symbol as their key.

    ``preview`` is the engine's answer to what an approval would make possible, by symbol.
    """
    if focus is None:
        return [row((line, "dim")) for line in f.wrap(_nothing(state, now), width)]
    signal, pending = focus.signal, focus.is_pending(now)
    rows = [
        row(
            _direction(signal.direction.value),
            (" · ", "dim"),
            signal.risk_level.value,
            (" · overnight ", "dim"),
            f"{signal.overnight_target * 100:.0f} %",
        )
    ]
    if pending:
        rows += [row((line, "accent")) for line in f.wrap(yours(focus, state, now), width)]
    rows += [row((line, "dim")) for line in f.wrap(_worst_night(state), width)]
    current = state.strategy(now)
    for text, style in against(focus, current, state):
        indent = " " * (len(text) - len(text.lstrip()))
        rows += [row((indent + line, style)) for line in f.wrap(text, width - len(indent))]
    others = [found for found in state.pending(now) if found is not focus]
    if others:
        older = "1 older list waits" if len(others) == 1 else f"{len(others)} older lists wait"
        rows.append(row((f"{older} as well: see page 2", "warn")))
    rows.append(row(""))
    rows += _symbols(focus, current, state, now, width, preview if pending else None)
    if not signal.focus_stocks:
        rows.append(row(("The focus list is empty: no entries from it.", "dim")))
    if pending:
        left = focus.pending_until - now
        if left < URGENT:
            said = f"{f.countdown(left)} left to decide; silence buys nothing"
            rows.append(row((f.fit(said, width), "warn")))
    elif focus.decided_by:
        who = {"person": "you", "clock": "time ran out"}.get(focus.decided_by, focus.decided_by)
        at = f.new_york(focus.decided_at, "%H:%M") if focus.decided_at else ""
        kept = focus.why_not_undone(now, in_force=state.strategy_id == signal.id)
        undo = "" if kept else "   u takes it back"
        said = f"{focus.status} {at} ({f.clean(who)}){undo}"
        rows.append(row((f.fit(said, width), "dim")))
        if current is None:
            rows += [row((line, "dim")) for line in f.wrap(_next_list(state, now), width)]
    return rows


def yours(focus: SignalState, state: DeskState, now: datetime) -> str:
    """Say how long a list waits on the person's clock, where the market's runs faster."""
    if state.speed == 1:
        return ""
    if not state.speed:
        return "The clock runs as fast as it goes; - slows it."
    left = (focus.pending_until - now) / state.speed
    return f"{f.span(left)} of your time at {state.speed:g}x; - slows it"


def against(focus: SignalState, current: SignalState | None, state: DeskState) -> list[Span]:
    """Return what a list changes of the strategy in force: each a text and its style."""
    if current is None:
        return [("Nothing is in force: nothing is bought.", "dim")]
    until = f.new_york(current.signal.expires_at, "%a %H:%M")
    if current is focus:
        return [(f"In force until {until}.", "dim")]
    old, new = current.signal, focus.signal
    said: list[Span] = [(f"Against {f.clean(old.session)}, in force until {until}:", "dim")]
    if old.direction is not new.direction:
        said.append((f"  {old.direction.value} becomes {new.direction.value}", ""))
    if old.risk_level is not new.risk_level:
        tightens = new.risk_level.rank < old.risk_level.rank
        now = ": tightens stops now, unasked" if tightens else ": only if you approve"
        levels = f"  risk {old.risk_level.value} → {new.risk_level.value}"
        said.append((levels + now, "warn" if tightens else "accent"))
    if old.overnight_target != new.overnight_target:
        night = f"  overnight {old.overnight_target * 100:.0f} → {new.overnight_target * 100:.0f} %"
        said.append((night, "accent" if new.overnight_target > old.overnight_target else ""))
    if len(said) == 1:
        said.append(("  same direction, risk, overnight", "dim"))
    dropped = _dropped(focus, current, state)
    if dropped:
        said.append((f"  drops {dropped}", "warn"))
    return said


def change_of(
    symbol: str, focus: SignalState, current: SignalState | None, state: DeskState
) -> Span:
    """Return what a symbol of a list is against the strategy in force, in a word."""
    score = focus.signal.sentiment_scores.get(symbol)
    if symbol in state.positions and score is not None and score <= BAD_SENTIMENT:
        return ("tightens", "warn")
    if symbol in state.positions:
        return ("held", "accent")
    if current is None or current is focus:
        return ("", "")
    return ("stays", "dim") if symbol in current.approved() else ("new", "accent")


def thesis_of(focus: SignalState, symbol: str) -> str:
    """Return the claim about a symbol and what would make it wrong."""
    for thesis in focus.signal.theses:
        if thesis.symbol == symbol:
            claim = f.clean(thesis.claim).removeprefix(f"{symbol}: ")
            why = focus.unchecked.get(thesis.invalid_if)
            note = f" (UNCHECKED: {f.clean(why)})" if why else ""
            return f"{claim}; wrong if {f.clean(thesis.invalid_if)}{note}"
    return ""


def _nothing(state: DeskState, now: datetime) -> str:
    if state.started is not None and "llm" not in state.started.tiers:
        return "Tier 3 is switched off: no list to approve."
    beat = state.beats.get("llm")
    if beat is not None and beat.health == "failed":
        return f"Tier 3 failed: {f.clean(beat.reason)}"
    return f"No strategy: nothing is bought without one. {_next_list(state, now)}"


def _next_list(state: DeskState, now: datetime) -> str:
    """Say when the next list comes, and how to have one now."""
    beat = state.beats.get("llm")
    if beat is None or beat.next_at is None or beat.next_at <= now:
        return "L holds a session now."
    return f"Next session {f.new_york(beat.next_at, '%H:%M')} New York; L holds one now."


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


def _dropped(focus: SignalState, current: SignalState, state: DeskState) -> str:
    """Say which approved symbols could no longer be bought."""
    gone = sorted(current.approved() - set(focus.signal.focus_stocks))
    if not gone:
        return ""
    held = [symbol for symbol in gone if symbol in state.positions]
    stays = f" (still held: {', '.join(held)})" if held else ""
    return f"{f.names(gone, 5)}{stays}"


def _symbols(
    focus: SignalState,
    current: SignalState | None,
    state: DeskState,
    now: datetime,
    width: int,
    preview: Preview | None,
) -> list[Row]:
    rows = []
    for symbol in focus.signal.focus_stocks:
        score = focus.signal.sentiment_scores.get(symbol)
        status = STATUS.get(focus.symbols.get(symbol, "pending"), ("?", "warn"))
        shown: Span = (
            (f"{f.score(score):>5}", f.direction(score)) if score is not None else ("    ·", "dim")
        )
        prediction = state.prediction(symbol, now)
        p = f.probability(prediction.buy_probability) if prediction is not None else f.NOTHING
        change, style = change_of(symbol, focus, current, state)
        spans: list[Span] = [
            (f.fit(symbol, 6), "bold"),
            (" ", ""),
            shown,
            (f"  p {p:>3}  ", "dim"),
            (f.fit(change, 8), style),
            (" ", ""),
            (f.fit(status[0], 10), status[1]),
        ]
        room = width - width_of(tuple(spans)) - 2
        if room >= 24:
            spans.append(("  " + f.fit(thesis_of(focus, symbol), room), "dim"))
        rows.append(row(*spans, key=symbol))
        rows += possible_rows(symbol, focus, state, preview, width)
    return rows
