"""The pages behind a line: a symbol as the desk sees it, and why something happened."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.overnight import gap_risk
from hybrid_tui.tui import format as f
from hybrid_tui.tui.desk.strategy import thesis_of
from hybrid_tui.tui.model import DeskModel, last_price
from hybrid_tui.tui.story_rows import story_rows
from hybrid_tui.tui.tape import WORDS, Entry
from hybrid_tui.tui.widgets.lines import Row, row

if TYPE_CHECKING:
    from hybrid_tui.analysis.story import Story

MOST_HEADLINES = 8
LABEL = 13


def symbol_page(model: DeskModel, symbol: str, now: datetime, width: int) -> list[Row]:
    """Return what is known of a symbol: price, position, prediction, strategy, headlines."""
    state = model.state
    assert state is not None
    price, at = last_price(state, symbol)
    rows: list[Row] = []
    if price is not None and at is not None:
        opened = state.day_open.get(symbol)
        change = f"   {f.moved(price / opened - 1)} today" if opened else ""
        rows += _said("last", f"{f.money(price)}{change}   {f.span(now - at)} old", width)
    chart = model.charts.get(symbol, ())
    if chart:
        spark = f.spark(list(chart), width - LABEL)
        rows += _said("bars", spark, width)
    rows += [row(""), row(("Position", "head"))]
    rows += _position(state, symbol, width)
    lock = state.lock_on(symbol, now)
    if lock is not None:
        until = f.new_york(lock.until, "%a %H:%M") if lock.until else "lifted by hand"
        rows += _said("locked", f"{lock.name} until {until}: {f.clean(lock.reason)}", width)
    rows += [row(""), row(("Prediction", "head"))]
    prediction = state.predictions.get(symbol)
    abstention = state.abstentions.get(symbol)
    if abstention is not None:
        text = f"none at {f.new_york(abstention.at)}: {f.clean(abstention.reason)}"
        rows += _said("abstained", text, width)
    if prediction is not None:
        rows += prediction_rows(prediction, now, width)
    elif abstention is None:
        rows.append(row(("None yet.", "dim")))
    rows += [row(""), row(("Strategy", "head"))]
    rows += _strategies(state, symbol, now, width)
    rows += [row(""), row(("Headlines", "head"))]
    rows += _headlines(state, symbol, now, width)
    return rows


def entry_page(
    model: DeskModel, entry: Entry, story: Story | None, now: datetime, width: int
) -> list[Row]:
    """Return what happened, because of what, its whole story, and the texts behind it."""
    rows = [
        row((line, entry.style or "bold"))
        for line in f.wrap(f"{f.new_york(entry.at, '%a %d %b %H:%M:%S')}  {entry.text}", width)
    ]
    if entry.because:
        rows += _said("because", entry.because, width)
    if story is None:
        rows.append(row(("The journal has nothing more of it.", "dim")))
    elif len(story.steps) > 1 or any(step.facts for step in story.steps):
        rows += [row(""), *story_rows(story, width)]
    event = entry.event
    if isinstance(event, (ev.EntryRefused, ev.StopMoved)):
        rows += [row(""), row((f"{event.symbol} now", "head"))]
        rows += symbol_page(model, event.symbol, now, width)
    elif isinstance(event, ev.NewsArrived):
        item = event.item
        rows.append(row(""))
        rows += _said("source", f.clean(item.source) or "-", width)
        rows += _said("received", f.new_york(item.received_at, "%a %d %b %H:%M:%S"), width)
        rows += _said("text", f.clean(item.body) or "none came with it", width)
    return rows


def prediction_rows(prediction: MLPrediction, now: datetime, width: int) -> list[Row]:
    """Return all figures of a prediction."""
    p = prediction
    expected = p.price_forecast_1h / p.reference_price - 1
    freshness = (
        f"holds until {f.new_york(p.expires_at)}"
        if p.is_fresh(now)
        else f"no longer holds: {f.span(now - p.at)} old"
    )
    votes = ", ".join(f"{name} {f.probability(value)}" for name, value in p.members.items())
    rows = _said("made", f"{f.new_york(p.at)}, {freshness}", width)
    rows += _said(
        "p(buy)",
        f"{f.probability(p.buy_probability)} that the price beats {p.threshold_bps:g} bp"
        f" by {f.new_york(p.horizon_end, '%H:%M')}",
        width,
    )
    rows += _said("confidence", f.probability(p.confidence), width)
    rows += _said(
        "1 h forecast",
        f"{f.money(p.price_forecast_1h)} ({f.percent(expected, sign=True)}),"
        f" {p.interval.level * 100:.0f} % within {f.money(p.interval.low)}"
        f" .. {f.money(p.interval.high)}",
        width,
    )
    rows += _said("volatility", f"{f.percent(p.volatility_forecast)} to then", width)
    rows += _said("target", f"{p.target_position * 100:.0f} % of equity", width)
    rows += _said("members", votes, width)
    rows += _said("inputs", "familiar" if p.familiar else "unfamiliar: no entry on it", width)
    trained = f.new_york(p.trained_until, "%d %b %Y")
    rows += _said("model", f"{f.clean(p.model_id)}, trained until {trained}", width)
    return rows


def _said(
    label: str, text: str, width: int, *, label_style: str = "dim", **sizes: int
) -> list[Row]:
    room = sizes.get("label", LABEL)
    lines = f.wrap(text, max(10, width - room)) or [""]
    return [
        row((f.fit(label if index == 0 else "", room), "dim"), line)
        for index, line in enumerate(lines)
    ]


def _position(state: DeskState, symbol: str, width: int) -> list[Row]:
    held = state.positions.get(symbol)
    if held is None:
        return [row(("Not held.", "dim"))]
    price, _ = last_price(state, symbol)
    last = price if price is not None else held.entry_price
    pnl = (last - held.entry_price) * held.quantity
    rows = _said(
        "held",
        f"{f.quantity(held.quantity)} at {f.money(held.entry_price)} since"
        f" {f.new_york(held.entry_at, '%a %H:%M')} ({held.entry_reason})",
        width,
    )
    rows += _said("result", f"{f.moved(last / held.entry_price - 1)}  {f.signed(pnl)}", width)
    away = f"{f.percent((last - held.level) / last)} below the price" if last else ""
    rule = WORDS.get(held.level_from.value, held.level_from.value)
    rows += _said("stop", f"{f.money(held.level)} ({rule}), {away}", width)
    rows += _said("high", f.money(held.high), width)
    if symbol in state.nights:
        risk = gap_risk(state.nights[symbol], held, state.closes.get(symbol, held.entry_price))
        rows += _said("overnight", risk.text, width)
    return rows


def _strategies(state: DeskState, symbol: str, now: datetime, width: int) -> list[Row]:
    rows: list[Row] = []
    for found in list(state.signals.values())[-3:]:
        status = found.symbols.get(symbol)
        score = found.signal.sentiment_scores.get(symbol)
        if status is None and score is None:
            continue
        words = f"{status or 'not on the list'}"
        words += f", sentiment {f.score(score)}" if score is not None else ""
        if found is state.strategy(now):
            words += ", in force"
        why = thesis_of(found, symbol)
        rows += _said(f.clean(found.signal.session), f"{words}{f'. {why}' if why else ''}", width)
    return rows or [row(("In none of the last three.", "dim"))]


def _headlines(state: DeskState, symbol: str, now: datetime, width: int) -> list[Row]:
    rows: list[Row] = []
    for item in reversed(state.news):
        if symbol not in item.symbols:
            continue
        score = state.scores.get(item.id)
        shown = f"{f.score(score)} " if score is not None else ""
        age = f.span(now - item.received_at)
        rows += _said(f"{age} ago", f"{shown}{f.clean(item.headline)}", width)
        if len(rows) >= MOST_HEADLINES:
            break
    return rows or [row(("None.", "dim"))]
