"""Tier 3's sessions out of the journal: a page of them at a time, and one in full."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.journal.codec import load_event
from hybrid_tui.journal.schema import NO_TICK

PAGE = 20
"""How many proposals a page has."""
NEWS_BACK = timedelta(days=4)
"""How far before a session its evidence is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """What was decided about some symbols of a list (none: all of it), by whom, when and why.

    ``decision`` is ``undone`` where an earlier one was taken back.
    """

    at: datetime
    symbols: tuple[str, ...]
    decision: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session's line: what it proposed, or (``signal_id`` empty) why it proposed nothing.

    ``asked`` says because of what it was held outside its hours.
    """

    event_id: int
    at: datetime
    session: str
    signal_id: str = ""
    status: str = ""
    direction: str = ""
    risk_level: str = ""
    overnight_target: float = 0.0
    focus: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    cost_usd: float = 0.0
    asked: str = ""
    abstained: str = ""
    decisions: tuple[StoredDecision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCalls:
    """What a session's calls of a model took together; tokens are None where nobody told."""

    count: int
    failed: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetail:
    """All that the journal has of one proposal.

    ``unchecked`` says by a thesis' condition why it cannot be checked, ``sold`` by symbol when a
    thesis sold it, ``headlines`` are those it cites.
    """

    signal: StrategySignal
    unchecked: Mapping[str, str] = field(default_factory=dict)
    sold: Mapping[str, datetime] = field(default_factory=dict)
    headlines: tuple[NewsItem, ...] = ()
    calls: StoredCalls | None = None


def read_sessions(
    connection: sqlite3.Connection, run: str, before: int | None = None, count: int = PAGE
) -> list[StoredSession]:
    """Return up to about ``count`` sessions with an event below ``before``, newest first.

    Those without a proposal are among them and do not count, but for a page that has no other.
    """
    limit = before if before is not None else 2**62
    rows = connection.execute(
        "select event_id, at, session, id, status, direction, risk_level, overnight_target, focus,"
        " sentiment, source, cost_usd from signals where run = ? and event_id < ?"
        " order by event_id desc limit ?",
        (run, limit, count),
    ).fetchall()
    oldest = rows[-1][0] if len(rows) == count else 0
    asked, abstained = _beside(connection, run, oldest, limit)
    decided = _decisions(connection, run, [row[3] for row in rows])
    found = [
        StoredSession(
            event_id=row[0],
            at=datetime.fromisoformat(row[1]),
            session=row[2],
            signal_id=row[3],
            status=row[4],
            direction=row[5],
            risk_level=row[6],
            overnight_target=row[7],
            focus=tuple(json.loads(row[8])),
            scores=json.loads(row[9]),
            source=row[10],
            cost_usd=row[11],
            asked=asked.get(row[3], ""),
            decisions=tuple(decided.get(row[3], ())),
        )
        for row in rows
    ]
    found += [
        StoredSession(
            event_id=event.id,
            at=event.at,
            session=event.session,
            asked=asked.get(event.decision, ""),
            abstained=event.reason,
        )
        for event in abstained
    ]
    return sorted(found, key=lambda one: one.event_id, reverse=True)


def read_session(connection: sqlite3.Connection, run: str, event_id: int) -> SessionDetail | None:
    """Return a proposal in full by its event; None where there is no such one."""
    row = connection.execute(
        "select kind, body from events where run = ? and id = ?", (run, event_id)
    ).fetchone()
    if row is None or row[0] != "SignalProposed":
        return None
    event = load_event(row[0], row[1])
    assert isinstance(event, ev.SignalProposed)
    signal = event.signal
    return SessionDetail(
        signal=signal,
        unchecked=_unchecked(connection, run, event_id, signal),
        sold=_sold(connection, run, signal),
        headlines=_headlines(connection, run, event_id, signal),
        calls=_calls(connection, signal.id),
    )


