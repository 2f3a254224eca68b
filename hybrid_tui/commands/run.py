"""``hybrid-tui run``: the engine's program, with its lock, socket and signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.context import CliState, check_speed, parse_bound, state_of
from hybrid_tui.commands.garbage import keep_loaded_out_of_collections
from hybrid_tui.errors import ConfigError
from hybrid_tui.logs import log_to

if TYPE_CHECKING:
    from hybrid_tui.commands.desk import Desk, DeskOptions
    from hybrid_tui.commands.event_stream import Printer
    from hybrid_tui.domain.events import Event


def run(
    context: typer.Context,
    headless: Annotated[bool, typer.Option("--headless", help="without a screen")] = False,
    until: Annotated[str | None, typer.Option(help="New York date or instant to stop at")] = None,
    speed: Annotated[float | None, typer.Option(help="times the wall clock; 0: no waiting")] = None,
    recorded: Annotated[str | None, typer.Option(help="run from that recorded day")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="events on stdout, one a line")] = False,
) -> None:
    """Run the engine in the foreground, until its data ends or it is stopped."""
    from hybrid_tui.commands.desk import DeskOptions

    state = state_of(context)
    if not headless:
        raise ConfigError("run needs --headless", hint="hybrid-tui alone opens the screen")
    check_speed(speed)
    options = DeskOptions(
        recorded_day=parse_day(recorded if recorded is not None else state.recorded),
        speed=speed if speed is not None else state.speed,
    )
    serve(state, options, until=parse_bound(until, "--until", is_end=True), as_json=as_json)


def parse_day(text: str | None) -> date | None:
    """Return a New York date; raises ConfigError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--recorded {text!r} is not a date", hint="e.g. 2026-03-20") from error


def serve(state: CliState, options: DeskOptions, *, until: datetime | None, as_json: bool) -> None:
    """Hold the profile's lock, run the engine to its end, and say why it ended."""
    from hybrid_tui.commands.desk import compose_desk, forced_by
    from hybrid_tui.commands.event_stream import Printer
    from hybrid_tui.commands.notify import prepare_notifier
    from hybrid_tui.commands.talib_alone import import_talib_alone
    from hybrid_tui.engine.endpoint import ProfileLock, withdraw

    import_talib_alone()
    lock = ProfileLock(state.paths)
    lock.acquire()
    try:
        log_to(state.paths.logs / "engine.log")
        prepared = prepare_notifier(state, state.config(forced=forced_by(options)))
        desk = compose_desk(state, options)
        notifier = prepared and prepared(desk.runtime.tell)
        if notifier is not None:
            desk.publisher.listen(notifier)
        printer = None
        if as_json:
            printer = Printer(desk.runtime.stop, lossless=desk.runtime.clock.is_scaled)
            desk.publisher.listen(printer)
        try:
            reason = asyncio.run(_serve(state, options, desk, until, printer))
        finally:
            if printer is not None:
                printer.close()
            if notifier is not None:
                notifier.close()
            withdraw(state.paths.engine)
            desk.journal.close()
        typer.echo(f"hybrid-tui: the engine ended: {reason}", err=True)
    finally:
        lock.release()


async def _serve(
    state: CliState,
    options: DeskOptions,
    desk: Desk,
    until: datetime | None,
    printer: Printer | None,
) -> str:
    from hybrid_tui.commands.process_health import process_health
    from hybrid_tui.engine.answers import Answers
    from hybrid_tui.engine.endpoint import Endpoint, new_token, publish
    from hybrid_tui.engine.server import EngineServer
    from hybrid_tui.journal.codec import event_line
    from hybrid_tui.journal.reader import dump_state
    from hybrid_tui.market.past import StoredPast
    from hybrid_tui.market.store import BarStore

    runtime = desk.runtime
    token = new_token()
    past = None
    if desk.mode != "sim":
        past = StoredPast(BarStore(state.paths.bars), runtime.engine.setup.calendar)
    server = EngineServer(
        token,
        lambda: runtime.between_cycles(lambda: dump_state(desk.state)),
        runtime.obey,
        Answers(
            runtime,
            past,
            process=process_health(state, options),
            requests_left=desk.requests_left,
        ).tell,
    )
    port = await server.start()

    def tell(event: Event) -> None:
        if server.has_clients:
            server.broadcast(event_line(event))

    desk.publisher.listen(tell)

    def listen() -> None:
        endpoint = Endpoint(pid=os.getpid(), port=port, token=token, mode=desk.mode)
        publish(state.paths.engine, endpoint)

    loop = asyncio.get_running_loop()

    def end(number: int, _frame: object) -> None:
        # Not the loop's own handlers: they wait for a loop that may wait for a reader.
        if printer is not None:
            printer.hurry()
        loop.call_soon_threadsafe(runtime.stop, signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return await runtime.run(desk.begins_at, until, listen, keep_loaded_out_of_collections)
    finally:
        await server.stop()
