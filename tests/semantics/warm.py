"""Warm-ups that end in technical confirmation, worked out once and used by all hand-made cases."""

from __future__ import annotations

from datetime import date
from typing import Any

from hybrid_tui.domain.calendar import NEW_YORK

from .desk import DAY, MINUTE, Row, at, bars

BAND: dict[str, Any] = {
    "rules.entry": "bollinger",
    "rules.rsi_exit": 0,
    "approval.policy": "auto",
}
"""``bollinger`` entries, no exit by RSI, signals approved as they come."""

WARM_BARS = 22


def warm(until: str = "09:52", price: float = 100.0, day: date = DAY) -> list[Row]:
    """Return 22 one-minute bars, the last ending at ``until``, that confirm by ``bollinger`` there.

    Twenty closes at ``price`` make bands without width; a close 5 % lower falls below the lower
    band (97.57 for 100, as the mean is 99.75 and the deviation 1.09); the close back at ``price``
    is above it. The state lasts while the low close is among the last ten: confirmation holds at
    ``until`` and at the ends of the eight bars after it, if they stay above the band.
    """
    first = (at(until, day) - WARM_BARS * MINUTE).astimezone(NEW_YORK)
    return bars(f"{first:%H:%M}", *[price] * 20, 0.95 * price, price, day=day)
