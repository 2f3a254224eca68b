"""The journal's questions about one kind of event among very many ticks."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

from hybrid_tui.domain import events as ev
from hybrid_tui.journal.codec import dump_event
from hybrid_tui.journal.schema import migrate
from hybrid_tui.journal.sessions import NEWS_BACK, read_session, read_sessions
from tests.tui.builders import at, news, signal


def test_sessions_are_read_by_the_index_of_kinds_and_never_through_the_ticks(
    tmp_path: Path,
) -> None:
    connection = sqlite3.connect(tmp_path / "journal.db")
    migrate(connection, tmp_path / "journal.db")
    noon = at("12:00")
    cited = signal("12:00", cited=("old", "new", "gone"), theses=())
    told = [
        ev.NewsArrived(
            id=1,
            at=noon - NEWS_BACK - timedelta(seconds=1),
            item=news("gone", "9:00", "AMD", "Gone"),
        ),
        ev.NewsArrived(id=2, at=noon - timedelta(days=3), item=news("old", "9:00", "AMD", "Old")),
        ev.SignalAbstained(id=3, at=noon - timedelta(hours=2), session="10:00", reason="refused"),
        ev.Ticked(id=4, at=noon, quotes={"AMD": (1.0, 1.1)}),
        ev.NewsArrived(id=5, at=noon, item=news("new", "11:59", "AMD", "New")),
        ev.SignalProposed(id=6, at=noon + timedelta(seconds=1), signal=cited, pending_until=noon),
    ]
    connection.executemany(
        "insert into events (run, id, at, kind, body) values ('r', ?, ?, ?, ?)",
        [(e.id, e.at.isoformat(), type(e).__name__, dump_event(e)) for e in told],
    )
    plans: list[str] = []
    connection.set_trace_callback(plans.append)
    (session,) = read_sessions(connection, "r")
    detail = read_session(connection, "r", 6)
    connection.set_trace_callback(None)
    assert session.abstained == "refused"
    assert detail is not None
    assert [item.id for item in detail.headlines] == ["old", "new"]
    sought = [sql for sql in plans if "from events" in sql and "kind" in sql.split("where")[1]]
    assert len(sought) == 2
    for sql in sought:
        plan = connection.execute(f"explain query plan {sql}").fetchall()
        assert all(
            "events_by_kind" in row[3] for row in plan if row[3].startswith(("SEARCH", "SCAN"))
        )
    connection.close()
