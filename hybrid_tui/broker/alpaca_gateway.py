"""Requests to Alpaca's trading API, each made once, and what came of it: yes, no, or unknown.

The requests are alpaca-py's own, its retries off (it repeats a POST after 429 and 504) and a
time-out on each (it has none). Nothing is repeated here: who asked decides, knowing what is open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from hybrid_tui.alpaca_wire import AlpacaKeys, keys_hint, said_in, seconds_to_wait, timed_adapter
from hybrid_tui.broker.alpaca_rows import AccountRow, ActivityRow, OrderRow, PositionRow
from hybrid_tui.errors import ConfigError, DataError, Fatal, HybridError, Retryable

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

TIMEOUT_S = (3.0, 8.0)
PAGE = 100
MOST_PAGES = 20
MOST_ORDERS = 500
LIVE_HOST, PAPER_HOST = "api.alpaca.markets", "paper-api.alpaca.markets"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
USUAL_WAIT_S = 5.0
NOT_THAT_MANY = ("insufficient qty", "insufficient quantity", "position intent", "to short")
SAME_CLOCK = timedelta(seconds=2)
"""A Date header has whole seconds, and was written a moment ago."""


class No(StrEnum):
    """Why the broker said no."""

    KEYS = "keys"
    FUNDS = "funds"
    SHARES_HELD = "shares held"
    WASH_TRADE = "wash trade"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not found"
    TOO_LATE = "too late"
    PRICE = "price"
    RATE = "rate"
    OTHER = "other"


@dataclass(kw_only=True, eq=False)
class Refusal(Exception):
    """The broker said no: nothing came of the request. ``wait_s`` is set where it was too many."""

    kind: No
    status: int
    text: str
    wait_s: float = 0.0


@dataclass(kw_only=True, eq=False)
class Lost(Exception):
    """No answer that says yes or no: what became of the request is not known."""

    text: str


def is_live_url(url: str | None, mode: str) -> bool:
    """Whether orders sent to a URL trade real money: its host decides, where it has a known one.

    None is the mode's own; a loopback is a test's server and taken as the mode says.
    """
    host = urlsplit(url).hostname if url else None
    if host is None or host in LOOPBACK:
        return mode == "live"
    return host != PAPER_HOST


def is_loopback(url: str | None) -> bool:
    """Whether a URL names this machine: nothing sent there trades anything."""
    return url is not None and urlsplit(url).hostname in LOOPBACK


def stream_url_of(url: str | None, *, is_live: bool) -> str:
    """Return the trade-updates stream that belongs to a trading URL."""
    if url is None:
        return f"wss://{LIVE_HOST if is_live else PAPER_HOST}/stream"
    parts = urlsplit(url)
    scheme = "ws" if parts.scheme == "http" else "wss"
    return f"{scheme}://{parts.netloc}/stream"


def real_now() -> datetime:
    """Return the present instant, UTC."""
    return datetime.now(UTC)


class AlpacaGateway:
    """The account's REST API; every method makes one request and blocks for its answer.

    Methods raise Refusal or Lost. ``now`` returns this machine's time; ``skew`` is how far the
    broker's clock is ahead of it, by the Date of its last answer.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        url: str | None,
        *,
        is_live: bool,
        timeout_s: tuple[float, float] = TIMEOUT_S,
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self.now = now
        self.skew = timedelta(0)
        self._keys = keys
        self._url = url.rstrip("/") if url else None
        self._is_live = is_live
        self._timeout_s = timeout_s
        self._client: TradingClient | None = None

    @property
    def _place(self) -> str:
        """The broker's host, and which key of the configuration named it."""
        if self._url:
            host = urlsplit(self._url).netloc.rpartition("@")[2]
            return f"{host}, as broker.trading_url has it"
        return LIVE_HOST if self._is_live else PAPER_HOST

    def account(self) -> AccountRow:
        """Return the account."""
        return _read(AccountRow, self._ask("get", "/account"))

    def positions(self) -> list[PositionRow]:
        """Return everything that the account holds."""
        return _read(list[PositionRow], self._ask("get", "/positions"))

    def open_orders(self) -> list[OrderRow]:
        """Return the orders that may still fill, newest first."""
        query = {"status": "open", "limit": MOST_ORDERS, "direction": "desc", "nested": "false"}
        return _read(list[OrderRow], self._ask("get", "/orders", query))

    def order(self, client_id: str) -> OrderRow:
        """Return an order by the id that we gave it."""
        query = {"client_order_id": client_id}
        return _read(OrderRow, self._ask("get", "/orders:by_client_order_id", query))

    def order_by_venue_id(self, venue_id: str) -> OrderRow:
        """Return an order by the broker's id."""
        return _read(OrderRow, self._ask("get", f"/orders/{venue_id}"))

    def fills(self, after: datetime) -> list[ActivityRow]:
        """Return the fills since an instant, oldest first."""
        return self._activities("/account/activities/FILL", after)

    def transfers(self, after: datetime) -> list[ActivityRow]:
        """Return the deposits and withdrawals since an instant's day, oldest first."""
        found: list[ActivityRow] = []
        for kind in ("CSD", "CSW", "JNLC"):
            found += self._activities(f"/account/activities/{kind}", after)
        return found

    def buy(self, client_id: str, symbol: str, quantity: Decimal, limit: Decimal) -> OrderRow:
        """Buy at a limit, now or not at all."""
        body = {"type": "limit", "time_in_force": "ioc", "limit_price": str(limit)}
        return self._submit(client_id, symbol, "buy", quantity, body)

    def sell(self, client_id: str, symbol: str, quantity: Decimal) -> OrderRow:
        """Sell at the market; outside the session at the next open."""
        body = {"type": "market", "time_in_force": "day"}
        return self._submit(client_id, symbol, "sell", quantity, body)

    def rest_stop(self, client_id: str, symbol: str, quantity: Decimal, price: Decimal) -> OrderRow:
        """Rest a stop that stays until it is cancelled (Alpaca ends it after 90 days)."""
        body = {"type": "stop", "time_in_force": "gtc", "stop_price": str(price)}
        return self._submit(client_id, symbol, "sell", quantity, body)

    def replace_stop(
        self, venue_id: str, client_id: str, quantity: Decimal, price: Decimal
    ) -> OrderRow:
        """Ask for a stop to be replaced; return the order that is to take its place."""
        body = {"qty": str(quantity), "stop_price": str(price), "client_order_id": client_id}
        return _read(OrderRow, self._ask("patch", f"/orders/{venue_id}", body))

    def cancel(self, venue_id: str) -> None:
        """Ask for an order to end; that it has is told by the order itself."""
        self._ask("delete", f"/orders/{venue_id}")

    def _submit(
        self, client_id: str, symbol: str, side: str, quantity: Decimal, more: Mapping[str, str]
    ) -> OrderRow:
        # As the API's description has them: amounts are strings, so no float is in between.
        body = {
            "symbol": symbol,
            "side": side,
            "qty": str(quantity),
            "client_order_id": client_id,
            # Where the shares were sold by hand a moment ago, a plain sale would open a short.
            "position_intent": "buy_to_open" if side == "buy" else "sell_to_close",
            **more,
        }
        return _read(OrderRow, self._ask("post", "/orders", body))

    def _activities(self, path: str, after: datetime) -> list[ActivityRow]:
        found: list[ActivityRow] = []
        query: dict[str, object] = {
            "after": after.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "direction": "asc",
            "page_size": PAGE,
        }
        for _ in range(MOST_PAGES):
            page = _read(list[ActivityRow], self._ask("get", path, query))
            found += page
            if len(page) < PAGE:
                break
            query["page_token"] = page[-1].id
        return found

    def _ask(self, method: str, path: str, data: Mapping[str, object] | None = None) -> object:
        from alpaca.common.exceptions import APIError
        from requests import exceptions

        client = self._connected()
        try:
            answer: object = getattr(client, method)(path, dict(data or {}))
        except APIError as error:
            raise self._refusal(error) from None
        except (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema):
            raise ConfigError(f"broker.trading_url: {self._url!r} is not an http(s) URL") from None
        except exceptions.Timeout:
            raise Lost(text="the broker did not answer in time") from None
        except exceptions.JSONDecodeError:
            raise Lost(text="the broker's answer is cut off or not JSON") from None
        except exceptions.RequestException as error:
            said = f"{type(error).__name__}: {self._place}"
            raise Lost(text=f"the connection to the broker failed ({said})") from None
        except RecursionError:
            raise Lost(text="the broker's answer is not JSON") from None
        return answer

    def _refusal(self, error: Any) -> Refusal | Lost:
        response = error.response
        if response is None:
            return Lost(text="the broker could not be asked")
        status = int(response.status_code)
        said = self._keys.redact(said_in(str(error)))
        text = f"{said or 'no reason given'} ({status})"
        if status >= 500 or status == 408:
            return Lost(text=f"the broker failed: {text}")
        wait = seconds_to_wait(response.headers, self.now() + self.skew)
        kind = kind_of(status, said)
        return Refusal(
            kind=kind,
            status=status,
            text=text,
            wait_s=(USUAL_WAIT_S if wait is None else wait) if kind is No.RATE else 0.0,
        )

    def _connected(self) -> TradingClient:
        if self._client is None:
            # Here, not above: alpaca-py imports pandas, which takes most of a second.
            from alpaca.trading.client import TradingClient

            client = TradingClient(
                self._keys.key_id,
                self._keys.secret,
                paper=not self._is_live,
                raw_data=True,
                url_override=self._url,
            )
            client._retry = 0
            adapter = timed_adapter(self._timeout_s)
            client._session.mount("https://", adapter)
            client._session.mount("http://", adapter)
            client._session.hooks["response"].append(self._heard)
            self._client = client
        return self._client

    def _heard(self, response: Any, *_args: object, **_settings: object) -> None:
        """Compare the clocks: what the broker stamps is read by its own."""
        try:
            said = parsedate_to_datetime(response.headers.get("Date", ""))
            skew = said.astimezone(UTC) - self.now()
        except (ValueError, TypeError):
            return
        self.skew = skew if abs(skew) >= SAME_CLOCK else timedelta(0)

    def explained(self, error: Refusal | Lost, what: str) -> HybridError:
        """Return an error of a request as a person reads it, with what to do about it."""
        if isinstance(error, Lost):
            return Retryable(f"{what}: {error.text}", hint="try again later")
        text = f"{what}: the broker refused: {error.text}"
        if error.kind is No.KEYS:
            side = "live" if self._is_live else "paper"
            return Fatal(text, hint=f"{keys_hint(self._keys)}; this is the {side} account's URL")
        if error.kind is No.RATE:
            return Retryable(text, hint="too many requests: wait a minute")
        if error.kind is No.NOT_FOUND:
            return DataError(text, hint="is broker.trading_url right?")
        return Fatal(text, hint="see the account's page at the broker")


def kind_of(status: int, said: str) -> No:
    """Return why the broker refused: one code stands for several reasons, the message tells."""
    words = said.lower()
    if status == 429:
        return No.RATE
    if status == 404:
        return No.NOT_FOUND
    if "client_order_id must be unique" in words:
        return No.DUPLICATE
    if "wash trade" in words or "opposite side" in words:
        return No.WASH_TRADE
    if any(said in words for said in NOT_THAT_MANY):
        return No.SHARES_HELD
    if "buying power" in words or "insufficient balance" in words or "cost basis" in words:
        return No.FUNDS
    if status == 401 or (status == 403 and ("forbidden" in words or not words)):
        return No.KEYS
    if status == 422 and ("stop price" in words or "stop_price" in words):
        return No.PRICE
    if status == 422 and ("cancel" in words or "replace" in words or "not open" in words):
        return No.TOO_LATE
    return No.OTHER


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def _read(kind: type[Answer], answer: object) -> Answer:
    """Return an answer as ``kind``; what cannot be that is as good as no answer."""
    try:
        made: Answer = _adapter(cast(Hashable, kind)).validate_python(answer)
        return made
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "it"
        raise Lost(text=f"the broker's answer makes no sense: {where}: {problem['msg']}") from None
