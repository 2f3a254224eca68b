"""What the page of models says: who is champion, how well each did, drift, decisions, training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_tui.domain.live_calibration import LiveCalibration
from hybrid_tui.domain.models import (
    CHALLENGER,
    CHAMPION,
    SHIFT,
    STRONG_SHIFT,
    ModelBook,
    ModelEntry,
    Training,
)
from hybrid_tui.tui import format as f
from hybrid_tui.tui.models.cards import Card
from hybrid_tui.tui.models.plot import reliability_rows
from hybrid_tui.tui.widgets.lines import Column, Columns, Line, Row, Span, row

STATUS: dict[str, Span] = {
    "champion": ("★ champion", "good"),
    "shadow": ("◇ shadow", "accent"),
    "new": ("+ new", ""),
    "rejected": ("✗ rejected", "dim"),
    "retired": ("- earlier", "dim"),
    "suspended": ("! suspended", "bad"),
}
ORDER = ("champion", "shadow", "new", "", "retired", "rejected", "suspended")
VERDICTS = {
    "promoted": "good", "succeeded": "good", "rejected": "dim", "rolled_back": "warn",
    "suspended": "bad",
}  # fmt: skip
MODEL_COLUMNS = (
    Column(name="id", title="model", width=17, grows=True),
    Column(name="status", title="is", width=11),
    Column(name="auc", title="AUC", width=11, rank=2),
    Column(name="gain", title="gain", width=6, align="right", rank=1),
    Column(name="age", title="age", width=5, align="right", rank=3),
)
DRIFT_COLUMNS = (
    Column(name="symbol", title="symbol", width=6),
    Column(name="psi", title="PSI", width=5, align="right"),
    Column(name="bar", title="", width=8, rank=1),
    Column(name="feature", title="most in", width=12, grows=True),
    Column(name="outcome", title="outcome", width=7, align="right", rank=2),
    Column(name="windows", title="windows", width=7, align="right", rank=3),
)
FIGURES = (
    ("AUC", "auc", ".5 is chance"),
    ("Brier score", "brier", "lower is better"),
    ("log loss gained", "log_loss_gain", "over the base rate, nats"),
    ("calibration error", "ece", ""),
    ("90 % interval held", "interval_coverage", ""),
)
LABEL = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model: its card where its folder is there, its entry where the desk knows it."""

    id: str
    card: Card | None
    entry: ModelEntry | None

    @property
    def status(self) -> str:
        """What it is to the desk, empty where it is nothing."""
        return self.entry.status if self.entry is not None else ""

    def has_expired(self, now: datetime) -> bool:
        """Whether its data are too old."""
        return self.entry is not None and self.entry.facts.has_expired(now)


def views_of(book: ModelBook, cards: Sequence[Card]) -> list[ModelView]:
    """Return the models of the desk's market: the champion, the challenger, the others."""
    known = {card.id: card for card in cards}
    ids = [*book.entries, *(card.id for card in cards if card.id not in book.entries)]
    views = [
        ModelView(id=name, card=known.get(name), entry=book.entries.get(name))
        for name in ids
        if name in book.entries or known[name].market in ("", book.market) or not book.market
    ]
    return sorted(views, key=lambda view: (ORDER.index(view.status), view.id))


def model_rows(views: Sequence[ModelView], now: datetime, width: int) -> tuple[list[Row], Line]:
    """Return the models with their status, held-out AUC and gain, and how old the newest data are
    that they have seen.
    """
    columns = Columns(MODEL_COLUMNS, width)
    rows = []
    for view in views:
        card = view.card
        status = STATUS.get(view.status, ("", ""))
        if view.has_expired(now):
            status = ("! expired", "warn")
        cells: dict[str, Span] = {"id": (f.clean(view.id), "bold" if status[1] == "good" else "")}
        if card is None or card.damaged:
            status = status if card is None else ("✗ damaged", "bad")
        else:
            cells["auc"] = (_short(card, "auc"), "")
            gain = card.metrics.get("log_loss_gain")
            low = card.metrics.get("log_loss_gain_low")
            style = "good" if low is not None and low > 0 else "dim"
            cells["gain"] = (f"{gain:+.3f}" if gain is not None else "", style)
            if card.trained_until is not None:
                days = (now - card.trained_until).days
                # A simulated clock stands before the day on which its model was made.
                cells["age"] = (f"{days}d" if days >= 0 else "-", "dim")
        rows.append(columns.row(view.id, status=status, **cells))
    return rows or [row(("No model of this market is installed.", "warn"))], columns.header()


