"""Recorded spreads: what half of the distance between bid and ask was at an instant."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hybrid_tui.domain.bars import FloatArray, IntArray
from hybrid_tui.errors import DataError
from hybrid_tui.market.files import expand, symbol_of
from hybrid_tui.market.tables import GZIP_MAGIC, TIMES, floats_of, times_of

OLDEST_S = 300
BAR_S = 60
SIDES = (("bid_open", "ask_open"), ("bid_close", "ask_close"))
PAIR = (("bid", "ask"),)
StringArray = NDArray[np.str_]
Sides = tuple[tuple[str, str], ...]
HINT = "quotes need timestamp and bid, ask, or bid_open, ask_open, bid_close, ask_close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Half spreads of one symbol, as fractions of the middle, by UTC epoch second."""

    at: IntArray
    half: FloatArray


class Spreads:
    """Half spreads by symbol and instant; what is older than five minutes is not known."""

    def __init__(self, quoted: Mapping[str, Quoted], left_out: int = 0) -> None:
        self._quoted = quoted
        self.left_out = left_out

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols with a recorded spread, in alphabetical order."""
        return tuple(sorted(self._quoted))

    def half(self, symbol: str, at: datetime) -> float | None:
        """Return half of the last spread known at an instant, as a fraction of the price."""
        quoted = self._quoted.get(symbol)
        if quoted is None:
            return None
        second = int(at.timestamp())
        index = int(np.searchsorted(quoted.at, second, side="right")) - 1
        if index < 0 or second - int(quoted.at[index]) > OLDEST_S:
            return None
        return float(quoted.half[index])


def read_spreads(
    paths: Sequence[Path], *, tz: ZoneInfo, symbols: Collection[str] | None = None
) -> Spreads:
    """Return the spreads of quote files and folders: CSV or CSV.gz.

    A row has a time, and either ``bid`` and ``ask`` of that instant, or those of a one-minute bar
    that began then (``bid_open``, ``ask_open``, ``bid_close``, ``ask_close``). The symbol is a
    column, else the file's name. Rows without two sides, or with a bid above the ask, are left out
    and counted. In a folder, files of something else are passed over. Raises DataError naming the
    file where it cannot be read or has no such columns, and where no quote is left.
    """
    named = {path for path in paths if not path.is_dir()}
    parts: dict[str, list[tuple[IntArray, FloatArray]]] = {}
    left_out = 0
    for path in expand(paths):
        table = _read(path, tz)
        if table is None:
            if path in named:
                raise DataError(f"{path} has no columns of quotes", hint=HINT)
            continue
        start, own, columns, sides = table
        for offset, (bid, ask) in enumerate(sides):
            low, high = columns[bid], columns[ask]
            with np.errstate(invalid="ignore"):
                sound = (low > 0) & (high >= low)
            left_out += int((~sound).sum())
            at, half = start[sound] + offset * BAR_S, ((high - low) / (high + low))[sound]
            for symbol in np.unique(own[sound]).tolist():
                if symbols is None or symbol in symbols:
                    mine = own[sound] == symbol
                    parts.setdefault(symbol, []).append((at[mine], half[mine]))
    if not parts:
        raise DataError(f"there is no quote of these symbols in {paths[0]}", hint=HINT)
    return Spreads({symbol: _joined(found) for symbol, found in parts.items()}, left_out)


def _read(
    path: Path, tz: ZoneInfo
) -> tuple[IntArray, StringArray, dict[str, FloatArray], Sides] | None:
    """Return the times, symbols, prices and pairs of a quote file; None if it has no such columns.

    What is missing is NaN. Raises DataError naming the file.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    try:
        data = path.read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
        table = pa_csv.read_csv(pa.BufferReader(data))
    except (OSError, EOFError, zlib.error, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is not a table of quotes: {error}", hint=HINT) from error
    table = table.rename_columns([name.strip().lower() for name in table.column_names])
    time = next((name for name in TIMES if name in table.column_names), None)
    sides = next((pairs for pairs in (SIDES, PAIR) if _has(table.column_names, pairs)), None)
    if time is None or sides is None:
        return None
    try:
        start = times_of(table[time], tz)
        columns = {
            name: floats_of(table[name].cast(pa.float64()).fill_null(math.nan))
            for pair in sides
            for name in pair
        }
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is not a table of quotes: {error}", hint=HINT) from error
    if "symbol" in table.column_names:
        names = [str(name).strip().upper() for name in table["symbol"].to_pylist()]
        return start, np.array(names), columns, sides
    return start, np.full(len(start), symbol_of(path)[0]), columns, sides


def _has(names: Collection[str], pairs: Sides) -> bool:
    return all(name in names for pair in pairs for name in pair)


def _joined(parts: Sequence[tuple[IntArray, FloatArray]]) -> Quoted:
    """Join a symbol's rows by time; a bar's opening wins over the closing of the one before."""
    at = np.concatenate([part[0] for part in reversed(parts)])
    half = np.concatenate([part[1] for part in reversed(parts)])
    order = np.argsort(at, kind="stable")
    at, half = at[order], half[order]
    last = np.append(at[1:] != at[:-1], True)
    return Quoted(at=at[last], half=half[last])
