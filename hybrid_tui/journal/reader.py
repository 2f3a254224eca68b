"""Reading a journal: events, folded state, imported news and the fingerprint of a run."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.charges import Booked
from hybrid_tui.domain.events import BarsClosed, Event, LessonLearnt, NewsArrived
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.state import RECENT_LESSONS, RECENT_NEWS, RECENT_TRADES, DeskState
from hybrid_tui.errors import ConfigError
from hybrid_tui.journal.codec import load_event
from hybrid_tui.journal.schema import check_version

FINGERPRINTED = (
    "SignalProposed",
    "SignalDecided",
    "DecisionUndone",
    "SignalAbstained",
    "StrategyEnded",
    "PredictionsMade",
    "OrderIntended",
    "OrderFilled",
    "OrderCancelled",
    "StopMoved",
    "HighsRose",
    "LockSet",
    "LockLifted",
    "EquityMarked",
    "SessionOpened",
    "SessionClosed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run of the journal: a mode, and the day it began at."""

    run: str
    mode: str
    day: str
    finished: bool


@cache
def _state_adapter() -> TypeAdapter[DeskState]:
    return TypeAdapter(DeskState)


def dump_state(state: DeskState) -> bytes:
    """Return a folded state as JSON."""
    return _state_adapter().dump_json(state)


def load_state(body: bytes | str) -> DeskState:
    """Return a folded state from JSON."""
    state = _state_adapter().validate_json(body)
    state.trades = deque(state.trades, maxlen=RECENT_TRADES)
    state.news = deque(state.news, maxlen=RECENT_NEWS)
    state.lessons = deque(state.lessons, maxlen=RECENT_LESSONS)
    return state


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a journal for reading, also while an engine writes; raises ConfigError without one."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no journal yet", hint="start hybrid-tui first")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        connection.row_factory = sqlite3.Row
        check_version(connection, path)
        connection.execute("select 1 from runs limit 1").fetchall()
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: the journal cannot be read: {error}") from error
    return connection


def runs(connection: sqlite3.Connection) -> list[RunInfo]:
    """Return the runs, the one begun last at the end."""
    rows = connection.execute("select run, mode, day, finished from runs order by rowid")
    return [RunInfo(run=row[0], mode=row[1], day=row[2], finished=bool(row[3])) for row in rows]


def latest_run(connection: sqlite3.Connection) -> RunInfo | None:
    """Return the run with the newest event."""
    row = connection.execute("select run from events order by seq desc limit 1").fetchone()
    if row is None:
        return None
    return next(info for info in runs(connection) if info.run == row[0])


def read_events(connection: sqlite3.Connection, run: str, after: int = 0) -> Iterator[Event]:
    """Yield the events of a run with an id above ``after``, in order."""
    cursor = connection.execute(
        "select kind, body from events where run = ? and id > ? order by id", (run, after)
    )
    for kind, body in cursor:
        yield load_event(kind, body)


def read_state(connection: sqlite3.Connection, run: str) -> DeskState:
    """Return the folded state of a run: its last checkpoint and the events since."""
    row = connection.execute(
        "select body from checkpoints where run = ? order by id desc limit 1", (run,)
    ).fetchone()
    state = load_state(row[0]) if row is not None else DeskState()
    for event in read_events(connection, run, state.last_id):
        state.apply(event)
    return state


def read_news(
    connection: sqlite3.Connection, since: datetime | None = None, until: datetime | None = None
) -> list[NewsItem]:
    """Return the imported headlines received in [since, until), oldest first."""
    rows = connection.execute(
        "select id, received_at, published_at, symbols, headline, source, url, body from news"
        " where received_at >= ? and received_at < ? order by received_at, id",
        (iso(since) if since else "", iso(until) if until else "~"),
    )
    return [
        NewsItem(
            id=row[0],
            received_at=datetime.fromisoformat(row[1]),
            published_at=datetime.fromisoformat(row[2]) if row[2] else None,
            symbols=tuple(json.loads(row[3])),
            headline=row[4],
            source=row[5],
            url=row[6],
            body=row[7],
        )
        for row in rows
    ]


