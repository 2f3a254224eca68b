"""The pane of tier 2: what it expects of each symbol, and where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hybrid_tui.domain.models import SHIFT, STRONG_SHIFT
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.sizing import shares_at_decision
from hybrid_tui.tui import format as f
from hybrid_tui.tui.freshness import dimmed, doubt
from hybrid_tui.tui.model import live_equity
from hybrid_tui.tui.widgets.lines import Cell, Column, Columns, Line, Row, row

NO_VIEW = 0.02
COLUMNS = (
    Column(name="symbol", title="symbol", width=6),
    Column(name="p", title="p(buy)", width=6, align="right"),
    Column(name="bar", title="", width=12, rank=1, grows=True),
    Column(name="confidence", title="conf", width=4, align="right"),
    Column(name="forecast", title="1 h", width=7, align="right", rank=2),
    Column(name="interval", title="90 % of cases", width=13, align="right", rank=4),
    Column(name="volatility", title="vol", width=5, align="right", rank=5),
    Column(name="votes", title="votes", width=5, rank=3),
    Column(name="position", title="target", width=6, align="right", rank=7),
    Column(name="last", title="from", width=9, align="right", rank=8),
)
WIDEST_BAR = 40


def probability_rows(
    state: DeskState, now: datetime, threshold: float, width: int
) -> tuple[list[Row], Line]:
    """Return a row a symbol of the watchlist, likeliest first, and the header."""
    columns = Columns(COLUMNS, width)
    fresh = {s: p for s, p in state.predictions.items() if p.is_fresh(now)}
    if state.started is not None and "ml" not in state.started.tiers:
        return [row(("Tier 2 is switched off.", "dim"))], columns.header()
    if not state.predictions and not state.abstentions:
        return [row((_waiting(state, now), "dim"))], columns.header()
    rows = []
    for symbol in _ordered(state, fresh):
        prediction = state.predictions.get(symbol)
        abstention = state.abstentions.get(symbol)
        if abstention is not None and (prediction is None or abstention.at >= prediction.at):
            rows.append(_silent(symbol, f"no prediction: {f.clean(abstention.reason)}", "dim"))
        elif prediction is not None and not prediction.is_fresh(now):
            age = f.span(now - prediction.at)
            p = f.probability(prediction.buy_probability)
            rows.append(_silent(symbol, f"{p} is {age} old: it no longer counts", "dim"))
        elif prediction is not None:
            why = doubt(state, symbol, now)
            rows.append(_predicted(columns, prediction, threshold, state, why))
        else:
            rows.append(_silent(symbol, "no prediction yet", "dim"))
    return rows, columns.header()


def reached(state: DeskState, now: datetime, threshold: float) -> str:
    """Return how many fresh predictions reach the threshold, in words."""
    fresh = [p for p in state.predictions.values() if p.is_fresh(now)]
    if not fresh:
        return "no fresh prediction"
    count = sum(p.buy_probability >= threshold for p in fresh)
    return f"{count} of {len(fresh)} reached {f.probability(threshold)}"


def live_calibration(state: DeskState) -> str:
    """Return how the model's latest predictions came true, and what confidence pays for it."""
    record = state.live_calibration
    error, known = record.error(), record.outcomes
    if not known:
        return ""
    said = sum(sum(tally.said) for tally in record.tallies) / known
    came = sum(sum(tally.came) for tally in record.tallies) / known
    compared = f"{said * 100:.0f} % said, {came * 100:.0f} % came true (n {known}"
    if error is None:
        return f"{compared}: too few to judge)"
    shrunk = f", confidence x {record.factor():.2f}" if record.factor() < 1 else ""
    return f"{compared}, ECE {f.probability(error)}{shrunk})"


def drift(state: DeskState) -> str:
    """Return the symbol furthest from the training data, by how much and in what, if it is far."""
    found = state.models.strongest_drift()
    if found is None or found[1].psi < SHIFT:
        return ""
    symbol, moved = found
    more = sum(one.psi >= STRONG_SHIFT for one in state.models.drift.values()) - 1
    others = f" (+{more})" if more > 0 else ""
    return f"drift: {symbol} {moved.psi:.2f} {moved.feature}{others}"


