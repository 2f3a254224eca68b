"""The keyboard's commands from a shell: sent to the running engine and acknowledged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.common import symbol_of
from hybrid_tui.commands.context import CliState, print_json, state_of
from hybrid_tui.domain.commands import (
    Ack,
    Approve,
    ClosePosition,
    Command,
    Flatten,
    Pause,
    Resume,
    TightenStop,
    Undo,
    Veto,
)
from hybrid_tui.errors import ConfigError, Refused

if TYPE_CHECKING:
    from hybrid_tui.commands.desk import Desk

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Yes = Annotated[bool, typer.Option("--yes", help="really do it")]
BY = "cli"


def approve(
    context: typer.Context,
    signal: Annotated[str, typer.Argument(metavar="ID")],
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...")] = None,
    as_json: AsJson = False,
) -> None:
    """Approve symbols of a pending focus list (none named: all of it)."""
    send(context, Approve(signal_id=signal, symbols=_upper(symbols), by=BY), as_json)


def veto(
    context: typer.Context,
    signal: Annotated[str, typer.Argument(metavar="ID")],
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...")] = None,
    reason: Annotated[str, typer.Option(help="shown to the strategist next time")] = "",
    as_json: AsJson = False,
) -> None:
    """Veto symbols of a pending focus list (none named: all of it)."""
    command = Veto(signal_id=signal, symbols=_upper(symbols), reason=reason, by=BY)
    send(context, command, as_json)


def undo(
    context: typer.Context,
    signal: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """Take back the last decision on a focus list, as far as nothing was bought on it."""
    send(context, Undo(signal_id=signal, by=BY), as_json)


def tighten(
    context: typer.Context,
    symbol: str,
    level: Annotated[float, typer.Argument(help="dollars; a stop is never lowered")],
    as_json: AsJson = False,
) -> None:
    """Raise the protective stop of a position."""
    send(context, TightenStop(symbol=symbol.upper(), level=level, by=BY), as_json)


def pause(context: typer.Context, as_json: AsJson = False) -> None:
    """Stop entries; exits go on."""
    send(context, Pause(by=BY), as_json)


def resume(context: typer.Context, as_json: AsJson = False) -> None:
    """Allow entries again."""
    send(context, Resume(by=BY), as_json)


def close(context: typer.Context, symbol: str, yes: Yes = False, as_json: AsJson = False) -> None:
    """Sell one whole position at the next open."""
    wanted = symbol_of(symbol)
    _confirm(yes, f"close {wanted}")
    send(context, ClosePosition(symbol=wanted, by=BY), as_json, alone=True)


def flatten(context: typer.Context, yes: Yes = False, as_json: AsJson = False) -> None:
    """Pause entries, cancel open entries and sell everything."""
    _confirm(yes, "flatten")
    send(context, Flatten(by=BY), as_json, alone=True)


def _upper(symbols: list[str] | None) -> tuple[str, ...]:
    return tuple(symbol.upper() for symbol in symbols or ())


def _confirm(yes: bool, what: str) -> None:
    if not yes:
        raise ConfigError(f"{what} sells; it needs --yes", hint=f"hybrid-tui {what} --yes")


def send(context: typer.Context, command: Command, as_json: bool, *, alone: bool = False) -> None:
    """Send a command to the running engine and say what came of it; raises Refused.

    ``alone``: without an engine, take the profile's lock and carry it out here.
    """
    from hybrid_tui.engine.client import EngineGone, send_command

    state = state_of(context)
    try:
        ack = send_command(state.paths.engine, command)
    except EngineGone:
        if not alone:
            raise
        ack = _do_alone(state, command)
    if as_json:
        print_json({"ok": ack.ok, "message": ack.message})
    elif ack.ok:
        typer.echo(ack.message)
    if not ack.ok:
        raise Refused(ack.message)


def _do_alone(state: CliState, command: Command) -> Ack:
    """Take the lock, run the engine until what the command sells is sold, and stop again."""
    from hybrid_tui.commands.desk import DeskOptions, compose_desk
    from hybrid_tui.commands.run import parse_day
    from hybrid_tui.engine.endpoint import ProfileLock
    from hybrid_tui.journal.reader import latest_run, open_read_only, read_state
    from hybrid_tui.logs import log_to

    connection = open_read_only(state.paths.journal)
    info = latest_run(connection)
    held = sorted(read_state(connection, info.run).positions) if info else []
    connection.close()
    wanted = command.symbol if isinstance(command, ClosePosition) else None
    if info is None or not held or (wanted is not None and wanted not in held):
        what = wanted or "anything"
        raise Refused(f"{what} is not held; held: {', '.join(held) or 'nothing'}")
    day = parse_day(info.day.split()[0]) if info.mode == "recorded" else None
    lock = ProfileLock(state.paths)
    lock.acquire()
    try:
        log_to(state.paths.logs / "engine.log")
        options = DeskOptions(recorded_day=day, speed=0, only_run=info.run)
        desk = compose_desk(state, options)
        try:
            return asyncio.run(_until_sold(desk, command))
        finally:
            desk.journal.close()
    finally:
        lock.release()


async def _until_sold(desk: Desk, command: Command) -> Ack:
    from hybrid_tui.domain.events import Event, OrderCancelled, OrderFilled

    runtime = desk.runtime

    def stop_when_sold(event: Event) -> None:
        if isinstance(event, (OrderFilled, OrderCancelled)) and not desk.state.orders:
            runtime.stop("sold")

    desk.publisher.listen(stop_when_sold)
    running = asyncio.create_task(runtime.run(desk.begins_at))
    obeying = asyncio.create_task(runtime.obey(command))
    await asyncio.wait({running, obeying}, return_when=asyncio.FIRST_COMPLETED)
    if not obeying.done():
        obeying.cancel()
        await running
        raise Refused("the engine ended before it could obey")
    ack = obeying.result()
    if not desk.state.orders:
        runtime.stop("done")
    await running
    return ack
