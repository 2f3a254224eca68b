"""``hybrid-tui data``: bars into the bar store, what it holds, and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.check import check_bars, finding_lines, finding_row, rejections
from hybrid_tui.commands.common import progress, split_symbols, stoppable, tell
from hybrid_tui.commands.context import CliState, iso, print_json, state_of
from hybrid_tui.commands.earnings import show_earnings
from hybrid_tui.commands.fetch import fetch_bars
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.market.quality import Finding
    from hybrid_tui.market.store import BarStore

MOST_LINES = 20
GOES_ON = "the same command goes on"

app = typer.Typer(
    name="data",
    help="Bars: fetch, import, list and check them; earnings dates.",
    no_args_is_help=True,
)
app.command("fetch")(fetch_bars)
app.command("check")(check_bars)
app.command("earnings")(show_earnings)


class Adjustment(StrEnum):
    """What the prices of imported bars are adjusted for."""

    NONE = "none"
    SPLITS = "splits"
    ALL = "all"


PathsArgument = Annotated[
    list[Path] | None, typer.Argument(help="bar files, or folders of them", show_default=False)
]
TzOption = Annotated[str, typer.Option("--tz", help="the time zone of times without an offset")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
SymbolsOption = Annotated[str | None, typer.Option("--symbols", help="A,B,...; default: all")]


@app.command("import")
def import_bars(
    context: typer.Context,
    paths: PathsArgument = None,
    tz: TzOption = "America/New_York",
    adjusted: Annotated[
        Adjustment, typer.Option(help="what the prices are adjusted for")
    ] = Adjustment.SPLITS,
    strict: Annotated[
        bool, typer.Option("--strict", help="a row that cannot be a bar ends it")
    ] = False,
    symbols: SymbolsOption = None,
    interval: Annotated[
        str | None, typer.Option(help="1m, 5m, 1h, 1d; default: the data's")
    ] = None,
    actions: Annotated[
        list[Path] | None,
        typer.Option(help="splits and dividends: Lean's factor files, or folders of them"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring bars from CSV, CSV.gz or Parquet files into the bar store; repeating adds nothing.

    Splits and dividends apply to the bars that were imported with --adjusted none.
    """
    state = state_of(context)
    if not paths and not actions:
        raise ConfigError("there is nothing to import", hint="PATH... or --actions PATH")
    actions_added = _import_actions(state, actions or [])
    if not paths:
        if as_json:
            print_json({"actions_added": actions_added})
        return
    from hybrid_tui.market.files import counted, read_bars
    from hybrid_tui.market.quality import check
    from hybrid_tui.market.store import BarStore, interval_text, parse_interval

    calendar = state.calendar()
    with stoppable(lambda: "while reading the files", f"no bar was added; {GOES_ON}"):
        read = read_bars(
            paths,
            calendar=calendar,
            tz=tz,
            symbols=split_symbols(symbols),
            interval=parse_interval(interval) if interval else None,
            strict=strict,
        )
    store = BarStore(state.paths.bars)
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    with (
        stoppable(lambda: f"after {len(rows)} of {counted(len(read.series), 'symbol')}", GOES_ON),
        progress("importing", len(read.series)) as track,
    ):
        for symbol, series in track(read.series.items()):
            added = store.add(series, adjusted.value)
            rows.append(
                {
                    "symbol": symbol,
                    "interval": interval_text(series.interval),
                    "feed": series.feed,
                    "bars": len(series),
                    "added": added,
                }
            )
            findings += check(_as_known(store, series, adjusted.value), calendar)
    tell(read.report.warnings)
    tell(rejections(read.report.rejected))
    tell(finding_lines([finding for finding in findings if finding.is_fault]))
    if as_json:
        print_json(
            {
                "series": rows,
                "files": [
                    {
                        "file": file.file,
                        "rows": file.rows,
                        "kept": file.kept,
                        "rejected": file.rejected,
                        "repeated": file.repeated,
                        "outside_session": file.outside_session,
                    }
                    for file in read.report.files
                ],
                "rejected": [
                    {"file": row.file, "line": row.line, "reason": row.reason}
                    for row in read.report.rejected
                ],
                "warnings": read.report.warnings,
                "findings": [finding_row(finding) for finding in findings],
                "fingerprint": read.report.fingerprint,
                "actions_added": actions_added,
            }
        )
        return
    added = sum(row["added"] for row in rows)
    total = sum(row["bars"] for row in rows)
    symbols_read = counted(len(rows), "symbol")
    typer.echo(f"{counted(added, 'bar')} added, {total - added} there already, {symbols_read}")


def _as_known(store: BarStore, series: BarSeries, adjustment: str) -> BarSeries:
    """Return bars with the splits worked in that the store knows of, so that only others show."""
    from hybrid_tui.market.actions import adjusted

    if adjustment != "none":
        return series
    known_at = datetime.fromtimestamp(int(series.known_at[-1]), UTC)
    return adjusted(series, store.actions([series.symbol]), known_at)


def _import_actions(state: CliState, paths: Sequence[Path]) -> int:
    """Keep the splits and dividends of Lean's factor files; returns how many were new."""
    if not paths:
        return 0
    from hybrid_tui.market.actions_lean import read_lean_actions
    from hybrid_tui.market.store import BarStore

    found = read_lean_actions(paths, state.calendar())
    added = BarStore(state.paths.bars).add_actions(found)
    symbols = len({action.symbol for action in found})
    tell([f"{len(found)} splits and dividends of {symbols} symbols read, {added} added"])
    return added


@app.command("list")
def list_bars(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show what the bar store holds; start and end are the starts of the first and last bar."""
    from hybrid_tui.market.store import BarStore, interval_text

    store = BarStore(state_of(context).paths.bars)
    rows = [
        {
            "symbol": stored.symbol,
            "interval": interval_text(stored.interval),
            "feed": stored.feed,
            "start": iso(stored.start),
            "end": iso(stored.end),
            "bars": stored.bars,
            "adjusted": stored.adjusted,
            "spans": [
                {
                    "feed": part.feed,
                    "adjusted": part.adjusted,
                    "start": iso(datetime.fromtimestamp(part.first, UTC)),
                    "end": iso(datetime.fromtimestamp(part.last, UTC)),
                    "bars": part.bars,
                }
                for part in stored.stretches
            ],
        }
        for stored in store.list()
    ]
    if as_json:
        print_json({"series": rows})
        return
    if not rows:
        typer.echo("the bar store is empty: hybrid-tui data import PATH...", err=True)
        return
    _print_table(_table_rows(rows))


def _table_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line a series, and one a span below it where it is of several."""
    lines: list[dict[str, Any]] = []
    for row in rows:
        spans = row["spans"]
        whole = {key: value for key, value in row.items() if key != "spans"}
        if len(spans) > 1:
            for key in ("feed", "adjusted"):
                whole[key] = ",".join(dict.fromkeys(span[key] for span in spans))
            parts = [{"symbol": "", "interval": "", **span} for span in spans]
            lines += [whole, *({key: part[key] for key in whole} for part in parts)]
        else:
            lines.append(whole)
    return lines


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    texts = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))]
    last = len(widths) - 1
    for row in texts:
        cells = [
            text.rjust(width) if i == last else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells))
