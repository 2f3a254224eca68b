"""What a table of handlers is: one function for each kind of event that changes the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hybrid_tui.domain.events import Event

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState

Handlers = Mapping[type[Event], "Callable[[DeskState, Any], None]"]
