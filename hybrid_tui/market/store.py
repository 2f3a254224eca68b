"""The bar store: one Parquet file for each interval, feed and symbol, readable by anything else."""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, feed_changes
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.market.actions_file import ACTIONS, read_actions, sync_folder, write_actions
from hybrid_tui.market.arrow import figures_of
from hybrid_tui.market.paging import MOST_IN_MEMORY, paged, sharing_times
from hybrid_tui.market.stretches import (
    Adjusted,
    Stretch,
    all_as_traded,
    feeds_of,
    merge_spans,
    merge_stretches,
    seams_told,
    stretches_in,
    stretches_of,
)

TIMES = ("timestamp", "known_at")
VALUES = ("open", "high", "low", "close", "volume")
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
HINT = "remove the file and import its bars again"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeries:
    """What the store has of one symbol.

    ``start`` and ``end`` are the starts of the first and the last bar; ``spans`` are the stretches
    [first, end) that were looked at without a hole, in UTC epoch seconds. ``stretches`` say which
    bars come from which feed and what they are adjusted for; ``adjusted`` is that of the last one.
    """

    symbol: str
    interval: int
    feed: str
    stretches: tuple[Stretch, ...]
    start: datetime
    end: datetime
    bars: int
    path: Path
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def adjusted(self) -> Adjusted:
        """What the last bars are adjusted for."""
        return self.stretches[-1].adjusted


