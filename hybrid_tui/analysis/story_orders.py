"""The part of a story from the rule to the exit: orders, fills, stops, results and locks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from hybrid_tui.analysis.story_words import Facts, Step, exit_words, lasted, rule_words
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.orders import Order, OrderKind, Side
from hybrid_tui.domain.text import clean_text
from hybrid_tui.journal.codec import load_event

FURTHEST_END = 20_000
"""How many events after its decision the end of an order is looked for."""


def order_steps(connection: sqlite3.Connection, run: str, name: str) -> list[Step]:
    """Return an order's rule, its way, its fills and its end."""
    row = connection.execute(
        "select e.id, e.body, o.status from orders o join events e on e.run = o.run"
        " and e.id = o.event_id where o.run = ? and o.id = ?",
        (run, name),
    ).fetchone()
    if row is None:
        return []
    event = load_event("OrderIntended", row[1])
    assert isinstance(event, ev.OrderIntended)
    order = event.order
    steps = [
        Step(
            at=order.at,
            kind="rule",
            text=rule_words(order),
            facts=_order_facts(order),
            event_id=event.id,
        )
    ]
    ends = connection.execute(
        "select max(event_id) from fills where run = ? and order_id = ?", (run, name)
    ).fetchone()[0]
    moved = connection.execute(
        "select id, at, body from events where run = ? and id > ? and id <= ?"
        " and kind = 'OrderMoved' and json_extract(body, '$.order_id') = ? order by id",
        (run, event.id, ends or event.id + FURTHEST_END, name),
    ).fetchall()
    for event_id, at, body in moved:
        found = load_event("OrderMoved", body)
        assert isinstance(found, ev.OrderMoved)
        text = f"{found.stage}{f': {clean_text(found.note)}' if found.note else ''}"
        steps.append(
            Step(at=datetime.fromisoformat(at), kind="order", text=text, event_id=event_id)
        )
    steps += _fills(connection, run, name)
    if row[2] == "cancelled":
        steps += _end(connection, run, event.id, name)
    return steps


def _end(connection: sqlite3.Connection, run: str, first: int, name: str) -> Iterator[Step]:
    row = connection.execute(
        "select id, at, json_extract(body, '$.reason') from events where run = ? and id > ?"
        " and id <= ? and kind = 'OrderCancelled' and json_extract(body, '$.order_id') = ?",
        (run, first, first + FURTHEST_END, name),
    ).fetchone()
    if row is not None:
        text = clean_text(row[2]) or "without a fill"
        yield Step(at=datetime.fromisoformat(row[1]), kind="ended", text=text, event_id=row[0])


def trade_steps(
    connection: sqlite3.Connection, run: str, symbol: str, entry: str
) -> Iterator[Step]:
    """Yield what became of what an order bought: its stops, its exits and their results."""
    bought = connection.execute(
        "select min(event_id) from fills where run = ? and order_id = ? and side = 'buy'",
        (run, entry),
    ).fetchone()[0]
    if bought is None:
        return
    trades = connection.execute(
        "select event_id, quantity, entry_at, entry_price, exit_at, exit_price, exit_reason, fees,"
        " pnl, exit_order_id from trades where run = ? and symbol = ? and entry_order_id = ?"
        " order by event_id",
        (run, symbol, entry),
    ).fetchall()
    held = connection.execute(
        "select quantity, level, level_from from positions where run = ? and entry_order_id = ?",
        (run, entry),
    ).fetchone()
    until = None if held is not None or not trades else trades[-1][0]
    yield from _stops(connection, run, symbol, bought, until)
    for row in trades:
        if row[9]:
            yield from order_steps(connection, run, row[9]) or _fills(connection, run, row[9])
        invested = row[1] * row[3]
        share = f" ({row[8] / invested:+.2%})" if invested else ""
        duration = datetime.fromisoformat(row[4]) - datetime.fromisoformat(row[2])
        yield Step(
            at=datetime.fromisoformat(row[4]),
            kind="result",
            text=f"{row[8]:+,.2f}{share}: {exit_words(row[6])}",
            facts=(
                ("sold", f"{row[1]:,.10g} {symbol} at {row[5]:,.2f}, bought at {row[3]:,.2f}"),
                ("held", lasted(duration)),
                ("fees", f"{row[7]:,.2f}"),
            ),
            event_id=row[0],
        )
        yield from _locks(connection, run, row[0])
    if held is not None:
        at = connection.execute("select max(at) from events where run = ?", (run,)).fetchone()[0]
        yield Step(
            at=datetime.fromisoformat(at),
            kind="held",
            text=f"{held[0]:,.10g} {symbol} still; stop {held[1]:,.2f} ({exit_words(held[2])})",
        )


