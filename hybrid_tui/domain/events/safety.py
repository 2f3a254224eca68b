"""What forbids entries or sells everything: locks, pauses, flattening."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_tui.domain.events.base import Event
from hybrid_tui.domain.orders import Lock

__all__ = [
    "EntriesPaused",
    "EntriesResumed",
    "FlattenBegan",
    "FlattenEnded",
    "LockLifted",
    "LockSet",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSet(Event):
    """A protection locked entries."""

    lock: Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class LockLifted(Event):
    """A lock was lifted by hand."""

    name: str
    symbol: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesPaused(Event):
    """A person paused entries."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesResumed(Event):
    """A person allowed entries again."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenBegan(Event):
    """Everything is to be sold: entries are cancelled, and what turns up held is sold as well."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenEnded(Event):
    """Flattening is over: nothing is held or open any more, or a person allowed entries again."""

    by: str
