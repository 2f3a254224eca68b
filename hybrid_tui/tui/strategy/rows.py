"""What the page of sessions says: their list, one in full, and two beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.signals import StrategySignal, Thesis
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.journal.sessions import (
    SessionDetail,
    StoredCalls,
    StoredDecision,
    StoredSession,
)
from hybrid_tui.tui import format as f
from hybrid_tui.tui.desk.reasoning import numbered
from hybrid_tui.tui.desk.strategy import STATUS, against, change_of
from hybrid_tui.tui.preview import Preview, possible_rows
from hybrid_tui.tui.widgets.lines import Column, Columns, Line, Row, Span, row
from hybrid_tui.tui.widgets.markdown import markdown_rows

WRITING = "writing"
"""The key of the session that is being written."""
MOST_HEADLINES = 12
LABEL = 12
BY = {"person": "you", "clock": "time ran out", "policy": "policy auto", "cli": "a command"}
DIRECTIONS = {"bullish": ("▲ bullish", "up"), "bearish": ("▼ bearish", "down")}
LIST_COLUMNS = (
    Column(name="at", title="session", width=12),
    Column(name="direction", title="view", width=9),
    Column(name="status", title="decided", width=17, grows=True),
    Column(name="model", title="by", width=13, rank=2),
    Column(name="cost", title="cost", width=8, align="right", rank=1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session as the page shows it: the journal's line, and what the desk knows of it now.

    ``detail`` is None until it was read; ``now_known`` None where the desk keeps it no more.
    """

    stored: StoredSession
    now_known: SignalState | None = None
    detail: SessionDetail | None = None
    is_in_force: bool = False

    @property
    def key(self) -> str:
        """What the cursor holds on to."""
        return str(self.stored.event_id)

    @property
    def signal(self) -> StrategySignal | None:
        """The proposal in full, where it is known."""
        if self.now_known is not None:
            return self.now_known.signal
        return self.detail.signal if self.detail is not None else None

    @property
    def status(self) -> str:
        """What was decided about the list as a whole."""
        return self.now_known.status if self.now_known is not None else self.stored.status

    @property
    def symbols(self) -> Mapping[str, str]:
        """What was decided about each symbol of the list."""
        if self.now_known is not None:
            return self.now_known.symbols
        found = dict.fromkeys(self.stored.focus, "pending")
        for made in self.stored.decisions:
            status = "pending" if made.decision == "undone" else made.decision
            found |= dict.fromkeys(made.symbols or found, status)
        return found


def of_state(known: SignalState) -> StoredSession:
    """Return the line of a session that the journal does not tell of."""
    signal = known.signal
    decisions = tuple(
        StoredDecision(
            at=known.decided_at or signal.at, symbols=one.symbols, decision=one.decision,
            by=known.decided_by, reason=one.reason,
        )
        for one in known.decisions
    )  # fmt: skip
    return StoredSession(
        event_id=known.event_id,
        at=signal.at,
        session=signal.session,
        signal_id=signal.id,
        status=known.status,
        direction=signal.direction.value,
        risk_level=signal.risk_level.value,
        overnight_target=signal.overnight_target,
        focus=signal.focus_stocks,
        scores=signal.sentiment_scores,
        source=signal.source,
        cost_usd=signal.cost_usd,
        decisions=decisions,
    )


def list_rows(
    views: Sequence[SessionView], state: DeskState, now: datetime, marked: str, width: int
) -> tuple[list[Row], Line]:
    """Return the list, newest first, a line for each New York day; ``marked`` is a key."""
    columns = Columns(LIST_COLUMNS, width)
    rows: list[Row] = []
    if state.writing:
        rows.append(columns.row(WRITING, at=("now", "accent"), status=("is being written", "dim")))
    day = ""
    for view in views:
        stored = view.stored
        of_day = f.new_york(stored.at, "%a %d %b")
        if of_day != day:
            day = of_day
            rows.append(row((day, "dim")))
        mark = "◆ " if view.key == marked else "  "
        asked = "*" if stored.asked else ""
        at = (f"{mark}{f.clean(stored.session)}{asked}", "accent" if mark[0] == "◆" else "")
        if not stored.signal_id:
            room = max(0, width - columns.width("at") - 1)
            said = f.fit(f"nothing: {f.clean(stored.abstained)}", room)
            at_cell = f.fit(at[0], columns.width("at") + 1)
            rows.append(row((at_cell, at[1]), (said, "dim"), key=view.key))
            continue
        rows.append(
            columns.row(
                view.key,
                at=at,
                direction=DIRECTIONS.get(stored.direction, (f"· {stored.direction}", "")),
                status=standing(view, now),
                model=(author(stored.source), "dim"),
                cost=(dollars(stored.cost_usd) if stored.cost_usd else "", "dim"),
            )
        )
    return rows, columns.header()