def _order_facts(order: Order) -> Facts:
    facts = [("order", order.id)]
    if order.kind is not OrderKind.MARKET:
        price = f" {order.price:,.2f}" if order.price is not None else ""
        facts.append(("kind", f"{order.kind.value.replace('_', ' ')}{price}"))
    if order.equity:
        facts.append(("equity", f"{order.equity:,.2f}"))
    if order.side is Side.BUY and order.hard:
        facts.append(("hard stop", f"{order.hard:.0%} below the entry"))
    if order.note:
        facts.append(("cut", clean_text(order.note)))
    return tuple(facts)


def _fills(connection: sqlite3.Connection, run: str, name: str) -> Iterator[Step]:
    rows = connection.execute(
        "select event_id, at, side, quantity, symbol, price, commission, slippage from fills"
        " where run = ? and order_id = ? order by event_id",
        (run, name),
    ).fetchall()
    for event_id, at, side, quantity, symbol, price, commission, slippage in rows:
        notional = quantity * price
        facts = (
            [("slippage", f"{slippage:,.2f} ({slippage / notional * 1e4:.1f} bp)")]
            if notional
            else []
        )
        if commission:
            facts.append(("commission", f"{commission:,.2f}"))
        word = "bought" if side == Side.BUY.value else "sold"
        yield Step(
            at=datetime.fromisoformat(at),
            kind="fill",
            text=f"{word} {quantity:,.10g} {symbol} at {price:,.2f}",
            facts=tuple(facts),
            event_id=event_id,
        )


def _stops(
    connection: sqlite3.Connection, run: str, symbol: str, first: int, last: int | None
) -> Iterator[Step]:
    """Yield the first stop, each change of its rule, and where it stood last."""
    rows = connection.execute(
        "select id, at, body from events where run = ? and id > ? and id <= ?"
        " and kind = 'StopMoved' and json_extract(body, '$.symbol') = ? order by id",
        (run, first, last if last is not None else 1 << 62, symbol),
    ).fetchall()
    told: tuple[str, float] | None = None
    raised = 0
    kept: Step | None = None
    for event_id, at, body in rows:
        event = load_event("StopMoved", body)
        assert isinstance(event, ev.StopMoved)
        if told == (event.level_from, event.level):
            continue
        raised += told is not None
        step = Step(
            at=datetime.fromisoformat(at),
            kind="stop",
            text=f"{event.level:,.2f} ({exit_words(event.level_from)})",
            facts=(("high", f"{event.high:,.2f}"),),
            event_id=event_id,
        )
        if told is None or told[0] != event.level_from:
            yield step
            kept = None
        else:
            kept = step
        told = (event.level_from, event.level)
    if kept is not None:
        yield replace(kept, text=f"{kept.text}, raised {raised} times so far")


def _locks(connection: sqlite3.Connection, run: str, cause: int) -> Iterator[Step]:
    rows = connection.execute(
        "select id, at, body from events where run = ? and id > ? and id <= ? and cause = ?"
        " and kind = 'LockSet' order by id",
        (run, cause, cause + 50, cause),
    ).fetchall()
    for event_id, at, body in rows:
        event = load_event("LockSet", body)
        assert isinstance(event, ev.LockSet)
        lock = event.lock
        until = (
            f"until {lock.until.astimezone(NEW_YORK):%a %H:%M}" if lock.until else "until lifted"
        )
        yield Step(
            at=datetime.fromisoformat(at),
            kind="lock",
            text=f"{lock.label} {until}: {clean_text(lock.reason)}",
            event_id=event_id,
        )
