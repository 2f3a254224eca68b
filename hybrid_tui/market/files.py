"""Bars from files: which files, whose bars, which rows are bars, and how overlaps become one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, BoolArray, IntArray, feed_changes
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.market.resample import resample
from hybrid_tui.market.rows import Rows, fingerprint, merge_rows, smallest_distance, sound_rows
from hybrid_tui.market.sessions import regular_session
from hybrid_tui.market.tables import NoBarColumnsError, RawBars, Rejected, read_table

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".pq")
TICKER = re.compile(r"[A-Z0-9^][A-Z0-9^=-]{0,9}")
TICKER_AND_MORE = re.compile(r"([A-Z][A-Z0-9]{0,4}(?:-[A-Z]{1,2})?)[_ ].+")
NO_FEED = "file"
MOST_CHANGES = 3
STANDARD_INTERVALS = frozenset({60, 300, 900, 1800, 3600, DAY_SECONDS})
ENOUGH_BARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of the rows of one file; ``repeated`` stood in an earlier file already."""

    file: str
    rows: int
    kept: int
    rejected: int
    repeated: int
    outside_session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """The first bar of another feed in a symbol's series; ``detail`` is among the warnings."""

    symbol: str
    at: datetime
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarReport:
    """What was read, what was left out and why."""

    files: tuple[FileReport, ...]
    rejected: tuple[Rejected, ...]
    outside_session: int
    warnings: list[str]
    fingerprint: str
    seams: tuple[Seam, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFiles:
    """The regular-session bars of files, by symbol in alphabetical order, and the account of it."""

    series: dict[str, BarSeries]
    interval: int
    report: BarReport


@dataclass(slots=True)
class _Reading:
    """What is gathered while the files are read."""

    rows: dict[str, list[Rows]] = field(default_factory=dict)
    feeds: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)
    symbols: set[str] = field(default_factory=set)
    guessed: list[tuple[str, str]] = field(default_factory=list)

    def feed_code(self, name: str) -> int:
        name = name.strip() or NO_FEED
        if name not in self.feeds:
            self.feeds.append(name)
        return self.feeds.index(name)


def read_bars(
    paths: Sequence[Path],
    *,
    calendar: TradingCalendar,
    tz: str = "America/New_York",
    symbols: Collection[str] | None = None,
    interval: int | None = None,
    strict: bool = False,
) -> BarFiles:
    """Read bars from files and folders of files: CSV, gzipped CSV or Parquet.

    Naive times are taken in ``tz``. ``symbols`` keeps only those. ``interval`` is in seconds, by
    default the smallest distance between neighbouring bars within a session; bars of a part of it
    are joined. Overlapping files of a symbol are merged, the first seen wins. Raises DataError
    naming the file (and line) where one cannot be read, nothing is left, or ``strict`` is set and a
    row cannot be a bar.
    """
    zone = _zone(tz)
    wanted = None if symbols is None else {symbol.strip().upper() for symbol in symbols}
    reading = _Reading()
    files = expand(paths)
    named = {path for path in paths if not path.is_dir()}
    for index, path in enumerate(files):
        name, guessed = symbol_of(path)
        reading.counts.append(0)
        try:
            raw = read_table(path, zone)
        except NoBarColumnsError as error:
            if path in named:
                raise
            reading.warnings.append(f"{path.name} was skipped: {error.message}")
            continue
        if raw.symbol is None:
            reading.symbols.add(name)
            if wanted is not None and name not in wanted:
                continue
            if guessed:
                reading.guessed.append((path.name, name))
        reading.counts[index] = len(raw) + len(raw.rejected)
        _take(reading, index, path, raw, name, wanted, strict=strict)
    if reading.guessed:
        file, symbol = reading.guessed[0]
        more = counted(len(reading.guessed) - 1, "more file")
        rest = f", and {more} likewise" if len(reading.guessed) > 1 else ""
        reading.warnings.insert(0, f"{file} was taken as bars of {symbol}{rest}")
    _complain_of_missing(wanted, reading.symbols, paths)
    return _assemble(reading, files, calendar, interval)


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the files that paths mean, each once: a folder means the bar files in it, by name.

    Raises DataError for a path that does not exist and for a folder without bar files.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.lower().endswith(SUFFIXES))
            if not inside:
                raise DataError(f"{path} holds no bar files", hint="CSV, CSV.gz or Parquet")
            files |= dict.fromkeys(inside)
        elif path.exists():
            files[path] = None
        else:
            raise DataError(f"{path} does not exist")
    if not files:
        raise DataError("no bar files were named")
    return list(files)


