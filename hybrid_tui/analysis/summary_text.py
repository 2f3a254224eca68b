"""A backtest as text for a terminal: at most 80 columns, no colour, nothing but lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hybrid_tui.analysis.plots import line_plot

WIDTH = 78
FRACTIONS = ("total_return", "cagr", "max_drawdown", "volatility", "exposure", "win_rate")
NUMBERS = ("sharpe", "sortino", "profit_factor", "turnover")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOST_SYMBOLS = 8
MOST_NAMED = 5

Document = Mapping[str, Any]


def summary_lines(
    document: Document,
    depth: Document,
    daily: Sequence[float],
    *,
    braille: bool = True,
) -> list[str]:
    """Return the lines of a summary. ``daily``: the cash at the start, then equity at closes."""
    lines = [*_heading(document), "", *_figures(document, depth)]
    if len(daily) > 2:
        lines += ["", "equity at the close, dollars", *_equity(daily, braille)]
        lines += ["", "below the peak so far", *_drawdown(daily, braille)]
        lines += ["", "return by month, %", *month_lines(depth["months"])]
    if document["trades"]:
        lines += ["", *_groups(depth["exit_reasons"], "exit_reason", "by exit reason")]
        lines += ["", *_groups(depth["symbols"], "symbol", "by symbol")]
    return lines


def percent(value: float | None, digits: int = 2) -> str:
    """Return a fraction as per cent with its sign; ``-`` where it is undefined."""
    return "-" if value is None else f"{value:+.{digits}%}"


def number(value: float | None) -> str:
    """Return a figure with two digits; ``-`` where it is undefined."""
    return "-" if value is None else f"{value:,.2f}"


def _heading(document: Document) -> list[str]:
    settings, summary = document["settings"], document["summary"]
    symbols = settings["symbols"]
    named = ", ".join(symbols[:MOST_NAMED])
    more = f" and {len(symbols) - MOST_NAMED} more" if len(symbols) > MOST_NAMED else ""
    first, last = settings["first_bar"][:10], settings["last_bar_known_at"][:10]
    return [
        f"tiers {','.join(settings['tiers'])}   {settings['hybrid']}   bars {summary['bars']:,}",
        f"{first} to {last}   {named}{more}",
    ]


def _figures(document: Document, depth: Document) -> list[str]:
    summary, intervals = document["summary"], depth["intervals"]
    benchmarks = depth["benchmarks"]
    names = {"equal_weight": "buy and hold"} | {name: name for name in benchmarks if name.isupper()}
    shown = [name for name in names if name in benchmarks]
    heads = "".join(f"{names[name]:>14}" for name in shown)
    lines = [f"{'':<16}{'this run':>12}{'95 % interval':>22}{heads}"]
    for name in (*FRACTIONS, *NUMBERS):
        text = percent if name in FRACTIONS else number
        pair = intervals.get(name)
        interval = f"{text(pair[0])} .. {text(pair[1])}" if pair else ""
        others = "".join(
            f"{text(benchmarks[b][name]) if name in benchmarks[b] else '':>14}" for b in shown
        )
        lines.append(f"{name:<16}{text(summary[name]):>12}{interval:>22}{others}".rstrip())
    costs, adjusted = depth["costs"], depth["exposure_adjusted"]
    lines.append(f"{'trades':<16}{summary['trades']:>12,}")
    lines.append(f"{'costs':<16}{costs['costs']:>12,.2f} dollars")
    lines.append(f"{'break-even':<16}{_break_even(costs)}")
    if adjusted["return_per_exposure"] is not None:
        lines.append(
            f"{'per exposure':<16}{percent(adjusted['return_per_exposure']):>12}; buy and hold at"
            f" this exposure: {percent(adjusted['benchmark_at_same_exposure'])}"
        )
    return lines


def _break_even(costs: Document) -> str:
    bps = costs["break_even_bps"]
    if bps is None:
        return f"{'-':>12}"
    if bps <= 0:
        return f"{'none':>12}: the trades lose before any slippage"
    return f"{bps:>12.1f} bp of slippage a fill would leave nothing"


def _equity(daily: Sequence[float], braille: bool) -> list[str]:
    return line_plot(daily, width=WIDTH, height=8, label="{:,.0f}".format, braille=braille)


def _drawdown(daily: Sequence[float], braille: bool) -> list[str]:
    path = np.asarray(daily)
    below = path / np.maximum.accumulate(path) - 1
    return line_plot(below.tolist(), width=WIDTH, height=4, label="{:.1%}".format, braille=braille)


def month_lines(months: Sequence[Document]) -> list[str]:
    """Return a table of years by months with each year's whole at its end, in per cent."""
    years: dict[str, dict[int, float]] = {}
    for month in months:
        year, _, index = month["month"].partition("-")
        years.setdefault(year, {})[int(index)] = month["return"]
    lines = ["    " + "".join(f"{name:>5}" for name in MONTHS) + f"{'year':>8}"]
    for year, found in years.items():
        cells = "".join(f"{_short(found.get(index)):>5}" for index in range(1, 13))
        whole = float(np.prod([1 + value for value in found.values()])) - 1
        lines.append(f"{year}{cells}{whole * 100:>+8.1f}")
    return lines


def _short(value: float | None) -> str:
    """Return per cent in at most four characters."""
    if value is None:
        return ""
    shown = value * 100
    # Adding zero makes a rounded -0.0 a plain 0.0.
    return f"{shown:.0f}" if abs(shown) >= 9.95 else f"{round(shown, 1) + 0.0:.1f}"


def _groups(groups: Sequence[Document], key: str, title: str) -> list[str]:
    lines = [f"{title:<24}{'trades':>8}{'win rate':>10}{'pnl, dollars':>16}"]
    shown = groups
    if len(groups) > MOST_SYMBOLS:
        half = MOST_SYMBOLS // 2
        shown = [*groups[:half], *groups[-half:]]
    for index, group in enumerate(shown):
        if len(shown) < len(groups) and index == MOST_SYMBOLS // 2:
            lines.append(f"  ({len(groups) - len(shown)} between)")
        won = "-" if group["win_rate"] is None else f"{group['win_rate']:.0%}"
        lines.append(f"  {group[key]:<22}{group['trades']:>8,}{won:>10}{group['pnl']:>+16,.2f}")
    return lines
