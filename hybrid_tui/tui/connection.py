"""How the screen reaches an engine: attach to the one that runs, or start one and wait for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.events import Event
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import Refused

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from hybrid_tui.config import Paths
    from hybrid_tui.engine.client import EngineClient, EngineGone
    from hybrid_tui.engine.endpoint import Endpoint

log = logging.getLogger(__name__)

START_SECONDS = 45.0
ATTACH_SECONDS = 5.0
POLL_SECONDS = 0.05
SLOW_START_SECONDS = 5.0
WATCH_SECONDS = 1.0

Say = Callable[[str], None]


class Connection(Protocol):
    """A connection to an engine: a snapshot, then events; commands are acknowledged."""

    @property
    def state(self) -> DeskState:
        """The snapshot with which the connection began."""

    def events(self) -> AsyncIterator[Event]:
        """Yield events as they happen; ends when the engine goes."""

    async def send(self, command: Command) -> Ack:
        """Send a command and return the engine's answer."""

    async def ask(self, inquiry: Inquiry) -> Answer:
        """Ask the engine something and return its answer."""

    async def close(self) -> None:
        """Hang up."""


class Connector(Protocol):
    """Gives a connection, saying meanwhile what it waits for."""

    async def __call__(self, say: Say) -> Connection:
        """Return a connection; raises HybridError where there is none to be had."""


class EngineConnector:
    """Attaches to the profile's engine; starts one when none runs, unless only reading."""

    def __init__(
        self,
        paths: Paths,
        global_options: Sequence[str],
        options: Sequence[str],
        *,
        read_only: bool,
    ) -> None:
        self._paths = paths
        self._global_options = tuple(global_options)
        self._options = tuple(options)
        self._read_only = read_only
        self._process: subprocess.Popen[bytes] | None = None

    async def __call__(self, say: Say) -> Connection:
        """Return a connection; raises Refused with what the engine said before it ended."""
        client, endpoint = await asyncio.to_thread(_modules)
        if self._read_only:
            return await self._watch(client, say)
        if await asyncio.to_thread(endpoint.is_held, self._paths):
            say("connecting to the engine ...")
            return await self._attach(client)
        say("starting the engine ...")
        return await self._start(client, endpoint, say)

    async def _watch(self, client: _Client, say: Say) -> Connection:
        """Wait for an engine that somebody else starts."""
        while True:
            try:
                return await client.EngineClient.connect(self._paths.engine)
            except client.EngineGone:
                say("no engine runs for this profile; a read-only screen starts none, it waits")
            await asyncio.sleep(WATCH_SECONDS)

    async def _attach(self, client: _Client) -> Connection:
        """Connect to an engine that holds the profile; it may not be listening yet."""
        deadline = time.monotonic() + ATTACH_SECONDS
        while True:
            try:
                return await client.EngineClient.connect(self._paths.engine)
            except client.EngineGone:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    async def _start(self, client: _Client, endpoint: _Endpoint, say: Say) -> Connection:
        from hybrid_tui.engine.spawn import start_engine, why_it_ended

        stale = endpoint.read_endpoint(self._paths.engine)
        process = await asyncio.to_thread(
            start_engine, self._paths, self._global_options, self._options
        )
        self._process = process
        log.info("started an engine: process %d", process.pid)
        began = time.monotonic()
        while time.monotonic() - began < START_SECONDS:
            found = endpoint.read_endpoint(self._paths.engine)
            if found is not None and found != stale:
                return await self._attach(client)
            if process.poll() is not None:
                raise Refused(why_it_ended(self._paths))
            if time.monotonic() - began > SLOW_START_SECONDS:
                say(f"starting the engine ... {time.monotonic() - began:.0f} s")
            await asyncio.sleep(POLL_SECONDS)
        raise Refused(
            f"the engine did not start within {START_SECONDS:g} s", hint=str(self._paths.logs)
        )


class _Client(Protocol):
    EngineClient: type[EngineClient]
    EngineGone: type[EngineGone]


class _Endpoint(Protocol):
    def is_held(self, paths: Paths) -> bool: ...

    def read_endpoint(self, path: Path) -> Endpoint | None: ...


def _modules() -> tuple[_Client, _Endpoint]:
    """Import the client off the loop: its JSON codecs take a while."""
    from hybrid_tui.engine import client, endpoint

    return client, endpoint