def _waiting(state: DeskState, now: datetime) -> str:
    beat = state.beats.get("ml")
    if beat is None:
        return "No prediction yet."
    if beat.health == "failed":
        return f"Tier 2 failed: {f.clean(beat.reason)}"
    if beat.next_at is not None and beat.next_at > now:
        return f"No prediction yet; the first in {f.span(beat.next_at - now)}."
    return "No prediction yet; they begin five minutes after the open."


def _ordered(state: DeskState, fresh: Mapping[str, MLPrediction]) -> list[str]:
    listed = state.started.watchlist if state.started is not None else ()
    symbols = {*listed, *state.predictions, *state.abstentions}
    return sorted(symbols, key=lambda s: (-fresh[s].buy_probability if s in fresh else 1.0, s))


def _silent(symbol: str, why: str, style: str) -> Row:
    return row((f.fit(symbol, 6), ""), (" ", ""), (why, style), key=symbol)


def _predicted(
    columns: Columns, prediction: MLPrediction, threshold: float, state: DeskState, why: str
) -> Row:
    p = prediction.buy_probability
    strong = p >= threshold
    expected = prediction.price_forecast_1h / prediction.reference_price - 1
    low = prediction.interval.low / prediction.reference_price - 1
    high = prediction.interval.high / prediction.reference_price - 1
    target = prediction.target_position
    size: Cell = (f"{target * 100:.0f} %", "dim")
    if (
        target > 0
        and shares_at_decision(
            target=target,
            factor=1.0,
            max_position=1.0,
            equity=live_equity(state),
            close=prediction.reference_price,
        )
        < 1
    ):
        size = ("<1 shr", "warn")
    shown: dict[str, Cell] = {
        "symbol": (prediction.symbol, "bold" if prediction.symbol in state.positions else ""),
        "p": (("▲" if strong else " ") + _said(p, threshold), "up" if strong else ""),
        "bar": _bar(p, min(WIDEST_BAR, columns.width("bar")), threshold, strong),
        "confidence": f.probability(prediction.confidence),
        "forecast": (f.percent(expected, sign=True), f.direction(round(expected * 100, 1))),
        "interval": (f"{_tenths(low)} .. {_tenths(high)}", "dim"),
        "volatility": (f"{prediction.volatility_forecast * 100:.1f} %", "dim"),
        "votes": _votes(prediction),
        "position": size,
        "last": (f.money(prediction.reference_price), "dim"),
    }
    if not prediction.familiar:
        for name in ("forecast", "interval", "volatility"):
            shown.pop(name)
        shown["bar"] = ("unfamiliar", "warn")
    if why:
        shown = {name: dimmed(cell) for name, cell in shown.items()}
        shown["bar"] = (why, "warn")
    return columns.row(prediction.symbol, **shown)


def _said(p: float, threshold: float) -> str:
    """Return a probability that never reads as the threshold where it does not reach it."""
    rounds_up_to_it = p < threshold <= round(p, 2)
    return f.probability(threshold - 0.01 if rounds_up_to_it else p)


def _tenths(fraction: float) -> str:
    return f.percent(fraction, sign=True).removesuffix(" %")


def _bar(p: float, width: int, threshold: float, strong: bool) -> Line:
    if width < 4:
        return ()
    bar = f.ticked_gauge(p, width - 2, threshold)
    return (("▕", "dim"), (bar, "up" if strong else ""), ("▏", "dim"))


def _votes(prediction: MLPrediction) -> Line:
    """Return a sign a member: ▲ above an even chance, ▼ below it, · near it."""
    spans = []
    for value in prediction.members.values():
        lean = value - 0.5
        sign = "▲" if lean > NO_VIEW else "▼" if lean < -NO_VIEW else "·"
        spans.append((sign, f.direction(lean) if sign != "·" else "dim"))
    return tuple(spans)


def members(state: DeskState) -> str:
    """Return the names of the ensemble's members in the order of their votes."""
    latest = next(reversed(state.predictions.values()), None)
    return " ".join(latest.members) if latest is not None else ""
