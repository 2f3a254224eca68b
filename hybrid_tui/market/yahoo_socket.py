"""yfinance's socket with an end: one connection, its messages, and why it was lost.

Connecting, subscribing, the repeated subscription that Yahoo wants and the decoding are the
library's. Its ``listen`` is not used: where the server closes the connection it goes round for ever
without giving way to anything else, and after an error it "reconnects" to the closed connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

import yfinance
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from yfinance import AsyncWebSocket

from hybrid_tui.errors import ConfigError

STREAM_URL = "wss://streamer.finance.yahoo.com/?version=2"
CONNECT_S = 20.0
CLOSE_S = 1.0


class Down(Exception):
    """The connection is lost, or none was made."""


class Garbage:
    """A message that could not be decoded; ``why`` says what it lacks."""

    def __init__(self, why: str) -> None:
        self.why = why


async def messages(
    url: str, symbols: Sequence[str], silent_s: float
) -> AsyncGenerator[dict[str, Any] | Garbage | None, None]:
    """Connect, subscribe, and yield what comes: first None, a message each, None after silence.

    Close the iterator to close the connection. Raises Down where the connection is refused or lost
    and ConfigError where the URL is none.
    """
    library_log = logging.getLogger("yfinance")
    if not library_log.handlers:
        # Without a handler of its own Python would write its warnings on the screen.
        library_log.addHandler(logging.NullHandler())
    yfinance.config.debug.hide_exceptions = False
    socket = AsyncWebSocket(url=url, verbose=False)
    try:
        await _subscribe(socket, url, symbols)
        yield None
        while True:
            try:
                async with asyncio.timeout(silent_s):
                    frame = await socket._ws.recv()
            except TimeoutError:
                yield None
            except (OSError, WebSocketException) as error:
                raise Down(f"Yahoo's stream was cut ({type(error).__name__})") from error
            else:
                yield _decoded(socket, frame)
    finally:
        await _close(socket)


async def _subscribe(socket: AsyncWebSocket, url: str, symbols: Sequence[str]) -> None:
    try:
        async with asyncio.timeout(CONNECT_S):
            await socket.subscribe(list(symbols))
    except InvalidURI as error:
        raise ConfigError(f"market.stream_url: {url!r} is not a ws(s) URL") from error
    except InvalidStatus as error:
        status = error.response.status_code
        raise Down(f"Yahoo's stream refused the connection (HTTP {status})") from error
    except TimeoutError as error:
        raise Down("Yahoo's stream did not answer in time") from error
    except (OSError, EOFError, InvalidHandshake, WebSocketException) as error:
        raise Down(f"Yahoo's stream could not be reached ({type(error).__name__})") from error


def _decoded(socket: AsyncWebSocket, frame: str | bytes) -> dict[str, Any] | Garbage:
    """Return a frame as the library decodes it, or what is wrong with it."""
    try:
        envelope = json.loads(frame)
    except (ValueError, RecursionError):
        return Garbage("a message that is not JSON")
    encoded = envelope.get("message") if isinstance(envelope, dict) else None
    if not isinstance(encoded, str):
        return Garbage("a message of another kind")
    try:
        decoded: dict[str, Any] = socket._decode_message(encoded)
    except Exception:
        # Base64, protobuf and text each have their own errors; none of them is a price.
        return Garbage("a message that cannot be decoded")
    return decoded


async def _close(socket: AsyncWebSocket) -> None:
    beating = socket._heartbeat_task
    with suppress(TimeoutError, OSError, WebSocketException):
        async with asyncio.timeout(CLOSE_S):
            await socket.close()
    if socket._ws is not None:
        socket._ws.transport.abort()
    if beating is not None:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