def symbol_of(path: Path) -> tuple[str, bool]:
    """Return the symbol that a file name means, and whether more than the symbol stood there."""
    stem = path.name.split(".", 1)[0].upper()
    if not TICKER.fullmatch(stem):
        match = TICKER_AND_MORE.fullmatch(stem)
        if match:
            return match.group(1), True
    return stem, False


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"{tz!r} is not a time zone", hint="such as America/New_York") from error


def _take(
    reading: _Reading,
    index: int,
    path: Path,
    raw: RawBars,
    name: str,
    wanted: set[str] | None,
    *,
    strict: bool,
) -> None:
    """Add one file's sound rows to ``reading`` and its other rows to the account."""
    rejected = list(raw.rejected)
    feed = np.full(len(raw), reading.feed_code(NO_FEED), dtype=np.int64)
    if raw.feed is not None:
        feed = np.array([reading.feed_code(n) for n in raw.feed.names], dtype=np.int64)[
            raw.feed.codes
        ]
    for symbol, rows in _by_symbol(raw, name):
        if not symbol:
            rejected += _reject(path, raw.line[rows], "symbol is missing")
            continue
        reading.symbols.add(symbol)
        if wanted is not None and symbol not in wanted:
            continue
        start, values = raw.start[rows], raw.values[:, rows]
        sound, reasons = sound_rows(start, values)
        lines = raw.line[rows]
        rejected += [
            Rejected(file=str(path), line=int(lines[i]), reason=reason) for i, reason in reasons
        ]
        kept = Rows(
            start=start[sound],
            values=values[:, sound],
            feed=feed[rows][sound],
            file=np.full(int(sound.sum()), index, dtype=np.int64),
        )
        reading.rows.setdefault(symbol, []).append(kept)
    rejected.sort(key=lambda row: row.line)
    if rejected and strict:
        first = rejected[0]
        raise DataError(f"{first.file}, line {first.line}: {first.reason}")
    reading.rejected += rejected


def _reject(path: Path, lines: IntArray, reason: str) -> list[Rejected]:
    return [Rejected(file=str(path), line=int(line), reason=reason) for line in lines]


def _by_symbol(raw: RawBars, name: str) -> list[tuple[str, IntArray | slice]]:
    """Return each symbol of a file with the rows that are its own, in their order."""
    if raw.symbol is None:
        return [(name, slice(None))]
    names = [symbol.strip().upper() for symbol in raw.symbol.names]
    distinct = sorted(set(names))
    codes = np.array([distinct.index(symbol) for symbol in names], dtype=np.int64)
    row_codes = codes[raw.symbol.codes]
    order = np.argsort(row_codes, kind="stable")
    bounds = np.searchsorted(row_codes[order], np.arange(len(distinct) + 1))
    return [
        (symbol, order[bounds[i] : bounds[i + 1]])
        for i, symbol in enumerate(distinct)
        if bounds[i] < bounds[i + 1]
    ]


def _complain_of_missing(wanted: set[str] | None, present: set[str], paths: Sequence[Path]) -> None:
    missing = sorted((wanted or set()) - present)
    if missing:
        near = get_close_matches(missing[0], sorted(present), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(present)[:8])}"
        where = ", ".join(str(path) for path in paths[:3])
        raise DataError(f"no bars of {', '.join(missing)} in {where}", hint=hint)


