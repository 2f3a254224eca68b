"""What was said to language models and what they answered, and their labels of headlines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from hybrid_tui.domain.exchange import Exchange, Label
from hybrid_tui.domain.instants import iso

TABLES = """
create table llm_exchanges (
    id text primary key, prompt_key text not null, decision text not null, session text not null,
    purpose text not null, model text not null, asked_at text not null, arrived_at text not null,
    request text not null, schema text not null, answer text not null, outcome text not null,
    input_tokens integer, output_tokens integer, cost_usd real not null, seconds real not null,
    context text not null
);
create index llm_exchanges_by_time on llm_exchanges (asked_at);
create index llm_exchanges_by_prompt on llm_exchanges (prompt_key);
create table news_labels (
    news_id text not null, source text not null, text_key text not null, received_at text not null,
    score real not null, labelled_at text not null, primary key (news_id, source)
);
"""
_COLUMNS = (
    "id, prompt_key, decision, session, purpose, model, asked_at, arrived_at, request, schema,"
    " answer, outcome, input_tokens, output_tokens, cost_usd, seconds, context"
)


def keep_exchanges(connection: sqlite3.Connection, exchanges: Iterable[Exchange]) -> None:
    """Keep requests and answers; the first under an id stays. The caller has a transaction."""
    connection.executemany(
        f"insert or ignore into llm_exchanges ({_COLUMNS})"
        f" values ({', '.join('?' * len(_COLUMNS.split(',')))})",
        [
            (
                one.id,
                one.prompt_key,
                one.decision,
                one.session,
                one.purpose,
                one.model,
                iso(one.asked_at),
                iso(one.arrived_at),
                _dump(one.request),
                _dump(one.schema),
                one.text,
                one.outcome,
                one.input_tokens,
                one.output_tokens,
                one.cost_usd,
                one.seconds,
                _dump(one.context),
            )
            for one in exchanges
        ],
    )


def find_exchanges(connection: sqlite3.Connection, name: str) -> list[Exchange]:
    """Return the exchanges of a decision, or whose id or prompt's hash begins so, oldest first."""
    if not name or not name.replace("-", "").isalnum():
        return []
    return _read(
        connection,
        "decision = ? or substr(id, 1, ?) = ? or substr(prompt_key, 1, ?) = ?",
        (name, len(name), name, len(name), name),
    )


def exchanges_at(connection: sqlite3.Connection, asked_at: datetime) -> list[Exchange]:
    """Return the exchanges of the sessions of one instant, oldest first."""
    return _read(connection, "asked_at = ?", (iso(asked_at),))


def exchanges_of_prompt(connection: sqlite3.Connection, prompt_key: str) -> list[Exchange]:
    """Return the exchanges over one prompt, oldest first."""
    return _read(connection, "prompt_key = ?", (prompt_key,))


def _read(
    connection: sqlite3.Connection, condition: str, values: Sequence[object]
) -> list[Exchange]:
    if not _has(connection, "llm_exchanges"):
        return []
    rows = connection.execute(
        f"select {_COLUMNS} from llm_exchanges where {condition} order by rowid", tuple(values)
    )
    return [
        Exchange(
            id=row[0],
            prompt_key=row[1],
            decision=row[2],
            session=row[3],
            purpose=row[4],
            model=row[5],
            asked_at=datetime.fromisoformat(row[6]),
            arrived_at=datetime.fromisoformat(row[7]),
            request=json.loads(row[8]),
            schema=json.loads(row[9]),
            text=row[10],
            outcome=row[11],
            input_tokens=row[12],
            output_tokens=row[13],
            cost_usd=row[14],
            seconds=row[15],
            context=json.loads(row[16]),
        )
        for row in rows
    ]


def keep_labels(connection: sqlite3.Connection, labels: Iterable[Label]) -> None:
    """Keep labels; a newer one of the same headline and source takes the old one's place."""
    connection.executemany(
        "insert or replace into news_labels"
        " (news_id, source, text_key, received_at, score, labelled_at) values (?, ?, ?, ?, ?, ?)",
        [
            (
                one.news_id,
                one.source,
                one.text_key,
                iso(one.received_at),
                one.score,
                iso(one.labelled_at),
            )
            for one in labels
        ],
    )


def read_labels(connection: sqlite3.Connection, source: str | None = None) -> list[Label]:
    """Return the labels (of one source), in the order in which they were made."""
    if not _has(connection, "news_labels"):
        return []
    rows = connection.execute(
        "select news_id, source, text_key, received_at, score, labelled_at from news_labels"
        " where source = ? or ? is null order by labelled_at, news_id",
        (source, source),
    )
    return [
        Label(
            news_id=row[0],
            source=row[1],
            text_key=row[2],
            received_at=datetime.fromisoformat(row[3]),
            score=row[4],
            labelled_at=datetime.fromisoformat(row[5]),
        )
        for row in rows
    ]


def _has(connection: sqlite3.Connection, table: str) -> bool:
    """Whether the file has a table: one that nobody has written to since an update may not."""
    found = connection.execute("select 1 from sqlite_master where name = ?", (table,))
    return found.fetchone() is not None


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
