"""What the journal says: status, positions and trades, also while an engine runs."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import CliState, iso, print_json, state_of

if TYPE_CHECKING:
    from hybrid_tui.domain.orders import Position
    from hybrid_tui.domain.state import DeskState

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the desk: mode, money, tiers, what waits for a decision, what is locked."""
    from hybrid_tui.commands.status_text import status_lines
    from hybrid_tui.engine.endpoint import is_held

    cli = state_of(context)
    connection, run, desk = open_desk(cli)
    connection.close()
    now = desk.now
    document: dict[str, Any] = {
        "run": run,
        "running": is_held(cli.paths),
        "mode": desk.started.mode if desk.started else None,
        "sources": dict(desk.started.sources) if desk.started else {},
        "at": iso(now) if now else None,
        "session_open": desk.session is not None,
        "equity": desk.equity(),
        "cash": desk.cash,
        "gross": desk.gross(),
        "day_pnl": desk.equity() - desk.reference_equity,
        "positions": len(desk.positions),
        "open_orders": len(desk.orders),
        "trades": desk.trades_closed,
        "realized_pnl": desk.realized,
        "paused": desk.paused,
        "pending": [],
        "strategy": None,
        "locks": [],
        "tiers": {
            tier: {"health": beat.health, "reason": beat.reason, "at": iso(beat.at)}
            for tier, beat in sorted(desk.beats.items())
        },
        "llm_cost_usd": sum(amount for _, amount in desk.charges.values()),
    }
    if now is not None:
        document |= _decisions(desk, now)
    if as_json:
        print_json(document)
        return
    for line in status_lines(document):
        typer.echo(line)


def _decisions(desk: DeskState, now: datetime) -> dict[str, Any]:
    strategy = desk.strategy(now)
    return {
        "pending": [
            {
                "id": found.signal.id,
                "until": iso(found.pending_until),
                "symbols": [s for s, state in found.symbols.items() if state == "pending"],
            }
            for found in desk.pending(now)
        ],
        "strategy": {
            "id": strategy.signal.id,
            "direction": strategy.signal.direction.value,
            "risk_level": strategy.signal.risk_level.value,
            "approved": sorted(strategy.approved()),
            "expires_at": iso(strategy.signal.expires_at),
        }
        if strategy
        else None,
        "locks": [
            {
                "name": lock.name,
                "symbol": lock.symbol,
                "until": iso(lock.until) if lock.until else None,
                "reason": lock.reason,
            }
            for lock in desk.locks
            if lock.holds(now)
        ],
    }


def positions(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is held, and the stop that protects it."""
    connection, _, desk = open_desk(state_of(context))
    connection.close()
    rows = [
        {
            "symbol": held.symbol,
            "quantity": held.quantity,
            "entry_price": held.entry_price,
            "entry_at": iso(held.entry_at),
            "entry_reason": held.entry_reason,
            "last": desk.closes.get(held.symbol),
            "pnl": (desk.closes[held.symbol] - held.entry_price) * held.quantity - held.entry_fees,
            "stop": held.level,
            "stop_reason": held.level_from.value,
            "high": held.high,
            "overnight": _night(desk, held),
        }
        for held in sorted(desk.positions.values(), key=lambda held: held.symbol)
    ]
    show_table(rows, "positions", as_json, empty="nothing is held")


def _night(desk: DeskState, held: Position) -> dict[str, Any] | None:
    """Return what a rare night would do to a holding, in spite of its stop."""
    from hybrid_tui.rules.overnight import gap_risk

    gaps, close = desk.nights.get(held.symbol), desk.closes.get(held.symbol)
    if gaps is None or close is None:
        return None
    risk = gap_risk(gaps, held, close)
    return {
        "nights": risk.nights,
        "stop": risk.stop,
        "worst": gaps.worst,
        "one_in_50": gaps.one_in_50,
        "exit": risk.exit,
        "text": risk.text,
    }


def trades(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="the newest so many")] = 50,
    find: Annotated[str, typer.Option(help="words: symbol, reason, day, win, loss")] = "",
    as_json: AsJson = False,
) -> None:
    """Show closed trades, the newest last; ``--json`` has the orders' ids, for ``explain``."""
    from hybrid_tui.journal.trades import TradeQuery, read_trades

    connection, run, _ = open_desk(state_of(context), fold=False)
    found = read_trades(connection, run, TradeQuery(text=find, count=limit))
    connection.close()
    rows = [
        {
            **asdict(one.trade),
            "entry_at": iso(one.trade.entry_at),
            "exit_at": iso(one.trade.exit_at),
        }
        for one in reversed(found)
    ]
    shown = rows if as_json else [{k: v for k, v in r.items() if "order" not in k} for r in rows]
    show_table(shown, "trades", as_json, empty="no closed trades")


def open_desk(cli: CliState, *, fold: bool = True) -> tuple[sqlite3.Connection, str, DeskState]:
    """Return the journal opened for reading, its newest run and that run's folded state."""
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.errors import Refused
    from hybrid_tui.journal.reader import latest_run, open_read_only, read_state

    connection = open_read_only(cli.paths.journal)
    info = latest_run(connection)
    if info is None:
        raise Refused("the journal has no run yet", hint="start hybrid-tui first")
    return connection, info.run, read_state(connection, info.run) if fold else DeskState()


def show_table(rows: list[dict[str, Any]], name: str, as_json: bool, *, empty: str) -> None:
    """Print rows as one JSON document under ``name``, or as a table; ``empty`` where none is."""
    if as_json:
        print_json({name: rows})
        return
    if not rows:
        typer.echo(empty)
        return
    texts = [list(rows[0]), *([_plain(value) for value in row.values()] for row in rows)]
    widths = [max(len(text[column]) for text in texts) for column in range(len(texts[0]))]
    for text in texts:
        line = "  ".join(cell.ljust(width) for cell, width in zip(text, widths, strict=True))
        typer.echo(line.rstrip())


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    if value is None:
        return "-"
    if isinstance(value, dict) and "text" in value:
        return str(value["text"])
    return str(value)
