"""What the backtest page says: the plan, the runs, a run's result and trades, two runs compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hybrid_tui.tui import format as f
from hybrid_tui.tui.backtest.plan import FIELDS
from hybrid_tui.tui.backtest.runs import Run
from hybrid_tui.tui.widgets.lines import Column, Columns, Line, Row, row

RUN_COLUMNS = (
    Column(name="mark", title="", width=1),
    Column(name="tiers", title="tiers", width=12, grows=True),
    Column(name="symbols", title="sym", width=3, align="right", rank=2),
    Column(name="days", title="from", width=10, rank=1),
    Column(name="total", title="return", width=8, align="right"),
    Column(name="sharpe", title="sharpe", width=6, align="right"),
    Column(name="trades", title="trades", width=6, align="right", rank=3),
)
TRADE_COLUMNS = (
    Column(name="entry", title="entry (New York)", width=16),
    Column(name="symbol", title="symbol", width=6),
    Column(name="quantity", title="qty", width=6, align="right"),
    Column(name="price", title="at", width=9, align="right", rank=1),
    Column(name="exit", title="exit", width=16, rank=2),
    Column(name="sold", title="at", width=9, align="right", rank=2),
    Column(name="reason", title="by", width=13, grows=True),
    Column(name="pnl", title="P&L", width=11, align="right"),
    Column(name="share", title="%", width=6, align="right", rank=3),
)
BAR = 24


def plan_rows(plan: Mapping[str, str], width: int) -> list[Row]:
    """Return the fields of the plan."""
    rows = []
    for field in FIELDS:
        given = plan.get(field.name, "")
        room = max(6, width - 15)
        shown = (f.fit(f.clean(given), room), "") if given else (f.fit(field.hint, room), "dim")
        rows.append(row((f"{field.title:<13} ", "dim"), shown, key=field.name))
    return rows


def run_rows(
    runs: Sequence[Run], opened: str | None, marked: str | None, width: int
) -> tuple[list[Row], Line]:
    """Return the runs, newest first; ``>`` is the one that shows, ``*`` the one marked."""
    columns = Columns(RUN_COLUMNS, width)
    rows = []
    for run in runs:
        total, sharpe = run.figures.get("total_return") or 0.0, run.figures.get("sharpe")
        mark = "*" if run.name == marked else ">" if run.name == opened else ""
        rows.append(
            columns.row(
                run.name,
                mark=(mark, "accent"),
                tiers=run.tiers,
                symbols=str(run.symbols),
                days=(run.first, "dim"),
                total=(f.percent(total, sign=True), f.direction(total)),
                sharpe="-" if sharpe is None else f"{sharpe:.2f}",
                trades=f"{run.figures.get('trades') or 0:,.0f}",
            )
        )
    if not rows:
        rows = [row(("none yet: R runs what stands above", "dim"))]
    return rows, columns.header()


def running_row(phase: str, share: float, passed: timedelta) -> Row:
    """Return how far a run is, with a guess of the time left."""
    left = passed * ((1 - share) / share) if share > 0.02 else None
    eta = f", about {f.span(left)} left" if left is not None else ""
    return row(
        (f" {phase} ", "accent"),
        (f.gauge(share, BAR), "accent"),
        (f" {share * 100:3.0f} %{eta}   C stops it", ""),
    )


def text_rows(lines: Sequence[str], warnings: Sequence[str], width: int) -> list[Row]:
    """Return a result as rows, its warnings first: they are what makes it worth less."""
    rows = [
        row((line, "warn"))
        for text in warnings
        for line in f.wrap(f"warning: {f.clean(text)}", max(20, width))
    ]
    return [*rows, *([row("")] if rows else []), *(row(line) for line in lines)]


def trade_rows(trades: Sequence[Mapping[str, Any]], width: int) -> tuple[list[Row], Line]:
    """Return the trades of a document in its order."""
    columns = Columns(TRADE_COLUMNS, width)
    rows = []
    for place, trade in enumerate(trades):
        pnl, share = trade["pnl"], trade["pnl_pct"]
        style = f.direction(pnl)
        rows.append(
            columns.row(
                f"trade-{place}",
                entry=_instant(trade["entry_at"]),
                symbol=trade["symbol"],
                quantity=f.quantity(trade["quantity"]),
                price=f.money(trade["entry_price"]),
                exit=_instant(trade["exit_at"]) if trade["exit_at"] else ("open", "dim"),
                sold=f.money(trade["exit_price"]) if trade["exit_price"] is not None else "",
                reason=(str(trade["exit_reason"] or "").replace("_", " "), "dim"),
                pnl=(f.signed(pnl), style),
                share=(f"{share * 100:+.1f}" if share is not None else "", style),
            )
        )
    if not rows:
        rows = [row(("no trades", "dim"))]
    return rows, columns.header()


def _instant(text: str) -> str:
    return f.new_york(datetime.fromisoformat(text), "%Y-%m-%d %H:%M")
