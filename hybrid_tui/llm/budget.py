"""What tier 3 has cost, and whether one more call may be made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.charges import Booked, Charge

MICRO_DOLLARS = 1e6
# Sums of micro-dollars in floats: far below what is counted, far above their rounding.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that may be spent, in dollars: a month of New York's, one session, all events.

    ``event_usd`` is a slice of the month's, kept for event sessions: nothing else is paid from it.
    """

    month_usd: float
    session_usd: float
    event_usd: float

    @property
    def regular_usd(self) -> float:
        """The most that regular sessions and labels may cost in a month."""
        return self.month_usd - self.event_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What calls have cost, in dollars; open reservations count in full.

    ``forecast_usd`` is the month's end if its days go on costing what they cost so far.
    """

    today_usd: float
    month_usd: float
    event_usd: float
    reserved_usd: float
    forecast_usd: float


def up_to_micro(usd: float) -> float:
    """Return dollars rounded up to the next millionth: a sum of them never understates."""
    return math.ceil(round(usd * MICRO_DOLLARS, 6)) / MICRO_DOLLARS


def day_start(now: datetime) -> datetime:
    """Return New York's last midnight."""
    return now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(now: datetime) -> datetime:
    """Return the first midnight of New York's month."""
    return day_start(now).replace(day=1)


def next_month(now: datetime) -> datetime:
    """Return the first midnight of New York's next month."""
    return (month_start(now) + timedelta(days=32)).replace(day=1)


def spent(booked: Sequence[Booked], now: datetime) -> Spent:
    """Return the sums of New York's day and month that ``now`` (a real instant) lies in."""
    first, today = month_start(now), day_start(now)
    month = [charge for charge in booked if first <= charge.paid_at < next_month(now)]
    total = sum((charge.usd for charge in month), 0.0)
    days = (now - first) / timedelta(days=1)
    length = (next_month(now) - first) / timedelta(days=1)
    return Spent(
        today_usd=sum((charge.usd for charge in month if charge.paid_at >= today), 0.0),
        month_usd=total,
        event_usd=sum((charge.usd for charge in month if charge.purpose == "event"), 0.0),
        reserved_usd=sum((charge.usd for charge in month if charge.settled_usd is None), 0.0),
        # Of a month's first day no rate can be told yet: it counts as a whole day.
        forecast_usd=total * length / max(days, 1.0),
    )


def refusal(
    charge: Charge, booked: Sequence[Booked], caps: Caps, now: datetime, run: str = ""
) -> str | None:
    """Return why a charge would pass a cap, or None; ``booked`` has New York's month.

    A simulated day comes again in another run: a session is one of its ``run``.
    """
    so_far = spent(booked, now)
    limits = [("month's", so_far.month_usd, caps.month_usd)]
    if charge.purpose == "event":
        limits.append(("event sessions'", so_far.event_usd, caps.event_usd))
    else:
        regular = so_far.month_usd - so_far.event_usd
        limits.append(("regular sessions'", regular, caps.regular_usd))
    if charge.purpose != "label":
        own = [one for one in booked if (one.run, one.decision) == (run, charge.decision)]
        session = sum((one.usd for one in own), 0.0)
        limits.append(("session's", session, caps.session_usd))
    for name, already, cap in limits:
        if already + charge.usd > cap + TOLERANCE:
            return (
                f"the {name} cap of ${cap:.2f} would be passed: ${already:.4f} spent,"
                f" up to ${charge.usd:.4f} more"
            )
    return None
