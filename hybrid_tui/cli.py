"""The command line: global options, and the composition of all commands."""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import Annotated

import typer

from hybrid_tui import __version__
from hybrid_tui.commands import (
    backtest,
    compare,
    control,
    data,
    doctor,
    explain,
    keys,
    llm,
    locks,
    ml,
    news,
    report,
    rules,
    run,
    sentiment,
    serve,
    show,
    sweep,
)
from hybrid_tui.commands.common import BareOptions
from hybrid_tui.commands.context import CliState, check_speed
from hybrid_tui.errors import HybridError

INTERRUPTED = 130
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

app = typer.Typer(
    name="hybrid-tui",
    help="A trading desk in the terminal: rules, a small ML ensemble and an LLM strategist.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(run.run)
app.command("backtest", cls=BareOptions)(backtest.backtest)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.command("report")(report.report)
app.add_typer(data.app, name="data")
app.add_typer(news.app, name="news")
app.add_typer(ml.app, name="ml")
app.add_typer(keys.app, name="keys")
app.add_typer(llm.app, name="llm")
app.command("sentiment")(sentiment.sentiment)
app.command("approve")(control.approve)
app.command("veto")(control.veto)
app.command("undo")(control.undo)
app.command("tighten")(control.tighten)
app.command("pause")(control.pause)
app.command("resume")(control.resume)
app.command("close")(control.close)
app.command("flatten")(control.flatten)
app.add_typer(locks.app, name="locks")
app.add_typer(rules.app, name="rules")
app.command("status")(show.status)
app.command("positions")(show.positions)
app.command("trades")(show.trades)
app.command("explain")(explain.explain)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hybrid-tui {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    profile: Annotated[
        str | None, typer.Option(help="a separate configuration, journal and lock")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, wins over the configuration")
    ] = None,
    recorded: Annotated[
        str | None, typer.Option(metavar="DATE", help="run from that recorded day")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="times the wall clock; 0: as fast as it goes")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="look, and touch nothing")] = False,
    live: Annotated[bool, typer.Option("--live", help="trade with real money")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="print the version"),
    ] = False,
) -> None:
    """Open the desk, or run one of the commands."""
    check_speed(speed)
    context.obj = CliState(
        profile=profile,
        overrides=tuple(settings or ()),
        recorded=recorded,
        speed=speed,
        read_only=read_only,
        live=live,
    )
    if context.invoked_subcommand is None:
        from hybrid_tui.commands.screen import screen

        screen(context.obj)


def main() -> None:
    """Run the command line; errors are one line on stderr, and the exit code says what kind."""
    # Positions, trades and logs are nobody else's business.
    os.umask(0o077)
    # What the log says is for the log; where a command keeps none, it is not for the terminal.
    logging.getLogger().addHandler(logging.NullHandler())
    if sys.stdout is None:
        typer.echo("hybrid-tui: stdout is closed: there is nowhere to print to", err=True)
        sys.exit(2)
    try:
        app()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            typer.echo("hybrid-tui: interrupted", err=True)
        raise
    except HybridError as error:
        typer.echo(f"hybrid-tui: {error.render()}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("hybrid-tui: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of stdout has gone (| head); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if _was_interrupted(error):
            typer.echo("hybrid-tui: interrupted", err=True)
            sys.exit(INTERRUPTED)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            # What is left in the buffer would fail once more at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            where = f"{error.filename}: " if error.filename else ""
            typer.echo(f"hybrid-tui: cannot write: {where}{error.strerror}", err=True)
            sys.exit(2)
        where = _keep_traceback()
        typer.echo(f"hybrid-tui: internal error: {type(error).__name__}: {error}{where}", err=True)
        sys.exit(1)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an error began as Ctrl+C: libraries that are being imported make others of it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _keep_traceback() -> str:
    """Write the traceback to a log; return where a person finds it."""
    from hybrid_tui.config import Paths
    from hybrid_tui.logs import log_to

    try:
        path = Paths.of().logs / "error.log"
        log_to(path)
    except HybridError:
        return ""
    logging.getLogger(__name__).exception("internal error")
    return f" (see {path})"
