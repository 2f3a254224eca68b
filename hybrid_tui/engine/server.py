"""The engine's loopback socket: events out, commands in and acknowledged, JSON lines both ways.

A client sends ``{"token": ...}`` and gets ``{"snapshot": <state>}``, then events. A command is
``{"command": ..., "ref": n, ...}``; its answer ``{"ack": n, "ok": ..., "message": ...}``. An
inquiry is ``{"inquiry": ..., "ref": n, ...}``; its answer ``{"answer": n, "document": ...}``, or
``"refused"`` in place of the document. A line that is no JSON object is neither: it is answered
``{"refused": ...}``. A client that does not read is dropped: nothing that a screen does may delay
the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.inquiries import Inquiry
from hybrid_tui.errors import DataError, HybridError
from hybrid_tui.journal.codec import load_command, load_inquiry

log = logging.getLogger(__name__)

MOST_WAITING = 8 * 1024 * 1024
LONGEST_LINE = 1024 * 1024
HELLO_SECONDS = 5.0
LAST_WORDS_SECONDS = 0.5
ANSWERING_SECONDS = 0.05

Obey = Callable[[Command], Awaitable[Ack]]
Tell = Callable[[Inquiry], Awaitable[bytes]]
"""Answers an inquiry with a JSON document; raises HybridError where there is no answer."""


class EngineServer:
    """Serves snapshots, events and acknowledgements to any number of clients."""

    def __init__(
        self, token: str, snapshot: Callable[[], Awaitable[bytes]], obey: Obey, tell: Tell
    ) -> None:
        self._token = token
        self._snapshot = snapshot
        self._obey = obey
        self._tell = tell
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on a free loopback port; return it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_LINE)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Send what is waiting, as far as it goes at once, and close."""
        if self._server is None:
            return
        self._server.close()
        await asyncio.sleep(ANSWERING_SECONDS)
        for client in list(self._clients):
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(client.drain(), LAST_WORDS_SECONDS)
            client.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def has_clients(self) -> bool:
        """Whether anyone is listening."""
        return bool(self._clients)

    def broadcast(self, line: bytes) -> None:
        """Send a line to every client; drop those that have stopped reading."""
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > MOST_WAITING:
                log.warning("a client does not read: dropped")
                self._clients.discard(client)
                client.transport.abort()
                continue
            client.write(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not await self._is_welcome(reader):
                writer.write(_refused("wrong token"))
                return
            # Nothing may come between the snapshot and the first event after it: no await here.
            snapshot = await self._snapshot()
            self._clients.add(writer)
            writer.write(b'{"snapshot": ' + snapshot + b"}\n")
            while line := await reader.readline():
                writer.write(await self._answer(line))
        except (ConnectionError, ValueError, asyncio.LimitOverrunError) as error:
            log.info("a client went away: %s", error)
        finally:
            self._clients.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _is_welcome(self, reader: asyncio.StreamReader) -> bool:
        try:
            hello = json.loads(await asyncio.wait_for(reader.readline(), HELLO_SECONDS))
            return hmac.compare_digest(str(hello["token"]), self._token)
        except (TimeoutError, ValueError, KeyError, TypeError):
            return False

    async def _answer(self, line: bytes) -> bytes:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _refused(f"not JSON: {error}")
        if not isinstance(document, dict):
            return _refused("a command or an inquiry is a JSON object")
        reference = document.pop("ref", None)
        if "inquiry" in document:
            return await self._inform(document, reference)
        try:
            ack = await self._obey(load_command(document))
        except (ValueError, RecursionError) as error:
            ack = Ack(ok=False, message=f"not a command: {error}")
        except DataError as error:
            ack = Ack(ok=False, message=error.render())
        answer = {"ack": reference, "ok": ack.ok, "message": ack.message}
        return json.dumps(answer).encode() + b"\n"

    async def _inform(self, document: dict[str, Any], reference: Any) -> bytes:
        head = b'{"answer": ' + json.dumps(reference).encode()
        try:
            return head + b', "document": ' + await self._tell(load_inquiry(document)) + b"}\n"
        except HybridError as error:
            why = error.render()
        except Exception as error:
            # Nothing was changed, and who asked has to hear of it: else it waits until its limit.
            log.exception("an inquiry failed: %s", document.get("inquiry"))
            why = f"the engine could not answer ({type(error).__name__}: its log says more)"
        return head + b', "refused": ' + json.dumps(why).encode() + b"}\n"


def _refused(why: str) -> bytes:
    return json.dumps({"refused": why}).encode() + b"\n"
