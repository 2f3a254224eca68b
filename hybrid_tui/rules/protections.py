"""Protections: expiring locks with reasons. They forbid entries and cancel none already decided."""

from __future__ import annotations

from datetime import datetime, timedelta

from hybrid_tui.config import RiskConfig
from hybrid_tui.domain.orders import STOP_REASONS, Fill, Lock
from hybrid_tui.domain.state import DeskState


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
    if "stop_guard" in risk.protections:
        window = timedelta(minutes=risk.stop_guard_minutes)
        recent = sum(fill.at - window <= at <= fill.at for at in state.stop_fills)
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
    held = state.lifted | {lock.name for lock in state.locks if lock.holds(now)}
    locks = []
    if (
        "daily_loss" in risk.protections
        and "daily_loss" not in held
        and equity <= (1 - risk.daily_loss) * state.reference_equity
    ):
        loss = 1 - equity / state.reference_equity
        locks.append(
            Lock(
                name="daily_loss",
                symbol=None,
                start=now,
                until=next_session,
                reason=f"equity is {loss:.1%} below that of the last close",
            )
        )
    if (
        "max_drawdown" in risk.protections
        and "max_drawdown" not in held
        and equity <= (1 - risk.max_drawdown) * state.peak_equity
    ):
        fall = 1 - equity / state.peak_equity
        locks.append(
            Lock(
                name="max_drawdown",
                symbol=None,
                start=now,
                until=None,
                reason=f"equity is {fall:.1%} below its peak",
            )
        )
    if (
        "max_entries" in risk.protections
        and "max_entries" not in held
        and state.entries_today >= risk.max_entries
    ):
        locks.append(
            Lock(
                name="max_entries",
                symbol=None,
                start=now,
                until=next_session,
                reason=f"{state.entries_today} entries today",
            )
        )
    return locks
