"""Events and commands as JSON, validated where they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hybrid_tui.domain.commands import COMMANDS, Command
from hybrid_tui.domain.events import EVENTS, Event
from hybrid_tui.domain.inquiries import INQUIRIES, Chart, Health, Inquiry
from hybrid_tui.errors import DataError

_ADAPTERS: dict[str, TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    found = _ADAPTERS.get(kind.__name__)
    if found is None:
        found = _ADAPTERS[kind.__name__] = TypeAdapter(kind)
    return found


def dump_event(event: Event) -> str:
    """Return an event's fields as a JSON object, its kind not included."""
    text: bytes = _adapter(type(event)).dump_json(event)
    return text.decode()


def load_event(kind: str, body: str | bytes) -> Event:
    """Return the event of a kind; raises DataError where it is not one."""
    found = EVENTS.get(kind)
    if found is None:
        raise DataError(f"unknown event kind {kind!r}", hint="the journal is from a newer version")
    try:
        event: Event = _adapter(found).validate_json(body)
    except ValidationError as error:
        problem = error.errors()[0]
        raise DataError(f"event {kind}: {problem['loc']}: {problem['msg']}") from error
    return event


def event_line(event: Event) -> bytes:
    """Return an event as one line of JSON with its kind first, times as ISO 8601 with Z."""
    kind = type(event)
    body: bytes = _adapter(kind).dump_json(event)
    return b'{"event":"' + kind.__name__.encode() + b'",' + body[1:] + b"\n"


def dump_command(command: Command) -> dict[str, Any]:
    """Return a command as a JSON-ready object with its kind."""
    return _dump("command", command)


def load_command(document: dict[str, Any]) -> Command:
    """Return the command of a document; raises DataError where it is not one."""
    command: Command = _load("command", document, COMMANDS)
    return command


def dump_inquiry(inquiry: Inquiry) -> dict[str, Any]:
    """Return an inquiry as a JSON-ready object with its kind."""
    return _dump("inquiry", inquiry)


def load_inquiry(document: dict[str, Any]) -> Inquiry:
    """Return the inquiry of a document; raises DataError where it is not one."""
    inquiry: Inquiry = _load("inquiry", document, INQUIRIES)
    return inquiry


def dump_chart(chart: Chart) -> bytes:
    """Return a chart as a JSON object."""
    text: bytes = _adapter(Chart).dump_json(chart)
    return text


def load_chart(document: Any) -> Chart:
    """Return the chart of an answer; raises DataError where it is not one."""
    chart: Chart = _load_answer(Chart, document)
    return chart


def dump_health(health: Health) -> bytes:
    """Return the engine's health as a JSON object."""
    text: bytes = _adapter(Health).dump_json(health)
    return text


def load_health(document: Any) -> Health:
    """Return the health of an answer; raises DataError where it is not one."""
    health: Health = _load_answer(Health, document)
    return health


def _load_answer(kind: type[Any], document: Any) -> Any:
    try:
        return _adapter(kind).validate_python(document)
    except ValidationError as error:
        problem = error.errors()[0]
        raise DataError(f"{kind.__name__}: {problem['loc']}: {problem['msg']}") from error


def _dump(what: str, asked: Command | Inquiry) -> dict[str, Any]:
    body: dict[str, Any] = _adapter(type(asked)).dump_python(asked, mode="json")
    return {what: type(asked).__name__, **body}


def _load(what: str, document: dict[str, Any], kinds: Mapping[str, type[Any]]) -> Any:
    fields = dict(document)
    kind = kinds.get(str(fields.pop(what, "")))
    if kind is None:
        raise DataError(f"unknown {what} {document.get(what)!r}")
    strange = sorted(set(fields) - {field.name for field in dataclasses.fields(kind)})
    if strange:
        raise DataError(f"{what} {kind.__name__}: unknown field {strange[0]!r}")
    try:
        return _adapter(kind).validate_python(fields)
    except ValidationError as error:
        raise DataError(f"{what} {kind.__name__}: {error.errors()[0]['msg']}") from error
