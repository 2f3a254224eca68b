"""alpaca-py's data sockets with an end: a refusal stops them, and a lost connection backs off.

alpaca-py connects again for ever, also with a wrong key, and says so only in its log. Its loop
passes through three methods that are replaced here: ``_start_ws`` (connect and sign on),
``_dispatch`` (each message) and ``_wait_before_reconnect``, which the loop calls where it has
caught an error; what is raised there ends the loop. They are private, so they can change with a
release: the tests drive them against a server. A client of our own would be longer and would repeat
what works: framing, subscriptions, keep-alive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import websockets
from alpaca.data.enums import DataFeed
from alpaca.data.live.news import NewsDataStream
from alpaca.data.live.stock import StockDataStream
from alpaca.data.live.websocket import DataStream

from hybrid_tui.alpaca_wire import AlpacaKeys, keys_hint
from hybrid_tui.errors import ConfigError, DataError, Fatal, HybridError

CONNECT_S = 20.0
CLOSE_S = 2.0
LONGEST_BACKOFF_S = 60.0
MOST_LIMIT_REFUSALS = 6
PASSING = frozenset({"auth timeout", "internal error", "slow client"})
LIMIT = "connection limit exceeded"

wire_log = logging.getLogger("hybrid_tui.market.alpaca_wire")
# At DEBUG websockets writes each frame, and the first one holds the keys.
wire_log.setLevel(logging.INFO)


class _WithoutTraceback(logging.Filter):
    """Shortens alpaca-py's records: its tracebacks would end up on the screen."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, and of its exception only the kind."""
        if record.exc_info and record.exc_info[0] is not None:
            record.msg = f"{record.getMessage()} ({record.exc_info[0].__name__})"
            record.args = None
        record.exc_info = record.exc_text = None
        return True


logging.getLogger("alpaca.data.live.websocket").addFilter(_WithoutTraceback())


class Listener(Protocol):
    """Who hears what happens on a socket; called on its loop."""

    def ready(self) -> None:
        """The subscription was acknowledged, for the first time or again."""

    def message(self, message: dict[str, Any]) -> None:
        """A message with data came."""

    def down(self, why: str, wait_s: float) -> None:
        """The connection is lost; another is tried in ``wait_s`` seconds."""


class _Down(websockets.WebSocketException):
    """The connection cannot go on; the loop of alpaca-py logs this kind in one line."""


class Socket(DataStream):
    """A data socket that tells a listener, and that ends with ``refusal`` where there is one."""

    def __init__(
        self,
        *,
        keys: AlpacaKeys,
        listener: Listener,
        sleep: Callable[[float], Awaitable[None]],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            api_key=keys.key_id,
            secret_key=keys.secret,
            raw_data=True,
            websocket_params={"logger": wire_log, "close_timeout": CLOSE_S},
            **kwargs,
        )
        self.refusal: HybridError | None = None
        self._keys = keys
        self._listener = listener
        self._pause = sleep
        self._why = ""
        self._was_ready = False
        self._limit_refusals = 0

    async def serve(self) -> None:
        """Deliver until cancelled; raises the HybridError with which the service refused."""
        try:
            await self._run_forever()
        finally:
            await self.stop_ws()
            await self.close()

    async def on_data(self, message: Any) -> None:
        """Hand a message of a subscribed channel to the listener."""
        self._listener.message(message)

    async def _start_ws(self) -> None:
        from websockets.legacy.exceptions import InvalidStatusCode

        self._why = ""
        try:
            async with asyncio.timeout(CONNECT_S):
                await super()._start_ws()
        except TimeoutError as error:
            raise self._down("Alpaca's stream did not answer in time") from error
        except InvalidStatusCode as error:
            raise self._down(self._rejected(error.status_code)) from error
        except websockets.InvalidURI as error:
            self.refusal = ConfigError(f"market.stream_url: {self._endpoint!r} is not a ws(s) URL")
            raise self._down(self.refusal.message) from error
        except (OSError, websockets.WebSocketException) as error:
            kind = type(error).__name__
            raise self._down(f"Alpaca's stream could not be reached ({kind})") from error
        except Exception as error:
            # The library tells refusals and misunderstandings apart by their text alone.
            if type(error) is ValueError and not str(error).startswith("Unpack failed"):
                raise self._down(self._refused(self._keys.redact(str(error)))) from error
            raise self._down("Alpaca's stream does not speak Alpaca's protocol") from error

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        kind = msg.get("T")
        if kind == "error":
            said = self._keys.redact(f"{msg.get('msg')} ({msg.get('code')})")
            if msg.get("code") in (405, 409, 410):
                self.refusal = Fatal(
                    f"Alpaca's stream refused the subscription: {said}",
                    hint="fewer symbols in app.watchlist, or another market.feed or plan",
                )
            raise self._down(f"Alpaca's stream said: {said}")
        if kind == "subscription":
            self._was_ready, self._limit_refusals, self._why = True, 0, ""
            self._listener.ready()
            return
        await super()._dispatch(msg)

    async def _wait_before_reconnect(self, retries: int) -> None:
        if self.refusal is not None:
            raise self.refusal
        if not self._should_run:
            return
        wait_s = min(2.0 ** min(max(retries - 1, 0), 10), LONGEST_BACKOFF_S)
        self._listener.down(self._why or "Alpaca's stream was cut", wait_s)
        self._why = ""
        await self._pause(wait_s)

    def _down(self, why: str) -> _Down:
        self._why = why
        return _Down(why)

    def _rejected(self, status: int) -> str:
        """Return why the handshake was answered with an HTTP status; note if that is final."""
        why = f"Alpaca's stream refused the connection (HTTP {status})"
        if status in (401, 403):
            self.refusal = Fatal(why, hint=keys_hint(self._keys))
        elif status == 404:
            self.refusal = DataError(why, hint="is market.stream_url right?")
        return why

    def _refused(self, said: str) -> str:
        """Return why signing on failed; all but what is known to pass is final."""
        why = f"Alpaca's stream refused the connection: {said}"
        if LIMIT in said:
            self._limit_refusals += 1
            # Alpaca takes a while to notice that our own lost connection is gone.
            if not self._was_ready or self._limit_refusals >= MOST_LIMIT_REFUSALS:
                self.refusal = Fatal(
                    why,
                    hint="these keys have one connection and another program holds it; stop that, "
                    "or wait a minute after a crash",
                )
        elif "insufficient subscription" in said or "not enabled" in said:
            self.refusal = Fatal(why, hint="the account's plan lacks this feed: market.feed = iex")
        elif said not in PASSING and "connected message not received" not in said:
            self.refusal = Fatal(why, hint=keys_hint(self._keys))
        return why


class StockSocket(Socket, StockDataStream):
    """Bars, quotes and trading statuses of stocks."""

    def __init__(self, url: str, feed: str, **kwargs: Any) -> None:
        super().__init__(feed=DataFeed(feed), url_override=url, **kwargs)


class NewsSocket(Socket, NewsDataStream):
    """Headlines."""

    def __init__(self, url: str, **kwargs: Any) -> None:
        super().__init__(url_override=url, **kwargs)
