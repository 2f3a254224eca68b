"""``hybrid-tui llm lessons``: what earlier strategies claimed against what happened."""

from __future__ import annotations

import typer

from hybrid_tui.commands.context import iso, print_json, state_of
from hybrid_tui.commands.show import AsJson


def lessons(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the newest run's lessons, each with the instant from which a session may know it."""
    from contextlib import closing

    from hybrid_tui.journal.reader import latest_run, open_read_only, read_lessons

    with closing(open_read_only(state_of(context).paths.journal)) as connection:
        run = latest_run(connection)
        found = read_lessons(connection, run.run) if run is not None else []
    rows = [
        {"known_at": iso(one.known_at), "strategy": one.signal_id, "text": one.text}
        for one in found
    ]
    if as_json:
        print_json({"run": run.run if run is not None else None, "lessons": rows})
        return
    for row in rows:
        typer.echo(f"{row['known_at']}  {row['text']}")
    if not rows:
        typer.echo("no lessons: a strategy gives one after the close at which its time is over")
