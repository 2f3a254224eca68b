"""The writer: one connection, events and read tables in one transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.charges import Booked
from hybrid_tui.domain.events import Event, Heartbeat, Ticked
from hybrid_tui.domain.exchange import Exchange, Label
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import ConfigError
from hybrid_tui.journal.codec import dump_event
from hybrid_tui.journal.exchanges import keep_exchanges, keep_labels
from hybrid_tui.journal.schema import READ_TABLES, migrate
from hybrid_tui.journal.tables import Write, rows_of

FLUSH_SECONDS = 1.0


class Journal:
    """The only writer of a journal file.

    Events that must be on disk before anyone acts are committed with synchronous FULL; the rest is
    batched and committed at the latest a second later with synchronous NORMAL. Of quotes and
    heartbeats only the newest of a batch is kept, so that a clock at speed 60 does not fill a disk.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            self.connection.execute("pragma journal_mode = wal")
            migrate(self.connection, path)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{path}: the journal cannot be opened: {error}",
                hint="check the folder's permissions and the disk, or set HYBRID_TUI_HOME",
            ) from error
        self.path = path
        self.run = ""
        self.state = DeskState()
        self._pending: list[Event] = []
        self._latest: dict[str, Event] = {}
        self._writes: list[Write] = []
        self._has_full = False
        self._synchronous = ""
        self._flushed_at = time.monotonic()

    def start_run(self, run: str, mode: str, day: str, started_at: datetime) -> None:
        """Register a new run; its events follow."""
        self.run = run
        with self._transaction("full"):
            self.connection.execute(
                "insert into runs (run, mode, started_at, day) values (?, ?, ?, ?)",
                (run, mode, iso(started_at), day),
            )

    def follow(self, run: str, state: DeskState) -> None:
        """Write the events of a run from here on; ``state`` is folded before each append."""
        self.run = run
        self.state = state

    def append(self, event: Event) -> None:
        """Take an event that the state already knows; it is kept at the next commit."""
        if event.durability == "none":
            return
        if isinstance(event, (Ticked, Heartbeat)):
            self._latest[type(event).__name__ + getattr(event, "tier", "")] = event
            return
        self._pending.append(event)
        self._writes.extend(rows_of(self.run, event, self.state))
        self._has_full = self._has_full or event.durability == "full"

    def commit(self) -> None:
        """Put everything on disk that must be; batched events at the latest after a second."""
        if self._has_full or time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit everything that is pending, in one transaction."""
        events = sorted([*self._pending, *self._latest.values()], key=lambda event: event.id)
        if not events:
            return
        run = self.run
        rows = [(run, e.id, iso(e.at), type(e).__name__, e.cause, dump_event(e)) for e in events]
        with self._transaction("full" if self._has_full else "normal"):
            self.connection.executemany(
                "insert into events (run, id, at, kind, cause, body) values (?, ?, ?, ?, ?, ?)",
                rows,
            )
            for statement, values in self._writes:
                self.connection.execute(statement, values)
        self._pending.clear()
        self._latest.clear()
        self._writes.clear()
        self._has_full = False
        self._flushed_at = time.monotonic()

    def checkpoint(self) -> None:
        """Keep the folded state, so that recovery need not fold the whole run."""
        from hybrid_tui.journal.reader import dump_state

        self.flush()
        with self._transaction("normal"):
            self.connection.execute(
                "insert or replace into checkpoints (run, id, body) values (?, ?, ?)",
                (self.run, self.state.last_id, dump_state(self.state)),
            )
            self.connection.execute(
                "delete from checkpoints where run = ? and id not in"
                " (select id from checkpoints where run = ? order by id desc limit 2)",
                (self.run, self.run),
            )

    def add_news(self, items: Iterable[NewsItem]) -> int:
        """Keep imported headlines; the first text received under an id stays. Returns how many."""
        before = self.connection.total_changes
        with self._transaction("full"):
            self.connection.executemany(
                "insert or ignore into news"
                " (id, received_at, published_at, symbols, headline, source, url, body)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        item.id,
                        iso(item.received_at),
                        iso(item.published_at) if item.published_at else None,
                        json.dumps(item.symbols),
                        item.headline,
                        item.source,
                        item.url,
                        item.body,
                    )
                    for item in items
                ],
            )
        return self.connection.total_changes - before

    def keep_exchanges(self, exchanges: Iterable[Exchange]) -> None:
        """Keep what was said to models and what they answered; it is on disk on return."""
        with self._transaction("full"):
            keep_exchanges(self.connection, exchanges)

    def keep_labels(self, labels: Iterable[Label]) -> None:
        """Keep labels of headlines; they are on disk on return."""
        with self._transaction("full"):
            keep_labels(self.connection, labels)

    def book(self, booked: Booked) -> None:
        """Keep a charge that a command makes without an engine; it is on disk on return."""
        with self._transaction("full"):
            self.connection.execute(
                "insert or replace into llm_calls (run, call_id, at, model, reserved_usd,"
                " settled_usd, paid_at, purpose, decision) values ('', ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    booked.call_id,
                    iso(booked.paid_at),
                    booked.model,
                    booked.reserved_usd,
                    booked.settled_usd,
                    iso(booked.paid_at),
                    booked.purpose,
                    booked.decision,
                ),
            )

    def rebuild(self) -> None:
        """Make the read tables of every run anew from the events, in one transaction."""
        from hybrid_tui.journal.reader import read_events

        self.flush()
        runs = [str(row[0]) for row in self.connection.execute("select run from runs")]
        with self._transaction("full"):
            for table in READ_TABLES:
                # What a command has paid for stands under no run: no event could bring it back.
                self.connection.execute(f"delete from {table} where run <> ''")
            for run in runs:
                state = DeskState()
                for event in read_events(self.connection, run):
                    state.apply(event)
                    for statement, values in rows_of(run, event, state):
                        self.connection.execute(statement, values)

    def close(self) -> None:
        """Commit what is pending and close the file."""
        self.flush()
        self.connection.close()

    def _transaction(self, synchronous: str) -> _Transaction:
        if synchronous != self._synchronous:
            self.connection.execute(f"pragma synchronous = {synchronous}")
            self._synchronous = synchronous
        return _Transaction(self.connection, self.path)


class _Transaction:
    """Begin, and commit or roll back; a disk error becomes an error that a person can read."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def __enter__(self) -> None:
        try:
            self._connection.execute("begin immediate")
        except sqlite3.Error as problem:
            raise self._readable(problem) from problem

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            try:
                self._connection.execute("commit")
            except sqlite3.Error as problem:
                raise self._readable(problem) from problem
            return
        if self._connection.in_transaction:
            self._connection.execute("rollback")
        if isinstance(error, sqlite3.Error):
            raise self._readable(error) from error

    def _readable(self, problem: sqlite3.Error) -> ConfigError:
        return ConfigError(
            f"{self._path}: the journal cannot be written: {problem}",
            hint="free some disk space; the engine goes on where the journal ends",
        )
