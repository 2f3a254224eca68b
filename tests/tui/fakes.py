"""An engine, a journal and a clock made of lists, for the screen to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

from hybrid_tui.analysis.story import Story as TradeStory
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import ConfigError
from hybrid_tui.journal.sessions import SessionDetail, StoredSession
from hybrid_tui.journal.symbol_record import SymbolRecord
from hybrid_tui.journal.trades import StoredTrade, TradeQuery, TradeTotals
from hybrid_tui.tui.connection import Connection, Say


class FakeConnection:
    """An engine made of a list: yields what is pushed, keeps what is sent."""

    def __init__(self, state: DeskState) -> None:
        self._state = state
        self._queue: asyncio.Queue[ev.Event | None] = asyncio.Queue()
        self.sent: list[Command] = []
        self.ack = Ack(ok=True, message="done")
        self.asked: list[Inquiry] = []
        self.answer: Callable[[Inquiry], Answer] = lambda _: Answer(refused="nothing to answer")
        self.is_closed = False

    @property
    def state(self) -> DeskState:
        """The snapshot."""
        return self._state

    async def events(self) -> AsyncIterator[ev.Event]:
        """Yield what was pushed until the end is pushed."""
        while (event := await self._queue.get()) is not None:
            yield event

    async def send(self, command: Command) -> Ack:
        """Keep a command and acknowledge it."""
        self.sent.append(command)
        return self.ack

    async def ask(self, inquiry: Inquiry) -> Answer:
        """Keep an inquiry and answer it."""
        self.asked.append(inquiry)
        return self.answer(inquiry)

    async def close(self) -> None:
        """Hang up."""
        self.is_closed = True

    def push(self, *events: ev.Event) -> None:
        """Let the engine say something."""
        for event in events:
            self._queue.put_nowait(event)

    def go(self) -> None:
        """Let the engine go away."""
        self._queue.put_nowait(None)


class FakeHistory:
    """A journal made of a list."""

    def __init__(self, events: Iterable[ev.Event]) -> None:
        self._events = list(events)

    def recent(self, _run: str, until: int) -> list[ev.Event]:
        """Return all events up to an id."""
        return [event for event in self._events if event.id <= until]

    def symbol(self, _run: str, _symbol: str, _now: datetime, _until: int) -> SymbolRecord:
        """Return nothing; ``journals.py`` has a real one."""
        return SymbolRecord()

    def story(self, run: str, name: str) -> TradeStory:
        """Know no stories; ``journals.py`` has a real one."""
        raise ConfigError(f"{name!r} is not in {run}")

    def trades(self, _run: str, _query: TradeQuery) -> list[StoredTrade]:
        """Return nothing; ``journals.py`` has a real one."""
        return []

    def totals(self, _run: str, _text: str, _since: datetime) -> tuple[TradeTotals, TradeTotals]:
        """Return nothing; ``journals.py`` has a real one."""
        return TradeTotals(), TradeTotals()

    def sessions(self, _run: str, _before: int | None) -> list[StoredSession]:
        """Return nothing; ``journals.py`` has a real one."""
        return []

    def session(self, _run: str, _event_id: int) -> SessionDetail | None:
        """Return nothing; ``journals.py`` has a real one."""
        return None


class FakeEngines:
    """Connects to one fake engine after the other; what is not a connection is raised."""

    def __init__(self, *answers: Connection | Exception) -> None:
        self._answers = list(answers)
        self.calls = 0

    async def __call__(self, say: Say) -> Connection:
        """Return the next connection; without one, wait for ever."""
        self.calls += 1
        say("starting the engine ...")
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Wall:
    """A wall clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """Return monotonic seconds."""
        return self.seconds
