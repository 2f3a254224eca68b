"""``hybrid-tui data``: bars into the bar store, what it holds, and what is doubtful about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import iso, print_json, state_of
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.market.quality import Finding
    from hybrid_tui.market.store import BarStore
    from hybrid_tui.market.tables import Rejected

MOST_LINES = 20

app = typer.Typer(name="data", help="Bars: import, list and check them.", no_args_is_help=True)


class Adjustment(StrEnum):
    """What the prices of imported bars are adjusted for."""

    NONE = "none"
    SPLITS = "splits"
    ALL = "all"


PathsArgument = Annotated[list[Path], typer.Argument(help="bar files, or folders of them")]
TzOption = Annotated[str, typer.Option("--tz", help="the time zone of times without an offset")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
SymbolsOption = Annotated[str | None, typer.Option("--symbols", help="A,B,...; default: all")]


@app.command("import")
def import_bars(
    context: typer.Context,
    paths: PathsArgument,
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
    as_json: JsonOption = False,
) -> None:
    """Bring bars from CSV, CSV.gz or Parquet files into the bar store; repeating adds nothing."""
    from hybrid_tui.market.files import counted, read_bars
    from hybrid_tui.market.quality import check
    from hybrid_tui.market.store import BarStore, interval_text, parse_interval

    state = state_of(context)
    calendar = state.calendar()
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
    with progress("importing", len(read.series)) as track:
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
            findings += check(series, calendar)
    _tell(read.report.warnings)
    _tell(_rejections(read.report.rejected))
    _tell(_finding_lines([finding for finding in findings if finding.is_fault]))
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
                "findings": [_finding_row(finding) for finding in findings],
                "fingerprint": read.report.fingerprint,
            }
        )
        return
    added = sum(row["added"] for row in rows)
    total = sum(row["bars"] for row in rows)
    symbols_read = counted(len(rows), "symbol")
    typer.echo(f"{counted(added, 'bar')} added, {total - added} there already, {symbols_read}")


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
        }
        for stored in store.list()
    ]
    if as_json:
        print_json({"series": rows})
        return
    if not rows:
        typer.echo("the bar store is empty: hybrid-tui data import PATH...", err=True)
        return
    _print_table(rows)


@app.command("check")
def check_bars(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="files or folders; default: the bar store")
    ] = None,
    tz: TzOption = "America/New_York",
    symbols: SymbolsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for gaps, impossible rows, false volume, unadjusted splits; exit 1 if there are faults.

    Bars missing inside a session are told but are no fault: thin shares do not trade each minute.
    """
    from hybrid_tui.market.quality import check
    from hybrid_tui.market.store import BarStore

    state = state_of(context)
    calendar = state.calendar()
    wanted = split_symbols(symbols)
    warnings: list[str] = []
    rejected: Sequence[Rejected] = ()
    if paths:
        from hybrid_tui.market.files import read_bars

        read = read_bars(paths, calendar=calendar, tz=tz, symbols=wanted)
        series = list(read.series.values())
        warnings, rejected = read.report.warnings, read.report.rejected
    else:
        series = list(_stored(BarStore(state.paths.bars), wanted))
    findings: list[Finding] = []
    with progress("checking", len(series)) as track:
        for bars in track(series):
            findings += check(bars, calendar)
    faults = len(rejected) + sum(1 for finding in findings if finding.is_fault)
    _tell(warnings)
    if as_json:
        print_json(
            {
                "series": len(series),
                "bars": sum(len(bars) for bars in series),
                "faults": faults,
                "rejected": [
                    {"file": row.file, "line": row.line, "reason": row.reason} for row in rejected
                ],
                "findings": [_finding_row(finding) for finding in findings],
                "warnings": warnings,
            }
        )
    else:
        for line in [*_rejections(rejected), *_finding_lines(findings)]:
            typer.echo(line)
        bars_checked = sum(len(bars) for bars in series)
        typer.echo(
            f"{bars_checked} bars of {len(series)} series checked, {faults} faults", err=True
        )
    if faults:
        raise typer.Exit(1)


def split_symbols(text: str | None) -> list[str] | None:
    """Return the symbols of an ``A,B,...`` option; raises ConfigError where it names none."""
    if text is None:
        return None
    symbols = [symbol.strip().upper() for symbol in text.split(",") if symbol.strip()]
    if not symbols:
        raise ConfigError(f"--symbols {text!r} names no symbol", hint="such as --symbols NVDA,SPY")
    return symbols


@contextmanager
def progress(what: str, total: int) -> Iterator[Any]:
    """Give a function that passes items through and draws a bar on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda items: items
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def track(items: Iterable[Any]) -> Iterator[Any]:
            for item in items:
                yield item
                bar.advance(task)

        yield track


def _stored(store: BarStore, wanted: Sequence[str] | None) -> Iterator[BarSeries]:
    """Yield every stored series of the wanted symbols, all intervals and feeds."""
    if wanted is not None:
        store.load(wanted)
    for stored in store.list():
        if wanted is None or stored.symbol in wanted:
            found = store.load([stored.symbol], stored.interval, stored.feed)
            yield found[stored.symbol]


def _tell(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line, err=True)


def _rejections(rejected: Sequence[Rejected]) -> list[str]:
    lines = [f"{row.file}, line {row.line}: {row.reason}" for row in rejected[:MOST_LINES]]
    if len(rejected) > MOST_LINES:
        lines.append(f"... and {len(rejected) - MOST_LINES} more rows that cannot be bars")
    return lines


def _finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return one line a finding, those of a symbol and kind that come often cut short."""
    lines: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.symbol, finding.kind)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= MOST_LINES:
            kind = finding.kind.replace("_", " ")
            lines.append(f"{finding.symbol} {iso(finding.at)} {kind}: {finding.detail}")
    for (symbol, kind), count in seen.items():
        if count > MOST_LINES:
            lines.append(f"{symbol}: {count - MOST_LINES} more of {kind.replace('_', ' ')}")
    return lines


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "symbol": finding.symbol,
        "kind": finding.kind,
        "at": iso(finding.at),
        "count": finding.count,
        "fault": finding.is_fault,
        "detail": finding.detail,
    }


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
