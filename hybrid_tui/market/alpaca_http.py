"""Requests to Alpaca's market data API: time-outs, retries, and errors that a person can read.

The requests are alpaca-py's own. What it lacks is added here: it has no time-out at all, and its
retries sleep in blocks of three seconds, so they are off.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from hybrid_tui.alpaca_wire import (
    AlpacaKeys,
    keys_hint,
    said_in,
    seconds_to_wait,
    timed_adapter,
)
from hybrid_tui.errors import ConfigError, DataError, Fatal, HybridError, Retryable

if TYPE_CHECKING:
    from alpaca.common.exceptions import APIError
    from alpaca.common.rest import RESTClient

log = logging.getLogger(__name__)

Api = Literal["stocks", "news", "actions", "clock"]
TIMEOUT_S = (5.0, 30.0)
"""Seconds to connect, and to wait for the next bytes of an answer."""
ATTEMPTS = 5
LONGEST_BACKOFF_S = 30.0
LONGEST_WAIT_S = 120.0
URL_HINT = "is market.data_url right?"


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a request failed, whether the same one may succeed later, and when to ask again."""

    error: HybridError
    may_pass: bool = False
    wait_s: float | None = None


class AlpacaRest:
    """Alpaca's market data API (and the trading API's clock), one request at a time.

    ``base_url`` None is Alpaca's own, ``setting`` the key that it comes from; ``timeout_s`` is
    (connect, read). ``sleep`` takes seconds and ``jitter`` returns 0..1.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        base_url: str | None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
        timeout_s: tuple[float, float] = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        setting: str = "market.data_url",
    ) -> None:
        self._keys = keys
        self._url = base_url.rstrip("/") if base_url else None
        self._setting = setting
        self._url_hint = f"is {setting} right?"
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._clients: dict[Api, RESTClient] = {}

    def get(self, api: Api, path: str, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        """Return the JSON object that a request is answered with; ``what`` names it in errors.

        Asks again after 429 (when the server says so), 5xx, time-outs, lost connections and answers
        that are not JSON. Raises Retryable if they go on, Fatal where the keys or the subscription
        do not allow the request, DataError where it or its answer makes no sense.
        """
        client = self._client(api)
        for attempt in range(1, self._attempts + 1):
            answer = self._once(client, path, params, what)
            if not isinstance(answer, _Fault):
                return answer
            wait = answer.wait_s
            if wait is None:
                wait = min(2.0 ** (attempt - 1), LONGEST_BACKOFF_S) * (0.5 + self._jitter())
            if not answer.may_pass or attempt == self._attempts or wait > LONGEST_WAIT_S:
                raise answer.error
            log.warning("%s; asking again in %.1f s", answer.error.message, wait)
            self._sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _client(self, api: Api) -> RESTClient:
        if api not in self._clients:
            self._clients[api] = self._make(api)
        return self._clients[api]

    def _make(self, api: Api) -> RESTClient:
        # Here, not above: alpaca-py imports pandas, which takes most of a second.
        from alpaca.data.historical.corporate_actions import CorporateActionsClient
        from alpaca.data.historical.news import NewsClient
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from alpaca.trading.client import TradingClient

        kinds: dict[Api, Any] = {
            "stocks": StockHistoricalDataClient,
            "news": NewsClient,
            "actions": CorporateActionsClient,
            "clock": TradingClient,
        }
        client: RESTClient = kinds[api](
            self._keys.key_id, self._keys.secret, raw_data=True, url_override=self._url
        )
        client._retry = 0
        adapter = timed_adapter(self._timeout_s)
        client._session.mount("https://", adapter)
        client._session.mount("http://", adapter)
        return client

    def _once(
        self, client: RESTClient, path: str, params: Mapping[str, Any], what: str
    ) -> dict[str, Any] | _Fault:
        from alpaca.common.exceptions import APIError
        from requests import exceptions

        try:
            answer: object = client.get(path, dict(params))
        except APIError as error:
            return self._refusal(error, what)
        except exceptions.Timeout:
            return _passing(f"Alpaca did not answer in time when asked for {what}")
        except exceptions.JSONDecodeError as error:
            return _not_json(error, what, self._url_hint)
        except (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema):
            return _Fault(ConfigError(f"{self._setting}: {self._url!r} is not an http(s) URL"))
        except exceptions.RequestException as error:
            # Only the kind of error: its text repeats the whole request.
            return _passing(f"Alpaca could not be reached for {what} ({type(error).__name__})")
        except RecursionError:
            return _passing(f"Alpaca's answer about {what} is cut off or not JSON")
        if answer is None:
            return _passing(f"Alpaca's answer about {what} was empty")
        if not isinstance(answer, dict):
            return _Fault(
                DataError(f"Alpaca's answer about {what} is not a JSON object", hint=self._url_hint)
            )
        return answer

    def _refusal(self, error: APIError, what: str) -> _Fault:
        response = error.response
        if response is None:
            return _passing(f"Alpaca could not be asked for {what}")
        status = int(response.status_code)
        said = self._keys.redact(said_in(str(error)))
        where = f"Alpaca refused {what} ({status}{': ' + said if said else ''})"
        if status == 429:
            return _Fault(
                Retryable(where, hint="too many requests; wait a minute, or ask for less"),
                may_pass=True,
                wait_s=seconds_to_wait(response.headers, self._clock()),
            )
        if status >= 500 or status == 408:
            return _passing(f"Alpaca failed on {what} ({status}{': ' + said if said else ''})")
        if status == 403 and "subscription" in said.lower():
            return _Fault(
                Fatal(
                    f"the account is not entitled to that data: {where}",
                    hint="set market.feed to iex; on the free plan sip ends 15 minutes ago",
                )
            )
        if status in (401, 403):
            return _Fault(Fatal(where, hint=keys_hint(self._keys)))
        if status == 404:
            return _Fault(DataError(where, hint=self._url_hint))
        return _Fault(DataError(where, hint="see the symbol, the dates and the interval"))


def _passing(message: str) -> _Fault:
    return _Fault(Retryable(message, hint="try again later"), may_pass=True)


def _not_json(error: ValueError, what: str, url_hint: str) -> _Fault:
    text = str(getattr(error, "doc", ""))
    if text.lstrip().startswith("<"):
        page = DataError(
            f"Alpaca's answer about {what} is a web page, not JSON",
            hint=f"{url_hint} A proxy or a log-in page may stand in between",
        )
        return _Fault(page, may_pass=True)
    return _passing(f"Alpaca's answer about {what} is cut off or not JSON")
