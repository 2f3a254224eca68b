"""What every request to Alpaca needs: the account's keys, a time-out, and readable refusals."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import ConfigError

log = logging.getLogger(__name__)

KEY_ID, SECRET_KEY = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
KEY = re.compile(r"[\x21-\x7e]+")
MOST_DETAIL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaKeys:
    """An account's two keys; neither is shown where the object is printed."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    source: str = f"{KEY_ID} and {SECRET_KEY}"

    def __post_init__(self) -> None:
        for name, value in ((KEY_ID, self.key_id), (SECRET_KEY, self.secret)):
            if not KEY.fullmatch(value):
                raise ConfigError(
                    f"{name} is {'empty' if not value else 'not a key'}",
                    hint="copy it from Alpaca's dashboard, without quotes, spaces or line ends",
                )

    @staticmethod
    def of(environment: Mapping[str, str]) -> AlpacaKeys:
        """Return the keys that the environment holds; ConfigError names the one that is missing."""
        for name in (KEY_ID, SECRET_KEY):
            if not environment.get(name):
                raise ConfigError(
                    f"{name} is not set",
                    hint="Alpaca's dashboard makes keys, free of charge; hybrid-tui keys set",
                )
        return AlpacaKeys(key_id=environment[KEY_ID], secret=environment[SECRET_KEY])

    def redact(self, text: str) -> str:
        """Return text from outside as one short line without the keys in it."""
        for secret in (self.key_id, self.secret):
            text = text.replace(secret, "***")
        text = clean_text(text)
        return text if len(text) <= MOST_DETAIL else f"{text[:MOST_DETAIL]}..."


def keys_hint(keys: AlpacaKeys) -> str:
    """Return what to do about keys that Alpaca does not take."""
    return f"check {keys.source}: both of one account; paper and live accounts have their own"


def timed_adapter(timeout_s: tuple[float, float]) -> Any:
    """Return a transport adapter that gives every request (connect, read) seconds."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Sends every request with a time-out, whatever the caller says."""

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            return super().send(request, *args, **{**kwargs, "timeout": timeout_s})

    return Adapter()


def said_in(body: str) -> str:
    """Return what an error body says: its message, else nothing for a web page, else itself."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip().startswith("<") else body
    message = parsed.get("message") if isinstance(parsed, dict) else None
    return message if isinstance(message, str) else ""


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds until the server wants to be asked again, where it says so."""
    after, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    if after.strip().isdigit():
        return float(after)
    try:
        if after:
            return max((parsedate_to_datetime(after) - now).total_seconds(), 0.0)
        if reset:
            return max(float(reset) - now.timestamp(), 0.0)
    except (ValueError, TypeError):
        log.warning("Alpaca's rate limit headers make no sense: %r, %r", after, reset)
    return None
