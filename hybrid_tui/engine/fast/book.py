"""What the lean loop keeps of an account: plain figures, cheap to copy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from hybrid_tui.domain.orders import ExitReason


class Lot(NamedTuple):
    """A held position: ``entered`` and ``decided`` are instants of the grid."""

    symbol: int
    quantity: int
    price: float
    entered: int
    decided: int


class Sale(NamedTuple):
    """A lot that was sold whole at ``price`` dollars, at instant ``sold`` of the grid."""

    lot: Lot
    sold: int
    price: float
    reason: ExitReason
    decided: int


@dataclass(slots=True, kw_only=True)
class Book:
    """Cash, lots, orders and locks. Instants of locks are UTC epoch seconds.

    ``events`` is a heap of what is due, by instant of the grid and by its place in a bar;
    ``steps`` are (instant, cash from it on) of the session at hand. ``names`` are the symbols of
    ``lots`` in order, ``buying`` those with an open entry. ``judged`` counts the entries that were
    decided, then those refused by each check.
    """

    cash: float
    lots: dict[int, Lot] = field(default_factory=dict)
    names: list[int] = field(default_factory=list)
    buying: set[int] = field(default_factory=set)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    steps: list[tuple[int, float]] = field(default_factory=list)
    sold: int = 0
    next_signal: int = 0
    cooldowns: dict[int, float] = field(default_factory=dict)
    guarded_until: float = 0.0
    stop_fills: list[int] = field(default_factory=list)
    entries_today: int = 0
    is_full: bool = False
    last_decided: int = -1
    turnover: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0
    cancelled: int = 0
    judged: list[int] = field(default_factory=lambda: [0] * 9)

    def copy(self) -> Book:
        """Return a book that goes its own way from here."""
        return replace(
            self,
            lots=self.lots.copy(),
            names=self.names.copy(),
            buying=self.buying.copy(),
            events=self.events.copy(),
            steps=self.steps.copy(),
            cooldowns=self.cooldowns.copy(),
            stop_fills=self.stop_fills.copy(),
            judged=self.judged.copy(),
        )
