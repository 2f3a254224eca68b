"""What a careful quant would say about a backtest: at most one line each, with the counts.

Each function looks for one thing and returns one line, or None where there is nothing to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np

from hybrid_tui.analysis.breakdown import by_symbol
from hybrid_tui.domain.bars import BarSeries, CorporateAction
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.instants import iso

Row = Mapping[str, Any]

FEWEST_TRADES = 30
FEWEST_SYMBOLS = 3
LARGEST_SHARE = 0.5
FEWEST_EXITS = 10
MOST_OF_VOLUME = 0.01
COSTS_OF_PROFIT = 0.5
LONG_TEST = timedelta(days=365)
STILL_TRADED = timedelta(days=7)


def too_few_trades(rows: Sequence[Row]) -> str | None:
    """Fewer than FEWEST_TRADES closed trades."""
    closed = sum(not row["open"] for row in rows)
    if closed >= FEWEST_TRADES:
        return None
    return f"only {closed} closed trades: too few to conclude from"


def single_symbol_profit(rows: Sequence[Row], symbols: Collection[str]) -> str | None:
    """One of at least FEWEST_SYMBOLS ``symbols`` made more than half of the profit."""
    groups = by_symbol(rows)
    total = sum(group["pnl"] for group in groups)
    if len(symbols) < FEWEST_SYMBOLS or total <= 0 or groups[0]["pnl"] <= LARGEST_SHARE * total:
        return None
    best, rest = groups[0], total - groups[0]["pnl"]
    return (
        f"{best['symbol']} made {best['pnl'] / total:.0%} of the profit: the other"
        f" {len(symbols) - 1} symbols together made {rest:+,.0f} dollars"
    )


def single_exit_reason(rows: Sequence[Row]) -> str | None:
    """All of at least FEWEST_EXITS exits happened for the same reason."""
    reasons = Counter(row["exit_reason"] for row in rows if not row["open"])
    if len(reasons) != 1 or reasons.total() < FEWEST_EXITS:
        return None
    (reason,) = reasons
    return f"all {reasons.total()} exits are {reason}: the others were never tested"


def costs_eat_profit(costs: Mapping[str, Any], turnover: float | None) -> str | None:
    """Costs take more than half of the profit before them. ``costs``: those of the depth."""
    share = costs["share_of_profit"]
    if share is None or share <= COSTS_OF_PROFIT:
        return None
    times = f"; turnover is {turnover:,.0f} times the equity" if turnover is not None else ""
    return (
        f"slippage and fees take {share:.0%} of the profit of"
        f" {costs['pnl_before_costs']:,.0f} dollars before them{times}"
    )


def in_sample(trained_until: datetime | None, begins_at: datetime) -> str | None:
    """Tier 2's model has seen some of the tested time."""
    if trained_until is None or trained_until <= begins_at:
        return None
    return (
        f"in-sample: tier 2's model has seen data up to {iso(trained_until)}, after the start of"
        " this test; what it earns until then says nothing"
    )


def contaminated(source: str, knows_until: date | None, begins_at: datetime) -> str | None:
    """The LLM ``source`` was trained on texts from after the test's start, or nobody says.

    ``knows_until`` is its training cut-off, None where it is not known.
    """
    if knows_until is None:
        return (
            f"contaminated? the training cut-off of {source} is not known"
            " (llm.training_cutoff): it may know what came"
        )
    if knows_until < begins_at.astimezone(NEW_YORK).date():
        return None
    return (
        f"contaminated: {source} was trained on texts up to {knows_until}, after the start of"
        " this test; it may know what came"
    )


