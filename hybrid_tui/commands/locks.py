"""``hybrid-tui locks``: the protections in force, and lifting one through the running engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import iso, state_of
from hybrid_tui.commands.control import BY, send
from hybrid_tui.domain.commands import LiftLock

if TYPE_CHECKING:
    from hybrid_tui.domain.state import DeskState

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
app = typer.Typer(help="The protections that forbid entries now, and lifting one by hand.")


@app.callback(invoke_without_command=True)
def locks(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the locks in force with their reason and the time left, from the journal."""
    if context.invoked_subcommand is not None:
        return
    from hybrid_tui.commands.show import open_desk, show_table

    connection, _, desk = open_desk(state_of(context))
    connection.close()
    rows = _rows(desk)
    if not as_json:
        rows = [{**row, "seconds_left": _span(row["seconds_left"])} for row in rows]
    show_table(rows, "locks", as_json, empty="no locks")


@app.command()
def lift(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    symbol: Annotated[str | None, typer.Argument(metavar="[SYMBOL]")] = None,
    as_json: AsJson = False,
) -> None:
    """Lift a lock by its name, and by its symbol where it has one."""
    wanted = symbol.upper() if symbol is not None else None
    send(context, LiftLock(name=name, symbol=wanted, by=BY), as_json)


def _rows(desk: DeskState) -> list[dict[str, Any]]:
    now = _present(desk)
    return [
        {
            "name": lock.name,
            "symbol": lock.symbol,
            "start": iso(lock.start),
            "until": iso(lock.until) if lock.until else None,
            "seconds_left": (lock.until - now).total_seconds() if lock.until else None,
            "reason": lock.reason,
        }
        for lock in desk.locks
        if now is not None and lock.holds(now)
    ]


def _span(seconds: float | None) -> str:
    return "until lifted" if seconds is None else f"{seconds:,.0f}"


def _present(desk: DeskState) -> datetime | None:
    """Return the desk's time: the wall's where the desk runs on it, also without an engine."""
    on_the_wall = desk.started is not None and desk.started.mode in ("paper", "live")
    return max(desk.now, datetime.now(UTC)) if on_the_wall and desk.now else desk.now