def _beside(
    connection: sqlite3.Connection, run: str, after: int, before: int
) -> tuple[dict[str, str], list[ev.SignalAbstained]]:
    """Return why sessions were asked for outside their hours, by decision, and the abstentions."""
    rows = connection.execute(
        "select kind, body from events where run = ? and id > ? and id < ?"
        f" and {NO_TICK} and kind in ('SessionAsked', 'SignalAbstained')",
        (run, after, before),
    )
    asked, abstained = {}, []
    for kind, body in rows:
        event = load_event(kind, body)
        if isinstance(event, ev.SessionAsked):
            asked[event.decision] = f"{event.by}: {event.reason}" if event.reason else event.by
        elif isinstance(event, ev.SignalAbstained):
            abstained.append(event)
    return asked, abstained


def _decisions(
    connection: sqlite3.Connection, run: str, ids: list[str]
) -> dict[str, list[StoredDecision]]:
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(
        "select event_id, signal_id, at, decision, decided_by, reason, group_concat(symbol)"
        f" from approvals where run = ? and signal_id in ({marks})"
        " group by event_id, signal_id, at, decision, decided_by, reason order by event_id",
        (run, *ids),
    )
    found: dict[str, list[StoredDecision]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(
            StoredDecision(
                at=datetime.fromisoformat(row[2]),
                symbols=tuple(sorted(filter(None, (row[6] or "").split(",")))),
                decision=row[3],
                by=row[4],
                reason=row[5],
            )
        )
    return found


def _unchecked(
    connection: sqlite3.Connection, run: str, event_id: int, signal: StrategySignal
) -> dict[str, str]:
    if not signal.theses:
        return {}
    # They are told right after the proposal, one a thesis.
    rows = connection.execute(
        "select body from events where run = ? and id > ? and id <= ? and kind = 'ThesisUnchecked'",
        (run, event_id, event_id + 4 * len(signal.theses) + 4),
    )
    events = (load_event("ThesisUnchecked", body) for (body,) in rows)
    return {
        event.invalid_if: event.reason
        for event in events
        if isinstance(event, ev.ThesisUnchecked) and event.signal_id == signal.id
    }


def _sold(connection: sqlite3.Connection, run: str, signal: StrategySignal) -> dict[str, datetime]:
    """Return when a thesis sold a symbol while the proposal lasted, or what was bought on it."""
    rows = connection.execute(
        "select t.symbol, t.exit_at from trades t left join orders o"
        " on o.run = t.run and o.id = t.entry_order_id where t.run = ?"
        " and t.exit_reason = 'thesis_invalidated' and t.exit_at >= ?"
        " and (t.exit_at < ? or o.strategy_id = ?) order by t.event_id desc",
        (run, iso(signal.at), iso(signal.expires_at), signal.id),
    )
    return {symbol: datetime.fromisoformat(at) for symbol, at in rows}


def _headlines(
    connection: sqlite3.Connection, run: str, event_id: int, signal: StrategySignal
) -> tuple[NewsItem, ...]:
    wanted = set(signal.cited)
    found: dict[str, NewsItem] = {}
    rows: Iterable[tuple[str]] = (
        connection.execute(
            "select body from events where run = ? and id < ?"
            f" and {NO_TICK} and kind = 'NewsArrived' order by id desc",
            (run, event_id),
        )
        if wanted
        else ()
    )
    for (body,) in rows:
        event = load_event("NewsArrived", body)
        assert isinstance(event, ev.NewsArrived)
        if event.at < signal.at - NEWS_BACK:
            break
        if event.item.id in wanted:
            found.setdefault(event.item.id, event.item)
            if len(found) == len(wanted):
                break
    return tuple(found[name] for name in signal.cited if name in found)


def _calls(connection: sqlite3.Connection, decision: str) -> StoredCalls | None:
    if not connection.execute(
        "select 1 from sqlite_master where name = 'llm_exchanges'"
    ).fetchone():
        return None
    row = connection.execute(
        "select count(*), total(outcome != 'answered'), sum(input_tokens), sum(output_tokens),"
        " total(cost_usd), total(seconds) from llm_exchanges where decision = ?",
        (decision,),
    ).fetchone()
    if not row[0]:
        return None
    return StoredCalls(
        count=row[0],
        failed=int(row[1]),
        input_tokens=row[2],
        output_tokens=row[3],
        cost_usd=row[4],
        seconds=row[5],
    )