def _short(card: Card, name: str) -> str:
    value, low, high = (card.metrics.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if value is None:
        return ""
    if low is None or high is None:
        return f.probability(value)
    return f"{f.probability(value)} {f.probability(low)}-{f.probability(high)}"


def model_title(view: ModelView) -> str:
    """Return the pane's title."""
    return f.clean(view.id)


def figure_rows(
    view: ModelView, book: ModelBook, live: LiveCalibration, now: datetime, width: int
) -> list[Row]:
    """Return a model's facts, held-out figures and reliability, held out and live."""
    rows: list[Row] = []
    entry, card = view.entry, view.card
    if entry is not None:
        words, style = STATUS.get(entry.status, (entry.status, ""))
        rows += _said("is", f"{words} since {f.new_york(entry.since, '%a %d %b %Y %H:%M')}",
                      width, style)  # fmt: skip
        if entry.reason:
            rows += _said("because", f.clean(entry.reason), width)
        expires = entry.facts.expires_at
        if expires is not None:
            gone = entry.facts.has_expired(now)
            text = f"{'expired' if gone else 'expires'} {expires:%Y-%m-%d}"
            text += ": no entries; t trains a new one" if gone else ""
            rows += _said("age", text, width, "bad" if gone else "")
    if book.champion == view.id and book.suspended:
        rows += _said("suspended", f"no entries: {f.clean(book.suspended)}", width, "bad")
    if card is None:
        return [*rows, *_said("card", "its folder is not there", width, "warn")]
    if card.damaged:
        return [*rows, *_said("damaged", f.clean(card.damaged), width, "bad")]
    if card.first is not None and card.last is not None and card.trained_until is not None:
        rows += _said("data", f"{card.first:%Y-%m-%d} to {card.last:%Y-%m-%d}, seen until "
                      f"{card.trained_until:%Y-%m-%d}", width)  # fmt: skip
    rows += _said("members", ", ".join(card.members), width)
    if book.shadow is not None and book.shadow.model_id == view.id:
        rows += _shadow(book, width)
    held_out = f"{card.metrics.get('windows') or 0:,} predictions, {card.metrics.get('days')} days"
    rows += [row(""), row((f"Held out · {held_out}, 95 % intervals", "head"))]
    if card.measured_on:
        text = f"of {f.clean(card.measured_on)}, the same recipe without the days that this one"
        rows += [row((line, "dim")) for line in f.wrap(f"{text} has seen as well", width)]
    rows += [_figure(card, *figure, width) for figure in FIGURES]
    reached, total = card.metrics.get("at_or_above_0.70"), card.metrics.get("windows")
    if reached is not None and total:
        rows += _said("reached .70", f"{reached:,} of {total:,}", width,
                      "" if reached else "warn")  # fmt: skip
    return [*rows, row(""), *reliability_rows(view.id, card.reliability, live, width), row(""),
            row(("enter reads the whole card", "dim"))]  # fmt: skip


def _figure(card: Card, label: str, name: str, remark: str, width: int) -> Row:
    value, low, high = (card.metrics.get(f"{name}{end}") for end in ("", "_low", "_high"))
    shown = f"{value:.4f}" if value is not None else "not defined"
    between = f"{low:.4f} .. {high:.4f}" if low is not None and high is not None else ""
    spans: list[Span] = [(f.fit(label, LABEL), "dim"), (f"{shown:>8}", "bold"), ("  ", "")]
    spans.append((f.fit(between, 18), ""))
    room = width - LABEL - 28
    return row(*spans, (f.fit(remark, room) if room > 12 else "", "dim"))


def _shadow(book: ModelBook, width: int) -> list[Row]:
    shadow = book.shadow
    assert shadow is not None
    text = f"{len(shadow.days)} of {shadow.sessions} sessions, {shadow.outcomes:,} outcomes"
    if shadow.outcomes:
        sums = {
            name: sum(day.losses.get(name, 0.0) for day in shadow.days) / shadow.outcomes
            for name in (CHALLENGER, CHAMPION)
        }
        gain = sums[CHAMPION] - sums[CHALLENGER]
        text += f"; log loss {gain:+.4f} against the champion (above 0 is better)"
    return _said("in the shadow", text, width, "accent")


def drift_rows(book: ModelBook, width: int) -> tuple[list[Row], Line]:
    """Return how far each symbol is from the training data, the furthest first."""
    columns = Columns(DRIFT_COLUMNS, width)
    if not book.drift:
        text = "Measured after each close; not yet." if book.champion else "No champion."
        return [row((text, "dim"))], columns.header()
    rows = []
    for symbol, moved in sorted(book.drift.items(), key=lambda item: (-item[1].psi, item[0])):
        style = "bad" if moved.psi >= STRONG_SHIFT else "warn" if moved.psi >= SHIFT else ""
        outcome = f.probability(moved.outcome) if moved.outcome is not None else "-"
        rows.append(
            columns.row(
                symbol,
                symbol=(symbol, "bold"),
                psi=(f"{moved.psi:.2f}", style),
                bar=(f.gauge(moved.psi / (2 * STRONG_SHIFT), 8), style or "blue"),
                feature=moved.feature,
                outcome=outcome,
                windows=(f"{moved.windows:,}", "dim"),
            )
        )
    return rows, columns.header()


def training_rows(training: Training | None, width: int) -> list[Row]:
    """Return how far the last training is, or what came of it."""
    if training is None:
        return [row(("No training yet; t begins one.", "dim"))]
    asked = f"#{training.number}, {f.new_york(training.asked_at, '%a %d %b %H:%M')}"
    rows = [row(("training ", "dim"), asked, (f" by {f.clean(training.by)}", "dim"))]
    if training.is_running:
        left = ""
        if training.seconds_left is not None:
            left = f", {f.span(timedelta(seconds=training.seconds_left))} left:"
        bar = f.gauge(training.share, 16)
        text = f" {training.share * 100:.0f} %{left} {f.clean(training.stage)}"
        rows.append(row((f"▕{bar}▏", "blue"), f.fit(text, max(0, width - 18))))
        return rows
    style = {"trained": "good", "failed": "bad"}.get(training.outcome or "", "warn")
    said = str(training.outcome)
    said += f": {f.clean(training.model_id)}" if training.model_id else ""
    said += f": {f.clean(training.reason)}" if training.reason else ""
    return [*rows, *(row((line, style)) for line in f.wrap(said, width))]


def decision_rows(book: ModelBook, width: int) -> list[Row]:
    """Return what was decided about models and why, newest first."""
    rows: list[Row] = []
    for made in reversed(book.decisions):
        at = f.new_york(made.at, "%a %d %b %H:%M")
        rows.append(row((f"{at} ", "dim"),
                        (f"{made.verdict.replace('_', ' ')} ", VERDICTS.get(made.verdict, "")),
                        (f.clean(made.model_id), "bold")))  # fmt: skip
        rows += [row(f"  {line}") for line in f.wrap(f.clean(made.reason), width - 2)]
    return rows or [row(("Nothing was decided about a model yet.", "dim"))]


def promote_rows(view: ModelView, book: ModelBook) -> list[Row]:
    """Return what promoting a model changes, and from when."""
    rows = [
        row(("champion now ", "dim"), f.clean(book.champion or "none")),
        row(("champion then ", "dim"), (f.clean(view.id), "bold")),
        row("It is asked from the next prediction on."),
    ]
    if book.shadow is not None:
        rows.append(row((f"The shadow of {f.clean(book.shadow.model_id)} ends.", "warn")))
    gate = view.entry.gate if view.entry is not None else None
    if gate is None:
        rows.append(row(("No gate has judged it against the champion.", "warn")))
    else:
        passed = "passed" if gate.is_passed else "did not pass"
        rows += [
            row((line, "" if gate.is_passed else "warn"))
            for line in f.wrap(f"It {passed} the gate: {f.clean(gate.reason)}", 58)
        ]
    rows.append(row(("Its live record begins anew. Stops are not touched.", "dim")))
    return rows


def roll_back_rows(book: ModelBook) -> list[Row]:
    """Return what rolling back changes, and from when."""
    return [
        row(("champion now ", "dim"), (f.clean(book.champion or "none"), "bold")),
        row("The champion before the last promotion is champion again:"),
        row("it is asked from the next prediction on."),
        row((f"{f.clean(book.champion or 'It')} is then suspended.", "warn")),
        row(("The live record begins anew. Stops are not touched.", "dim")),
    ]


def _said(label: str, text: str, width: int, style: str = "") -> list[Row]:
    lines = f.wrap(text, max(10, width - LABEL)) or [""]
    return [
        row((f.fit(label if number == 0 else "", LABEL), "dim"), (line, style))
        for number, line in enumerate(lines)
    ]