def _assemble(
    reading: _Reading, files: Sequence[Path], calendar: TradingCalendar, interval: int | None
) -> BarFiles:
    """Merge what was read into one series a symbol and give account of it."""
    merged: dict[str, Rows] = {}
    repeated = np.zeros(len(files), dtype=np.int64)
    for symbol in sorted(reading.rows):
        merged[symbol], differing = merge_rows(reading.rows[symbol], repeated)
        if differing:
            reading.warnings.append(
                f"{symbol}: {counted(differing, 'bar')} differ{'s' if differing == 1 else ''} "
                "between files; the first seen was kept"
            )
    starts = [rows.start for rows in merged.values() if len(rows.start)]
    if not starts:
        raise DataError(f"there is no bar in {', '.join(str(path) for path in files[:3])}")
    native = smallest_distance(starts, calendar)
    if interval is not None and native % interval and native > interval:
        raise DataError(
            f"bars stand {native} s apart: they cannot be bars of {interval} s",
            hint="leave --interval out",
        )
    joins = interval is not None and native < interval <= DAY_SECONDS and interval % native == 0
    step = native if joins or interval is None else interval
    count = sum(map(len, starts))
    if native > step and native in STANDARD_INTERVALS and count >= ENOUGH_BARS:
        raise DataError(
            f"no two of the {count} bars stand closer than {native} s: as bars of {step} s they"
            " would be known too early",
            hint="leave --interval out",
        )
    series: dict[str, BarSeries] = {}
    outside = np.zeros(len(files), dtype=np.int64)
    kept = np.zeros(len(files), dtype=np.int64)
    for symbol, rows in merged.items():
        inside, known_at = regular_session(calendar, rows.start, step)
        outside += np.bincount(rows.file[~inside], minlength=len(files))
        kept += np.bincount(rows.file[inside], minlength=len(files))
        if inside.any():
            series[symbol] = _series(symbol, step, rows, inside, known_at, reading)
            if joins and interval is not None:
                series[symbol] = resample(series[symbol], interval, calendar)
    if not series:
        raise DataError(
            f"none of the {int(outside.sum())} bars lies in a regular session",
            hint="is --tz the zone of the times, and are they the starts of bars?",
        )
    if joins:
        reading.warnings.append(f"bars of {native} s were joined into bars of {interval} s")
    elif native > step:
        reading.warnings.append(
            f"no two bars stand closer than {native} s, yet they count as bars of {step} s: where"
            " they span more, they are known too early"
        )
    elif native < step:
        reading.warnings.append(f"some bars stand {native} s apart, closer than {step} s")
    warnings = [*reading.warnings, *_totals(int(outside.sum()), reading.rejected)]
    rejected = Counter(row.file for row in reading.rejected)
    reports = tuple(
        FileReport(
            file=str(path),
            rows=reading.counts[i],
            kept=int(kept[i]),
            rejected=rejected[str(path)],
            repeated=int(repeated[i]),
            outside_session=int(outside[i]),
        )
        for i, path in enumerate(files)
    )
    report = BarReport(
        files=reports,
        rejected=tuple(reading.rejected),
        outside_session=int(outside.sum()),
        warnings=warnings,
        fingerprint=fingerprint(series),
        seams=tuple(reading.seams),
    )
    return BarFiles(series=series, interval=interval or step, report=report)


def _series(
    symbol: str,
    step: int,
    rows: Rows,
    inside: BoolArray,
    known_at: IntArray,
    reading: _Reading,
) -> BarSeries:
    """Return the kept rows as a series, and warn where its feed changes."""
    start, feed = rows.start[inside], rows.feed[inside]
    changes = np.flatnonzero(np.diff(feed)) + 1
    if len(changes):
        at = ", ".join(
            f"to {reading.feeds[feed[i]]} at {_iso(int(start[i]))}" for i in changes[:MOST_CHANGES]
        )
        more = f" and {len(changes) - MOST_CHANGES} more" if len(changes) > MOST_CHANGES else ""
        detail = (
            f"{symbol}: the feed changes from {reading.feeds[feed[0]]} {at}{more};"
            " volumes may not compare"
        )
        reading.warnings.append(detail)
        first = datetime.fromtimestamp(int(start[changes[0]]), UTC)
        reading.seams.append(Seam(symbol=symbol, at=first, detail=detail))
    stretches = [(int(start[i]), reading.feeds[feed[i]]) for i in (0, *changes)]
    open_, high, low, close, volume = np.ascontiguousarray(rows.values[:, inside])
    return BarSeries(
        symbol=symbol,
        interval=step,
        feed=reading.feeds[feed[-1]],
        start=start,
        known_at=known_at[inside],
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        feeds=feed_changes(stretches),
    )


def _totals(outside: int, rejected: Sequence[Rejected]) -> list[str]:
    warnings = []
    if outside:
        warnings.append(f"left out {counted(outside, 'bar')} outside regular sessions")
    if rejected:
        first = rejected[0]
        warnings.append(
            f"left out {counted(len(rejected), 'row')} that cannot be bars; the first: "
            f"{first.file}, line {first.line}: {first.reason}"
        )
    return warnings


def counted(number: int, noun: str) -> str:
    """Return ``1 bar`` or ``2 bars``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
