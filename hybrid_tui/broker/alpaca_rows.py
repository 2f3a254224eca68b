"""What Alpaca's trading API says, validated where it comes in: amounts become decimals here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from hybrid_tui.domain.order_life import NOTHING, OrderReport, Stage

STAGES = {
    "pending_new": Stage.ACCEPTED,
    "accepted": Stage.ACCEPTED,
    "accepted_for_bidding": Stage.ACCEPTED,
    "held": Stage.ACCEPTED,
    "pending_review": Stage.ACCEPTED,
    "new": Stage.WORKING,
    "pending_cancel": Stage.WORKING,
    "pending_replace": Stage.WORKING,
    "stopped": Stage.WORKING,
    "suspended": Stage.WORKING,
    "calculated": Stage.WORKING,
    "partially_filled": Stage.PARTLY_FILLED,
    "filled": Stage.FILLED,
    "replaced": Stage.REPLACED,
    "canceled": Stage.CANCELLED,
    "expired": Stage.EXPIRED,
    "done_for_day": Stage.EXPIRED,
    "rejected": Stage.REJECTED,
}
"""Alpaca's statuses; one that is not here (a new one) counts as accepted: the order may fill."""


def _or_nothing(value: object) -> object:
    return NOTHING if value is None else value


Amount = Annotated[Decimal, BeforeValidator(_or_nothing), Field(allow_inf_nan=False)]


class Row(BaseModel):
    """Fields that this program does not use are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class OrderRow(Row):
    """An order as the API and the stream show it."""

    id: str
    client_order_id: str
    symbol: str
    side: Literal["buy", "sell"]
    type: str
    status: str
    qty: Amount = NOTHING
    filled_qty: Amount = NOTHING
    filled_avg_price: Amount = NOTHING
    stop_price: Decimal | None = None
    limit_price: Decimal | None = None
    submitted_at: AwareDatetime | None = None
    filled_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None

    @property
    def stage(self) -> Stage:
        """The stage of life that the status stands for."""
        return STAGES.get(self.status, Stage.ACCEPTED)

    def report(self, reason: str = "") -> OrderReport:
        """Return what the row says of the order's life."""
        return OrderReport(
            stage=self.stage,
            filled=self.filled_qty,
            average=self.filled_avg_price,
            venue_id=self.id,
            reason=reason,
        )


class AccountRow(Row):
    """The account: what it is worth, and what it may do."""

    id: str
    account_number: str = ""
    status: str = "ACTIVE"
    currency: str = "USD"
    cash: Decimal
    equity: Amount = NOTHING
    buying_power: Amount = NOTHING
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    shorting_enabled: bool = False
    multiplier: Amount = NOTHING

    @property
    def blocked(self) -> str:
        """Why the account may not buy; empty: it may."""
        if self.account_blocked:
            return "the broker has blocked the account"
        if self.trading_blocked:
            return "the broker has blocked trading in the account"
        if self.trade_suspended_by_user:
            return "trading is suspended in the account's own settings at the broker"
        if self.status != "ACTIVE":
            return f"the account is {self.status}, not ACTIVE"
        return ""


class PositionRow(Row):
    """What the account holds in one symbol: negative where it is short."""

    symbol: str
    qty: Decimal
    side: str = "long"
    avg_entry_price: Amount = NOTHING

    @property
    def quantity(self) -> Decimal:
        """The signed quantity, whichever way a short one is written."""
        return -abs(self.qty) if self.side == "short" else self.qty


class ActivityRow(Row):
    """A fill, a transfer or another movement of the account."""

    id: str
    activity_type: str
    order_id: str = ""
    symbol: str = ""
    side: str = ""
    qty: Amount = NOTHING
    price: Amount = NOTHING
    net_amount: Amount = NOTHING
    transaction_time: AwareDatetime | None = None


class UpdateRow(Row):
    """One message of the trade-updates stream."""

    event: str
    order: OrderRow
    timestamp: datetime | None = None
    execution_id: str = ""


def update_of(data: Any) -> UpdateRow:
    """Return a trade update; raises pydantic's ValidationError where it is none."""
    return UpdateRow.model_validate(data)
