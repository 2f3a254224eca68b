"""The pages behind a line: a symbol as the desk sees it, and why something happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Side
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.rules.overnight import gap_risk
from hybrid_tui.tui import format as f
from hybrid_tui.tui.desk.reasoning import numbered
from hybrid_tui.tui.desk.strategy import thesis_of
from hybrid_tui.tui.model import DeskModel, last_price
from hybrid_tui.tui.tape import WORDS, Entry
from hybrid_tui.tui.widgets.lines import Row, row

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
    model: DeskModel, entry: Entry, causes: Sequence[ev.Event], now: datetime, width: int
) -> list[Row]:
    """Return what happened, because of what, and the texts behind it."""
    state = model.state
    assert state is not None
    rows = [
        row((line, entry.style or "bold"))
        for line in f.wrap(f"{f.new_york(entry.at, '%a %d %b %H:%M:%S')}  {entry.text}", width)
    ]
    if entry.because:
        rows += _said("because", entry.because, width)
    chain = list(causes[1:]) if causes and causes[0].id == entry.event.id else list(causes)
    if chain:
        rows += [row(""), row(("What led to it", "head"))]
        for event in chain:
            text = f"{f.new_york(event.at)} #{event.id} {_told(event)}"
            rows += _said("←", text, width, room=3)
    order = next((e.order for e in causes if isinstance(e, ev.OrderIntended)), None)
    if isinstance(entry.event, ev.OrderIntended):
        order = entry.event.order
    if order is not None:
        rows += [row(""), row(("The order", "head"))]
        rows += _said("id", order.id, width)
        rows += _said("reason", WORDS.get(order.reason, order.reason), width)
        rows += _said("equity then", f.money(order.equity) if order.equity else "-", width)
        known = state.predictions.get(order.symbol)
        if order.prediction_id is not None and order.side is Side.BUY:
            rows += [row(""), row(("The prediction", "head"))]
            made = next((e for e in causes if isinstance(e, ev.PredictionsMade)), None)
            found = next(
                (
                    p
                    for p in (*(made.predictions if made else ()), *([known] if known else ()))
                    if p.id == order.prediction_id
                ),
                None,
            )
            if found is not None:
                rows += prediction_rows(found, now, width)
            else:
                text = f"{order.prediction_id}: p {f.probability(order.priority)}"
                rows += _said("id", text, width)
        signal = state.signals.get(order.strategy_id or "")
        if signal is not None:
            rows += [row(""), row(("The strategy", "head"))]
            rows += _signal(signal, order.symbol, state, width)
    elif isinstance(entry.event, (ev.SignalProposed, ev.SignalDecided)):
        name = (
            entry.event.signal.id
            if isinstance(entry.event, ev.SignalProposed)
            else entry.event.signal_id
        )
        signal = state.signals.get(name)
        if signal is not None:
            rows += [row(""), row(("The strategy", "head"))]
            rows += _signal(signal, None, state, width)
    elif isinstance(entry.event, (ev.EntryRefused, ev.StopMoved)):
        rows += [row(""), row((f"{entry.event.symbol} now", "head"))]
        rows += symbol_page(model, entry.event.symbol, now, width)
    elif isinstance(entry.event, ev.NewsArrived):
        item = entry.event.item
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


def _signal(found: SignalState, symbol: str | None, state: DeskState, width: int) -> list[Row]:
    signal = found.signal
    rows = _said(
        f.clean(signal.session),
        f"{signal.direction.value}, risk {signal.risk_level.value}, by {f.clean(signal.source)};"
        f" {found.status}",
        width,
    )
    if symbol is not None and thesis_of(found, symbol):
        rows += _said("thesis", thesis_of(found, symbol), width)
    else:
        listed = [f"{name} {status}" for name, status in found.symbols.items()]
        rows += _said("list", ", ".join(listed) or "empty", width)
    for reason in found.reasons:
        rows += _said("veto", f.clean(reason), width)
    text, cited = numbered(f.clean(signal.reasoning), signal.cited)
    rows += _said("reasoning", text or "none given", width)
    headlines = {item.id: item.headline for item in state.news}
    for number, name in enumerate(cited[:MOST_HEADLINES], start=1):
        said = f.clean(headlines.get(name, f"{name}: no longer kept"))
        rows += _said(f"[{number}]", said, width)
    return rows


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


def _told(event: ev.Event) -> str:
    """Return an event in few words."""
    match event:
        case ev.OrderIntended(order=order):
            why = WORDS.get(order.reason, order.reason)
            return (
                f"decided to {order.side.value} {f.quantity(order.quantity)} {order.symbol}: {why}"
            )
        case ev.PredictionsMade(predictions=predictions):
            return f"{len(predictions)} predictions"
        case ev.SignalProposed(signal=signal):
            return f"strategy {f.clean(signal.session)} by {f.clean(signal.source)}"
        case ev.OrderFilled(fill=fill):
            return f"{fill.side.value} {f.quantity(fill.quantity)} {fill.symbol} filled"
        case ev.BarsClosed(bars=bars):
            return f"the bars of {len(bars)} symbols ended"
        case _:
            named = [field.name for field in fields(event) if field.name == "symbol"]
            symbol = f" {getattr(event, named[0])}" if named else ""
            return f"{type(event).__name__}{symbol}"
