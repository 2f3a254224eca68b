"""One place where events are made: numbered, folded into the state and handed to a sink."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Protocol

from hybrid_tui.domain.events import Event
from hybrid_tui.domain.state import DeskState


class Sink(Protocol):
    """Where events go: a journal, or a backtest's ledger."""

    def append(self, event: Event) -> None:
        """Take an event, in order."""

    def commit(self) -> None:
        """Make everything durable that has to be before anyone acts on it."""


class Recorder:
    """Numbers events from the state's last id on; kinds in ``left_out`` are not made at all."""

    def __init__(
        self, state: DeskState, sink: Sink, *, left_out: Collection[type[Event]] = ()
    ) -> None:
        self.state = state
        self._sink = sink
        self._left_out = frozenset(left_out)

    def wants(self, kind: type[Event]) -> bool:
        """Whether events of a kind are kept (else they need not be made)."""
        return kind not in self._left_out

    def emit(
        self, kind: type[Event], now: datetime, /, *, cause: int | None = None, **fields: Any
    ) -> int:
        """Make an event at ``now``; return its id."""
        number = self.state.last_id + 1
        if kind in self._left_out:
            return number - 1
        event = kind(id=number, at=now, cause=cause, **fields)
        self.state.apply(event)
        self._sink.append(event)
        return number

    def commit(self) -> None:
        """Commit what was emitted."""
        self._sink.commit()
