"""``hybrid-tui serve``: the screen in a browser, on this machine only."""

from __future__ import annotations

import socket
import sys
from typing import Annotated

import typer

from hybrid_tui.commands.context import CliState, state_of
from hybrid_tui.errors import ConfigError

LOOPBACK = ("127.0.0.1", "::1")


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one")] = 8000,
    host: Annotated[str, typer.Option(help="127.0.0.1 or ::1")] = LOOPBACK[0],
    read_only: Annotated[
        bool, typer.Option("--read-only", help="the tabs look, and touch nothing")
    ] = False,
) -> None:
    """Show the desk in a browser: each tab is one more screen of the same engine.

    The address is printed with a token in it; without that nobody gets in.
    """
    from hybrid_tui.commands.desk import check_supported
    from hybrid_tui.logs import log_to

    state = state_of(context)
    if host not in LOOPBACK:
        raise ConfigError(
            f"--host {host!r}: the desk is served on this machine only, as {' or '.join(LOOPBACK)}",
            hint="from elsewhere: ssh -L 8000:127.0.0.1:8000 to this machine",
        )
    try:
        from hybrid_tui.tui.browser import DeskServer
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"serve needs the extra 'web' ({error.name} is not installed)",
            hint="pip install 'hybrid-tui[web]'",
        ) from error
    config = state.config()
    check_supported(state, config)
    if config.app.mode == "live":
        raise ConfigError("real money is not traded from a browser", hint="open hybrid-tui --live")
    log_to(state.paths.logs / "serve.log", kept=1)
    with _listening(host, port) as listening:
        server = DeskServer(
            words_of(state, read_only=read_only or state.read_only),
            host,
            listening.getsockname()[1],
            complaints=str(state.paths.logs / "serve.err"),
        )
        typer.echo(server.address)
        typer.echo("hybrid-tui: Ctrl+C ends the pages; the desk goes on running", err=True)
        server.run(listening)


def words_of(state: CliState, *, read_only: bool) -> list[str]:
    """Return the command line of one tab's screen, with the options that were given here."""
    words = [sys.executable, "-m", "hybrid_tui"]
    if state.profile is not None:
        words += ["--profile", state.profile]
    for setting in state.overrides:
        words += ["--set", setting]
    if state.recorded is not None:
        words += ["--recorded", state.recorded]
    if state.speed is not None:
        words += ["--speed", f"{state.speed:g}"]
    if read_only:
        words.append("--read-only")
    return words


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"--port {port}: {error.strerror or error}", hint="--port 0 takes a free one"
        ) from error
