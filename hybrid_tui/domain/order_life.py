"""The life of one order at a broker: whatever is reported, in whatever order, joins into it.

``intended -> sent -> unknown | accepted -> working -> partly filled -> filled | replaced |
cancelled | expired | rejected``. A report is a snapshot of an order. Joining two is the larger
of each part (a join of a semilattice: commutative, associative, idempotent), so late, repeated
and contradictory reports lead to the same life in every order of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum

NOTHING = Decimal(0)
PRICE_PLACES = Decimal("0.000000001")


class Stage(IntEnum):
    """How far an order has come; of two reports the later stage counts.

    From ``REJECTED`` on it is over. Of contradicting ends the one that moved money counts first:
    filled, then replaced (the shares are with another order), cancelled, expired, rejected.
    """

    INTENDED = 0
    SENT = 1
    UNKNOWN = 2
    ACCEPTED = 3
    WORKING = 4
    PARTLY_FILLED = 5
    REJECTED = 10
    EXPIRED = 11
    CANCELLED = 12
    REPLACED = 13
    FILLED = 14

    @property
    def text(self) -> str:
        """The stage as a person reads it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a broker says of an order: its stage, and all that was filled so far.

    ``filled`` is the cumulative quantity in shares, ``average`` its mean price in dollars;
    ``venue_id`` is the broker's id, ``reason`` why it ended, where it says so.
    """

    stage: Stage
    filled: Decimal = NOTHING
    average: Decimal = NOTHING
    venue_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLife:
    """What is known of an order of ``quantity`` shares, by the client order id that we gave it."""

    client_id: str
    quantity: Decimal
    stage: Stage = Stage.INTENDED
    filled: Decimal = NOTHING
    average: Decimal = NOTHING
    venue_id: str = ""
    reason: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the order can never be filled any further."""
        return self.stage >= Stage.REJECTED

    @property
    def is_unknown(self) -> bool:
        """Whether the broker has to be asked what became of it."""
        return self.stage in (Stage.SENT, Stage.UNKNOWN)

    @property
    def left(self) -> Decimal:
        """The shares that are not filled."""
        return self.quantity - self.filled

    def join(self, report: OrderReport) -> OrderLife:
        """Return the life with a report taken in."""
        filled, average = max((self.filled, self.average), (report.filled, report.average))
        stage = max(self.stage, report.stage)
        if filled >= self.quantity:
            stage = Stage.FILLED
        elif filled > NOTHING and stage < Stage.PARTLY_FILLED:
            stage = Stage.PARTLY_FILLED
        return replace(
            self,
            stage=stage,
            filled=filled,
            average=average,
            venue_id=max(self.venue_id, report.venue_id),
            reason=max(self.reason, report.reason),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What of an order's fills is in the books: shares, and dollars paid or received for them."""

    quantity: Decimal = NOTHING
    value: Decimal = NOTHING


def fill_to_book(life: OrderLife, booked: Booked) -> tuple[Decimal, Decimal] | None:
    """Return (shares, price) of what was filled and is not booked; None where nothing is.

    The price is what brings the booked value to filled x average, dollars a share rounded half to
    even at nine places (Alpaca's averages have six).
    """
    quantity = life.filled - booked.quantity
    if quantity <= NOTHING:
        return None
    value = life.filled * life.average - booked.value
    return quantity, (value / quantity).quantize(PRICE_PLACES, ROUND_HALF_EVEN)