def standing(view: SessionView, now: datetime) -> Span:
    """Return what became of a proposal in few words."""
    known = view.now_known
    if known is not None and known.is_pending(now):
        waiting = sum(status == "pending" for status in known.symbols.values())
        left = f.countdown(known.pending_until - now)
        return (f"{waiting} wait {left}" if waiting else f"waits {left}", "accent")
    counts = {
        status: sum(found == status for found in view.symbols.values())
        for status in ("approved", "vetoed", "expired")
    }
    words = " ".join(
        f"{sign}{counts[status]}"
        for status, sign in (("approved", "✓"), ("vetoed", "✗"), ("expired", "-"))
        if counts[status]
    )
    if view.is_in_force:
        return (f"in force {words}".rstrip(), "good")
    return (f"{view.status} {words}".rstrip(), STATUS.get(view.status, ("", ""))[1])


def author(source: str) -> str:
    """Return who wrote a proposal."""
    return "local analyst" if source == "local" else f.clean(source)


def dollars(value: float) -> str:
    """Return what calls cost, in dollars."""
    return f"${value:.4f}"


def detail_rows(
    view: SessionView,
    state: DeskState,
    now: datetime,
    width: int,
    preview: Preview | None = None,
) -> list[Row]:
    """Return a session in full; the rows of its focus list have the symbols as keys.

    ``preview`` says what approving the list would make possible, where it waits.
    """
    stored, signal = view.stored, view.signal
    rows: list[Row] = []
    if stored.asked:
        rows += labelled("asked", f.clean(stored.asked), width)
    if not stored.signal_id:
        return [*rows, *labelled("nothing", f.clean(stored.abstained), width, "warn")]
    view_of = DIRECTIONS.get(stored.direction, (f"· {stored.direction}", ""))
    overnight = f"{stored.overnight_target * 100:.0f} %"
    rows.append(row(view_of, (" · risk ", "dim"), stored.risk_level, (" · overnight ", "dim"),
                    overnight))  # fmt: skip
    if view.now_known is not None and view.now_known.is_pending(now):
        for text, style in against(view.now_known, state.strategy(now), state):
            indent = len(text) - len(text.lstrip())
            rows += [row((" " * indent + line, style)) for line in f.wrap(text, width - indent)]
    if signal is not None and signal.sectors:
        rows += labelled("sectors", f.clean(", ".join(signal.sectors)), width)
    rows += _focus(view, state, now, width, preview)
    rows += _decided(view, width)
    if signal is None:
        return [*rows, row(("reading the rest from the journal ...", "dim"))]
    rows += [row(""), row(("Reasoning", "head"))]
    text, cited = numbered(_plain(signal.reasoning), signal.cited)
    rows += markdown_rows(text or "It gave none.", width)
    rows += _theses(view, signal, state, width)
    if signal.flags:
        rows += [row(""), row(("Flags", "head"))]
        for flag in signal.flags:
            rows += [row((line, "warn")) for line in f.wrap(f"! {f.clean(flag)}", width)]
    rows += _evidence(view, signal, cited, state, width)
    rows += _lesson(signal, state, width)
    rows += _cost(view, signal, width)
    return rows


def writing_rows(text: str, width: int) -> list[Row]:
    """Return what is being written, as far as it is."""
    return [row(("The strategist writes …", "accent")), *markdown_rows(_plain(text), width)]


def labelled(label: str, text: str, width: int, style: str = "") -> list[Row]:
    """Return a text under a label, the lines after the first beside it."""
    lines = f.wrap(text, max(10, width - LABEL)) or [""]
    return [
        row((f.fit(label if number == 0 else "", LABEL), "dim"), (line, style))
        for number, line in enumerate(lines)
    ]


def _plain(text: str) -> str:
    """Return untrusted Markdown with what cannot be shown taken out, its lines kept."""
    return "\n".join(f.printable(line) for line in text.splitlines())


def _focus(
    view: SessionView, state: DeskState, now: datetime, width: int, preview: Preview | None
) -> list[Row]:
    stored = view.stored
    rows = [row(""), row(("Focus list", "head"))]
    if not stored.focus:
        return [*rows, row(("It is empty: no entries from it.", "dim"))]
    current = state.strategy(now)
    reasons = {
        symbol: f.clean(made.reason)
        for made in stored.decisions
        for symbol in made.symbols
        if made.reason and made.decision != "undone"
    }
    for symbol in stored.focus:
        score = stored.scores.get(symbol)
        shown: Span = (f"{f.score(score):>5}", f.direction(score)) if score is not None else (
            "    ·", "dim")  # fmt: skip
        words, style = STATUS.get(view.symbols.get(symbol, "pending"), ("?", "warn"))
        change: Span = ("held", "accent") if symbol in state.positions else ("", "")
        known = view.now_known
        if known is not None and symbol in known.acted:
            change = ("bought", "accent")
        elif known is not None and known.is_pending(now):
            change = change_of(symbol, known, current, state)
        why = f"“{reasons[symbol]}”" if symbol in reasons else ""
        room = max(0, width - 37)
        rows.append(
            row((f.fit(symbol, 6), "bold"), (" ", ""), shown, ("  ", ""), (f.fit(words, 11), style),
                (f.fit(change[0], 9), change[1]), (f.fit(why, room), "dim"), key=symbol)
        )  # fmt: skip
        if known is not None:
            rows += possible_rows(symbol, known, state, preview, width)
    others = [
        f"{symbol} {f.score(score)}"
        for symbol, score in sorted(stored.scores.items())
        if symbol not in stored.focus
    ]
    if others:
        rows += labelled("also scored", ", ".join(others), width, "dim")
    return rows


