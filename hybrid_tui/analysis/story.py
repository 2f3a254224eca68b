"""Why something happened: headline, strategist, approval, prediction, rule, order, fill, exit.

One implementation for ``hybrid-tui explain`` and for the screen; it only reads a journal. A story
is found by the id of an order, a signal, a prediction, a headline or an event, or by a symbol (its
newest order). What journals of before do not know is left out, never made up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hybrid_tui.analysis.story_orders import order_steps, trade_steps
from hybrid_tui.analysis.story_parts import (
    approvals_of,
    headlines_of,
    prediction_step,
    session_step,
)
from hybrid_tui.analysis.story_words import Step, tell
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.instants import iso
from hybrid_tui.errors import ConfigError
from hybrid_tui.journal.codec import load_event

LONGEST_CHAIN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What led to something and what came of it, oldest first."""

    id: str
    title: str
    steps: tuple[Step, ...]

    def document(self) -> dict[str, Any]:
        """Return the story as JSON-ready data."""
        return {
            "id": self.id,
            "title": self.title,
            "steps": [
                {
                    "at": iso(step.at),
                    "kind": step.kind,
                    "text": step.text,
                    "event": step.event_id,
                    "facts": dict(step.facts),
                }
                for step in self.steps
            ],
        }


def story_of(connection: sqlite3.Connection, run: str, name: str) -> Story:
    """Return the story of an id in a run; raises ConfigError for what is none."""
    order = _order_id(connection, run, name)
    if order is not None:
        return _of_order(connection, run, order)
    if _has(connection, "signals", run, name):
        return _story(name, f"strategy {name}", _of_signal(connection, run, name))
    row = connection.execute(
        "select event_id from predictions where run = ? and id = ?", (run, name)
    ).fetchone()
    if row is not None:
        return _story(name, f"prediction {name}", _of_prediction(connection, run, name, row[0]))
    if name.removeprefix("#").isdigit():
        found = _of_event(connection, run, int(name.removeprefix("#")))
        if found is not None:
            return found
    raise ConfigError(
        f"{name!r} is no order, signal, prediction, event or traded symbol of run {run}",
        hint=_nearest(connection, run, name),
    )


def _order_id(connection: sqlite3.Connection, run: str, name: str) -> str | None:
    """Return the order that an id, or a symbol, means; a stop's fill has its position's."""
    if _has(connection, "orders", run, name):
        return name
    row = connection.execute(
        "select entry_order_id from trades where run = ? and exit_order_id = ? limit 1",
        (run, name),
    ).fetchone()
    if row is not None and row[0]:
        return str(row[0])
    row = connection.execute(
        "select id from orders where run = ? and symbol = ? and side = 'buy'"
        " order by event_id desc limit 1",
        (run, name.upper()),
    ).fetchone()
    return None if row is None else str(row[0])


def _of_order(connection: sqlite3.Connection, run: str, name: str) -> Story:
    """Return the story of an order, from its entry on."""
    row = connection.execute(
        "select symbol, side from orders where run = ? and id = ?", (run, name)
    ).fetchone()
    symbol, entry = row[0], name
    if row[1] == "sell":
        bought = connection.execute(
            "select entry_order_id from trades where run = ? and exit_order_id = ? limit 1",
            (run, name),
        ).fetchone()
        if bought is None:
            bought = connection.execute(
                "select entry_order_id from positions where run = ? and symbol = ?", (run, symbol)
            ).fetchone()
        entry = bought[0] if bought is not None and bought[0] else name
    facts = connection.execute(
        "select prediction_id, strategy_id, event_id from orders where run = ? and id = ?",
        (run, entry),
    ).fetchone()
    steps: list[Step] = []
    if facts is not None:
        if facts[1]:
            steps += _signal_steps(connection, run, facts[1], symbol, before=facts[2])
        if facts[0]:
            made = prediction_step(connection, run, facts[0])
            steps += [made] if made is not None else []
        steps += order_steps(connection, run, entry)
    steps += trade_steps(connection, run, symbol, entry)
    if entry == name and row[1] == "sell":
        steps += order_steps(connection, run, name)
    return _story(name, f"{symbol} · {entry}", steps)


