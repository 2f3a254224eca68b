"""The one way to Yahoo: slow enough, remembered for a while, and honest about what went wrong.

yfinance hides most failures (an HTML page or a refusal becomes an empty table) and its own cache
keeps bad answers. So each request passes here on its way out, and each answer on its way in.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from hybrid_tui.atomic import written_whole
from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import DataError, Retryable

log = logging.getLogger(__name__)

DATA = ("/v8/finance/chart/", "/v10/finance/quoteSummary/", "/xhr/ncp")
CHART = DATA[0]
TOO_MANY = 429
PASSING_WAITS_S = (1.0, 4.0, 15.0)
BUSY_WAITS_S = (60.0, 180.0)
LIFE = timedelta(minutes=10)
MOST_DETAIL = 160
CURL = re.compile(r"^Failed to perform, curl: \(\d+\) ")
BUSY_HINT = "Yahoo publishes no limits; wait an hour, ask for fewer symbols, or import files"


class YahooDeclined(DataError):
    """Yahoo understood a question and says that there is no such thing."""


class _Passing(Exception):
    """A request failed in a way that may pass."""


class _Busy(Exception):
    """Yahoo says that there were too many requests."""


class YahooGate:
    """Makes yfinance's sessions polite.

    At most ``per_second`` requests a second, answers kept in ``cache`` for ``life`` (zero: not at
    all). Faults that may pass are tried again after seconds, 429 after minutes; then (at once where
    not ``is_patient``) they are Retryable. ``sleep`` takes seconds and ``clock`` gives the instant.
    With ``base_url`` a request to https://HOST/PATH goes to ``base_url``/HOST/PATH: a proxy, or a
    server on this machine.
    """

    def __init__(
        self,
        cache: Path,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], datetime],
        per_second: float = 2.0,
        timeout_s: float = 20.0,
        life: timedelta = LIFE,
        base_url: str | None = None,
        is_patient: bool = True,
    ) -> None:
        self.requests = 0
        self._life = life
        self._is_patient = is_patient
        self._base_url = base_url.rstrip("/") if base_url else None
        self._cache = cache
        self._sleep = sleep
        self._clock = clock
        self._spacing = 1 / per_second
        self.timeout_s = timeout_s
        self._last: datetime | None = None
        self._refused = 0
        self._is_curl = True
        self._forget_old()

    def session(self, base: type[Any] | None = None) -> Any:
        """Return a session for yfinance whose requests pass this gate.

        ``base`` is the session class of an HTTP library that yfinance supports; by default that of
        curl_cffi, which looks like a browser, or of requests where curl_cffi is not there.
        """
        base = base or _default_base()
        gate = self

        class GatedSession(base):  # type: ignore[misc, valid-type]
            """A session that asks the gate first."""

            def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
                kwargs["timeout"] = min(kwargs.get("timeout") or gate.timeout_s, gate.timeout_s)
                send = partial(super().request, method, gate.address(url), *args, **kwargs)
                return gate.ask(send, method, url, kwargs)

        self._is_curl = any(kind.__module__.startswith("curl_cffi") for kind in base.__mro__)
        return GatedSession(impersonate="chrome") if self._is_curl else GatedSession()

    def address(self, url: str) -> str:
        """Return where a request to ``url`` is sent."""
        if self._base_url is None or url.startswith(self._base_url):
            return url
        return f"{self._base_url}/{url.partition('://')[2]}"

    def ask(self, send: Callable[[], Any], method: str, url: str, options: dict[str, Any]) -> Any:
        """Return the answer to a request, from the cache or by sending it.

        Raises Retryable where Yahoo refuses or cannot be reached, YahooDeclined where it says that
        there is no such data. What is not data (cookies, crumbs) is left to yfinance.
        """
        if not any(part in url for part in DATA):
            self._wait()
            return send()
        path = self._cache / f"{_key(method, url, options)}.json"
        kept = self._recall(path) if self._life else None
        if kept is not None:
            return _answer(url, kept, is_curl=self._is_curl)
        busy, passing = (
            iter(waits if self._is_patient else ()) for waits in (BUSY_WAITS_S, PASSING_WAITS_S)
        )
        while True:
            self._wait()
            try:
                response = self._judged(send, url)
            except _Busy as error:
                self._back_off(busy, "Yahoo refuses: too many requests (429)", BUSY_HINT, error)
            except _Passing as error:
                self._back_off(passing, f"Yahoo does not answer: {error}", "try later", error)
            else:
                if response.status_code == 200 and self._life:
                    self._remember(path, url, bytes(response.content))
                return response

    def _judged(self, send: Callable[[], Any], url: str) -> Any:
        """Send a request and look at its answer before yfinance does."""
        try:
            response = send()
        except OSError as error:  # the base of the network errors of both HTTP libraries
            said = CURL.sub("", str(error)).partition(" See http")[0]
            raise _Passing(_short(said) or type(error).__name__) from error
        status = int(response.status_code)
        if status == TOO_MANY:
            raise _Busy
        if status >= 500:
            raise _Passing(f"it answered {status}")
        if status in (401, 403):
            # yfinance asks once more with a new crumb; after that it would call it an empty chart.
            self._refused += 1
            if self._refused > 1:
                raise Retryable(f"Yahoo refuses ({status})", hint=BUSY_HINT)
            return response
        try:
            document = json.loads(bytes(response.content))
        except (ValueError, RecursionError) as error:
            raise _Passing(f"it answered {status} with something that is not JSON") from error
        if not isinstance(document, dict):
            raise _Passing(f"it answered {status} with {_short(str(document)) or 'nothing'}")
        self._refused = 0
        if CHART in url:
            _complain(document, url)
        if status >= 400:
            raise YahooDeclined(f"Yahoo has nothing there: it answered {status}")
        return response

    def _wait(self) -> None:
        """Keep the distance to the request before."""
        now = self._clock()
        if self._last is not None:
            left = self._spacing - (now - self._last).total_seconds()
            if left > 0:
                self._sleep(min(left, self._spacing))
        self._last = max(now, self._clock())
        self.requests += 1

    def _back_off(self, waits: Any, message: str, hint: str, error: Exception) -> None:
        wait = next(waits, None)
        if wait is None:
            raise Retryable(message, hint=hint) from error
        log.warning("%s; asking again in %.0f s", message, wait)
        self._sleep(wait)

    def _recall(self, path: Path) -> bytes | None:
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            age = self._clock() - datetime.fromisoformat(kept["at"])
            body = str(kept["body"]).encode()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is not a kept answer (%s); asking again", path, error)
            return None
        return body if abs(age) < self._life else None

    def _remember(self, path: Path, url: str, body: bytes) -> None:
        try:
            document = {"at": self._clock().isoformat(), "url": url, "body": body.decode()}
            with written_whole(path) as partial:
                partial.write_text(json.dumps(document), encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            log.warning("%s cannot be kept: %s", path, error)

    def _forget_old(self) -> None:
        """Remove the answers that are too old to be used."""
        oldest = (self._clock() - LIFE).timestamp()
        for path in self._cache.glob("*.json"):
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _complain(document: dict[str, Any], url: str) -> None:
    """Raise YahooDeclined where a chart answer is an error with a reason."""
    chart = document.get("chart")
    error = chart.get("error") if isinstance(chart, dict) else None
    if not error:
        return
    reason = error.get("description") if isinstance(error, dict) else error
    symbol = url.partition(CHART)[2].partition("?")[0]
    raise YahooDeclined(f"Yahoo has no chart of {symbol}: {_short(str(reason))}")


def _key(method: str, url: str, options: dict[str, Any]) -> str:
    """Return a name for a question that does not depend on cookies and crumbs."""
    params = {k: str(v) for k, v in dict(options.get("params") or {}).items() if k != "crumb"}
    question = [method.upper(), url, params, options.get("json")]
    return sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]


def _answer(url: str, body: bytes, *, is_curl: bool) -> Any:
    """Return a response of the session's own library with a body that was kept."""
    if not is_curl:
        import requests

        kept = requests.Response()
        kept._content = body
        kept.encoding = "utf-8"
        kept.status_code, kept.url = 200, url
        return kept
    from curl_cffi.requests import Response

    response = Response()
    response.content, response.status_code, response.url = body, 200, url
    return response


def _default_base() -> type[Any]:
    disabled = os.environ.get("YF_DISABLE_CURL_CFFI", "").lower() in ("1", "true", "yes")
    with suppress(ImportError):
        if not disabled:
            from curl_cffi.requests import Session

            return Session
    import requests

    return requests.Session


def _short(text: str) -> str:
    text = clean_text(text)
    return text if len(text) <= MOST_DETAIL else f"{text[:MOST_DETAIL]}..."
