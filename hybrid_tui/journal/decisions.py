"""Which model was made champion, when and why: a table of the journal beside its runs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hybrid_tui.domain.instants import iso

DECISION_TABLE = """
create table model_decisions (
    id integer primary key, at text not null, market text not null, action text not null,
    model_id text not null, previous text, reason text not null
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDecision:
    """A model became a market's champion in the place of ``previous``."""

    at: datetime
    market: str
    action: Literal["promote", "rollback"]
    model_id: str
    previous: str | None
    reason: str


def add_decision(connection: sqlite3.Connection, decision: ModelDecision) -> None:
    """Write a decision; the connection is the journal's and commits by itself."""
    connection.execute(
        "insert into model_decisions (at, market, action, model_id, previous, reason)"
        " values (?, ?, ?, ?, ?, ?)",
        (
            iso(decision.at),
            decision.market,
            decision.action,
            decision.model_id,
            decision.previous,
            decision.reason,
        ),
    )


def decisions(connection: sqlite3.Connection, market: str) -> list[ModelDecision]:
    """Return a market's decisions, oldest first."""
    rows = connection.execute(
        "select at, market, action, model_id, previous, reason from model_decisions"
        " where market = ? order by id",
        (market,),
    ).fetchall()
    return [
        ModelDecision(
            at=datetime.fromisoformat(row[0]),
            market=row[1],
            action=row[2],
            model_id=row[3],
            previous=row[4],
            reason=row[5],
        )
        for row in rows
    ]


def before_last(made: list[ModelDecision]) -> str | None:
    """Return the champion to go back to: that before the last promotion not yet taken back."""
    stack: list[str | None] = []
    for decision in made:
        if decision.action == "promote":
            stack.append(decision.previous)
        elif stack:
            stack.pop()
    return stack[-1] if stack else None
