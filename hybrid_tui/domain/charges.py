"""What a call of tier 3 may cost, and the ledger that is asked before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Purpose = Literal["session", "event", "label"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The most that one call can cost, in dollars, and what it is for.

    ``call_id`` is unique for ever; ``decision`` is the session, or the batch, that calls.
    """

    call_id: str
    decision: str
    model: str
    usd: float
    purpose: Purpose = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A charge in the journal: reserved, and settled once the call's usage is known.

    ``paid_at`` is the real instant of the reservation; a command's charge has no ``run``.
    """

    call_id: str
    decision: str
    model: str
    purpose: Purpose
    paid_at: datetime
    reserved_usd: float
    settled_usd: float | None
    run: str = ""

    @property
    def usd(self) -> float:
        """The dollars that count: what was settled, else all that was reserved."""
        return self.reserved_usd if self.settled_usd is None else self.settled_usd


class LlmDesk(Protocol):
    """What the strategist may ask of the desk while it calls a model; safe in any thread."""

    def reserve(self, charge: Charge) -> str | None:
        """Put a reservation on disk; returns why the call may not be made, or None."""

    def settle(self, call_id: str, usd: float) -> None:
        """Note what a reserved call has cost; unsettled, the whole reservation counts."""

    def say(self, text: str) -> None:
        """Tell the person something."""

    def wrote(self, decision: str, text: str) -> None:
        """Show the reasoning of a session so far."""
