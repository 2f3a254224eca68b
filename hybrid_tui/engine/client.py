"""A client of the running engine: a snapshot, then events; commands and their acknowledgements."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.events import Event
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.endpoint import Endpoint, read_endpoint
from hybrid_tui.errors import Refused
from hybrid_tui.journal.codec import dump_command, dump_inquiry, load_event
from hybrid_tui.journal.reader import load_state

log = logging.getLogger(__name__)

ACK_SECONDS = 2.0
ANSWER_SECONDS = 10.0
LONGEST_LINE = 64 * 1024 * 1024


class EngineGone(Refused):
    """No engine answers, or the one that did has gone."""


class NoAnswer(Refused):
    """An engine got a command and did not say what became of it."""


class EngineClient:
    """One connection to a running engine. ``state`` is the snapshot with which it began."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: DeskState
    ) -> None:
        self.state = state
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Ack]] = {}
        self._asked: dict[int, asyncio.Future[Answer]] = {}
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
                if "answer" in document:
                    asked = self._asked.pop(document["answer"], None)
                    if asked is not None and not asked.done():
                        asked.set_result(
                            Answer(
                                document=document.get("document"),
                                refused=document.get("refused", ""),
                            )
                        )
                    continue
                if "refused" in document:
                    log.warning("the engine refused a line: %s", document["refused"])
                    continue
                event = load_event(document.pop("event"), json.dumps(document))
                if event.id > self.state.last_id:
                    yield event
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            return
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_result(Ack(ok=False, message="the engine has gone"))
            self._waiting.clear()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_result(Answer(refused="the engine has gone"))
            self._asked.clear()

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

    async def ask(self, inquiry: Inquiry, within: float = ANSWER_SECONDS) -> Answer:
        """Ask the engine something; return its answer, or why there is none after ``within`` s."""
        self._next += 1
        reference = self._next
        asked = self._asked[reference] = asyncio.get_running_loop().create_future()
        document = {**dump_inquiry(inquiry), "ref": reference}
        try:
            self._writer.write(json.dumps(document).encode() + b"\n")
            await self._writer.drain()
            return await asyncio.wait_for(asked, within)
        except TimeoutError:
            return Answer(refused=f"no answer from the engine within {within:g} s")
        except ConnectionError:
            return Answer(refused="the engine has gone")
        finally:
            self._asked.pop(reference, None)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()


def send_command(path: Path, command: Command, within: float = ACK_SECONDS) -> Ack:
    """Send one command from a program without a loop.

    Raises EngineGone without an engine, and NoAnswer where one did not answer in time.
    """
    endpoint = read_endpoint(path)
    if endpoint is None:
        raise EngineGone("no engine runs for this profile", hint="start hybrid-tui")
    deadline = time.monotonic() + within
    try:
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=within) as connection:
            document = {**dump_command(command), "ref": 0}
            connection.sendall(_hello(endpoint) + json.dumps(document).encode() + b"\n")
            answer = _read_answer(connection, deadline)
    except TimeoutError as error:
        raise NoAnswer(
            f"the engine did not answer within {within:g} s: it is not known whether it was done",
            hint="hybrid-tui status",
        ) from error
    except OSError as error:
        raise EngineGone("no engine runs for this profile", hint="start hybrid-tui") from error
    if "refused" in answer:
        raise EngineGone(f"the engine refused: {answer['refused']}")
    return Ack(ok=answer["ok"], message=answer["message"])


def _read_answer(connection: socket.socket, deadline: float) -> dict[str, Any]:
    """Return the acknowledgement or refusal among what the engine sends."""
    waiting = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        received = connection.recv(65_536)
        if not received:
            raise NoAnswer(
                "the engine hung up without an answer: it is not known whether it was done",
                hint="hybrid-tui status",
            )
        *lines, waiting = (waiting + received).split(b"\n")
        for line in lines:
            if line.startswith((b'{"ack"', b'{"refused"')):
                answer: dict[str, Any] = json.loads(line)
                return answer


def _hello(endpoint: Endpoint) -> bytes:
    return json.dumps({"token": endpoint.token}).encode() + b"\n"
