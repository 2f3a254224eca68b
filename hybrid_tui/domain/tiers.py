"""What is known of the tiers: a strategist's proposals and what was decided, and heartbeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hybrid_tui.domain.signals import StrategySignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision that can be taken back: what it was, and what it took the place of."""

    symbols: tuple[str, ...]
    decision: str
    status_before: str
    replaced: str = ""
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class SignalState:
    """A proposed strategy and what was decided about it, whole and symbol by symbol.

    ``unchecked`` says of a thesis, by its condition, why it cannot be checked; ``acted`` are the
    symbols in which something was bought on it, ``decisions`` what was decided, oldest first.
    """

    signal: StrategySignal
    pending_until: datetime
    event_id: int
    status: str = "pending"
    symbols: dict[str, str] = field(default_factory=dict)
    decided_by: str = ""
    decided_at: datetime | None = None
    reasons: list[str] = field(default_factory=list)
    unchecked: dict[str, str] = field(default_factory=dict)
    acted: list[str] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)

    def is_pending(self, now: datetime) -> bool:
        """Whether a person may still decide on some of it."""
        return now < self.pending_until and (
            self.status == "pending" or "pending" in self.symbols.values()
        )

    def why_not_undone(self, now: datetime, *, in_force: bool) -> str:
        """Return why the last decision cannot be taken back; empty where it can.

        An approval can be, as long as some of its symbols were not acted on, also after the time to
        decide: that only lowers risk. A veto can be within that time.
        """
        if not self.decisions:
            return f"nothing was decided on {self.signal.id!r}"
        last = self.decisions[-1]
        if last.decision != "approved":
            is_over = now >= self.pending_until
            return f"the time to decide on {self.signal.id} is over" if is_over else ""
        if not in_force:
            return f"{self.signal.id} is not in force any more"
        if last.symbols and all(symbol in self.acted for symbol in last.symbols):
            return f"acted on already: {', '.join(last.symbols)}; x closes a position"
        return ""

    def approved(self) -> set[str]:
        """Return the symbols that may be bought."""
        return {symbol for symbol, status in self.symbols.items() if status == "approved"}


@dataclass(slots=True, kw_only=True)
class Beat:
    """The last heartbeat of a tier."""

    at: datetime
    health: str
    reason: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What tier 3 has cost in New York's day and month, over all runs, in dollars."""

    read_at: datetime
    today_usd: float
    month_usd: float
