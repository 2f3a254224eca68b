"""``hybrid-tui news``: headlines into the journal, and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hybrid_tui.commands.context import iso, parse_bound, print_json, state_of

app = typer.Typer(help="Headlines into the journal.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]


@app.command("import")
def import_news(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="JSON lines")],
    received_from: Annotated[
        str | None, typer.Option(metavar="FIELD", help="the field that says when it was received")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import headlines; the first text received under an id stays."""
    from hybrid_tui.engine.endpoint import ProfileLock
    from hybrid_tui.journal.journal import Journal
    from hybrid_tui.market.news import read_news

    items = read_news(paths, received_from=received_from)
    state = state_of(context)
    lock = ProfileLock(state.paths)
    lock.acquire()
    try:
        journal = Journal(state.paths.journal)
        try:
            added = journal.add_news(items)
        finally:
            journal.close()
    finally:
        lock.release()
    if as_json:
        print_json({"read": len(items), "added": added})
    else:
        typer.echo(f"{len(items)} headlines read, {added} added")


@app.command("list")
def list_news(
    context: typer.Context,
    symbols: Annotated[str | None, typer.Option(help="A,B,...")] = None,
    start: Annotated[str | None, typer.Option(help="New York date or instant")] = None,
    end: Annotated[str | None, typer.Option(help="New York date (included) or instant")] = None,
    as_json: AsJson = False,
) -> None:
    """List imported headlines, oldest first."""
    from hybrid_tui.journal.reader import open_read_only, read_news

    connection = open_read_only(state_of(context).paths.journal)
    items = read_news(
        connection,
        parse_bound(start, "--start", is_end=False),
        parse_bound(end, "--end", is_end=True),
    )
    connection.close()
    wanted = {word.strip().upper() for word in symbols.split(",")} if symbols else None
    rows: list[dict[str, Any]] = [
        {
            "id": item.id,
            "received_at": iso(item.received_at),
            "symbols": list(item.symbols),
            "headline": item.headline,
            "source": item.source,
            "url": item.url,
        }
        for item in items
        if wanted is None or wanted.intersection(item.symbols)
    ]
    if as_json:
        print_json({"news": rows})
        return
    for row in rows:
        typer.echo(f"{row['received_at']}  {','.join(row['symbols']):<20}  {row['headline']}")