class BarStore:
    """Bars on disk under one folder. Adding is idempotent, files are replaced whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        series: BarSeries,
        adjusted: Adjusted = "splits",
        *,
        since: datetime | None = None,
        replacing: bool = False,
    ) -> int:
        """Merge bars into the store and return how many were new; bars already there stay.

        ``since`` says from when on they were asked for, so that a stretch without a bar is known to
        be one; by default from the first bar. With ``replacing`` the new bars win over those
        already there. Of each bar it is kept which feed it comes from and what it is ``adjusted``
        for, so that a series may be of several.
        """
        if len(series) == 0:
            return 0
        path = self._path(series.symbol, series.interval, series.feed)
        merged = series
        stretches = stretches_of(series, adjusted)
        before = 0
        known_spans: tuple[tuple[int, int], ...] = ()
        first = int(since.timestamp()) if since else int(series.start[0])
        span = (min(first, int(series.start[0])), int(series.known_at[-1]))
        if path.exists():
            known = self._describe(path)
            known_spans = known.spans
            stored = self._read(known)
            before = len(stored)
            merged = merge_series(series, stored) if replacing else merge_series(stored, series)
            winner = series if replacing else stored
            parts = [stretches, known.stretches] if replacing else [known.stretches, stretches]
            wins = np.isin(merged.start, winner.start)
            stretches = merge_stretches(merged.start, wins, *parts)
        spans = merge_spans([*known_spans, span])
        if replacing or len(merged) > before or spans != known_spans:
            self._write(path, merged, stretches, spans)
        return len(merged) - before

    def holes(
        self, symbol: str, interval: int, feed: str, first: int, end: int
    ) -> list[tuple[int, int]]:
        """Return the stretches of [first, end) that were never looked at, in UTC epoch seconds."""
        path = self._path(symbol, interval, feed)
        holes = []
        for begin, finish in self._describe(path).spans if path.exists() else ():
            if begin > first:
                holes.append((first, min(begin, end)))
            first = max(first, finish)
        holes.append((first, end))
        return [(begin, finish) for begin, finish in holes if begin < finish]

    def add_actions(self, actions: Iterable[CorporateAction]) -> int:
        """Keep splits and dividends and return how many were new; those already there stay."""
        groups: dict[str, list[CorporateAction]] = {}
        for action in actions:
            groups.setdefault(action.symbol, []).append(action)
        return sum(
            write_actions(self._actions_path(symbol), symbol, groups[symbol])
            for symbol in sorted(groups)
        )

    def actions(self, symbols: Collection[str]) -> list[CorporateAction]:
        """Return the splits and dividends of symbols, by ex-date, then symbol."""
        found = [
            action
            for symbol in sorted({name.upper() for name in symbols})
            for action in read_actions(self._actions_path(symbol), symbol)
        ]
        return sorted(found, key=lambda action: (action.ex_at, action.symbol))

    def load_with_actions(
        self,
        symbols: Collection[str] | None = None,
        interval: int | None = None,
        feed: str | None = None,
        *,
        paging: Path | None = None,
    ) -> tuple[dict[str, BarSeries], list[CorporateAction]]:
        """Return series as ``load`` does, and the actions that they have still to be adjusted for.

        Those are the actions of the symbols with raw bars; bars that came adjusted have none. Where
        a series has both, all its bars are given as they were traded. More than MOST_IN_MEMORY bars
        are laid out in a temporary file in the folder ``paging``, if there is one.
        """
        chosen = self._choose(symbols, interval, feed)
        stretches = {symbol: stored.stretches for symbol, stored in chosen.items()}
        raw = {s for s, parts in stretches.items() if any(p.adjusted == "none" for p in parts)}
        actions = self.actions(raw)
        found = (
            all_as_traded(series, stretches[symbol], actions) if symbol in raw else series
            for symbol in sorted(chosen)
            for series in (self._read(chosen[symbol]),)
        )
        if paging is not None and sum(s.bars for s in chosen.values()) > MOST_IN_MEMORY:
            return paged(found, paging), actions
        return {series.symbol: series for series in sharing_times(found)}, actions

    def seams(
        self,
        symbols: Collection[str] | None = None,
        interval: int | None = None,
        feed: str | None = None,
    ) -> builtins.list[str]:
        """Return what to tell of the series that ``load`` gives: changes of feed and adjustment."""
        chosen = self._choose(symbols, interval, feed)
        return [
            text
            for symbol, stored in sorted(chosen.items())
            for text in seams_told(symbol, stored.stretches)
        ]

    def load(
        self,
        symbols: Collection[str] | None = None,
        interval: int | None = None,
        feed: str | None = None,
    ) -> dict[str, BarSeries]:
        """Return series by symbol, in alphabetical order.

        Of several intervals the smallest is taken, of several feeds the one that reaches furthest.
        Raises DataError where a symbol that was asked for is not there.
        """
        chosen = self._choose(symbols, interval, feed)
        return {symbol: self._read(chosen[symbol]) for symbol in sorted(chosen)}

    def _choose(
        self, symbols: Collection[str] | None, interval: int | None, feed: str | None
    ) -> dict[str, StoredSeries]:
        """Return the one series of each symbol that ``load`` means."""
        wanted = None if symbols is None else {symbol.upper() for symbol in symbols}
        best: dict[str, StoredSeries] = {}
        for stored in self.list():
            if (wanted is not None and stored.symbol not in wanted) or (
                (interval or stored.interval) != stored.interval
                or (feed or stored.feed) != stored.feed
            ):
                continue
            rival = best.get(stored.symbol)
            if rival is None or _rank(stored) > _rank(rival):
                best[stored.symbol] = stored
        missing = sorted((wanted or set()) - set(best))
        if missing:
            present = sorted({stored.symbol for stored in self.list()})
            near = get_close_matches(missing[0], present, n=1, cutoff=0.4)
            raise DataError(
                f"{self.folder} has no such bars of {', '.join(missing)}",
                hint=f"did you mean {near[0]}?" if near else "see hybrid-tui data list",
            )
        return best

    def list(self) -> list[StoredSeries]:
        """Return what is stored, by symbol, interval and feed."""
        return sorted(
            (self._describe(path) for path in self._files()),
            key=lambda stored: (stored.symbol, stored.interval, stored.feed),
        )

    def _files(self) -> Iterator[Path]:
        yield from sorted(self.folder.glob("*/*/*.parquet"))

    def _path(self, symbol: str, interval: int, feed: str) -> Path:
        parts = (quote(part, safe="") for part in (interval_text(interval), feed, symbol))
        folder, inner, name = parts
        return self.folder / folder / inner / f"{name}.parquet"

    def _actions_path(self, symbol: str) -> Path:
        return self.folder / ACTIONS / f"{quote(symbol, safe='')}.json"

    def _describe(self, path: Path) -> StoredSeries:
        """Read what a file holds from its footer."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            footer = pq.read_metadata(path)
            facts = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}
            first, last = int(facts["first"]), int(facts["last"])
            return StoredSeries(
                symbol=unquote(path.stem),
                interval=parse_interval(path.parent.parent.name),
                feed=unquote(path.parent.name),
                stretches=stretches_in(
                    facts, unquote(path.parent.name), first, last, footer.num_rows
                ),
                start=datetime.fromtimestamp(first, UTC),
                end=datetime.fromtimestamp(last, UTC),
                bars=footer.num_rows,
                path=path,
                # Files of before there were spans: what they hold was looked at.
                spans=_spans(facts["spans"]) if "spans" in facts else ((first, last + 1),),
            )
        except (pa.ArrowException, OSError, KeyError, ValueError, ConfigError) as error:
            raise DataError(f"{path} is not a file of the bar store: {error}", hint=HINT) from error

    def _read(self, stored: StoredSeries) -> BarSeries:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            wanted = [*TIMES, *VALUES]
            # Not read_table: looking for more than one file takes it longer than reading a year.
            with pq.ParquetFile(stored.path) as file:
                table = file.read(columns=wanted, use_threads=False)
            times = {name: figures_of(table[name], np.int64) // 1000 for name in TIMES}
            values: dict[str, Any] = {name: figures_of(table[name], np.float64) for name in VALUES}
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise DataError(f"{stored.path} cannot be read: {error}", hint=HINT) from error
        return BarSeries(
            symbol=stored.symbol,
            interval=stored.interval,
            feed=stored.feed,
            start=times["timestamp"],
            known_at=times["known_at"],
            feeds=feeds_of(stored.stretches),
            **values,
        )

    def _write(
        self,
        path: Path,
        series: BarSeries,
        stretches: tuple[Stretch, ...],
        spans: tuple[tuple[int, int], ...],
    ) -> None:
        """Replace a file as a whole: a crash leaves the old one or the new one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        instant = pa.timestamp("ms", "UTC")
        same = pa.array(np.zeros(len(series), dtype=np.int8))
        columns = {
            "timestamp": pa.array(series.start * 1000, instant),
            "known_at": pa.array(series.known_at * 1000, instant),
            **{name: getattr(series, name) for name in VALUES},
            # The path says the symbol already; columns keep it when a file is read on its own.
            "symbol": pa.DictionaryArray.from_arrays(same, pa.array([series.symbol])),
            "feed": pa.DictionaryArray.from_arrays(
                series.feed_codes().astype(np.int8), pa.array(series.feed_names)
            ),
        }
        facts = {
            "adjusted": stretches[-1].adjusted,
            "stretches": json.dumps([stretch.row for stretch in stretches]),
            "first": str(int(series.start[0])),
            "last": str(int(series.start[-1])),
            "spans": json.dumps(spans),
        }
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                table = pa.table(columns).replace_schema_metadata(facts)
                pq.write_table(
                    table,
                    file,
                    compression="zstd",
                    # Times as differences: half the size and half the time of dictionaries.
                    use_dictionary=[*VALUES, "symbol", "feed"],
                    column_encoding=dict.fromkeys(TIMES, "DELTA_BINARY_PACKED"),
                )
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            # After a fault or Ctrl+C; after the rename there is none.
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def merge_series(first: BarSeries, second: BarSeries) -> BarSeries:
    """Return the bars of both by time; where both have one, that of ``first``."""
    new = ~np.isin(second.start, first.start)
    if not new.any():
        return first
    start = np.concatenate([first.start, second.start[new]])
    order = np.argsort(start, kind="stable")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(second, name)[new]])[order]
        for name in ("known_at", *VALUES)
    }
    start = start[order]
    if not (first.feeds or second.feeds) and first.feed == second.feed:
        return replace(first, start=start, **columns)
    names = list(dict.fromkeys((*first.feed_names, *second.feed_names)))
    codes = [
        np.array([names.index(name) for name in part.feed_names])[part.feed_codes()]
        for part in (first, second)
    ]
    code = np.concatenate((codes[0], codes[1][new]))[order]
    at = np.flatnonzero(np.diff(code, prepend=-1)).tolist()
    feeds = feed_changes([(int(start[i]), names[int(code[i])]) for i in at])
    return replace(first, start=start, feeds=feeds, **columns)


def interval_text(seconds: int) -> str:
    """Return an interval as ``1m``, ``5m``, ``1h``, ``1d`` or in seconds as ``15s``."""
    for size, unit in UNITS:
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise ConfigError(f"{seconds!r} is not a whole number of seconds")


def parse_interval(text: str) -> int:
    """Return the seconds of an interval such as ``5m``; raises ConfigError."""
    sizes: Mapping[str, int] = {unit: size for size, unit in UNITS}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in sizes or int(number) == 0:
        raise ConfigError(f"{text!r} is not an interval", hint="such as 1m, 5m, 1h or 1d")
    return int(number) * sizes[unit]


def _rank(stored: StoredSeries) -> tuple[int, datetime, int, str]:
    return (-stored.interval, stored.end, stored.bars, stored.feed)


def _spans(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(end)) for first, end in json.loads(text))
