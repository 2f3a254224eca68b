"""A session that the running engine is asked for: followed until its answer."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from hybrid_tui.commands.control import BY
from hybrid_tui.domain.commands import RunSession
from hybrid_tui.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from hybrid_tui.domain import events as ev
    from hybrid_tui.domain.exchange import Exchange
    from hybrid_tui.domain.ports import Abstained
    from hybrid_tui.domain.signals import StrategySignal
    from hybrid_tui.engine.client import EngineClient
    from hybrid_tui.paths import Paths

    Answered = tuple[ev.SessionAsked, StrategySignal | Abstained]

SAME_INSTANT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A session that an engine has held, with what was said to a model for it."""

    asked: ev.SessionAsked
    answer: StrategySignal | Abstained
    exchanges: list[Exchange]


def ask_engine(paths: Paths, session: str) -> Held | None:
    """Have the running engine hold a session, and wait for its answer; None without an engine.

    Raises Refused with the engine's reason.
    """
    from hybrid_tui.engine.client import EngineClient, EngineGone
    from hybrid_tui.journal.exchanges import find_exchanges
    from hybrid_tui.journal.reader import open_read_only

    async def ask(path: Path) -> Answered | None:
        try:
            client = await EngineClient.connect(path)
        except EngineGone:
            return None
        return await _follow(client, RunSession(session=session, by=BY))

    found = asyncio.run(ask(paths.engine))
    if found is None:
        return None
    asked, answer = found
    with closing(open_read_only(paths.journal)) as connection:
        # A simulated day comes again in another run, and a session's id with it.
        exchanges = [
            one
            for one in find_exchanges(connection, asked.decision)
            if abs(one.asked_at - asked.at) < SAME_INSTANT
        ]
    return Held(asked=asked, answer=answer, exchanges=exchanges)


async def _follow(client: EngineClient, command: RunSession) -> Answered:
    """Send the command and read events until the session's answer is among them."""
    answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(_read(client, answered))
    reading.add_done_callback(partial(_tell_failure, answered))
    try:
        ack = await client.send(command)
        if not ack.ok:
            raise Refused(ack.message)
        return await answered
    finally:
        answered.cancel()
        reading.cancel()
        await client.close()


async def _read(client: EngineClient, answered: asyncio.Future[Answered]) -> None:
    """Read on after the answer as well: it may come before the command is acknowledged."""
    from hybrid_tui.domain import events as ev
    from hybrid_tui.domain.ports import Abstained

    asked: ev.SessionAsked | None = None
    async for event in client.events():
        if isinstance(event, ev.SessionAsked) and event.by == "hand":
            asked = event
        elif asked is None or answered.done():
            continue
        elif isinstance(event, ev.SignalProposed) and event.signal.id == asked.decision:
            answered.set_result((asked, event.signal))
        elif isinstance(event, ev.SignalAbstained) and event.decision == asked.decision:
            answered.set_result((asked, Abstained(reason=event.reason)))
    if not answered.done():
        answered.set_exception(
            Refused(
                "the engine has gone before the session's answer",
                hint="hybrid-tui llm session, again",
            )
        )


def _tell_failure(answered: asyncio.Future[Answered], reading: asyncio.Task[None]) -> None:
    """Let whoever waits for an answer know that nobody reads any more, and why."""
    if not reading.cancelled() and not answered.done():
        error = reading.exception()
        if error is not None:
            answered.set_exception(error)
