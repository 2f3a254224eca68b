"""The journal's tables, one migration a step."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tui.errors import ConfigError
from hybrid_tui.journal.decisions import DECISION_TABLE
from hybrid_tui.journal.exchanges import TABLES as EXCHANGE_TABLES
from hybrid_tui.journal.model_tables import MODEL_TABLES, READ_MODEL_TABLES

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

MIGRATION_SET = "hybrid_tui"
CHARGED = "m002_what_calls_cost"
MIGRATION_NAMES = (
    "m001_events_and_read_tables",
    CHARGED,
    "m003_exchanges_and_labels",
    "m004_model_decisions",
    "m005_model_life",
    "m006_events_by_kind",
)

NO_TICK = "kind <> 'Ticked'"
"""What the index by kind holds: all but the ticks, which are nearly all events and never sought.

SQLite uses the index only for a query that has this very term.
"""

READ_TABLES = (
    "orders",
    "fills",
    "trades",
    "positions",
    "predictions",
    "signals",
    "approvals",
    "locks",
    "llm_calls",
    "equity",
    *READ_MODEL_TABLES,
)

_TABLES = """
create table runs (
    run text primary key, mode text not null, started_at text not null, day text not null,
    finished integer not null default 0
);
create table events (
    seq integer primary key, run text not null, id integer not null, at text not null,
    kind text not null, cause integer, body text not null, unique (run, id)
);
create index events_by_time on events (run, at);
create table checkpoints (
    run text not null, id integer not null, body text not null, primary key (run, id)
);
create table news (
    id text primary key, received_at text not null, published_at text, symbols text not null,
    headline text not null, source text not null, url text not null, body text not null
);
create index news_by_time on news (received_at);
create table orders (
    run text not null, id text not null, event_id integer not null, at text not null,
    symbol text not null, side text not null, quantity real not null, kind text not null,
    reason text not null, status text not null, filled real not null default 0,
    note text not null default '', prediction_id text, strategy_id text,
    primary key (run, id)
);
create table fills (
    run text not null, event_id integer not null, order_id text not null, at text not null,
    symbol text not null, side text not null, quantity real not null, price real not null,
    commission real not null, slippage real not null, reason text not null,
    primary key (run, event_id)
);
create table trades (
    run text not null, event_id integer not null, symbol text not null, quantity real not null,
    entry_at text not null, entry_price real not null, entry_reason text not null,
    exit_at text not null, exit_price real not null, exit_reason text not null,
    fees real not null, pnl real not null, entry_order_id text not null,
    exit_order_id text not null, primary key (run, event_id)
);
create table positions (
    run text not null, symbol text not null, quantity real not null, entry_price real not null,
    entry_at text not null, entry_reason text not null, high real not null, level real not null,
    level_from text not null, entry_order_id text not null, primary key (run, symbol)
);
create table predictions (
    run text not null, id text not null, event_id integer not null, at text not null,
    symbol text not null, buy_probability real not null, confidence real not null,
    reference_price real not null, price_forecast_1h real not null,
    volatility_forecast real not null, target_position real not null, familiar integer not null,
    model_id text not null, horizon_end text not null, primary key (run, id)
);
create index predictions_by_symbol on predictions (run, symbol, at);
create table signals (
    run text not null, id text not null, event_id integer not null, at text not null,
    session text not null, status text not null, direction text not null,
    risk_level text not null, overnight_target real not null, focus text not null,
    sentiment text not null, source text not null, cost_usd real not null,
    pending_until text not null, expires_at text not null, primary key (run, id)
);
create table approvals (
    run text not null, event_id integer not null, at text not null, signal_id text not null,
    symbol text not null, decision text not null, decided_by text not null, reason text not null,
    primary key (run, event_id, symbol)
);
create table locks (
    run text not null, event_id integer not null, name text not null, symbol text,
    start text not null, until text, reason text not null, lifted_at text,
    primary key (run, event_id)
);
create table llm_calls (
    run text not null, call_id text not null, at text not null, model text not null,
    reserved_usd real not null, settled_usd real, primary key (run, call_id)
);
create table equity (
    run text not null, event_id integer not null, at text not null, equity real not null,
    cash real not null, gross real not null, primary key (run, event_id)
);
"""


def _migrations() -> Migrations:
    from sqlite_utils import Migrations

    migrations = Migrations(MIGRATION_SET)

    @migrations(name=MIGRATION_NAMES[0])
    def events_and_read_tables(db: Database) -> None:
        for statement in _TABLES.split(";"):
            if statement.strip():
                db.execute(statement)

    @migrations(name=MIGRATION_NAMES[1])
    def what_calls_cost(db: Database) -> None:
        for column in ("paid_at text", "purpose text", "decision text"):
            db.execute(f"alter table llm_calls add column {column}")
        db.execute("update llm_calls set paid_at = at, purpose = 'session', decision = call_id")
        db.execute("create index llm_calls_by_time on llm_calls (paid_at)")

    @migrations(name=MIGRATION_NAMES[2])
    def exchanges_and_labels(db: Database) -> None:
        for statement in EXCHANGE_TABLES.split(";"):
            if statement.strip():
                db.execute(statement)

    @migrations(name=MIGRATION_NAMES[3])
    def model_decisions(db: Database) -> None:
        db.execute(DECISION_TABLE)

    @migrations(name=MIGRATION_NAMES[4])
    def model_life(db: Database) -> None:
        for statement in MODEL_TABLES.split(";"):
            if statement.strip():
                db.execute(statement)

    @migrations(name=MIGRATION_NAMES[5])
    def events_by_kind(db: Database) -> None:
        db.execute(f"create index events_by_kind on events (run, kind, id) where {NO_TICK}")

    return migrations


def applied(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the migrations that a file has had."""
    try:
        rows = connection.execute(
            "select name from _sqlite_migrations where migration_set = ? order by rowid",
            (MIGRATION_SET,),
        ).fetchall()
    except sqlite3.OperationalError:
        return []
    return [str(row[0]) for row in rows]


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ConfigError where the file is from a newer version of the program."""
    unknown = [name for name in applied(connection) if name not in MIGRATION_NAMES]
    if unknown:
        raise ConfigError(
            f"{path}: the journal is from a newer version of hybrid-tui ({unknown[0]})",
            hint="update hybrid-tui, or choose another --profile",
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file up to this version; the library is imported only where something is to do."""
    check_version(connection, path)
    if list(MIGRATION_NAMES) == applied(connection):
        return
    from sqlite_utils import Database

    _migrations().apply(Database(connection))
