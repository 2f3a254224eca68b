"""``hybrid-tui report``: what the desk has done, as one HTML page from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybrid_tui.commands.context import print_json, state_of

PAGE = "report.html"


def report(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="which run; default: the newest")] = None,
    out: Annotated[Path, typer.Option(help="the folder that the page goes to")] = Path(),
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON document on stdout, and no page")
    ] = False,
) -> None:
    """Write what the desk has done so far to report.html, also while it runs."""
    from hybrid_tui.analysis.html_report import Page, html_page
    from hybrid_tui.analysis.journal_report import journal_report
    from hybrid_tui.commands.backtest_files import check_folder, write_page
    from hybrid_tui.errors import ConfigError, Refused
    from hybrid_tui.journal.reader import latest_run, open_read_only, read_state, runs

    if not as_json:
        check_folder(out, html=True)
    connection = open_read_only(state_of(context).paths.journal)
    try:
        newest = latest_run(connection)
        if newest is None:
            raise Refused("the journal has no run yet", hint="start hybrid-tui first")
        chosen = run or newest.run
        known = [info.run for info in runs(connection)]
        if chosen not in known:
            raise ConfigError(f"--run {chosen!r} is not in the journal", hint=", ".join(known[-8:]))
        found = journal_report(connection, chosen, read_state(connection, chosen), seed=seed)
    finally:
        connection.close()
    if as_json:
        print_json({**found.document, "depth": found.depth})
        return
    page = Page(
        title=f"Run {chosen}",
        document=found.document,
        depth=found.depth,
        daily=[found.starting, *(equity for _, equity in found.daily)],
        closes=[f"{at:%Y-%m-%d}" for at, _ in found.daily],
    )
    typer.echo(str(write_page(out, html_page(page), PAGE)))
