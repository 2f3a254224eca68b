"""The backtest's JSON document, as CONTRACT fixes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import hybrid_tui
from hybrid_tui.analysis.statistics import daily_returns, performance, sharpe_interval
from hybrid_tui.domain.bars import BarSeries, FloatArray
from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.orders import Position
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger


def code_version() -> str:
    """Return the package's version and a hash of its sources."""
    folder = Path(hybrid_tui.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{hybrid_tui.__version__}+{digest.hexdigest()[:12]}"


def summary_of(
    ledger: Ledger,
    state: DeskState,
    series: Mapping[str, BarSeries],
    *,
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    """Return CONTRACT's summary; ratios from daily equity at session closes."""
    returns = daily_returns([equity for _, equity in ledger.daily], state.starting_cash)
    interval = sharpe_interval(returns, seed)
    closed = [trade.pnl for trade in ledger.trades]
    won = sum(pnl for pnl in closed if pnl > 0)
    lost = -sum(pnl for pnl in closed if pnl < 0)
    marks = ledger.marks
    mean_equity = float(marks.equity.mean()) if len(marks) else None
    return {
        **asdict(performance(returns)),
        "trades": ledger.closed + len(state.positions),
        "win_rate": sum(pnl > 0 for pnl in closed) / len(closed) if closed else None,
        "profit_factor": won / lost if lost > 0 else None,
        "exposure": float((marks.gross / marks.equity).mean()) if len(marks) else None,
        "turnover": ledger.turnover / mean_equity if mean_equity else None,
        "fees": ledger.fees,
        "slippage_cost": ledger.slippage,
        "llm_cost_usd": sum(amount for _, amount in state.charges.values()),
        "bars": ledger.bars,
        "seconds": round(seconds, 3),
        "sharpe_ci95": list(interval) if interval else None,
        "benchmark": held([at for at, _ in ledger.daily], series),
    }


def trades_of(ledger: Ledger, state: DeskState) -> list[dict[str, Any]]:
    """Return one row per sell fill and one per open position, by entry, then symbol."""
    rows = [
        {
            "symbol": trade.symbol,
            "quantity": trade.quantity,
            "entry_at": iso(trade.entry_at),
            "entry_price": trade.entry_price,
            "entry_reason": trade.entry_reason,
            "exit_at": iso(trade.exit_at),
            "exit_price": trade.exit_price,
            "exit_reason": str(trade.exit_reason),
            "fees": trade.fees,
            "pnl": trade.pnl,
            "pnl_pct": trade.pnl / (trade.entry_price * trade.quantity),
            "open": False,
        }
        for trade in ledger.trades
    ]
    rows += [open_row(held, state.closes[held.symbol]) for held in state.positions.values()]
    return sorted(rows, key=lambda row: (row["entry_at"], row["symbol"]))


def open_row(held: Position, close: float) -> dict[str, Any]:
    """Return the row of a position that is still held, at the last known close."""
    pnl = (close - held.entry_price) * held.quantity - held.entry_fees
    return {
        "symbol": held.symbol,
        "quantity": held.quantity,
        "entry_at": iso(held.entry_at),
        "entry_price": held.entry_price,
        "entry_reason": held.entry_reason,
        "exit_at": None,
        "exit_price": None,
        "exit_reason": None,
        "fees": held.entry_fees,
        "pnl": pnl,
        "pnl_pct": pnl / (held.entry_price * held.quantity),
        "open": True,
    }


def equity_of(ledger: Ledger, *, every_bar: bool) -> list[list[Any]]:
    """Return [time, equity] at session closes, or at the end of every bar."""
    points = ledger.equity if every_bar else ledger.daily
    return [[iso(at), equity] for at, equity in points]


def held_levels(closes_at: Sequence[datetime], series: Mapping[str, BarSeries]) -> FloatArray:
    """Return what a dollar in equal weight of the symbols became at each close, without costs.

    Each is bought at its first open; until then its share is cash. Shape (closes,).
    """
    seconds = np.array([int(at.timestamp()) for at in closes_at], dtype=np.int64)
    total = np.zeros(len(seconds))
    traded = 0
    for found in series.values():
        if not len(found):
            continue
        traded += 1
        last = np.searchsorted(found.known_at, seconds, side="right") - 1
        total += np.where(last >= 0, found.close[last] / found.open[0], 1.0)
        found.release()
    levels: FloatArray = total / traded
    return levels


def held(closes_at: Sequence[datetime], series: Mapping[str, BarSeries]) -> dict[str, float | None]:
    """Return the statistics of ``held_levels`` at the session closes that count."""
    result = performance(daily_returns(held_levels(closes_at, series), 1.0))
    return {
        "total_return": result.total_return,
        "sharpe": result.sharpe,
        "max_drawdown": result.max_drawdown,
    }
