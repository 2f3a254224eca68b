"""What happened in words: the steps that stories are made of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Order, Side
from hybrid_tui.domain.text import clean_text
from hybrid_tui.journal.codec import load_event

EXITS = {"manual": "by hand", "overnight": "overnight target", "daily_loss": "daily loss"}

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One happening of a story: when, of what kind, in words, with its figures."""

    at: datetime
    kind: str
    text: str
    facts: Facts = ()
    event_id: int | None = None


def tell(connection: sqlite3.Connection, run: str, event_id: int) -> Iterator[Step]:
    """Yield an event in a line, nothing where there is none."""
    row = connection.execute(
        "select kind, body from events where run = ? and id = ?", (run, event_id)
    ).fetchone()
    if row is None:
        return
    event = load_event(row[0], row[1])
    yield Step(at=event.at, kind=_kind(row[0]), text=told(event), event_id=event_id)


def told(event: ev.Event) -> str:
    """Return an event in few words."""
    match event:
        case ev.OrderIntended(order=order):
            return rule_words(order)
        case ev.PredictionsMade(predictions=predictions, abstentions=none):
            return f"{len(predictions)} predictions, {len(none)} abstentions"
        case ev.SignalProposed(signal=signal):
            return f"strategy {clean_text(signal.session)} by {clean_text(signal.source)}"
        case ev.SignalDecided(signal_id=name, symbols=symbols, decision=decision):
            return f"{', '.join(symbols) or 'the list'} of {name} {decision}"
        case ev.OrderFilled(fill=fill):
            word = "bought" if fill.side is Side.BUY else "sold"
            return f"{word} {fill.quantity:,.10g} {fill.symbol} at {fill.price:,.2f}"
        case ev.BarsClosed(bars=bars):
            return f"the bars of {len(bars)} symbols ended"
        case ev.StopMoved(symbol=symbol, level=level, level_from=source):
            return f"{symbol} at {level:,.2f} ({exit_words(source)})"
        case ev.NewsArrived(item=item):
            return f"{', '.join(item.symbols)}: {clean_text(item.headline)}"
        case ev.LockSet(lock=lock):
            return f"{lock.label}: {clean_text(lock.reason)}"
        case _:
            named = {field.name for field in fields(event)}
            said = [str(getattr(event, name)) for name in ("symbol", "tier", "text", "reason", "by")
                    if name in named]  # fmt: skip
            return clean_text(", ".join(part for part in said if part)) or type(event).__name__


def exit_words(reason: str) -> str:
    """Return the reason of a sale as people say it."""
    return EXITS.get(reason, clean_text(reason).replace("_", " "))


def rule_words(order: Order) -> str:
    quantity = f"{order.quantity:,.10g} {order.symbol}"
    if order.side is Side.BUY:
        return f"buy {quantity}: {order.reason} was confirmed and nothing forbade it"
    return f"sell {quantity}: {exit_words(order.reason)}"


def _kind(name: str) -> str:
    """Return an event's name in small words: OrderFilled is order filled."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def lasted(duration: timedelta) -> str:
    minutes = int(duration.total_seconds()) // 60
    days, minutes = divmod(minutes, 1_440)
    hours, minutes = divmod(minutes, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a minute"
