"""What an endpoint and a model support: guessed from the host, learnt once, kept on disk."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from hybrid_tui.llm.prices import OPENAI_URL

log = logging.getLogger(__name__)

Rung = Literal["json_schema", "json_object", "text"]
Kind = Literal["openai", "anthropic", "deepseek", "openrouter", "other"]
TokenField = Literal["max_tokens", "max_completion_tokens"]

RUNGS: Final[tuple[Rung, ...]] = ("json_schema", "json_object", "text")
BOUNDS: Final = (
    "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern",
    "uniqueItems", "format", "multipleOf",
)  # fmt: skip
_HOSTS: Final[Mapping[str, Kind]] = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "openrouter.ai": "openrouter",
}
_SCHEMA_WORDS: Final = ("response_format", "json_schema", "json_object", "schema", "grammar")
_REFUSING: Final = (400, 404, 415, 422, 500, 501)


def kind_of(base_url: str | None) -> Kind:
    """Return whose endpoint a URL is; what is not known is taken to be a server of one's own."""
    return _HOSTS.get(urlsplit(base_url or OPENAI_URL).hostname or "", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What one model at one endpoint takes. ``disabled_on`` is a New York date (ISO) or empty."""

    rung: Rung = "json_schema"
    bounds: bool = True
    token_field: TokenField = "max_tokens"
    temperature: bool = True
    stream: bool = True
    stream_usage: bool = True
    extras: bool = True
    disabled_on: str = ""
    disabled_why: str = ""

    def lower(self) -> Traits:
        """Return the same one rung down; the lowest stays."""
        below = RUNGS[min(RUNGS.index(self.rung) + 1, len(RUNGS) - 1)]
        return replace(self, rung=below)


def guessed(kind: Kind) -> Traits:
    """Return what an endpoint is taken to support until it has shown otherwise.

    OpenAI's reasoning models refuse a temperature and the older name of the token limit; DeepSeek
    knows json_object only.
    """
    if kind == "openai":
        return Traits(token_field="max_completion_tokens", temperature=False)
    if kind == "deepseek":
        return Traits(rung="json_object")
    return Traits()


def without_refused(traits: Traits, status: int, said: str) -> Traits | None:
    """Return the traits without what an error names as unsupported, or None: it names nothing.

    Some servers answer 500 where they mean 400.
    """
    if status not in _REFUSING:
        return None
    said = said.lower()
    if "context" in said:
        return None
    if traits.stream_usage and traits.stream and "stream_options" in said:
        return replace(traits, stream_usage=False)
    if traits.temperature and "temperature" in said:
        return replace(traits, temperature=False)
    if traits.extras and any(word in said for word in ("thinking", "require_parameters")):
        return replace(traits, extras=False)
    if traits.rung != "text" and (
        any(word in said for word in _SCHEMA_WORDS) or ("support" in said and "parameters" in said)
    ):
        named = any(word.lower() in said for word in BOUNDS[:-2])
        if traits.rung == "json_schema" and traits.bounds and named:
            return replace(traits, bounds=False)
        return traits.lower()
    if "max_tokens" in said or "max_completion_tokens" in said:
        other: TokenField = (
            "max_tokens"
            if traits.token_field == "max_completion_tokens"
            else "max_completion_tokens"
        )
        return replace(traits, token_field=other)
    if traits.stream and "stream" in said:
        return replace(traits, stream=False)
    return None


def without_bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema without the keywords that limit numbers, lengths and patterns."""
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in BOUNDS:
            continue
        if key in ("properties", "$defs") and isinstance(value, Mapping):
            plain[key] = {name: without_bounds(inner) for name, inner in value.items()}
        elif isinstance(value, Mapping):
            plain[key] = without_bounds(value)
        elif isinstance(value, list):
            plain[key] = [without_bounds(v) if isinstance(v, Mapping) else v for v in value]
        else:
            plain[key] = value
    return plain


class Endpoints:
    """What was learnt of endpoints, in a small file; one that cannot be read is learnt anew."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Traits] = _read(path) if path is not None else {}

    def of(self, base_url: str | None, model: str) -> Traits:
        """Return what a model at an endpoint takes, as learnt or as guessed."""
        return self._known.get(_key(base_url, model)) or guessed(kind_of(base_url))

    def learn(self, base_url: str | None, model: str, traits: Traits) -> None:
        """Keep what a model at an endpoint has shown to take."""
        key = _key(base_url, model)
        with self._lock:
            if self._known.get(key) == traits:
                return
            self._known[key] = traits
            if self._path is not None:
                _write(self._path, self._known)


def _key(base_url: str | None, model: str) -> str:
    return f"{(base_url or OPENAI_URL).rstrip('/')} {model}"


def _read(path: Path) -> dict[str, Traits]:
    if not path.exists():
        return {}
    try:
        return TypeAdapter(dict[str, Traits]).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        log.warning("%s: what endpoints support is learnt anew: %s", path, error)
        return {}


def _write(path: Path, known: Mapping[str, Traits]) -> None:
    body = json.dumps({key: asdict(traits) for key, traits in sorted(known.items())}, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}.part")
        half.write_text(body + "\n", encoding="utf-8")
        half.replace(path)
    except OSError as error:
        # Only a saving of a request: what was learnt holds until the program ends.
        log.warning("%s: what endpoints support is not kept: %s", path, error)
