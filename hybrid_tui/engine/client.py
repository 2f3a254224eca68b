"""A client of the running engine: a snapshot, then events; commands and their acknowledgements."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.events import Event
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.endpoint import Endpoint, read_endpoint
from hybrid_tui.errors import Refused
from hybrid_tui.journal.codec import dump_command, load_event
from hybrid_tui.journal.reader import load_state

ACK_SECONDS = 2.0
LONGEST_LINE = 64 * 1024 * 1024


class EngineGone(Refused):
    """No engine answers, or the one that did has gone."""


class EngineClient:
    """One connection to a running engine. ``state`` is the snapshot with which it began."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: DeskState
    ) -> None:
        self.state = state
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Ack]] = {}
        self._next = 0

    @classmethod
    async def connect(cls, path: Path) -> EngineClient:
        """Connect to the engine that a file names; raises EngineGone."""
        endpoint = read_endpoint(path)
        if endpoint is None:
            raise EngineGone("no engine runs for this profile", hint="start hybrid-tui")
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", endpoint.port, limit=LONGEST_LINE
            )
            writer.write(_hello(endpoint))
            answer = json.loads(await asyncio.wait_for(reader.readline(), 10))
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineGone("the engine does not answer", hint="start hybrid-tui") from error
        if "snapshot" not in answer:
            raise EngineGone(f"the engine refused: {answer.get('refused', 'no snapshot')}")
        return cls(reader, writer, load_state(json.dumps(answer["snapshot"])))

    async def events(self) -> AsyncIterator[Event]:
        """Yield events as they happen; ends when the engine goes. Must run for acks to arrive."""
        try:
            while line := await self._reader.readline():
                document = json.loads(line)
                if "ack" in document:
                    waiting = self._waiting.pop(document["ack"], None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(Ack(ok=document["ok"], message=document["message"]))
                    continue
                kind = document.pop("event")
                yield load_event(kind, json.dumps(document))
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            return
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_result(Ack(ok=False, message="the engine has gone"))
            self._waiting.clear()

    async def send(self, command: Command, within: float = ACK_SECONDS) -> Ack:
        """Send a command; return the engine's answer, or a refusal after ``within`` seconds."""
        self._next += 1
        reference = self._next
        waiting = self._waiting[reference] = asyncio.get_running_loop().create_future()
        document = {**dump_command(command), "ref": reference}
        try:
            self._writer.write(json.dumps(document).encode() + b"\n")
            await self._writer.drain()
            return await asyncio.wait_for(waiting, within)
        except TimeoutError:
            return Ack(ok=False, message=f"no answer from the engine within {within:g} s")
        except ConnectionError:
            return Ack(ok=False, message="the engine has gone")
        finally:
            self._waiting.pop(reference, None)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()


def send_command(path: Path, command: Command, timeout: float = ACK_SECONDS) -> Ack:
    """Send one command from a program without a loop; raises EngineGone without an engine."""
    endpoint = read_endpoint(path)
    if endpoint is None:
        raise EngineGone("no engine runs for this profile", hint="start hybrid-tui")
    try:
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=timeout) as connection:
            document = {**dump_command(command), "ref": 0}
            connection.sendall(_hello(endpoint) + json.dumps(document).encode() + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    if line.startswith(b'{"ack"'):
                        answer = json.loads(line)
                        return Ack(ok=answer["ok"], message=answer["message"])
                    if line.startswith(b'{"refused"'):
                        raise EngineGone(f"the engine refused: {json.loads(line)['refused']}")
    except TimeoutError as error:
        raise EngineGone(f"the engine did not answer within {timeout:g} s") from error
    except OSError as error:
        raise EngineGone("no engine runs for this profile", hint="start hybrid-tui") from error
    raise EngineGone("the engine hung up without an answer")


def _hello(endpoint: Endpoint) -> bytes:
    return json.dumps({"token": endpoint.token}).encode() + b"\n"
