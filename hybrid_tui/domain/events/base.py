"""The base of all events, and how durably one is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

__all__ = ["Durability", "Event"]

Durability = Literal["full", "batched", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events; ``at`` is the engine's time, ``id`` rises by one in a journal."""

    durability: ClassVar[Durability] = "full"

    id: int
    at: datetime
    cause: int | None = None
