"""The bar store: one Parquet file for each interval, feed and symbol, readable by anything else."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import numpy as np

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.errors import ConfigError, DataError

Adjusted = Literal["none", "splits", "all"]
VALUES = ("open", "high", "low", "close", "volume")
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
HINT = "remove the file and import its bars again"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeries:
    """What the store has of one symbol.

    ``start`` and ``end`` are the starts of the first and the last bar.
    """

    symbol: str
    interval: int
    feed: str
    adjusted: Adjusted
    start: datetime
    end: datetime
    bars: int
    path: Path


class BarStore:
    """Bars on disk under one folder. Adding is idempotent, files are replaced whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, series: BarSeries, adjusted: Adjusted = "splits") -> int:
        """Merge bars into the store and return how many were new; bars already there stay.

        Raises DataError where the store's bars of this series are adjusted differently.
        """
        if len(series) == 0:
            return 0
        path = self._path(series.symbol, series.interval, series.feed)
        merged = series
        before = 0
        if path.exists():
            known = self._describe(path)
            if known.adjusted != adjusted:
                raise DataError(
                    f"{path}: its bars are adjusted for {known.adjusted!r}, not {adjusted!r}",
                    hint="import with the same --adjusted, or remove the file first",
                )
            stored = self._read(path)
            before = len(stored)
            merged = merge_series(stored, series)
        if len(merged) > before:
            self._write(path, merged, adjusted)
        return len(merged) - before

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
        return {symbol: self._read(best[symbol].path) for symbol in sorted(best)}

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

    def _describe(self, path: Path) -> StoredSeries:
        """Read what a file holds from its footer."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            footer = pq.read_metadata(path)
            facts = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}
            return StoredSeries(
                symbol=unquote(path.stem),
                interval=parse_interval(path.parent.parent.name),
                feed=unquote(path.parent.name),
                adjusted=_adjusted(facts["adjusted"]),
                start=datetime.fromtimestamp(int(facts["first"]), UTC),
                end=datetime.fromtimestamp(int(facts["last"]), UTC),
                bars=footer.num_rows,
                path=path,
            )
        except (pa.ArrowException, OSError, KeyError, ValueError, ConfigError) as error:
            raise DataError(f"{path} is not a file of the bar store: {error}", hint=HINT) from error

    def _read(self, path: Path) -> BarSeries:
        import pyarrow as pa
        import pyarrow.parquet as pq

        stored = self._describe(path)
        try:
            wanted = ["timestamp", "known_at", *VALUES]
            table = pq.read_table(path, columns=wanted, partitioning=None)
            times = {
                name: table[name].cast(pa.int64()).to_numpy() // 1000
                for name in ("timestamp", "known_at")
            }
            values: dict[str, Any] = {name: table[name].to_numpy() for name in VALUES}
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}", hint=HINT) from error
        return BarSeries(
            symbol=stored.symbol,
            interval=stored.interval,
            feed=stored.feed,
            start=times["timestamp"],
            known_at=times["known_at"],
            **values,
        )

    def _write(self, path: Path, series: BarSeries, adjusted: Adjusted) -> None:
        """Replace a file as a whole: a crash leaves the old one or the new one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        instant = pa.timestamp("ms", "UTC")
        same = pa.array(np.zeros(len(series), dtype=np.int8))
        columns = {
            "timestamp": pa.array(series.start * 1000, instant),
            "known_at": pa.array(series.known_at * 1000, instant),
            **{name: getattr(series, name) for name in VALUES},
            # The path says both already; columns keep them when a file is read on its own.
            "symbol": pa.DictionaryArray.from_arrays(same, pa.array([series.symbol])),
            "feed": pa.DictionaryArray.from_arrays(same, pa.array([series.feed])),
        }
        facts = {
            "adjusted": adjusted,
            "first": str(int(series.start[0])),
            "last": str(int(series.start[-1])),
        }
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                table = pa.table(columns).replace_schema_metadata(facts)
                pq.write_table(table, file, compression="zstd", store_schema=True)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


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
    return replace(first, start=start[order], **columns)


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


def _adjusted(text: str) -> Adjusted:
    for known in ("none", "splits", "all"):
        if text == known:
            return known
    raise ValueError(f"adjusted for {text!r}")


def _sync_folder(folder: Path) -> None:
    """Make a rename durable where folders can be opened (they cannot on Windows)."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
