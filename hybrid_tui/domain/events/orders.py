"""The life of orders and of the stops that rest behind positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hybrid_tui.domain.events.base import Durability, Event
from hybrid_tui.domain.orders import Fill, Order

__all__ = [
    "EntryRefused",
    "HighsRose",
    "OrderCancelled",
    "OrderFilled",
    "OrderIntended",
    "OrderMoved",
    "StopConfirmed",
    "StopMoved",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended(Event):
    """An order was decided; it is sent after this is on disk."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMoved(Event):
    """An order went on at the broker; ``client_id`` is the one it has there, ``stage`` how far."""

    durability: ClassVar[Durability] = "batched"
    order_id: str
    client_id: str
    symbol: str
    stage: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(Event):
    """An order was filled, wholly or in part."""

    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """An order ended without (further) fills."""

    order_id: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMoved(Event):
    """The resting stop of a position, and the high it trails."""

    symbol: str
    level: float
    high: float
    level_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HighsRose(Event):
    """The highs that positions' stops trail rose (symbol to dollars), and no stop moved by it."""

    highs: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConfirmed(Event):
    """The broker holds the ``serial``-th stop of a position, for whole shares at ``price`` dollars.

    ``bare_s`` are the seconds for which the position stood without one before; None: it did not.
    """

    symbol: str
    client_id: str
    serial: int
    quantity: float
    price: float
    bare_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRefused(Event):
    """Technical confirmation was there and something else forbade the entry."""

    durability: ClassVar[Durability] = "batched"
    symbol: str
    reason: str
