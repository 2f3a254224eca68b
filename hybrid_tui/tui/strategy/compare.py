"""Two sessions side by side: what the later one changed."""

from __future__ import annotations

from hybrid_tui.tui import format as f
from hybrid_tui.tui.desk.strategy import STATUS
from hybrid_tui.tui.strategy.rows import SessionView, author, dollars, labelled
from hybrid_tui.tui.widgets.lines import Column, Columns, Line, Row, Span, row

SMALL = 0.005
"""A difference of two scores below this shows as none."""
COLUMNS = (
    Column(name="what", title="", width=10),
    Column(name="old", title="", width=16),
    Column(name="new", title="", width=16),
    Column(name="change", title="change", width=8, grows=True),
)


def compare_rows(older: SessionView, newer: SessionView, width: int) -> tuple[list[Row], Line]:
    """Return the two proposals beside each other, and the header; what changed stands out."""
    columns = Columns(COLUMNS, width)
    rows: list[Row] = []

    def say(what: str, old: str, new: str, change: Span | str = "") -> None:
        is_other = old != new
        rows.append(
            columns.row(None, what=(what, "dim"), old=old, new=(new, "bold" if is_other else ""),
                        change=change or ("" if is_other else ("same", "dim")))
        )  # fmt: skip

    a, b = older.stored, newer.stored
    say("at", _at(older), _at(newer), f.span(b.at - a.at))
    say("direction", a.direction, b.direction)
    say("risk", a.risk_level, b.risk_level)
    night = round((b.overnight_target - a.overnight_target) * 100)
    say(
        "overnight",
        f"{a.overnight_target * 100:.0f} %",
        f"{b.overnight_target * 100:.0f} %",
        f"{night:+d} points" if night else "",
    )
    say("decided", older.status, newer.status)
    say("by", author(a.source), author(b.source))
    say("cost", dollars(a.cost_usd), dollars(b.cost_usd))
    rows += [row(""), row(("Focus and scores", "head"))]
    listed = dict.fromkeys((*b.focus, *a.focus))
    for symbol in (*listed, *sorted((a.scores.keys() | b.scores.keys()) - listed.keys())):
        rows.append(_symbol(columns, symbol, older, newer))
    rows += _theses(older, newer, width)
    header = columns.row(
        None,
        what=("", "head"),
        old=(f.clean(a.session), "head"),
        new=(f.clean(b.session), "head"),
        change=("change", "head"),
    )
    return rows, header.line


def _at(view: SessionView) -> str:
    return f.new_york(view.stored.at, "%a %d %H:%M")


def _symbol(columns: Columns, symbol: str, older: SessionView, newer: SessionView) -> Row:
    before, after = older.stored.scores.get(symbol), newer.stored.scores.get(symbol)
    was, now_is = symbol in older.stored.focus, symbol in newer.stored.focus
    words = []
    if was != now_is:
        words.append("joins" if now_is else "leaves")
    if before is not None and after is not None and abs(after - before) >= SMALL:
        words.append(f"{f.arrow((after - before) * 100)} {f.score(after - before)}")
    elif (before is None) != (after is None):
        words.append("now scored" if before is None else "no longer scored")
    return columns.row(
        None,
        what=(symbol, "bold"),
        old=_standing(symbol, older),
        new=_standing(symbol, newer),
        change=(", ".join(words), "accent") if words else ("same", "dim"),
    )


def _standing(symbol: str, view: SessionView) -> Line:
    score = view.stored.scores.get(symbol)
    shown: Span = (f"{f.score(score):>5}", f.direction(score)) if score is not None else (
        "    ·", "dim")  # fmt: skip
    if symbol not in view.stored.focus:
        return (shown,)
    words, style = STATUS.get(view.symbols.get(symbol, "pending"), ("?", "warn"))
    return (shown, (" ", ""), (words, style))


def _theses(older: SessionView, newer: SessionView, width: int) -> list[Row]:
    said = [
        {(thesis.symbol, thesis.invalid_if) for thesis in view.signal.theses}
        if view.signal is not None
        else set()
        for view in (older, newer)
    ]
    rows: list[Row] = []
    for words, found in (("dropped", said[0] - said[1]), ("new", said[1] - said[0])):
        for symbol, condition in sorted(found):
            text = f"{f.clean(symbol)}: wrong if {f.clean(condition)}"
            rows += labelled(words, text, width)
    return [row(""), row(("Theses", "head")), *rows] if rows else []