def arrived_news(connection: sqlite3.Connection, mode: str, since: datetime) -> list[NewsItem]:
    """Return the headlines that runs of a mode received since an instant, oldest first."""
    rows = connection.execute(
        "select body from events join runs using (run)"
        " where runs.mode = ? and events.at >= ? and kind = 'NewsArrived' order by seq",
        (mode, iso(since)),
    )
    found: dict[str, NewsItem] = {}
    for (body,) in rows:
        event = load_event("NewsArrived", body)
        assert isinstance(event, NewsArrived)
        if event.item.received_at >= since:
            found.setdefault(event.item.id, event.item)
    return sorted(found.values(), key=lambda item: (item.received_at, item.id))


def read_bars(
    connection: sqlite3.Connection, run: str, symbols: Collection[str], interval: int
) -> dict[str, BarSeries]:
    """Return the bars that a run has seen of some symbols; ``interval`` is in seconds."""
    rows: dict[str, list[tuple[float, ...]]] = {symbol: [] for symbol in symbols}
    cursor = connection.execute(
        "select kind, body from events where run = ? and kind = 'BarsClosed' order by id", (run,)
    )
    for kind, body in cursor:
        event = load_event(kind, body)
        assert isinstance(event, BarsClosed)
        times = (event.start.timestamp(), event.at.timestamp())
        for symbol in rows.keys() & event.bars.keys():
            rows[symbol].append((*times, *event.bars[symbol]))
    found = {}
    for symbol, given in rows.items():
        if given:
            start, known_at, open_, high, low, close, volume = np.array(given).T
            found[symbol] = BarSeries(
                symbol=symbol,
                interval=interval,
                feed="journal",
                start=start.astype(np.int64),
                known_at=known_at.astype(np.int64),
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=volume,
            )
    return found


def read_lessons(connection: sqlite3.Connection, run: str) -> list[Lesson]:
    """Return what a run's strategies came to, in the order in which it could be known."""
    rows = connection.execute(
        "select body from events where run = ? and kind = 'LessonLearnt' order by id", (run,)
    )
    events = [load_event("LessonLearnt", body) for (body,) in rows]
    return [event.lesson for event in events if isinstance(event, LessonLearnt)]


def read_charges(connection: sqlite3.Connection, since: datetime) -> list[Booked]:
    """Return what tier 3's calls of all runs, and of commands, have cost since a real instant."""
    rows = connection.execute(
        "select call_id, decision, model, purpose, paid_at, reserved_usd, settled_usd, run"
        " from llm_calls where paid_at >= ? order by paid_at, call_id",
        (iso(since),),
    )
    return [
        Booked(
            call_id=row[0],
            decision=row[1],
            model=row[2],
            purpose=row[3],
            paid_at=datetime.fromisoformat(row[4]),
            reserved_usd=row[5],
            settled_usd=row[6],
            run=row[7],
        )
        for row in rows
    ]


def fingerprint(connection: sqlite3.Connection, run: str) -> str:
    """Return a sha256 over what a run decided and what came of it.

    Signals, predictions, approvals, intents, orders, fills, stops, locks and equity count, with the
    engine's instants; event ids do not, as batched events between them may be lost.
    """
    digest = hashlib.sha256()
    marks = ", ".join("?" * len(FINGERPRINTED))
    for kind, body in connection.execute(
        f"select kind, body from events where run = ? and kind in ({marks}) order by id",
        (run, *FINGERPRINTED),
    ):
        fields: dict[str, Any] = json.loads(body)
        fields.pop("id")
        fields.pop("cause")
        digest.update(f"{kind} {json.dumps(fields, sort_keys=True)}\n".encode())
    return digest.hexdigest()
