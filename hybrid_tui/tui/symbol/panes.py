"""What stands around the chart: the head, the rules' conditions, predictions and headlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hybrid_tui.domain.bars import DAY_SECONDS
from hybrid_tui.domain.inquiries import Chart
from hybrid_tui.domain.orders import ExitReason, Position
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.symbol_record import Came
from hybrid_tui.tui import format as f
from hybrid_tui.tui.freshness import doubt
from hybrid_tui.tui.model import last_price
from hybrid_tui.tui.symbol.chart import line_of, short_count
from hybrid_tui.tui.symbol.marks import Mark
from hybrid_tui.tui.tape import WORDS
from hybrid_tui.tui.widgets.lines import Row, Span, row, width_of

TIMEFRAMES = {"1m": 60, "5m": 300, "1h": 3_600, "1d": DAY_SECONDS}
STOPS = {ExitReason.HARD_STOP: "hard", ExitReason.TRAILING_STOP: "trail"}
MOST_NEWS = 40
ROOMY = 56


def head_row(
    state: DeskState, symbol: str, now: datetime, before: float | None, interval: int, width: int
) -> Row:
    """Return the first line: price and change, what is held, its stop, and the timeframes."""
    spans: list[Span] = [(f" {symbol} ", "bold")]
    price, at = last_price(state, symbol)
    why = doubt(state, symbol, now)
    if price is None:
        spans.append((" no price yet ", "dim"))
    else:
        spans.append((f" {f.money(price)} ", "dim" if why else "bold"))
        if before:
            change = price / before - 1
            style = "dim" if why else f.direction(round(change, 4))
            spans.append((f"{f.moved(change)} ", style))
        if why:
            spans.append((f" {why} ", "warn"))
        elif at is not None and state.session is None:
            spans.append((f" {f.span(now - at)} old ", "dim"))
    frames: list[Span] = []
    for name, seconds in TIMEFRAMES.items():
        is_shown = seconds == interval
        frames.append((f"[{name}]" if is_shown else f" {name} ", "accent" if is_shown else "dim"))
    room = width - width_of((*spans, *frames)) - 1
    held = state.positions.get(symbol)
    parts = _held(state, held, price) if held is not None else [((" not held", "dim"),)]
    for part in parts:
        if width_of(part) > room:
            break
        spans += part
        room -= width_of(part)
    return row(*spans, (" " * max(0, room), ""), *frames)


def _held(state: DeskState, held: Position, price: float | None) -> list[tuple[Span, ...]]:
    last = price if price is not None else held.entry_price
    pnl = (last - held.entry_price) * held.quantity
    style = f.direction(round(pnl, 2))
    parts: list[tuple[Span, ...]] = [
        (("  held ", "dim"), (f"{f.quantity(held.quantity)} @ {f.money(held.entry_price)}", "")),
        ((f"  {f.arrow(pnl)} {f.signed(pnl)}", style),),
    ]
    if state.exit_order(held.symbol) is not None:
        parts.append((("  being sold", "warn"),))
    elif held.level <= 0:
        parts.append((("  no stop confirmed", "bad"),))
    else:
        rule = STOPS.get(held.level_from, held.level_from.value)
        away = f", {f.percent((last - held.level) / last)} off" if last else ""
        parts += [
            (("  stop ", "dim"), (f"{f.money(held.level)} ", ""), (rule, "accent")),
            ((away, "dim"),),
        ]
    return parts


def cursor_row(chart: Chart, index: int, marks: Sequence[Mark], width: int) -> Row:
    """Return the read-out of the bar under the crosshair."""
    at = datetime.fromtimestamp(chart.start[index], UTC)
    pattern = "%a %d %b %Y" if chart.interval >= DAY_SECONDS else "%a %d %b %H:%M"
    spans: list[Span] = [(f" {f.new_york(at, pattern)} ", "bold")]
    for name in ("open", "high", "low", "close"):
        value: float = getattr(chart, name)[index]
        spans += [(f" {name[0]} ", "dim"), (f.money(value), "")]
    spans += [(" vol ", "dim"), (short_count(chart.volume[index]), "")]
    for name, label, pattern in (("rsi", "RSI", ".0f"), ("macd_histogram", "MACD-signal", "+.3f")):
        values = line_of(chart, name)
        value_at = values[index] if values else None
        if value_at is not None:
            spans += [(f"  {label} ", "dim"), (format(value_at, pattern), "")]
    said = "; ".join(mark.text for mark in marks)
    room = width - width_of(tuple(spans)) - 3
    if said and room > 8:
        spans.append((f"   {f.fit(said, room).rstrip()}", "accent"))
    return row(*spans)


def verdict_row(document: Mapping[str, Any] | None, refused: str, width: int) -> Row:
    """Return what the rules would do now, in one line."""
    if document is None:
        return row((f" {f.fit(refused or 'asking the engine ...', width - 2)}", "dim"))
    held, entry = document["position"], document["entry"]
    if held is not None:
        if held["selling"]:
            return row((f" being sold: {_words(held['selling'])}", "warn"))
        if held["would_sell"]:
            return row((f" would sell at the next bar: {_words(held['would_sell'])}", "warn"))
        stop = f"{f.money(held['stop'])} ({_words(held['stop_reason'])})"
        text = f" nothing sells now; below {stop} the resting stop does"
        return row((f.fit(text, width - 1), "dim"))
    if entry["would_buy"] is not None:
        return row((f" would buy {f.quantity(entry['would_buy'])} at the next open", "good"))
    count = len(entry["missing"])
    more = f" and {count - 1} more" if count > 1 else ""
    text = f" no entry: {f.clean(entry['missing'][0])}{more}"
    return row((f.fit(text, width - 1), "dim"))


def conditions_title(document: Mapping[str, Any] | None) -> str:
    """Return the title of the pane of conditions."""
    if document is None:
        return "Rules"
    if document["position"] is not None:
        return "Exits"
    rows = document["entry"]["conditions"]
    return f"Entry · {document['entry']['set']} · {sum(r['met'] for r in rows)} of {len(rows)} hold"


def condition_rows(document: Mapping[str, Any] | None, refused: str, width: int) -> list[Row]:
    """Return the conditions of an entry, or of the exits of what is held; what is missing first."""
    if document is None:
        return [row((f.fit(refused or "Asking the engine ...", width), "dim"))]
    held, entry = document["position"], document["entry"]
    if held is not None:
        rows = [_exit(found, width) for found in held["conditions"]]
        return rows + [_technical(found, width, sells=True) for found in held["technical"]]
    missing = [found for found in entry["conditions"] if not found["met"]]
    met = [found for found in entry["conditions"] if found["met"]]
    rows = [_condition(found, width) for found in missing]
    rows += [_technical(found, width) for found in entry["technical"]]
    return rows + [_condition(found, width) for found in met]


def _condition(found: Mapping[str, Any], width: int) -> Row:
    mark: Span = ("✓ ", "good") if found["met"] else ("✗ ", "warn")
    said = found["reason"] or ""
    if not said and found["value"] is not None:
        said = f"{found['value']:.2f}"
    text = f"{found['name']}: {f.clean(said)}" if said else found["name"]
    return row(mark, (f.fit(text, width - 2), "" if not found["met"] else "dim"))


def _technical(found: Mapping[str, Any], width: int, *, sells: bool = False) -> Row:
    mark: Span = ("✓ ", "warn" if sells else "good") if found["met"] else ("· ", "dim")
    figures = ", ".join(_figure(value) for value in found["values"].values())
    ago = found["held_bars_ago"]
    last = f", held {ago} bars ago" if ago else ""
    text = f"{found['condition']}{f' = {figures}' if figures else ''}{last}"
    return row(mark, (f.fit(text, width - 2), "" if found["met"] else "dim"))


def _exit(found: Mapping[str, Any], width: int) -> Row:
    mark: Span = ("✓ ", "warn") if found["holds"] else ("· ", "dim")
    value = f": {found['value']:.2f}" if found["value"] is not None else ""
    text = f"{_words(found['name'])}{value}"
    return row(mark, (f.fit(text, width - 2), "" if found["holds"] else "dim"))


def record_title(predictions: Sequence[Came]) -> str:
    """Return how predictions compare with what came: "9 of 14 inside the 90 % band"."""
    known = [came for came in predictions if came.is_inside is not None]
    if not known:
        return "Predictions"
    inside = sum(bool(came.is_inside) for came in known)
    return f"{inside} of {len(known)} inside the {known[0].level * 100:.0f} % band"


def record_rows(
    predictions: Sequence[Came], state: DeskState, symbol: str, width: int
) -> list[Row]:
    """Return the predictions, newest first, each with what came."""
    rows: list[Row] = []
    abstention = state.abstentions.get(symbol)
    if abstention is not None and (not predictions or abstention.at > predictions[0].at):
        text = f"{f.new_york(abstention.at, '%H:%M')} none: {f.clean(abstention.reason)}"
        rows.append(row((f.fit(text, width), "warn")))
    if not predictions:
        return rows or [row(("None yet in this run.", "dim"))]
    return rows + [_came(came, width) for came in predictions]


def _came(came: Came, width: int) -> Row:
    expected = came.forecast / came.reference_price - 1
    is_roomy = width >= ROOMY
    digits = 2 if is_roomy else 1
    low, high = (_moved(price, came, digits) for price in (came.low, came.high))
    spans: list[Span] = [
        (f"{f.new_york(came.at, '%H:%M')} ", "dim"),
        (f"p {f.probability(came.buy_probability):>3} ", ""),
    ]
    if is_roomy:
        spans.append((f"{expected * 100:+.2f} ", ""))
    spans.append((f"[{low},{high}] ", "dim"))
    if came.close is None:
        spans.append(("… ", "dim"))
    else:
        style = f.direction(round(came.close / came.reference_price - 1, 6))
        spans += [
            ("→ ", "dim"),
            (f"{_moved(came.close, came)} ", style),
            ("✓ in", "dim") if came.is_inside else ("✗ out", "warn"),
        ]
        if is_roomy:
            spans.append((", came true" if came.came_true else ", did not", "dim"))
    if not came.familiar:
        spans.append((" unfamiliar", "warn"))
    return row(*spans)


def news_rows(state: DeskState, symbol: str, now: datetime, width: int) -> list[Row]:
    """Return the headlines about a symbol, newest first, with their age and sentiment."""
    rows = []
    for item in reversed(state.news):
        if symbol not in item.symbols:
            continue
        score = state.scores.get(item.id)
        shown: Span = (f"{'·':>4} ", "dim")
        if score is not None:
            shown = (f"{f.score(score):>4} ", f.direction(score))
        age = f.span(now - item.received_at)
        head = f.fit(f.clean(item.headline), max(8, width - 12)).rstrip()
        rows.append(row((f"{age:>6} ", "dim"), shown, head, key=item.id))
        if len(rows) >= MOST_NEWS:
            break
    return rows or [row(("No headlines about it.", "dim"))]


def headline_rows(state: DeskState, name: str, width: int) -> list[Row]:
    """Return a headline with its text, to read."""
    item = next((item for item in state.news if item.id == name), None)
    if item is None:
        return [row(("It is no longer kept.", "dim"))]
    score = state.scores.get(item.id)
    facts = [
        ("received", f.new_york(item.received_at, "%a %d %b %H:%M:%S")),
        ("source", f.clean(item.source) or "-"),
        ("about", ", ".join(item.symbols)),
        ("sentiment", f.score(score) if score is not None else "not read"),
    ]
    rows = [row((line, "bold")) for line in f.wrap(f.clean(item.headline), width)]
    rows += [row((f.fit(label, 12), "dim"), text) for label, text in facts]
    rows.append(row(""))
    return rows + _wrapped(f.clean(item.body) or "No text came with it.", width)


def _wrapped(text: str, width: int) -> list[Row]:
    return [row(line) for line in f.wrap(text, width)]


def _moved(price: float, came: Came, digits: int = 2) -> str:
    return f"{(price / came.reference_price - 1) * 100:+.{digits}f}"


def _words(reason: str) -> str:
    return WORDS.get(reason, f.clean(reason))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
