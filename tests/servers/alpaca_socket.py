"""Alpaca's market data sockets on 127.0.0.1: msgpack frames, sign-on, subscriptions, faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgpack  # type: ignore[import-untyped]
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.servers.alpaca_data import KEYS

STOCKS, NEWS = "/v2/iex", "/v1beta1/news"
CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "news")


def stamp(at: datetime) -> Any:
    """Return an instant as msgpack carries it."""
    return msgpack.Timestamp.from_datetime(at.astimezone(UTC))


def streamed_bar(symbol: str, at: datetime, close: float = 100.0, **changes: Any) -> dict[str, Any]:
    """Return a bar as the stream sends it."""
    figures = {"o": close, "h": close + 1, "l": close - 1, "c": close, "v": 500, "n": 7}
    return {"T": "b", "S": symbol, "t": stamp(at), **figures, "vw": close, **changes}


def streamed_quote(symbol: str, at: datetime, bid: float, ask: float) -> dict[str, Any]:
    """Return a quote as the stream sends it."""
    sides = {"bp": bid, "ap": ask, "bs": 1, "as": 1, "bx": "V", "ax": "V", "c": ["R"], "z": "C"}
    return {"T": "q", "S": symbol, "t": stamp(at), **sides}


def trading_status(symbol: str, at: datetime, code: str) -> dict[str, Any]:
    """Return a halt or resumption as the stream sends it."""
    words = {"sm": "Trading Halt", "rc": "T12", "rm": "Information requested", "z": "C"}
    return {"T": "s", "S": symbol, "t": stamp(at), "sc": code, **words}


def streamed_news(key: int, at: datetime, headline: str) -> dict[str, Any]:
    """Return a headline as the stream sends it."""
    return {
        "T": "n",
        "id": key,
        "headline": headline,
        "summary": "",
        "author": "Newsdesk",
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "url": "https://news.example/x",
        "content": "",
        "symbols": ["AAPL"],
        "source": "benzinga",
    }


@dataclass
class _Path:
    """What happens under one path. ``refusals`` answer sign-ons, ``statuses`` handshakes."""

    refusals: list[tuple[int, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    connects: int = 0
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    open: set[ServerConnection] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class AlpacaSocket:
    """Both streams; a refusal with code 0 closes the connection without a word."""

    def __init__(self) -> None:
        self.paths = {STOCKS: _Path(), NEWS: _Path()}
        self.url = ""

    async def subscribed(self, path: str, times: int = 1) -> dict[str, Any]:
        """Wait until a path was subscribed to so many times; return the last subscription."""
        state = self.paths[path]
        async with asyncio.timeout(10):
            while len(state.subscriptions) < times:
                state.changed.clear()
                await state.changed.wait()
        return state.subscriptions[-1]

    async def send(self, path: str, *messages: Any) -> None:
        """Send messages to everyone who is subscribed, in one frame."""
        for connection in tuple(self.paths[path].open):
            await connection.send(msgpack.packb(list(messages)))

    async def send_raw(self, path: str, frame: bytes) -> None:
        """Send one frame as it is."""
        for connection in tuple(self.paths[path].open):
            await connection.send(frame)

    def cut(self, path: str) -> None:
        """Drop the connections of a path without saying goodbye."""
        for connection in tuple(self.paths[path].open):
            connection.transport.abort()
        self.paths[path].open.clear()

    def reject(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a handshake with an HTTP status where one was ordered or the path is unknown."""
        state = self.paths.get(request.path)
        if state is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "404 page not found")
        state.connects += 1
        if state.statuses:
            return connection.respond(HTTPStatus(state.statuses.pop(0)), "refused")
        return None

    async def talk(self, connection: ServerConnection) -> None:
        """Speak the protocol on one connection."""
        request = connection.request
        assert request is not None
        state = self.paths[request.path]
        try:
            await connection.send(msgpack.packb([{"T": "success", "msg": "connected"}]))
            async for frame in connection:
                message = msgpack.unpackb(frame)
                if message["action"] == "auth":
                    if not await self._sign_on(connection, state, message):
                        return
                elif message["action"] == "subscribe":
                    known = {name: message.get(name, []) for name in CHANNELS}
                    await connection.send(msgpack.packb([{"T": "subscription", **known}]))
                    state.open.add(connection)
                    state.subscriptions.append(message)
                    state.changed.set()
        except ConnectionClosed:
            return
        finally:
            state.open.discard(connection)

    async def _sign_on(
        self, connection: ServerConnection, state: _Path, message: dict[str, Any]
    ) -> bool:
        refusal = state.refusals.pop(0) if state.refusals else None
        if refusal is None and (message["key"], message["secret"]) != (KEYS.key_id, KEYS.secret):
            refusal = (402, "auth failed")
        if refusal is None:
            await connection.send(msgpack.packb([{"T": "success", "msg": "authenticated"}]))
            return True
        code, text = refusal
        if code:
            await connection.send(msgpack.packb([{"T": "error", "code": code, "msg": text}]))
        return False


@asynccontextmanager
async def serve_socket() -> AsyncIterator[AlpacaSocket]:
    """Serve on a free port until the block ends; ``url`` says where."""
    socket = AlpacaSocket()
    server: Server
    async with serve(
        socket.talk, "127.0.0.1", 0, process_request=socket.reject, close_timeout=0.2
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket.url = f"ws://127.0.0.1:{port}"
        yield socket
