"""One file of bars as columns: CSV, gzipped CSV or Parquet, in whatever spelling it came."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from hybrid_tui.domain.bars import FloatArray, IntArray
from hybrid_tui.errors import DataError

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
TIMES = ("timestamp", "datetime", "date")
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
HINT = "bars need timestamp, open, high, low, close and volume"


class NoBarColumnsError(DataError):
    """The file is a table, but not one of bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row that was left out. ``line`` counts from 1, the header of a CSV file being line 1."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A text column: ``names[codes[i]]`` is the text of row i."""

    codes: IntArray
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBars:
    """The rows of one file as they stand there, unchecked.

    ``values`` has shape (5, n): open, high, low, close, volume. ``start`` is UTC epoch seconds.
    """

    start: IntArray
    values: FloatArray
    line: IntArray
    symbol: Labels | None
    feed: Labels | None
    rejected: tuple[Rejected, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.start)


def read_table(path: Path, tz: ZoneInfo) -> RawBars:
    """Read every row of a bar file; naive times are taken in ``tz``.

    Raises DataError naming the file where it cannot be read, and NoBarColumnsError where it can
    but lacks the columns of bars.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(PARQUET_MAGIC) or path.suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(path, data, tz)
    if data.startswith(GZIP_MAGIC) or path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is not a sound gzip file: {error}") from error
    return _read_csv(path, data, tz)


def _columns(path: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the index of each column that bars have, the one of the times as ``time``."""
    found: dict[str, int] = {}
    for index, raw in enumerate(names):
        name = raw.strip().strip('"').lower()
        if name in found:
            raise DataError(f"{path}: the column {name} stands twice")
        if name in VALUES or name in TIMES or name in ("symbol", "feed"):
            found[name] = index
    times = [name for name in TIMES if name in found]
    missing = [name for name in VALUES if name not in found]
    if not times:
        missing.insert(0, "timestamp")
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise NoBarColumnsError(f"{path} lacks the column{plural} {', '.join(missing)}", hint=HINT)
    found["time"] = found[times[0]]
    return {name: index for name, index in found.items() if name not in TIMES}


