"""Yahoo's price socket on 127.0.0.1: protobuf in base64 in JSON, subscriptions, faults."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from yfinance.pricing_pb2 import PricingData


def price(symbol: str, at: datetime, last: float, **fields: Any) -> str:
    """Return a price as Yahoo streams it."""
    data = PricingData(id=symbol, price=last, time=int(at.timestamp() * 1_000), **fields)
    return enveloped(data.SerializeToString())


def enveloped(payload: bytes) -> str:
    """Return a payload in the envelope of version 2."""
    return json.dumps({"type": "pricing", "message": base64.b64encode(payload).decode()})


class YahooSocket:
    """The server: what was subscribed to, and the answers of coming handshakes."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.connects = 0
        self.subscriptions: list[list[str]] = []
        self.open: set[ServerConnection] = set()
        self.changed = asyncio.Condition()

    async def send(self, *frames: str | bytes) -> None:
        """Send frames to who is connected."""
        for connection in list(self.open):
            for frame in frames:
                await connection.send(frame)

    async def close(self, *, rudely: bool = False) -> None:
        """Cut every connection, with or without a close frame."""
        for connection in list(self.open):
            if rudely:
                connection.transport.abort()
            else:
                await connection.close()
        self.open.clear()

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a handshake where one is to be refused."""
        self.connects += 1
        if self.statuses:
            return connection.respond(HTTPStatus(self.statuses.pop(0)), "refused")
        return None

    async def talk(self, connection: ServerConnection) -> None:
        """Take subscriptions until the client goes."""
        try:
            async for frame in connection:
                async with self.changed:
                    self.subscriptions.append(sorted(json.loads(frame)["subscribe"]))
                    self.open.add(connection)
                    self.changed.notify_all()
        except ConnectionClosed:
            return
        finally:
            self.open.discard(connection)

    async def subscribed(self, times: int = 1) -> None:
        """Wait until that many subscriptions came and a connection is open."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: len(self.subscriptions) >= times and self.open)


@asynccontextmanager
async def serve_prices() -> AsyncIterator[YahooSocket]:
    """Serve on a free port until the block ends; ``url`` says where."""
    socket = YahooSocket()
    async with serve(
        socket.talk, "127.0.0.1", 0, process_request=socket.answer, close_timeout=0.2
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket.url = f"ws://127.0.0.1:{port}/?version=2"
        yield socket