def _of_signal(connection: sqlite3.Connection, run: str, name: str) -> list[Step]:
    steps = _signal_steps(connection, run, name, None)
    orders = connection.execute(
        "select id from orders where run = ? and strategy_id = ? and side = 'buy'"
        " order by event_id",
        (run, name),
    ).fetchall()
    for (order,) in orders:
        steps += order_steps(connection, run, order)
    return steps


def _of_prediction(
    connection: sqlite3.Connection, run: str, name: str, event_id: int
) -> list[Step]:
    made = prediction_step(connection, run, name)
    steps = [made] if made is not None else list(tell(connection, run, event_id))
    orders = connection.execute(
        "select id from orders where run = ? and prediction_id = ? order by event_id", (run, name)
    ).fetchall()
    for (order,) in orders:
        steps += order_steps(connection, run, order)
    return steps


def _signal_steps(
    connection: sqlite3.Connection,
    run: str,
    name: str,
    symbol: str | None,
    before: int | None = None,
) -> list[Step]:
    """Return headlines, session and decisions; those on a symbol alone, where one is given."""
    row = connection.execute(
        "select body from events where run = ?1 and id ="
        " (select event_id from signals where run = ?1 and id = ?2)",
        (run, name),
    ).fetchone()
    if row is None:
        return []
    event = load_event("SignalProposed", row[0])
    assert isinstance(event, ev.SignalProposed)
    return [
        *headlines_of(connection, run, event.signal, symbol),
        session_step(connection, event, symbol),
        *approvals_of(connection, run, name, symbol, before),
    ]


def _of_event(connection: sqlite3.Connection, run: str, event_id: int) -> Story | None:
    """Return the story of an event: of its order or signal, else of its causes."""
    row = connection.execute(
        "select kind, body from events where run = ? and id = ?", (run, event_id)
    ).fetchone()
    if row is None:
        return None
    event = load_event(row[0], row[1])
    for name in _subjects(event):
        order = _order_id(connection, run, name)
        if order is not None:
            return _of_order(connection, run, order)
        if _has(connection, "signals", run, name):
            return _story(name, f"strategy {name}", _of_signal(connection, run, name))
    chain: list[Step] = []
    wanted: int | None = event_id
    while wanted is not None and len(chain) < LONGEST_CHAIN:
        chain += tell(connection, run, wanted)
        cause = connection.execute(
            "select cause from events where run = ? and id = ?", (run, wanted)
        ).fetchone()
        wanted = cause[0] if cause is not None else None
    return _story(f"#{event_id}", f"{row[0]} #{event_id}", chain)


def _subjects(event: ev.Event) -> Iterator[str]:
    match event:
        case ev.OrderIntended(order=order):
            yield order.id
        case ev.OrderFilled(fill=fill):
            yield fill.order_id
        case ev.OrderCancelled(order_id=name) | ev.OrderMoved(order_id=name):
            yield name
        case ev.SignalProposed(signal=signal):
            yield signal.id
        case ev.SignalDecided(signal_id=name) | ev.StrategyEnded(signal_id=name):
            yield name
        case _:
            return


def _story(name: str, title: str, steps: list[Step]) -> Story:
    seen: dict[tuple[datetime, str, str], Step] = {}
    for step in steps:
        seen.setdefault((step.at, step.kind, step.text), step)
    ordered = sorted(seen.values(), key=lambda step: (step.at, step.event_id or 0))
    return Story(id=name, title=title, steps=tuple(ordered))


def _has(connection: sqlite3.Connection, table: str, run: str, name: str) -> bool:
    found = connection.execute(f"select 1 from {table} where run = ? and id = ?", (run, name))
    return found.fetchone() is not None


def _nearest(connection: sqlite3.Connection, run: str, name: str) -> str:
    from difflib import get_close_matches

    known = [
        row[0]
        for table in ("orders", "signals")
        for row in connection.execute(
            f"select id from {table} where run = ? order by event_id desc limit 500", (run,)
        )
    ]
    known += [
        r[0] for r in connection.execute("select distinct symbol from orders where run = ?", (run,))
    ]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else "hybrid-tui trades --json has the orders' ids"