def _decided(view: SessionView, width: int) -> list[Row]:
    rows: list[Row] = []
    for made in view.stored.decisions:
        symbols = f.names(made.symbols) if made.symbols else "the list"
        words = "taken back" if made.decision == "undone" else made.decision
        said = f"{words} {symbols} ({BY.get(made.by, f.clean(made.by))})"
        if made.reason and made.reason != "undone":
            said += f": {f.clean(made.reason)}"
        style = STATUS.get(made.decision, ("", "warn"))[1]
        rows += labelled(f.new_york(made.at, "%H:%M:%S"), said, width, style)
    return [row(""), *rows] if rows else []


def _theses(view: SessionView, signal: StrategySignal, state: DeskState, width: int) -> list[Row]:
    if not signal.theses:
        return []
    rows = [row(""), row(("Theses", "head"))]
    for thesis in signal.theses:
        claim = f.clean(thesis.claim).removeprefix(f"{thesis.symbol}: ")
        rows += labelled(f.clean(thesis.symbol), claim, width)
        words, style = thesis_state(view, thesis, state)
        said = f"wrong if {f.clean(thesis.invalid_if)}: {words}" if thesis.invalid_if else words
        rows += labelled("", said, width, style)
    return rows


def thesis_state(view: SessionView, thesis: Thesis, state: DeskState) -> Span:
    """Return whether what would make a thesis wrong came true, and whether anybody looks."""
    known, detail = view.now_known, view.detail
    unchecked = {**(detail.unchecked if detail else {}), **(known.unchecked if known else {})}
    if thesis.invalid_if in unchecked:
        return (f"UNCHECKED: {f.clean(unchecked[thesis.invalid_if])}", "warn")
    if not thesis.invalid_if:
        return ("nothing in it can be checked", "dim")
    symbol = thesis.symbol
    if detail is not None and symbol in detail.sold:
        at = f.new_york(detail.sold[symbol], "%a %H:%M")
        beside = sum(other.symbol == symbol for other in detail.signal.theses) > 1
        which = "it or its neighbour " if beside else ""
        return (f"{which}came true {at}, {symbol} was sold", "bad")
    if view.symbols.get(symbol) != "approved":
        return ("not watched: the symbol is not approved", "dim")
    held = state.positions.get(symbol)
    if held is None:
        return ("not watched: nothing is held", "dim")
    if not view.is_in_force and held.strategy_id != view.stored.signal_id:
        return ("not watched: a later strategy is in force", "dim")
    return ("holds, watched at each bar", "good")


def _evidence(
    view: SessionView, signal: StrategySignal, cited: list[str], state: DeskState, width: int
) -> list[Row]:
    if not cited:
        return []
    known: dict[str, NewsItem] = {item.id: item for item in state.news}
    if view.detail is not None:
        known |= {item.id: item for item in view.detail.headlines}
    rows = [row(""), row((f"Evidence · {len(signal.cited)} headlines cited", "head"))]
    for number, name in enumerate(cited[:MOST_HEADLINES], start=1):
        item = known.get(name)
        label = f"[{number}]"
        if item is not None:
            label += f" {f.new_york(item.received_at, '%H:%M')}"
        said = f.clean(item.headline) if item is not None else f"{f.clean(name)}: not kept"
        rows += labelled(label, said, width, "" if item is not None else "dim")
    if len(cited) > MOST_HEADLINES:
        rows.append(row((f"and {len(cited) - MOST_HEADLINES} more", "dim")))
    return rows


def _lesson(signal: StrategySignal, state: DeskState, width: int) -> list[Row]:
    found = [lesson for lesson in state.lessons if lesson.signal_id == signal.id]
    rows: list[Row] = []
    for lesson in found:
        rows += labelled(f.new_york(lesson.known_at, "%a %H:%M"), f.clean(lesson.text), width)
    return [row(""), row(("What came of it", "head")), *rows] if rows else []


def _cost(view: SessionView, signal: StrategySignal, width: int) -> list[Row]:
    calls: StoredCalls | None = view.detail.calls if view.detail is not None else None
    said = author(signal.source)
    if calls is not None:
        tokens = [
            f"{count:,} {way}"
            for count, way in ((calls.input_tokens, "in"), (calls.output_tokens, "out"))
            if count is not None
        ]
        failed = f" ({calls.failed} without a usable answer)" if calls.failed else ""
        said += f" · {calls.count} call{'s' if calls.count > 1 else ''}{failed}"
        said += f" · {' + '.join(tokens) or 'tokens unknown'} · {calls.seconds:.1f} s"
    cost = signal.cost_usd if calls is None else calls.cost_usd
    said += f" · {dollars(cost)}" if cost else " · free"
    return [row(""), *labelled("cost", said, width, "dim")]
