"""A desk's run as its journal has it, in the shape of a backtest's document."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from hybrid_tui.analysis import cautions
from hybrid_tui.analysis.backtest_document import open_row
from hybrid_tui.analysis.breakdown import costs
from hybrid_tui.analysis.depth import depth_of
from hybrid_tui.analysis.statistics import daily_returns, performance, sharpe_interval
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import Refused

COLUMNS = (
    "symbol", "quantity", "entry_at", "entry_price", "entry_reason", "exit_at", "exit_price",
    "exit_reason", "fees", "pnl",
)  # fmt: skip
UNKNOWN = {"total_return": None, "sharpe": None, "max_drawdown": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A document, its depth, and equity at session closes, the last maybe of an open session."""

    document: dict[str, Any]
    depth: dict[str, Any]
    daily: list[tuple[datetime, float]]
    starting: float


def journal_report(
    connection: sqlite3.Connection, run: str, desk: DeskState, *, seed: int
) -> Report:
    """Return what a run did so far; ``desk`` is its folded state.

    Raises Refused where nothing has happened yet.
    """
    started, now = desk.started, desk.now
    if started is None or now is None:
        raise Refused(f"run {run} has not begun", hint="start hybrid-tui first")
    daily = _closes(connection, run)
    warnings = []
    if started.mode == "sim":
        warnings.append("a simulated market with a planted edge: what it earns proves nothing")
    if desk.session is not None and (not daily or daily[-1][0] < now):
        daily.append((now, desk.equity()))
        warnings.append(f"the session of {desk.session.day} is open: what it is at counts as a day")
    rows = _rows(connection, run, desk)
    fills = connection.execute(
        "select coalesce(sum(quantity * price), 0), coalesce(sum(slippage), 0),"
        " coalesce(sum(commission), 0) from fills where run = ?",
        (run,),
    ).fetchone()
    traded, slippage, fees = (float(value) for value in fills)
    marks = np.array(
        connection.execute("select equity, gross from equity where run = ?", (run,)).fetchall()
    ).reshape(-1, 2)
    mean = float(marks[:, 0].mean()) if len(marks) else None
    returns = daily_returns([equity for _, equity in daily], desk.starting_cash)
    interval = sharpe_interval(returns, seed)
    closed = [row["pnl"] for row in rows if not row["open"]]
    won, lost = sum(p for p in closed if p > 0), -sum(p for p in closed if p < 0)
    summary = {
        **asdict(performance(returns)),
        "trades": len(rows),
        "win_rate": sum(pnl > 0 for pnl in closed) / len(closed) if closed else None,
        "profit_factor": won / lost if lost > 0 else None,
        "exposure": float((marks[:, 1] / marks[:, 0]).mean()) if len(marks) else None,
        "turnover": traded / mean if mean else None,
        "fees": fees,
        "slippage_cost": slippage,
        "llm_cost_usd": sum(amount for _, amount in desk.charges.values()),
        "sharpe_ci95": list(interval) if interval else None,
        "benchmark": UNKNOWN,
    }
    spent = costs(rows, traded=traded, slippage=slippage, fees=fees)
    found = (
        cautions.costs_eat_profit(spent, summary["turnover"]),
        cautions.single_symbol_profit(rows, started.watchlist),
        cautions.single_exit_reason(rows),
        cautions.too_few_trades(rows),
    )
    first = connection.execute("select min(at) from events where run = ?", (run,)).fetchone()[0]
    document = {
        "settings": {
            "run": run,
            "mode": started.mode,
            "tiers": list(started.tiers),
            "hybrid": started.hybrid,
            "approval": started.policy,
            "symbols": sorted(started.watchlist),
            "cash": desk.starting_cash,
            "first_bar": first,
            "last_bar_known_at": iso(now),
            "seed": seed,
            **{f"source.{name}": value for name, value in started.sources.items()},
            **dict(started.settings),
        },
        "summary": summary,
        "trades": rows,
        "equity": [[iso(at), equity] for at, equity in daily],
        "warnings": [*warnings, *(text for text in found if text is not None)],
    }
    depth = depth_of(
        rows=rows,
        daily=daily,
        starting=desk.starting_cash,
        summary=summary,
        traded=traded,
        seed=seed,
        is_daily=False,
        benchmarks={},
    )
    depth["benchmarks"] = {}
    return Report(document=document, depth=depth, daily=daily, starting=desk.starting_cash)


def _closes(connection: sqlite3.Connection, run: str) -> list[tuple[datetime, float]]:
    rows = connection.execute(
        "select at, json_extract(body, '$.equity') from events"
        " where run = ? and kind = 'SessionClosed' order by id",
        (run,),
    )
    return [(datetime.fromisoformat(at), float(equity)) for at, equity in rows]


def _rows(connection: sqlite3.Connection, run: str, desk: DeskState) -> list[dict[str, Any]]:
    found = connection.execute(
        f"select {', '.join(COLUMNS)} from trades where run = ? order by event_id", (run,)
    ).fetchall()
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in found]
    for row in rows:
        row |= {"pnl_pct": row["pnl"] / (row["entry_price"] * row["quantity"]), "open": False}
    rows += [open_row(held, desk.closes[held.symbol]) for held in desk.positions.values()]
    return sorted(rows, key=lambda row: (row["entry_at"], row["symbol"]))
