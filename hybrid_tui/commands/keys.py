"""``hybrid-tui keys``: secrets into the system's keyring, and out of it."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from hybrid_tui.commands.context import CliState, state_of
from hybrid_tui.errors import ConfigError

ALPACA = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
MOST_CHARACTERS = 4_096

app = typer.Typer(help="Keys in the system's keyring; the environment wins.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="such as APCA_API_KEY_ID")]


@app.command("set")
def set_key(
    context: typer.Context,
    name: Name,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Keep a key, read from a hidden prompt or from stdin: never from the command line."""
    from hybrid_tui.keys import keep_key

    state = state_of(context)
    if more:
        # Not repeated: others can see a command line, and a shell keeps it.
        raise ConfigError(
            "a key does not belong on the command line", hint="it is asked for; then make a new one"
        )
    chosen = _known(state, name)
    if sys.stdin.isatty():
        value = typer.prompt(chosen, hide_input=True, err=True, default="", show_default=False)
    else:
        value = sys.stdin.read(MOST_CHARACTERS + 1)
    value = value.strip()
    if not value:
        raise ConfigError(f"no value was given for {chosen}", hint="type it, or send it to stdin")
    if len(value) > MOST_CHARACTERS or not value.isprintable() or " " in value:
        raise ConfigError(f"{chosen}: this is not a key", hint="one word, without quotes")
    keep_key(chosen, value, state.profile)
    typer.echo(f"{chosen} is in the keyring", err=True)


@app.command("forget")
def forget(context: typer.Context, name: Name) -> None:
    """Remove a key from the keyring; exit 1 if it is not there."""
    from hybrid_tui.keys import forget_key

    state = state_of(context)
    chosen = _known(state, name)
    if not forget_key(chosen, state.profile):
        typer.echo(f"{chosen} is not in the keyring", err=True)
        raise typer.Exit(1)
    typer.echo(f"{chosen} is forgotten", err=True)


def _known(state: CliState, name: str) -> str:
    """Return the name of a key that this program reads; raises ConfigError."""
    config = state.config()
    given = [address.get_secret_value() for address in config.notify.urls]
    names = [*ALPACA, config.llm.api_key_env, *(name for name in given if "://" not in name)]
    if name.upper() in names:
        return name.upper()
    near = get_close_matches(name.upper(), names, n=1, cutoff=0.5)
    raise ConfigError(
        f"{name[:40]!r} is no key of this program",
        hint=f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}",
    )
