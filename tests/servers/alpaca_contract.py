"""Alpaca's own OpenAPI file and recorded payloads as judges of what a server answers."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import (  # type: ignore[import-untyped]
    Draft202012Validator,
    FormatChecker,
)

from tests.servers.trading.http import Asked

# In recorded answers and in what users report, but not in the file.
KNOWN_BESIDE = frozenset(
    {"easy_to_borrow", "subtag", "source", "description", "code", "message", "body"}
)

FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def description(folder: Path) -> dict[str, Any]:
    """Return Alpaca's trading API as its OpenAPI file describes it."""
    document: dict[str, Any] = json.loads((folder / "trading-api.json").read_text())
    # No activity has a required key, so that each is of both kinds; its type says which is meant.
    schemas = document["components"]["schemas"]
    trade, other = dict(schemas["TradingActivities"]), schemas["NonTradeActivities"]
    schemas["Activity"] = {
        "if": {"properties": {"activity_type": {"const": "FILL"}}},
        "then": {**trade, "required": sorted(trade["properties"])},
        "else": {**other, "required": ["id", "activity_type", "date", "net_amount"]},
    }
    for path in ("/v2/account/activities", "/v2/account/activities/{activity_type}"):
        answer = document["paths"][path]["get"]["responses"]["200"]
        listed = answer["content"]["application/json"]["schema"]
        listed["items"] = {"$ref": "#/components/schemas/Activity"}
    return document


def schema_of(document: Mapping[str, Any], method: str, path: str, status: int) -> Any:
    """Return the schema of an answer's body; None: none is described; raises KeyError: no route."""
    template = max(
        (known for known in document["paths"] if _matches(known, path)),
        key=lambda known: (known.count("{") == 0, len(known)),
        default=None,
    )
    if template is None or method.lower() not in document["paths"][template]:
        raise KeyError(f"{method} {path} is no route of the description")
    answers = document["paths"][template][method.lower()]["responses"]
    if str(status) not in answers:
        return None
    content = answers[str(status)].get("content", {})
    return content.get("application/json", {}).get("schema")


def _matches(template: str, path: str) -> bool:
    pattern = "".join(
        "[^/:]+" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]*\})", template)
    )
    return re.fullmatch(pattern, path) is not None


def violations(document: Mapping[str, Any], asked: Asked, answer: Any) -> list[str]:
    """Return how an answer's body differs from what the description says."""
    schema = schema_of(document, asked.method, asked.path, asked.status)
    if schema is None:
        return []
    validator = Draft202012Validator(
        {**schema, "components": document["components"]}, format_checker=FORMATS
    )
    return [f"{error.json_path}: {error.message[:160]}" for error in validator.iter_errors(answer)]


def undescribed(document: Mapping[str, Any], asked: Asked, answer: Any) -> list[str]:
    """Return the keys of an answer that neither the description nor a recorded answer has."""
    schema = schema_of(document, asked.method, asked.path, asked.status)
    return [] if schema is None else _beside(document, [schema], answer, "$")


def _beside(document: Mapping[str, Any], schemas: list[Any], answer: Any, where: str) -> list[str]:
    found = [part for schema in schemas for part in _resolved(document, schema)]
    if isinstance(answer, list):
        items = [schema["items"] for schema in found if "items" in schema]
        return [fault for row in answer for fault in _beside(document, items, row, f"{where}[]")]
    if not isinstance(answer, dict):
        return []
    properties: dict[str, list[Any]] = {}
    for schema in found:
        for name, inner in schema.get("properties", {}).items():
            properties.setdefault(name, []).append(inner)
    if not properties:
        return []
    faults = [
        f"{where}.{key} is not described"
        for key in answer
        if key not in properties and key not in KNOWN_BESIDE
    ]
    for key, value in answer.items():
        faults += _beside(document, properties.get(key, []), value, f"{where}.{key}")
    return faults


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield a schema without references, and each of its alternatives."""
    if "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        yield from _resolved(document, target)
        return
    yield schema
    for choice in ("anyOf", "oneOf", "allOf", "then", "else"):
        given = schema.get(choice, [])
        for alternative in given if isinstance(given, list) else [given]:
            yield from _resolved(document, alternative)


def recorded(folder: Path) -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and body of the answers in alpaca-py's own tests, options left out."""
    with gzip.open(folder / "rest_test_fixtures.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            host, _, rest = row["url"].partition(".alpaca.markets")
            if host == "https://paper-api" and "option" not in rest:
                yield row["method"], rest.partition("?")[0], row["body"]


def refusals_seen(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return status and body of the refusals that users of the real service report."""
    rows = json.loads((folder / "errors_seen.json").read_text())
    return [(row["status"], row["body"]) for row in rows]


def recorded_update(folder: Path) -> dict[str, Any]:
    """Return the trade update that Alpaca's own page on the stream shows."""
    with gzip.open(folder / "documentation_messages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)["message"]
            if isinstance(message, dict) and message.get("stream") == "trade_updates":
                update: dict[str, Any] = message
                return update
    raise LookupError(f"no trade update in {folder}")


def unlike(ours: Any, theirs: Any, where: str = "$") -> list[str]:
    """Return the keys that a recorded answer has and ours lacks, or has of another type.

    Text and number are alike where both can be read as a number (Alpaca writes both); null is
    alike to everything.
    """
    if ours is None or theirs is None:
        return []
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{where}: {type(ours).__name__}, not an object"]
        missing = [f"{where}.{key} is missing" for key in theirs if key not in ours]
        inner = [
            fault
            for key, value in theirs.items()
            if key in ours
            for fault in unlike(ours[key], value, f"{where}.{key}")
        ]
        return missing + inner
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{where}: {type(ours).__name__}, not a list"]
        return unlike(ours[0], theirs[0], f"{where}[0]") if ours and theirs else []
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return [] if type(ours) is type(theirs) else [f"{where}: {ours!r} beside {theirs!r}"]
    if _numeric(ours) == _numeric(theirs) or "string" in (ours, theirs):
        return []
    return [f"{where}: {ours!r} beside {theirs!r}"]


def _numeric(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
