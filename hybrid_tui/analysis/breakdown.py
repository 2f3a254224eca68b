"""Where a result came from: by month, hour, symbol and exit reason, and what trading cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from hybrid_tui.domain.calendar import NEW_YORK

Row = Mapping[str, Any]
"""A trade as CONTRACT's document has it."""


def by_month(daily: Sequence[tuple[datetime, float]], starting: float) -> list[dict[str, Any]]:
    """Return each month of New York with its return, the first against ``starting`` dollars."""
    months: list[dict[str, Any]] = []
    before = starting
    for at, equity in daily:
        month = f"{at.astimezone(NEW_YORK):%Y-%m}"
        if not months or months[-1]["month"] != month:
            if months:
                before = months[-1]["equity"]
            months.append({"month": month})
        months[-1] |= {"return": equity / before - 1, "equity": equity}
    return months


def by_symbol(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return pnl and win rate by symbol, the best first; open positions count."""
    groups = _grouped(rows, lambda row: row["symbol"], "symbol")
    return sorted(groups, key=lambda group: (-group["pnl"], group["symbol"]))


def by_exit_reason(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return pnl and win rate by exit reason, in alphabetical order; ``open`` is what is held."""
    return _grouped(rows, lambda row: row["exit_reason"] or "open", "exit_reason")


def by_hour(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return pnl and win rate by the hour (New York) of the bar that was bought in."""
    return _grouped(
        rows, lambda row: datetime.fromisoformat(row["entry_at"]).astimezone(NEW_YORK).hour, "hour"
    )


def _grouped(rows: Sequence[Row], key: Callable[[Row], Any], name: str) -> list[dict[str, Any]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [_group(name, value, groups[value]) for value in sorted(groups)]


def _group(name: str, value: object, rows: Sequence[Row]) -> dict[str, Any]:
    closed = [row["pnl"] for row in rows if not row["open"]]
    return {
        name: value,
        "trades": len(rows),
        "pnl": sum(row["pnl"] for row in rows),
        "win_rate": sum(pnl > 0 for pnl in closed) / len(closed) if closed else None,
    }


def exposure_adjusted(
    total_return: float | None, exposure: float | None, benchmark: float | None
) -> dict[str, float | None]:
    """Return the result per unit of exposure, beside the benchmark held at that exposure.

    ``exposure`` is the mean of gross over equity. A desk that is a tenth invested and earns a tenth
    of the benchmark has earned as much with its money at work.
    """
    has = exposure is not None and exposure > 0
    return {
        "return_per_exposure": total_return / exposure
        if has and exposure is not None and total_return is not None
        else None,
        "benchmark_at_same_exposure": benchmark * exposure
        if benchmark is not None and exposure is not None
        else None,
    }


def costs(rows: Sequence[Row], *, traded: float, slippage: float, fees: float) -> dict[str, Any]:
    """Return what trading cost, and the slippage at which nothing would be left.

    ``traded`` is what was bought and sold, in dollars. ``break_even_bps`` are the basis points on
    each fill at which these trades would earn 0 after their fees; negative: they lose without any
    slippage; None without a trade. The trades themselves are taken as they are: that other fills
    would have led to others is left out.
    """
    net = sum(row["pnl"] for row in rows)
    before = net + slippage
    return {
        "traded": traded,
        "costs": slippage + fees,
        "pnl_before_costs": before + fees,
        "share_of_profit": (slippage + fees) / (before + fees) if before + fees > 0 else None,
        "break_even_bps": before / traded * 10_000 if traded > 0 else None,
    }
