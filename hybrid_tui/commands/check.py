"""``hybrid-tui data check``: what is doubtful about bars, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.common import progress, split_symbols, tell
from hybrid_tui.commands.context import iso, print_json, state_of

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.market.quality import Finding
    from hybrid_tui.market.store import BarStore
    from hybrid_tui.market.tables import Rejected

MOST_LINES = 20
REPEATED = "stands above already"


def check_bars(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="files or folders; default: the bar store")
    ] = None,
    tz: Annotated[
        str, typer.Option("--tz", help="the time zone of times without an offset")
    ] = "America/New_York",
    symbols: Annotated[str | None, typer.Option("--symbols", help="A,B,...; default: all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Look for gaps, impossible rows, false volume, unadjusted splits; exit 1 if there are faults.

    Bars missing inside a session are told but are no fault: thin shares do not trade each minute.
    Bars after an early close are told too; they are never taken in.
    """
    from hybrid_tui.market.quality import check
    from hybrid_tui.market.store import BarStore

    state = state_of(context)
    calendar = state.calendar()
    wanted = split_symbols(symbols)
    warnings: list[str] = []
    rejected: Sequence[Rejected] = ()
    findings: list[Finding] = []
    repeated: Counter[str] = Counter()
    if paths:
        from hybrid_tui.market.files import read_bars, symbol_of

        read = read_bars(paths, calendar=calendar, tz=tz, symbols=wanted)
        series = list(read.series.values())
        warnings, rejected = read.report.warnings, read.report.rejected
        for file in read.report.files:
            repeated[symbol_of(Path(file.file))[0]] += file.repeated
        for row in rejected:
            repeated[symbol_of(Path(row.file))[0]] += REPEATED in row.reason
        findings += _late_prints([Path(file.file) for file in read.report.files], tz, calendar)
        present = {bars.symbol for bars in series}
        findings = [finding for finding in findings if finding.symbol in present]
    else:
        series = list(_stored(BarStore(state.paths.bars), wanted))
    with progress("checking", len(series)) as track:
        for bars in track(series):
            findings += check(bars, calendar)
    faults = len(rejected) + sum(1 for finding in findings if finding.is_fault)
    tell(warnings)
    if as_json:
        print_json(
            {
                "series": len(series),
                "bars": sum(len(bars) for bars in series),
                "faults": faults,
                "symbols": [_summary(bars, findings, repeated[bars.symbol]) for bars in series],
                "rejected": [
                    {"file": row.file, "line": row.line, "reason": row.reason} for row in rejected
                ],
                "findings": [finding_row(finding) for finding in findings],
                "warnings": warnings,
            }
        )
    else:
        for line in [*rejections(rejected), *finding_lines(findings)]:
            typer.echo(line)
        bars_checked = sum(len(bars) for bars in series)
        typer.echo(
            f"{bars_checked} bars of {len(series)} series checked, {faults} faults", err=True
        )
    if faults:
        raise typer.Exit(1)


def _late_prints(paths: Sequence[Path], tz: str, calendar: TradingCalendar) -> list[Finding]:
    """Look for bars after early closes in the rows of files, which a series has not."""
    from zoneinfo import ZoneInfo

    import numpy as np

    from hybrid_tui.market.files import symbol_of
    from hybrid_tui.market.quality import late_prints
    from hybrid_tui.market.tables import NoBarColumnsError, read_table

    findings: list[Finding] = []
    for path in paths:
        try:
            raw = read_table(path, ZoneInfo(tz))
        except NoBarColumnsError:
            continue
        if raw.symbol is None:
            findings += late_prints(symbol_of(path)[0], raw.start, calendar)
            continue
        for code in np.unique(raw.symbol.codes).tolist():
            name = raw.symbol.names[code].strip().upper()
            findings += late_prints(name, raw.start[raw.symbol.codes == code], calendar)
    return findings


def _summary(bars: BarSeries, findings: Sequence[Finding], repeated: int) -> dict[str, Any]:
    """Return one series' figures for JSON."""
    from hybrid_tui.market.store import interval_text

    counts: Counter[str] = Counter()
    for finding in findings:
        if finding.symbol == bars.symbol:
            counts[finding.kind] += finding.count
    first, last = (datetime.fromtimestamp(int(bars.start[i]), UTC) for i in (0, -1))
    return {
        "symbol": bars.symbol,
        "interval": interval_text(bars.interval),
        "feed": bars.feed,
        "start": iso(first),
        "end": iso(last),
        "bars": len(bars),
        "missing": counts["gap"] + counts["thin"],
        "missing_sessions": counts["missing_session"],
        "thin": counts["thin"] > 0,
        "duplicates": repeated,
        "outliers": counts["outlier"],
        "volume_defects": counts["running_volume"],
        "zero_volume": counts["zero_volume"],
        "feed_changes": counts["feed_change"],
        "late_prints": counts["late_print"],
        "unadjusted_splits": counts["unadjusted_split"],
    }


def _stored(store: BarStore, wanted: Sequence[str] | None) -> Iterator[BarSeries]:
    """Yield every stored series of the wanted symbols, all intervals and feeds.

    Raw bars are adjusted for the splits that the store knows of, so that only others are found.
    """
    from hybrid_tui.market.actions import adjusted

    if wanted is not None:
        store.load(wanted)
    for stored in store.list():
        if wanted is None or stored.symbol in wanted:
            series, actions = store.load_with_actions([stored.symbol], stored.interval, stored.feed)
            bars = series[stored.symbol]
            known_at = datetime.fromtimestamp(int(bars.known_at[-1]), UTC)
            yield adjusted(bars, actions, known_at)


def rejections(rejected: Sequence[Rejected]) -> list[str]:
    """Return one line a row that cannot be a bar, cut short where there are many."""
    lines = [f"{row.file}, line {row.line}: {row.reason}" for row in rejected[:MOST_LINES]]
    if len(rejected) > MOST_LINES:
        lines.append(f"... and {len(rejected) - MOST_LINES} more rows that cannot be bars")
    return lines


def finding_lines(findings: Sequence[Finding]) -> list[str]:
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


def finding_row(finding: Finding) -> dict[str, Any]:
    """Return a finding as a row of JSON."""
    return {
        "symbol": finding.symbol,
        "kind": finding.kind,
        "at": iso(finding.at),
        "count": finding.count,
        "fault": finding.is_fault,
        "detail": finding.detail,
    }
