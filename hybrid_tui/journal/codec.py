"""Events and commands as JSON, validated where they are read."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hybrid_tui.domain.commands import COMMANDS, Command
from hybrid_tui.domain.events import EVENTS, Event
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
    body: dict[str, Any] = _adapter(type(command)).dump_python(command, mode="json")
    return {"command": type(command).__name__, **body}


def load_command(document: dict[str, Any]) -> Command:
    """Return the command of a document; raises DataError where it is not one."""
    fields = dict(document)
    kind = COMMANDS.get(str(fields.pop("command", "")))
    if kind is None:
        raise DataError(f"unknown command {document.get('command')!r}")
    strange = sorted(set(fields) - {field.name for field in dataclasses.fields(kind)})
    if strange:
        raise DataError(f"command {kind.__name__}: unknown field {strange[0]!r}")
    try:
        command: Command = _adapter(kind).validate_python(fields)
    except ValidationError as error:
        raise DataError(f"command {kind.__name__}: {error.errors()[0]['msg']}") from error
    return command