def large_fills(
    rows: Sequence[Row],
    traded: Mapping[str, BarSeries],
    actions: Sequence[CorporateAction] = (),
) -> str | None:
    """Fills of more than 1 % of their bar's volume: the market would have moved."""
    filled: Counter[tuple[str, str]] = Counter()
    for row in rows:
        # A row counts shares as they were when it ended; at the entry there were fewer or more.
        at = row["exit_at"]
        filled[row["symbol"], row["entry_at"]] += row["quantity"] / _ratio(row, actions)
        if at is not None:
            filled[row["symbol"], at] += row["quantity"]
    worst, large = 0.0, 0
    for symbol, fills in groupby(sorted(filled.items()), key=lambda one: one[0][0]):
        series = traded[symbol]
        for (_, at), quantity in fills:
            second = int(datetime.fromisoformat(at).timestamp())
            index = int(np.searchsorted(series.start, second))
            if index == len(series) or int(series.start[index]) != second:
                continue
            volume = float(series.volume[index])
            if quantity > MOST_OF_VOLUME * volume:
                large += 1
                worst = max(worst, quantity / volume if volume else float("inf"))
        series.release()
    if large == 0:
        return None
    most = "a bar without volume" if worst == float("inf") else f"at most {worst:.1%}"
    return (
        f"{large} of {len(filled)} fills took more than {MOST_OF_VOLUME:.0%} of their bar's volume"
        f" ({most}): they would have moved the price"
    )


def _ratio(row: Row, actions: Sequence[CorporateAction]) -> float:
    """Return the shares at a row's end for one at its entry."""
    if not actions:
        return 1.0
    entry = datetime.fromisoformat(row["entry_at"])
    ended = datetime.fromisoformat(row["exit_at"]) if row["exit_at"] else None
    ratio = 1.0
    for action in actions:
        if (
            action.symbol == row["symbol"]
            and entry < action.ex_at
            and (ended is None or action.ex_at <= ended)
        ):
            ratio *= action.ratio
    return ratio


def fills_without_spread(
    rows: Sequence[Row], half_spread: Callable[[str, datetime], float | None]
) -> str | None:
    """Fills that should have cost half of the spread where none was recorded.

    ``half_spread`` is what the fills were priced with.
    """
    fills = {(row["symbol"], row[end]) for row in rows for end in ("entry_at", "exit_at")}
    made = [(symbol, datetime.fromisoformat(at)) for symbol, at in fills if at is not None]
    missing = sum(half_spread(symbol, at) is None for symbol, at in made)
    if missing == 0:
        return None
    return f"{missing} of {len(made)} fills found no recorded spread: fixed slippage instead"


def survivorship(traded: Mapping[str, BarSeries]) -> str | None:
    """A test of over a year in which no symbol of several ever ended."""
    if len(traded) < FEWEST_SYMBOLS:
        return None
    first = min(int(series.start[0]) for series in traded.values())
    last = max(int(series.start[-1]) for series in traded.values())
    if last - first < LONG_TEST.total_seconds():
        return None
    if any(int(s.start[-1]) < last - STILL_TRADED.total_seconds() for s in traded.values()):
        return None
    years = (last - first) / LONG_TEST.total_seconds()
    return (
        f"survivorship: all {len(traded)} symbols trade to the end of {years:.1f} years; a list"
        " picked today leaves out those that vanished"
    )


def overnight_without_actions(rows: Sequence[Row], *, knows_actions: bool) -> str | None:
    """Positions held over nights of which nobody knows whether a split or dividend fell into them.

    ``knows_actions``: the data says what its prices are adjusted for.
    """
    if knows_actions:
        return None
    days = [
        (_day(row["entry_at"]), _day(row["exit_at"]) if row["exit_at"] else None) for row in rows
    ]
    held = sum(left is not None and left > entered for entered, left in days)
    if held == 0:
        return None
    return (
        f"{held} of {len(rows)} trades were held overnight, and the data names no splits or"
        " dividends: one left in the prices counts as a gain or a loss"
    )


def _day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(NEW_YORK).date()


def feed_seams(seams: Mapping[str, datetime]) -> str | None:
    """Symbols whose bars change from one feed to another. ``seams``: the first of each symbol."""
    if not seams:
        return None
    first = min(seams, key=lambda symbol: (seams[symbol], symbol))
    who = "1 symbol changes feed" if len(seams) == 1 else f"{len(seams)} symbols change feed"
    return f"{who} on the way ({first} first, at {iso(seams[first])}): volumes do not compare"


def false_volumes(counts: Mapping[str, int]) -> str | None:
    """Bars whose volume is the day's running total. ``counts``: bars by symbol."""
    if not counts:
        return None
    total = sum(counts.values())
    who = "1 symbol" if len(counts) == 1 else f"{len(counts)} symbols"
    return f"{total} volumes of {who} are running totals of their day, not a bar's own"
