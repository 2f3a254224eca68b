"""The journal: what is written can be read, rebuilt and trusted, and a newer file is left alone."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.events import EntriesPaused, Ticked
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.journal.codec import load_command, load_event
from hybrid_tui.journal.journal import Journal
from hybrid_tui.journal.reader import (
    dump_state,
    fingerprint,
    load_state,
    open_read_only,
    read_events,
    read_news,
    read_state,
    runs,
)
from hybrid_tui.journal.schema import READ_TABLES
from tests.desk import hybrid_tui

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of two simulated sessions, approved by policy."""
    home = tmp_path_factory.mktemp("journal") / "home"
    words = ("--set", "app.tiers=rules,llm", "--set", "approval.policy=auto")
    done = hybrid_tui(home, *words, "run", "--headless", "--speed", "0", "--until", "2026-01-06")
    assert done.returncode == 0, done.stderr
    return home / "journal.db"


def dump(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row) for row in connection.execute(f"select * from {table}"))


def test_read_tables_are_what_the_events_say(used: Path) -> None:
    connection = open_read_only(used)
    before = {table: dump(connection, table) for table in READ_TABLES}
    connection.close()
    assert before["fills"]
    assert before["signals"]
    assert before["approvals"]
    assert before["equity"]
    journal = Journal(used)
    journal.rebuild()
    journal.close()
    connection = open_read_only(used)
    assert {table: dump(connection, table) for table in READ_TABLES} == before
    connection.close()


def test_a_checkpoint_and_the_events_since_give_the_same_state(used: Path) -> None:
    connection = open_read_only(used)
    (run,) = [info.run for info in runs(connection)]
    folded = DeskState()
    for event in read_events(connection, run):
        folded.apply(event)
    assert connection.execute("select count(*) from checkpoints").fetchone()[0] > 0
    assert dump_state(read_state(connection, run)) == dump_state(folded)
    connection.close()


def test_a_state_survives_its_json(used: Path) -> None:
    connection = open_read_only(used)
    state = read_state(connection, runs(connection)[0].run)
    connection.close()
    again = load_state(dump_state(state))
    assert again == state
    assert again.trades.maxlen == state.trades.maxlen
    assert again.news.maxlen == state.news.maxlen


def test_positions_and_orders_in_the_tables_are_those_of_the_state(used: Path) -> None:
    connection = open_read_only(used)
    state = read_state(connection, runs(connection)[0].run)
    rows = connection.execute("select symbol, quantity, level from positions").fetchall()
    assert {row[0]: (row[1], row[2]) for row in rows} == {
        held.symbol: (held.quantity, held.level) for held in state.positions.values()
    }
    count = connection.execute("select count(*) from orders where status = 'open'").fetchone()[0]
    assert count == len(state.orders)
    connection.close()


def test_quotes_of_one_batch_are_kept_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.start_run("r", "sim", "d", NOW)
    state = DeskState()
    journal.follow("r", state)
    recorder = Recorder(state, journal)
    for price in (1.0, 2.0, 3.0):
        recorder.emit(Ticked, NOW, quotes={"A": (price, price)})
    recorder.emit(EntriesPaused, NOW, by="test")
    recorder.commit()
    journal.close()
    connection = open_read_only(tmp_path / "journal.db")
    events = list(read_events(connection, "r"))
    assert [type(event).__name__ for event in events] == ["Ticked", "EntriesPaused"]
    assert [event.id for event in events] == [3, 4]
    connection.close()


def test_what_must_be_durable_is_on_disk_at_the_commit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.start_run("r", "sim", "d", NOW)
    state = DeskState()
    journal.follow("r", state)
    recorder = Recorder(state, journal)
    reader = open_read_only(tmp_path / "journal.db")
    recorder.emit(EntriesPaused, NOW, by="test")
    assert list(read_events(reader, "r")) == []
    recorder.commit()
    assert len(list(read_events(reader, "r"))) == 1
    assert journal.connection.execute("pragma synchronous").fetchone()[0] == 2
    reader.close()
    journal.close()


def test_a_newer_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    Journal(home / "journal.db").close()
    connection = sqlite3.connect(home / "journal.db")
    connection.execute(
        "insert into _sqlite_migrations (migration_set, name, applied_at) values (?, ?, ?)",
        ("hybrid_tui", "m999_from_the_future", "2030-01-01"),
    )
    connection.commit()
    connection.close()
    before = (home / "journal.db").read_bytes()
    for words in (("run", "--headless"), ("status",), ("news", "list")):
        done = hybrid_tui(home, *words)
        assert done.returncode == 2, done.stderr
        assert "newer version" in done.stderr
        assert "Traceback" not in done.stderr
    assert (home / "journal.db").read_bytes() == before


def test_garbage_instead_of_a_journal_is_one_message(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "journal.db").write_bytes(os.urandom(8192))
    for words in (("run", "--headless"), ("trades",)):
        done = hybrid_tui(home, *words)
        assert done.returncode == 2
        assert str(home / "journal.db") in done.stderr
        assert "Traceback" not in done.stderr


def test_there_is_no_journal_yet(tmp_path: Path) -> None:
    done = hybrid_tui(tmp_path / "home", "positions")
    assert done.returncode == 2
    assert "start hybrid-tui first" in done.stderr


def test_imported_headlines_keep_their_first_text(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    first = NewsItem(id="1", received_at=NOW, symbols=("A", "B"), headline="first")
    later = NewsItem(id="1", received_at=NOW, symbols=("A",), headline="changed afterwards")
    assert journal.add_news([first]) == 1
    assert journal.add_news([later]) == 0
    assert read_news(journal.connection) == [first]
    assert read_news(journal.connection, until=NOW) == []
    journal.close()


def test_two_runs_with_other_decisions_have_other_fingerprints(used: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = ("--set", "app.tiers=rules", "run", "--headless", "--speed", "0")
    assert hybrid_tui(home, *words, "--until", "2026-01-05").returncode == 0
    one, other = open_read_only(used), open_read_only(home / "journal.db")
    assert fingerprint(one, runs(one)[0].run) != fingerprint(other, runs(other)[0].run)
    one.close()
    other.close()


def test_what_is_not_an_event_or_a_command_is_refused() -> None:
    with pytest.raises(DataError):
        load_event("Nonsense", "{}")
    with pytest.raises(DataError):
        load_event("EntriesPaused", '{"id": "x"}')
    with pytest.raises(DataError):
        load_command({"command": "Approve"})
    with pytest.raises(DataError):
        load_command({"command": "rm -rf"})


def test_an_unwritable_journal_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be opened"):
        Journal(tmp_path / "file" / "journal.db")
