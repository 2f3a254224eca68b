"""The risk guardian: named caps, each off by default, that can only make an entry smaller.

``risk.loss_budget`` caps what a position may lose on one day in twenty, ``risk.max_sector`` the
exposure to one sector of ``[sectors]``. Neither ever makes an entry larger, or allows one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import Side
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.overnight import gaps_of

QUANTILE_95 = 1.6448536269514722
REGULAR_DAY = timedelta(hours=6, minutes=30)
SESSIONS = 20
FEWEST_RETURNS = 15
FEWEST_NIGHTS = 5
"""The nights that the 2,000 one-minute bars hold which are loaded at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The shares that are left (0: no entry), and why fewer than were wanted (else empty)."""

    quantity: int
    reason: str = ""


def night_variance(bars: BarSeries | None, calendar: TradingCalendar, session: float) -> float:
    """Return the variance of a night's log return: the mean square of the last 20 (or fewer).

    Below 5 nights it is that of a ``session``: more than it was for any of 17 liquid symbols in
    2025, whose nights had 0.10 to 0.77 of their sessions' variance.
    """
    gaps = gaps_of(bars, calendar)[-SESSIONS:] if bars is not None else np.empty(0)
    if len(gaps) < FEWEST_NIGHTS:
        return session
    return float(np.square(np.log1p(gaps)).mean())


def forecast_day_volatility(
    prediction: MLPrediction, bars: BarSeries | None, calendar: TradingCalendar
) -> float | None:
    """Return the deviation of a day's log return by tier 2's volatility forecast.

    The forecast is scaled by the square root of time from its horizon to the 6.5 hours of a regular
    session; a night's variance comes to it. None where there is no forecast above 0.
    """
    horizon = prediction.horizon_end - prediction.at
    if prediction.volatility_forecast <= 0 or horizon <= timedelta(0):
        return None
    session = prediction.volatility_forecast**2 * (REGULAR_DAY / horizon)
    return math.sqrt(session + night_variance(bars, calendar, session))


def realised_day_volatility(bars: BarSeries | None, calendar: TradingCalendar) -> float | None:
    """Return the deviation of a day's log return, realised over the last 20 sessions (or fewer).

    The square root of realised variance (the sum of squared returns between neighbouring closes) a
    session; the session under way counts by the part of it that is over (Andersen and Bollerslev
    1998, International Economic Review 39). A night's variance comes to it, or, with daily bars, is
    in it. None below 15 returns.
    """
    if bars is None or len(bars) < 2:
        return None
    session = np.searchsorted(calendar.close_seconds, bars.start, side="right")
    last = int(session[-1])
    first = max(1, int(np.searchsorted(session, last - SESSIONS + 1)))
    returns = np.diff(np.log(bars.close[first - 1 :]))
    is_daily = bars.interval >= DAY_SECONDS
    if not is_daily:
        returns = returns[np.diff(session[first - 1 :]) == 0]
    if len(returns) < FEWEST_RETURNS:
        return None
    opens, closes = int(calendar.open_seconds[last]), int(calendar.close_seconds[last])
    under_way = min(1.0, max(0, int(bars.known_at[-1]) - opens) / (closes - opens))
    sessions = last - int(session[first]) + under_way
    if sessions <= 0:
        return None
    variance = float(np.square(returns).sum()) / sessions
    if not is_daily:
        variance += night_variance(bars, calendar, variance)
    return math.sqrt(variance) if variance > 0 else None


def day_volatility(
    prediction: MLPrediction | None, bars: BarSeries | None, calendar: TradingCalendar
) -> float | None:
    """Return tier 2's forecast for a day and night, else what the symbol's own bars realised."""
    found = None
    if prediction is not None:
        found = forecast_day_volatility(prediction, bars, calendar)
    return found if found is not None else realised_day_volatility(bars, calendar)


def under_loss_budget(
    quantity: int,
    *,
    volatility: float | None,
    close: float,
    equity: float,
    budget: float,
) -> Cut:
    """Cut ``quantity`` so that a day's 95 % loss stays within ``budget`` x equity.

    The loss is 1.645 x volatility x value: the parametric value at risk of one day, normal and
    without drift (RiskMetrics Technical Document, 4th ed. 1996). Without a volatility: no entry.
    """
    if volatility is None:
        return Cut(quantity=0, reason="loss budget: the volatility of a day is not known")
    loss = QUANTILE_95 * volatility
    allowed = max(0, math.floor(min(budget * equity / (loss * close), quantity)))
    if allowed >= quantity:
        return Cut(quantity=quantity)
    said = f"loss budget {budget:.2%}: a day loses {loss:.1%} one time in 20"
    return Cut(quantity=allowed, reason=f"{said}; {quantity} -> {allowed} shares")


def under_sector_cap(
    quantity: int,
    *,
    sector: str | None,
    gross: float,
    close: float,
    equity: float,
    max_sector: float,
) -> Cut:
    """Cut ``quantity`` so that the sector's exposure stays within ``max_sector`` x equity.

    ``gross`` is the sector's exposure before, in dollars. A symbol without a sector is not cut.
    """
    if sector is None:
        return Cut(quantity=quantity)
    allowed = max(0, math.floor(min((max_sector * equity - gross) / close, quantity)))
    if allowed >= quantity:
        return Cut(quantity=quantity)
    said = f"sector {sector}: {gross / equity:.0%} of {max_sector:.0%} is taken"
    return Cut(quantity=allowed, reason=f"{said}; {quantity} -> {allowed} shares")


def sector_gross(state: DeskState, sector: str | None, sectors: Mapping[str, str]) -> float:
    """Return the dollars held in a sector, positions that are being sold not counted."""
    selling = {order.symbol for order in state.orders.values() if order.side is Side.SELL}
    return sum(
        held.quantity * state.closes[symbol]
        for symbol, held in state.positions.items()
        if sector is not None and sectors.get(symbol) == sector and symbol not in selling
    )


def sector_open_entries(state: DeskState, sector: str | None, sectors: Mapping[str, str]) -> float:
    """Return the dollars that open entries in a sector would take at the last known closes."""
    return sum(
        order.quantity * state.closes[order.symbol]
        for order in state.orders.values()
        if order.side is Side.BUY and sector is not None and sectors.get(order.symbol) == sector
    )
