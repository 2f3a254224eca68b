"""Protections: expiring locks with reasons. They forbid entries and cancel none already decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from hybrid_tui.config import RiskConfig
from hybrid_tui.domain.bars import FloatArray
from hybrid_tui.domain.orders import STOP_REASONS, Fill, Lock
from hybrid_tui.domain.state import DeskState

Figures = TypeVar("Figures", float, FloatArray)


def locks_after_fill(state: DeskState, fill: Fill, risk: RiskConfig) -> list[Lock]:
    """Return the locks that a stop's fill sets; ``state`` already knows the fill."""
    if fill.reason not in STOP_REASONS:
        return []
    locks = []
    if "cooldown" in risk.protections and risk.cooldown_minutes > 0:
        until = fill.at + timedelta(minutes=risk.cooldown_minutes)
        locks.append(
            Lock(
                name="cooldown",
                symbol=fill.symbol,
                start=fill.at,
                until=until,
                reason=f"{fill.reason} in {fill.symbol}",
            )
        )
    # Parts of one stop are one stop.
    if "stop_guard" in risk.protections and fill.final:
        window = timedelta(minutes=risk.stop_guard_minutes)
        recent = stops_within(state.stop_fills, fill.at, window)
        if recent >= risk.stop_guard_count:
            locks.append(
                Lock(
                    name="stop_guard",
                    symbol=None,
                    start=fill.at,
                    until=fill.at + window,
                    reason=f"{recent} stops within {risk.stop_guard_minutes:g} minutes",
                )
            )
    return locks


def locks_at_decision(
    state: DeskState, now: datetime, equity: float, next_session: datetime, risk: RiskConfig
) -> list[Lock]:
    """Return the locks that equity or the count of entries sets at a decision."""
    daily, peak = state.reference_equity, state.peak_equity
    due: list[tuple[str, datetime | None, str]] = []
    if equity <= lowest(daily, risk.daily_loss):
        reason = f"equity is {_below(equity, daily)} below that of the last close"
        due.append(("daily_loss", next_session, reason))
    if equity <= lowest(peak, risk.max_drawdown):
        due.append(("max_drawdown", None, f"equity is {_below(equity, peak)} below its peak"))
    if state.entries_today >= risk.max_entries:
        due.append(("max_entries", next_session, f"{state.entries_today} entries today"))
    if not due:
        return []
    held = state.lifted | {lock.name for lock in state.locks if lock.holds(now)}
    return [
        Lock(name=name, symbol=None, start=now, until=until, reason=reason)
        for name, until, reason in due
        if name in risk.protections and name not in held
    ]


def hard_daily_loss(
    state: DeskState, now: datetime, equity: float, next_session: datetime, risk: RiskConfig
) -> Lock | None:
    """Return the lock that comes with selling everything, where the day's loss asks for both.

    Once a session; lifted by hand, it does not come again until the next.
    """
    name, reference = "hard_daily_loss", state.reference_equity
    if not risk.flatten_at_daily_loss or equity > lowest(reference, risk.flatten_at_daily_loss):
        return None
    if name in state.lifted or any(lock.name == name and lock.holds(now) for lock in state.locks):
        return None
    return Lock(
        name=name,
        symbol=None,
        start=now,
        until=next_session,
        reason=f"equity is {_below(equity, reference)} below that of the last close: all is sold",
    )


def stops_within(stop_fills: Iterable[Any], at: Any, window: Any) -> int:
    """Return how many stop fills lie in [at - window, at]: instants and a span of one kind."""
    return sum(at - window <= fill <= at for fill in stop_fills)


def lowest(reference: Figures, loss: float) -> Figures:
    """Return the equity at and below which a loss (a fraction) has come true, dollars."""
    return (1 - loss) * reference


def first_lock_by_equity(
    equity: FloatArray,
    *,
    reference: float,
    peak: float,
    held: Collection[str],
    risk: RiskConfig,
) -> int | None:
    """Return the first of many decisions at which equity sets a lock that is not ``held``.

    ``equity`` has one figure a decision, shape (n,); ``reference`` is the equity at the last
    close, ``peak`` the highest before the first decision, dollars. No lock ends in between.
    """
    if not len(equity):
        return None
    least, first = float(np.minimum.reduce(equity)), len(equity)
    losses = []
    if "daily_loss" in risk.protections and "daily_loss" not in held:
        losses.append(risk.daily_loss)
    if risk.flatten_at_daily_loss and "hard_daily_loss" not in held:
        losses.append(risk.flatten_at_daily_loss)
    for loss in losses:
        floor = lowest(reference, loss)
        if least <= floor:
            first = min(first, int((equity <= floor).argmax()))
    if "max_drawdown" in risk.protections and "max_drawdown" not in held:
        peaks = np.maximum(np.maximum.accumulate(equity), peak)
        low = equity <= lowest(peaks, risk.max_drawdown)
        if low.any():
            first = min(first, int(low.argmax()))
    return first if first < len(equity) else None


def _below(equity: float, reference: float) -> str:
    return f"{1 - equity / reference:.1%}" if reference > 0 else "-"
