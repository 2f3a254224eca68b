"""Runs over the same data side by side: differences to the first, and one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hybrid_tui.analysis.bootstrap import STATISTICS, differences
from hybrid_tui.analysis.summary_text import number, percent
from hybrid_tui.domain.bars import FloatArray

Row = Mapping[str, Any]
NAME = 22


def differences_to(
    summary: Mapping[str, Any],
    returns: FloatArray,
    reference: Mapping[str, Any],
    reference_returns: FloatArray,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return each statistic less the reference's, with its 95 % interval from paired days."""
    found = differences(returns, reference_returns, seed)
    made = {}
    for name in STATISTICS:
        one, other, pair = summary[name], reference[name], found[name]
        known = one is not None and other is not None
        made[name] = {
            "value": one - other if known else None,
            "ci95": list(pair) if known and pair else None,
        }
    return made


def comparison_lines(rows: Sequence[Row], benchmark: Mapping[str, float | None]) -> list[str]:
    """Return the table of a comparison, at most 80 columns, and below it the differences."""
    heads = f"{'total return':>13}{'95 % interval':>19}{'sharpe':>8}{'drawdown':>10}"
    lines = [f"{'':<{NAME}}{heads}{'trades':>7}"]
    for row in rows:
        if not row["available"]:
            continue
        summary, interval = row["summary"], _percents(row["intervals"]["total_return"])
        lines.append(
            f"{row['name']:<{NAME}}{percent(summary['total_return']):>13}{interval:>19}"
            f"{number(summary['sharpe']):>8}{percent(summary['max_drawdown'], 1):>10}"
            f"{summary['trades']:>7,}"
        )
    lines.append(
        f"{'buy and hold':<{NAME}}{percent(benchmark['total_return']):>13}{'':>19}"
        f"{number(benchmark['sharpe']):>8}{percent(benchmark['max_drawdown'], 1):>10}"
    )
    others = [row for row in rows[1:] if row["available"]]
    if others:
        heads = f"{'total return':>13}{'95 % interval':>19}{'sharpe':>8}{'95 % interval':>17}"
        lines += ["", f"{'less ' + rows[0]['name']:<{NAME}}{heads}"]
    for row in others:
        total, ratio = row["difference"]["total_return"], row["difference"]["sharpe"]
        lines.append(
            f"{row['name']:<{NAME}}{percent(total['value']):>13}{_percents(total['ci95']):>19}"
            f"{number(ratio['value']):>8}{_numbers(ratio['ci95']):>17}"
        )
    absent = [row for row in rows if not row["available"]]
    lines += ["", "not available:"] if absent else []
    lines += [f"  {row['name']}: {row['reason']}" for row in absent]
    return lines


def _percents(pair: Sequence[float] | None) -> str:
    return f"{percent(pair[0], 1)} .. {percent(pair[1], 1)}" if pair else ""


def _numbers(pair: Sequence[float] | None) -> str:
    return f"{number(pair[0])} .. {number(pair[1])}" if pair else ""
