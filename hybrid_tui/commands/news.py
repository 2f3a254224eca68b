"""``hybrid-tui news``: headlines into the journal, and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import CliState, iso, parse_bound, print_json, state_of
from hybrid_tui.commands.fetch import (
    EndOption,
    ProviderOption,
    StartOption,
    SymbolsOption,
    make_source,
    wanted_symbols,
)
from hybrid_tui.errors import ConfigError, HybridError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import NewsItem

DEFAULT_REACH = timedelta(days=3)

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
    """Import headlines; each story is kept once, with the first text that was received."""
    from hybrid_tui.market.news import read_news

    items = read_news(paths, received_from=received_from)
    added, linked = _keep(state_of(context), items)
    if as_json:
        print_json({"read": len(items), "added": added, "linked": linked})
    else:
        typer.echo(_told(len(items), added, linked))


@app.command("fetch")
def fetch_news(
    context: typer.Context,
    provider: ProviderOption,
    symbols: SymbolsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    as_json: AsJson = False,
) -> None:
    """Download headlines into the journal; without --start those of the last three days.

    Yahoo's count as received now, whatever their publication: it changes the text of live pages.
    """
    state = state_of(context)
    now = datetime.now(UTC)
    begin = parse_bound(start, "--start", is_end=False) or now - DEFAULT_REACH
    finish = min(parse_bound(end, "--end", is_end=True) or now, now)
    if begin >= finish:
        raise ConfigError(f"--start {iso(begin)} is not before the end, {iso(finish)}")
    wanted = wanted_symbols(state, symbols)
    source = make_source(state, provider, state.calendar())
    items: list[NewsItem] = []
    failed: HybridError | None = None
    try:
        items.extend(source.news(wanted, begin, finish))
    except HybridError as error:
        # What came before the fault is kept; the same command asks for the rest.
        failed = error
    added, linked = _keep(state, items)
    for reason, count in sorted(source.dropped.items()):
        typer.echo(f"{reason}: {count}", err=True)
    if as_json:
        print_json(
            {
                "provider": provider.value,
                "read": len(items),
                "added": added,
                "linked": linked,
                "dropped": dict(sorted(source.dropped.items())),
                "error": failed.render() if failed else None,
            }
        )
    else:
        typer.echo(_told(len(items), added, linked))
    if failed is not None:
        raise failed


def _told(read: int, added: int, linked: int) -> str:
    more = f", {linked} linked to more symbols" if linked else ""
    return f"{read} headlines read, {added} added{more}"


def _keep(state: CliState, items: Sequence[NewsItem]) -> tuple[int, int]:
    """Add headlines to the journal, which has one writer.

    Returns how many stories were new, and how many known ones came under new symbols.
    """
    from hybrid_tui.engine.endpoint import ProfileLock
    from hybrid_tui.journal.journal import Journal
    from hybrid_tui.journal.reader import read_news
    from hybrid_tui.market.stories import ADDRESS_WINDOW, additions, story_id

    if not items:
        return 0, 0
    lock = ProfileLock(state.paths)
    lock.acquire()
    try:
        journal = Journal(state.paths.journal)
        try:
            received = [item.received_at for item in items]
            since, until = min(received) - ADDRESS_WINDOW, max(received) + ADDRESS_WINDOW
            new = additions(read_news(journal.connection, since, until), items)
            return (
                journal.add_news(item for item in new if story_id(item.id) == item.id),
                journal.add_news(item for item in new if story_id(item.id) != item.id),
            )
        finally:
            journal.close()
    finally:
        lock.release()


@app.command("list")
def list_news(
    context: typer.Context,
    symbols: Annotated[str | None, typer.Option(help="A,B,...")] = None,
    start: Annotated[str | None, typer.Option(help="New York date or instant")] = None,
    end: Annotated[str | None, typer.Option(help="New York date (included) or instant")] = None,
    as_json: AsJson = False,
) -> None:
    """List imported headlines, oldest first, each story with all its symbols.

    Symbols are the provider's, and those of the watchlist (and --symbols) that the text names.
    """
    from hybrid_tui.journal.reader import open_read_only, read_news
    from hybrid_tui.market.stories import fold_stories, merge_news

    since = parse_bound(start, "--start", is_end=False)
    until = parse_bound(end, "--end", is_end=True)
    items: list[NewsItem] = []
    if state_of(context).paths.journal.exists():
        connection = open_read_only(state_of(context).paths.journal)
        items = list(read_news(connection, since, until))
        connection.close()
    wanted = {word.strip().upper() for word in symbols.split(",")} if symbols else None
    named = {*state_of(context).config().app.watchlist, *(wanted or ())}
    items = fold_stories(merge_news(items, named))
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
