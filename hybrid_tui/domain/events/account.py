"""What the broker says of the account, where the books differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_tui.domain.events.base import Event

__all__ = ["AccountObserved", "ExternalsObserved", "PositionAdopted", "PositionObserved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountObserved(Event):
    """What the broker says of the account, in dollars, where it changed or differs from the books.

    ``cash`` is the truth from now on. ``transferred`` of the difference are deposits less
    withdrawals, ``activities`` their ids; ``blocked`` says why nothing may be bought.
    """

    account: str
    cash: float
    equity: float
    buying_power: float
    blocked: str = ""
    transferred: float = 0.0
    activities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionObserved(Event):
    """The broker holds another quantity of ours than the books: its word is taken.

    ``ratio`` is not 1 where the difference is a split of so many new shares for one.
    """

    symbol: str
    quantity: float
    before: float
    reason: str
    ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalsObserved(Event):
    """Positions (symbol to shares) and open orders of the account that are not this desk's.

    They are shown and never touched; in their symbols nothing is bought.
    """

    positions: Mapping[str, float]
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdopted(Event):
    """A person made a position of the account the desk's own, from this price (dollars) on.

    ``order_id`` stands for the order that would have opened it.
    """

    symbol: str
    quantity: float
    price: float
    order_id: str
    by: str
