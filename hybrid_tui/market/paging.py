"""Bars of many symbols outside of memory: columns in a temporary file, mapped where looked at.

The file has no name: it is gone with the process, however that ends.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.errors import DataError

MOST_IN_MEMORY = 3_000_000
"""Bars, of all symbols together, above which they do not stay in memory (40 to 56 bytes each)."""
VALUES = ("open", "high", "low", "close", "volume")
TIMES = ("start", "known_at")
COLUMNS = (*VALUES, *TIMES)
NO_COLUMNS: dict[str, Any] = dict.fromkeys(COLUMNS, np.empty(0))


@dataclass(frozen=True, slots=True)
class _Block:
    """The pages of one symbol in the file of all."""

    mapped: mmap.mmap
    offset: int
    length: int

    def release(self) -> None:
        """Let go what was read of this symbol."""
        self.mapped.madvise(mmap.MADV_DONTNEED, self.offset, self.length)

    def release_all(self) -> None:
        """Let go what was read of every symbol."""
        self.mapped.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class _LaidOut:
    """Where a series without its columns has them; ``is_timed``: its times are its own."""

    series: BarSeries
    offset: int
    length: int
    bars: int
    is_timed: bool

    def mapped(self, whole: mmap.mmap, times: BarSeries | None) -> BarSeries:
        """Return the series with its columns; ``times`` is whose times it shares."""
        columns: dict[str, Any] = {}
        for number, name in enumerate(COLUMNS if self.is_timed else VALUES):
            kind = np.int64 if name in TIMES else np.float64
            at = self.offset + number * self.bars * 8
            columns[name] = np.frombuffer(whole, kind, self.bars, at)
        if not self.is_timed and times is not None:
            columns |= {"start": times.start, "known_at": times.known_at}
        pages = _Block(whole, self.offset, self.length)
        return replace(self.series, pages=pages, **columns)


def sharing_times(found: Iterable[BarSeries]) -> Iterator[BarSeries]:
    """Yield series; one with the times of the one before has them as the very same arrays."""
    before: BarSeries | None = None
    for series in found:
        if before is not None and all(
            np.array_equal(getattr(series, name), getattr(before, name)) for name in TIMES
        ):
            series = replace(series, start=before.start, known_at=before.known_at)
        yield series
        before = series


def paged(found: Iterable[BarSeries], folder: Path) -> dict[str, BarSeries]:
    """Return series by symbol, taken one by one, with their columns in a file in ``folder``.

    What is looked at counts as memory until ``BarSeries.release``. Raises DataError where the disk
    has no room.
    """
    laid_out: list[_LaidOut] = []
    start: object = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            for series in sharing_times(found):
                is_timed = series.start is not start
                start = series.start
                laid_out.append(_write(file, series, is_timed=is_timed))
            size = file.tell()
            file.flush()
            whole = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else None
    except OSError as error:
        raise DataError(
            f"{folder}: there is no room for a temporary file of the bars:"
            f" {error.strerror or error}",
            hint="free some disk, or run over fewer symbols",
        ) from error
    series_of: dict[str, BarSeries] = {}
    times: BarSeries | None = None
    for one in laid_out:
        if whole is not None:
            times = one.mapped(whole, times)
            series_of[times.symbol] = times
    return series_of


def _write(file: IO[bytes], series: BarSeries, *, is_timed: bool) -> _LaidOut:
    """Write a series at the end of a file, up to a page's end."""
    offset = file.tell()
    for name in COLUMNS if is_timed else VALUES:
        file.write(np.ascontiguousarray(getattr(series, name)).data)
    file.write(bytes(-file.tell() % mmap.ALLOCATIONGRANULARITY))
    bare = replace(series, **NO_COLUMNS)
    return _LaidOut(bare, offset, file.tell() - offset, len(series), is_timed)
