"""Keeps the screen connected: follows the engine, notices when it goes, starts it again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import HybridError
from hybrid_tui.tui.connection import Connection, Connector
from hybrid_tui.tui.model import LinkStatus, Phase

log = logging.getLogger(__name__)

BACKOFF_SECONDS = (1.0, 2.0, 5.0, 10.0)
STEADY_SECONDS = 30.0
SLICE_SECONDS = 0.008


class Link:
    """One engine after the other, until cancelled. Callbacks run on the loop."""

    def __init__(
        self,
        connect: Connector,
        *,
        on_status: Callable[[LinkStatus], None],
        on_begin: Callable[[DeskState], None],
        on_event: Callable[[ev.Event], None],
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
    ) -> None:
        self._connect = connect
        self._on_status = on_status
        self._on_begin = on_begin
        self._on_event = on_event
        self._backoff = backoff
        self._again = asyncio.Event()
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Connect, follow, and connect again; returns only by being cancelled."""
        failures, was_connected = 0, False
        while True:
            self._say("starting the engine ...")
            why = ""
            try:
                connection = await self._connect(self._say)
            except HybridError as error:
                why = error.render()
                log.warning("no engine: %s", why)
                if not was_connected:
                    await self._wait(LinkStatus(phase=Phase.FAILED, text=f"no engine: {why}"))
                    continue
            else:
                was_connected = True
                began = time.monotonic()
                ended = await self._follow(connection)
                if ended:
                    text = f"the engine has ended: {ended}"
                    await self._wait(LinkStatus(phase=Phase.ENDED, text=text))
                    failures = 0
                    continue
                failures = 0 if time.monotonic() - began >= STEADY_SECONDS else failures
            seconds = self._backoff[min(failures, len(self._backoff) - 1)]
            failures += 1
            because = f" ({why})" if why else ""
            text = f"THE ENGINE HAS GONE{because}: nothing is decided until it is back"
            await self._wait(
                LinkStatus(phase=Phase.GONE, text=text, retry_at=time.monotonic() + seconds),
                seconds,
            )

    async def send(self, command: Command) -> Ack:
        """Send a command to the engine of the moment."""
        if self._connection is None:
            return Ack(ok=False, message="not sent: no engine is connected")
        return await self._connection.send(command)

    async def ask(self, inquiry: Inquiry) -> Answer:
        """Ask the engine of the moment something."""
        if self._connection is None:
            return Answer(refused="no engine is connected")
        return await self._connection.ask(inquiry)

    def again(self) -> None:
        """Stop waiting and try again."""
        self._again.set()

    async def close(self) -> None:
        """Hang up; the engine goes on."""
        if self._connection is not None:
            await self._connection.close()

    async def _follow(self, connection: Connection) -> str:
        """Hand events on until the engine goes; return why it said it would, or nothing."""
        self._connection = connection
        said = ""
        self._on_begin(connection.state)
        self._on_status(LinkStatus(phase=Phase.LIVE, text=""))
        began = time.monotonic()
        try:
            async for event in connection.events():
                if isinstance(event, ev.EngineStopped):
                    said = event.reason
                elif isinstance(event, ev.EngineStarted):
                    said = ""
                self._on_event(event)
                if time.monotonic() - began > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    began = time.monotonic()
        except HybridError as error:
            log.error("an event could not be read: %s", error.render())
            said = f"it speaks of what this screen does not know ({error.render()})"
        finally:
            self._connection = None
            await connection.close()
        return said

    async def _wait(self, status: LinkStatus, seconds: float | None = None) -> None:
        self._on_status(status)
        self._again.clear()
        try:
            await asyncio.wait_for(self._again.wait(), seconds)
        except TimeoutError:
            return

    def _say(self, text: str) -> None:
        self._on_status(LinkStatus(phase=Phase.STARTING, text=text))