def _read_csv(path: Path, data: bytes, tz: ZoneInfo) -> RawBars:
    newline = data.find(b"\n")
    header = data[: newline if newline >= 0 else len(data)]
    try:
        names = next(csv.reader([header.decode("utf-8-sig").rstrip("\r")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a text file", hint=HINT) from error
    if b"\0" in header:
        raise DataError(f"{path} is not a text file", hint=HINT)
    columns = _columns(path, names)
    if len(data) - len(header) > 1:
        fast = _read_csv_fast(data, names, columns, tz)
        if fast is not None:
            return fast
    return _read_csv_by_row(path, data, columns, tz)


def _read_csv_fast(
    data: bytes, names: Sequence[str], columns: dict[str, int], tz: ZoneInfo
) -> RawBars | None:
    """Parse a CSV file that is sound in every cell; None where one is not (or is oddly written)."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    keys = [f"c{index}" for index in range(len(names))]
    label = pa.dictionary(pa.int32(), pa.string())
    types: dict[str, Any] = {keys[columns["time"]]: pa.string()}
    types |= {keys[columns[name]]: pa.float64() for name in VALUES}
    types |= {keys[columns[name]]: label for name in ("symbol", "feed") if name in columns}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(use_threads=False, column_names=keys, skip_rows=1),
            parse_options=pa_csv.ParseOptions(ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(column_types=types, include_columns=list(types)),
        )
        start = times_of(table[keys[columns["time"]]], tz)
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return None
    return RawBars(
        start=start,
        values=np.array([floats_of(table[keys[columns[name]]]) for name in VALUES]),
        line=np.arange(2, len(start) + 2, dtype=np.int64),
        symbol=_labels(table[keys[columns["symbol"]]]) if "symbol" in columns else None,
        feed=_labels(table[keys[columns["feed"]]]) if "feed" in columns else None,
    )


def floats_of(column: Any) -> FloatArray:
    values: FloatArray = column.to_numpy().astype(np.float64, copy=False)
    return values


def _labels(column: Any) -> Labels:
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.unify_dictionaries().chunks)
    encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    names = tuple("" if name is None else str(name) for name in encoded.dictionary.to_pylist())
    codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    return Labels(codes=codes, names=(*names, ""))


def times_of(column: Any, tz: ZoneInfo) -> IntArray:
    """Return UTC epoch seconds of a column of texts, dates or timestamps.

    Raises ArrowInvalid where a value is not a time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        first = str(column[0]) if len(column) else ""
        zoned = first.endswith(("Z", "z")) or any(sign in first[10:] for sign in "+-")
        column = pc.cast(column, pa.timestamp("us", "UTC" if zoned else None))
    elif pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.unit == "ns"):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        column = pc.cast(column, pa.timestamp("us", zone), safe=False)
    elif not pa.types.is_timestamp(kind):
        raise pa.ArrowInvalid(f"times are of type {kind}, not ISO 8601")
    if column.null_count:
        raise pa.ArrowInvalid("a time is missing")
    if column.type.tz is None:
        column = pc.assume_timezone(column, tz.key, ambiguous="earliest", nonexistent="earliest")
    units = {"s": 1, "ms": 10**3, "us": 10**6}[column.type.unit]
    ticks: IntArray = column.cast(pa.int64()).to_numpy()
    return ticks // units


def _read_csv_by_row(path: Path, data: bytes, columns: dict[str, int], tz: ZoneInfo) -> RawBars:
    """Parse a CSV file row by row, keeping account of each row that cannot be understood.

    Raises DataError where some times have an offset and others have none: which zone the others
    are in is anybody's guess.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    starts: list[int] = []
    values: list[list[float]] = []
    lines: list[int] = []
    labels: dict[str, list[str]] = {name: [] for name in ("symbol", "feed") if name in columns}
    rejected: list[Rejected] = []
    with_offset: bool | None = None
    try:
        for row in reader:
            if reader.line_num == 1 or not any(cell.strip() for cell in row):
                continue
            cells = {n: row[i].strip() if i < len(row) else "" for n, i in columns.items()}
            parsed = _parse(cells, tz)
            if isinstance(parsed, str):
                rejected.append(Rejected(file=str(path), line=reader.line_num, reason=parsed))
                continue
            if with_offset not in (None, parsed[2]):
                raise DataError(
                    f"{path}, line {reader.line_num}: {cells['time']!r} stands among times"
                    f" {'with' if with_offset else 'without'} an offset",
                    hint="write all times of a file one way",
                )
            with_offset = parsed[2]
            starts.append(parsed[0])
            values.append(parsed[1])
            lines.append(reader.line_num)
            for name, column in labels.items():
                column.append(cells[name])
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error
    return RawBars(
        start=np.array(starts, dtype=np.int64),
        values=np.array(values, dtype=np.float64).reshape(-1, len(VALUES)).T,
        line=np.array(lines, dtype=np.int64),
        symbol=_label_texts(labels["symbol"]) if "symbol" in labels else None,
        feed=_label_texts(labels["feed"]) if "feed" in labels else None,
        rejected=tuple(rejected),
    )


def _parse(cells: dict[str, str], tz: ZoneInfo) -> tuple[int, list[float], bool] | str:
    """Return a row's start, its values and whether its time has an offset, or why it has none."""
    try:
        instant = datetime.fromisoformat(cells["time"])
    except ValueError:
        return f"the timestamp {cells['time']!r} is not ISO 8601"
    has_offset = instant.tzinfo is not None
    if not has_offset:
        instant = instant.replace(tzinfo=tz)
    numbers = []
    for name in VALUES:
        try:
            numbers.append(float(cells[name]) if cells[name] else math.nan)
        except ValueError:
            return f"{name} is not a number: {cells[name]!r}"
    return math.floor(instant.timestamp()), numbers, has_offset


def _label_texts(texts: list[str]) -> Labels:
    names = tuple(dict.fromkeys(texts))
    code = {name: index for index, name in enumerate(names)}
    return Labels(codes=np.array([code[text] for text in texts], dtype=np.int64), names=names)


def _read_parquet(path: Path, data: bytes, tz: ZoneInfo) -> RawBars:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = list(file.schema_arrow.names)
        columns = _columns(path, names)
        table = file.read(columns=[names[index] for index in columns.values()])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is not a sound Parquet file: {error}") from error
    try:
        start = times_of(table[names[columns["time"]]], tz)
        values = [
            floats_of(table[names[columns[name]]].cast(pa.float64()).fill_null(math.nan))
            for name in VALUES
        ]
        labels = {
            name: _labels(table[names[columns[name]]])
            for name in ("symbol", "feed")
            if name in columns
        }
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{path} does not hold bars: {error}", hint=HINT) from error
    return RawBars(
        start=start,
        values=np.array(values),
        line=np.arange(1, len(start) + 1, dtype=np.int64),
        symbol=labels.get("symbol"),
        feed=labels.get("feed"),
    )
