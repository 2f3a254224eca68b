"""Events to the journal first, then to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hybrid_tui.domain.events import Event


class Store(Protocol):
    """Where events are kept."""

    def append(self, event: Event) -> None:
        """Take an event."""

    def commit(self) -> None:
        """Make durable what has to be."""


class Publisher:
    """A sink that commits to a store and only then tells its listeners."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: list[Callable[[Event], None]] = []
        self._waiting: list[Event] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have every committed event told."""
        self._listeners.append(listener)

    def append(self, event: Event) -> None:
        """Take an event that the state already knows."""
        self._store.append(event)
        self._waiting.append(event)

    def commit(self) -> None:
        """Commit, then tell."""
        self._store.commit()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                for listener in self._listeners:
                    listener(event)
