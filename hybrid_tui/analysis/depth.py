"""A backtest in depth: what CONTRACT's summary leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hybrid_tui.analysis import breakdown
from hybrid_tui.analysis.bootstrap import METHOD, intervals
from hybrid_tui.analysis.statistics import daily_returns


def depth_of(
    *,
    rows: Sequence[Mapping[str, Any]],
    daily: Sequence[tuple[datetime, float]],
    starting: float,
    summary: Mapping[str, Any],
    traded: float,
    seed: int,
    is_daily: bool,
    benchmarks: Mapping[str, Mapping[str, float | None]],
) -> dict[str, Any]:
    """Return 95 % intervals, breakdowns, costs and benchmarks, as JSON values.

    ``rows`` and ``summary`` are those of CONTRACT's document, ``daily`` equity at session closes,
    ``traded`` what was bought and sold in dollars. Daily bars have no hour.
    """
    found = intervals(daily_returns([equity for _, equity in daily], starting), seed)
    equal_weight = summary["benchmark"]
    return {
        "intervals": {name: list(pair) if pair else None for name, pair in found.items()},
        "method": METHOD,
        "months": breakdown.by_month(daily, starting),
        "hours": [] if is_daily else breakdown.by_hour(rows),
        "symbols": breakdown.by_symbol(rows),
        "exit_reasons": breakdown.by_exit_reason(rows),
        "exposure_adjusted": breakdown.exposure_adjusted(
            summary["total_return"], summary["exposure"], equal_weight["total_return"]
        ),
        "costs": breakdown.costs(
            rows, traded=traded, slippage=summary["slippage_cost"], fees=summary["fees"]
        ),
        "benchmarks": {"equal_weight": dict(equal_weight)}
        | {name: dict(figures) for name, figures in benchmarks.items()},
    }
