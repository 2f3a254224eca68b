"""Alpaca's trade-updates stream, with an end where the keys are wrong and a word when it is down.

Its own client of forty lines: alpaca-py's retries a wrong key for ever, loses the event where a
handler fails or a status is new to it, and uses the deprecated ``websockets.legacy``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from hybrid_tui.alpaca_wire import AlpacaKeys, keys_hint
from hybrid_tui.broker.alpaca_rows import UpdateRow, update_of
from hybrid_tui.errors import ConfigError, Fatal

log = logging.getLogger(__name__)
wire_log = logging.getLogger("hybrid_tui.broker.alpaca_stream_wire")
# At DEBUG websockets writes each frame, and the first one holds the keys.
wire_log.setLevel(logging.INFO)

CONNECT_S = 10.0
CLOSE_S = 1.0
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0


class TradeUpdates:
    """Listens until cancelled; ``on_up`` is called when it listens, ``on_down`` with why not."""

    def __init__(
        self,
        keys: AlpacaKeys,
        url: str,
        *,
        on_update: Callable[[UpdateRow], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keys = keys
        self._url = url
        self._on_update = on_update
        self._on_up = on_up
        self._on_down = on_down
        self._sleep = sleep
        self._failures = 0

    async def run(self) -> None:
        """Deliver updates; raises Fatal where the keys are refused, ConfigError for a bad URL."""
        from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

        while True:
            try:
                await self._listen()
                why = "the stream was closed"
            except InvalidURI as error:
                raise ConfigError(f"broker.stream_url: {self._url!r} is not a ws(s) URL") from error
            except InvalidStatus as error:
                status = error.response.status_code
                if status in (401, 403):
                    raise self._refused(f"HTTP {status}") from error
                why = f"HTTP {status}"
            except TimeoutError:
                why = "no answer in time"
            except (OSError, EOFError, WebSocketException, ValueError) as error:
                why = type(error).__name__
            self._on_down(why)
            await self._sleep(min(FIRST_BACKOFF_S * 2.0**self._failures, LONGEST_BACKOFF_S))
            self._failures = min(self._failures + 1, 10)

    async def _listen(self) -> None:
        from websockets.asyncio.client import connect

        async with connect(
            self._url, open_timeout=CONNECT_S, close_timeout=CLOSE_S, logger=wire_log
        ) as socket:
            signing = {"action": "auth", "key": self._keys.key_id, "secret": self._keys.secret}
            await socket.send(json.dumps(signing))
            listening = {"action": "listen", "data": {"streams": ["trade_updates"]}}
            async with asyncio.timeout(CONNECT_S):
                await self._authorized(socket)
                await socket.send(json.dumps(listening))
            async for frame in socket:
                self._take(frame)

    async def _authorized(self, socket: Any) -> None:
        while True:
            message = json.loads(await socket.recv())
            if isinstance(message, dict) and message.get("stream") == "authorization":
                data = message.get("data")
                status = data.get("status") if isinstance(data, dict) else None
                if status != "authorized":
                    raise self._refused(str(status))
                return

    def _take(self, frame: str | bytes) -> None:
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            log.warning("the trade-updates stream sent something that is not JSON")
            return
        if not isinstance(message, dict):
            return
        if message.get("stream") == "listening":
            self._failures = 0
            self._on_up()
        elif message.get("stream") == "trade_updates":
            try:
                update = update_of(message.get("data"))
            except ValidationError as error:
                # What it was about is found by asking: every open order is asked about.
                log.warning("a trade update that makes no sense: %s", error.errors()[0]["msg"])
                return
            self._on_update(update)

    def _refused(self, said: str) -> Fatal:
        text = f"the trade-updates stream refused the keys ({self._keys.redact(said)})"
        return Fatal(text, hint=keys_hint(self._keys))
