"""What happened before the screen was opened, and why: read from the journal."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hybrid_tui.domain.events import Event
from hybrid_tui.tui.tape import KINDS

if TYPE_CHECKING:
    from hybrid_tui.analysis.story import Story
    from hybrid_tui.journal.sessions import SessionDetail, StoredSession
    from hybrid_tui.journal.symbol_record import SymbolRecord
    from hybrid_tui.journal.trades import StoredTrade, TradeQuery, TradeTotals

TAPE_EVENTS = 200
CHART_EVENTS = 390
LOOK_BACK = 60_000


class History(Protocol):
    """Looks events of a run up; blocking, so it is called in a thread."""

    def recent(self, run: str, until: int) -> list[Event]:
        """Return the events for tape and charts with an id up to ``until``, oldest first."""

    def symbol(self, run: str, symbol: str, now: datetime, until: int) -> SymbolRecord:
        """Return the fills, stops and predictions of a symbol up to an event's id."""

    def story(self, run: str, name: str) -> Story:
        """Return what led to something and what came of it, by an id."""

    def trades(self, run: str, query: TradeQuery) -> list[StoredTrade]:
        """Return one page of closed trades."""

    def totals(self, run: str, text: str, since: datetime) -> tuple[TradeTotals, TradeTotals]:
        """Return the sums over all closed trades that a text finds, and those since an instant."""

    def sessions(self, run: str, before: int | None) -> list[StoredSession]:
        """Return one page of tier 3's sessions with an event below an id, newest first."""

    def session(self, run: str, event_id: int) -> SessionDetail | None:
        """Return a proposal in full, None where the event is none."""


class JournalHistory:
    """Reads the journal, opened read-only for each question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def recent(self, run: str, until: int) -> list[Event]:
        """Return the events for tape and charts; raises ConfigError without a journal."""
        from hybrid_tui.journal.codec import load_event
        from hybrid_tui.journal.reader import open_read_only

        marks = ", ".join("?" * len(KINDS))
        connection = open_read_only(self._path)
        try:
            rows = connection.execute(
                "select id, kind, body from events where run = ? and id <= ? and id > ?"
                f" and kind in ({marks}) order by id desc limit ?",
                (run, until, until - LOOK_BACK, *KINDS, TAPE_EVENTS),
            ).fetchall()
            rows += connection.execute(
                "select id, kind, body from events where run = ? and id <= ? and id > ?"
                " and kind = 'BarsClosed' order by id desc limit ?",
                (run, until, until - LOOK_BACK, CHART_EVENTS),
            ).fetchall()
        finally:
            connection.close()
        return [load_event(kind, body) for _, kind, body in sorted(map(tuple, rows))]

    def symbol(self, run: str, symbol: str, now: datetime, until: int) -> SymbolRecord:
        """Return the record of a symbol; raises ConfigError without a journal."""
        from hybrid_tui.journal.reader import open_read_only
        from hybrid_tui.journal.symbol_record import read_symbol

        with closing(open_read_only(self._path)) as connection:
            return read_symbol(connection, run, symbol, now, stops_after=until - LOOK_BACK)

    def story(self, run: str, name: str) -> Story:
        """Return a story; raises ConfigError without a journal, or for what is no id."""
        from hybrid_tui.analysis.story import story_of
        from hybrid_tui.journal.reader import open_read_only

        with closing(open_read_only(self._path)) as connection:
            return story_of(connection, run, name)

    def trades(self, run: str, query: TradeQuery) -> list[StoredTrade]:
        """Return one page of closed trades; raises ConfigError without a journal."""
        from hybrid_tui.journal.reader import open_read_only
        from hybrid_tui.journal.trades import read_trades

        with closing(open_read_only(self._path)) as connection:
            return read_trades(connection, run, query)

    def totals(self, run: str, text: str, since: datetime) -> tuple[TradeTotals, TradeTotals]:
        """Return the sums over closed trades; raises ConfigError without a journal."""
        from hybrid_tui.journal.reader import open_read_only
        from hybrid_tui.journal.trades import sum_trades

        with closing(open_read_only(self._path)) as connection:
            return sum_trades(connection, run, text), sum_trades(connection, run, text, since)

    def sessions(self, run: str, before: int | None) -> list[StoredSession]:
        """Return one page of sessions; raises ConfigError without a journal."""
        from hybrid_tui.journal.reader import open_read_only
        from hybrid_tui.journal.sessions import read_sessions

        with closing(open_read_only(self._path)) as connection:
            return read_sessions(connection, run, before)

    def session(self, run: str, event_id: int) -> SessionDetail | None:
        """Return a proposal in full; raises ConfigError without a journal."""
        from hybrid_tui.journal.reader import open_read_only
        from hybrid_tui.journal.sessions import read_session

        with closing(open_read_only(self._path)) as connection:
            return read_session(connection, run, event_id)
