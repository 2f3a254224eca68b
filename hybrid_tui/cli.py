"""The command line: global options, and the composition of all commands."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from hybrid_tui import __version__
from hybrid_tui.commands import backtest as backtest_command
from hybrid_tui.commands import run as run_command
from hybrid_tui.commands.context import CliState
from hybrid_tui.errors import HybridError

app = typer.Typer(
    name="hybrid-tui",
    help="A trading desk in the terminal: rules, a small ML ensemble and an LLM strategist.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(run_command.run)
app.command("backtest")(backtest_command.backtest)


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
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="print the version"),
    ] = False,
) -> None:
    """Open the desk, or run one of the commands."""
    context.obj = CliState(
        profile=profile,
        overrides=tuple(settings or ()),
        recorded=recorded,
        speed=speed,
        read_only=read_only,
    )


def main() -> None:
    """Run the command line; errors are one line on stderr, and the exit code says what kind."""
    try:
        app()
    except HybridError as error:
        typer.echo(f"hybrid-tui: {error.render()}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("hybrid-tui: interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        logging.getLogger(__name__).exception("internal error")
        typer.echo(f"hybrid-tui: internal error: {type(error).__name__}: {error}", err=True)
        sys.exit(1)
