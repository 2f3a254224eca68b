"""Bars from files: spellings, impossible rows, overlaps and real downloads."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.market.files import BarFiles, read_bars

HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = (
    "2026-03-02 09:30,10,11,9,10.5,100\n"
    "2026-03-02 09:31,10.5,11,10,10.7,200\n"
    "2026-03-02 09:32,10.7,10.9,10.1,10.2,300\n"
)
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return put


@pytest.fixture
def read(calendar: TradingCalendar) -> Callable[..., BarFiles]:
    def run(*paths: Path, **options: object) -> BarFiles:
        return read_bars(paths, calendar=calendar, **options)  # type: ignore[arg-type]

    return run


Read = Callable[..., BarFiles]


def test_naive_times_are_new_york_and_the_name_is_the_symbol(write: Write, read: Read) -> None:
    bars = read(write("nvda.csv", HEADER + ROWS)).series["NVDA"]
    assert bars.start.tolist() == [1772461800, 1772461860, 1772461920]
    assert bars.known_at.tolist() == [1772461860, 1772461920, 1772461980]
    assert bars.close.tolist() == [10.5, 10.7, 10.2]
    assert (bars.interval, bars.feed) == (60, "file")


@pytest.mark.parametrize("column", ["timestamp", "datetime", "Datetime", "DATE", " Timestamp"])
@pytest.mark.parametrize(
    "stamp",
    ["2026-03-02 14:30:00+00:00", "2026-03-02T14:30:00Z", "2026-03-02T09:30:00-05:00"],
)
def test_spellings_of_the_same_instant(column: str, stamp: str, write: Write, read: Read) -> None:
    path = write("A.csv", f"{column},Close,High,Low,Open,Volume\n{stamp},2,3,1,1.5,7\n")
    bars = read(path).series["A"]
    assert bars.start.tolist() == [1772461800]
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (1.5, 3, 1, 2)


def test_gzip_parquet_and_csv_give_the_same_bars(tmp_path: Path, write: Write, read: Read) -> None:
    plain = read(write("A.csv", HEADER + ROWS))
    packed = read(write("A.csv.gz", HEADER + ROWS))
    start = plain.series["A"].start
    table = {
        "timestamp": pa.array(start * 1_000_000_000, pa.timestamp("ns", "UTC")),
        **{n: getattr(plain.series["A"], n) for n in ("open", "high", "low", "close", "volume")},
        "symbol": ["A"] * len(start),
    }
    pq.write_table(pa.table(table), tmp_path / "many.parquet")
    parquet = read(tmp_path / "many.parquet")
    prints = {files.report.fingerprint for files in (plain, packed, parquet)}
    assert len(prints) == 1


def test_parquet_spellings_of_time_and_symbol(tmp_path: Path, read: Read) -> None:
    texts = pa.array(["2026-03-02 09:30", "2026-03-02 09:31"])
    prices = {n: pa.array([1, 1]) for n in ("open", "high", "low", "close", "volume")}
    expected = [1772461800, 1772461860]
    naive = pa.array([1772443800000, 1772443860000], pa.timestamp("ms"))
    for times in (texts, texts.dictionary_encode(), naive):
        table = pa.table({"Datetime": times, **prices, "Symbol": ["a", None]})
        pq.write_table(table, tmp_path / "x.parquet")
        files = read(tmp_path / "x.parquet")
        assert files.series["A"].start.tolist() == expected[:1]
        assert [row.reason for row in files.report.rejected] == ["symbol is missing"]
    pq.write_table(pa.table({"date": [1, 2], **prices}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet does not hold bars"):
        read(tmp_path / "x.parquet")


def test_a_symbol_column_splits_a_file(write: Write, read: Read) -> None:
    text = "symbol,timestamp,open,high,low,close,volume\n" + "".join(
        f"{symbol},2026-03-02 09:3{i},1,1,1,1,{volume}\n"
        for i in range(3)
        for symbol, volume in (("b", 2), ("A", 1))
    )
    series = read(write("all.csv", text)).series
    assert list(series) == ["A", "B"]
    assert series["B"].volume.tolist() == [2, 2, 2]
    assert list(read(write("all.csv", text), symbols=["B"]).series) == ["B"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-03-02 09:31,nan,11,9,10,1", "open is missing or not a number"),
        ("2026-03-02 09:31,10,inf,9,10,1", "high is missing or not a number"),
        ("2026-03-02 09:31,10,11,9,10,", "volume is missing or not a number"),
        ("2026-03-02 09:31,,,,,", "open is missing or not a number"),
        ("2026-03-02 09:31", "open is missing or not a number"),
        ("2026-03-02 09:31,ten,11,9,10,1", "open is not a number: 'ten'"),
        ("2026-03-02 09:31,10,9,11,10,1", "high is below low"),
        ("2026-03-02 09:31,12,11,9,10,1", "open is outside [low, high]"),
        ("2026-03-02 09:31,10,11,9,8,1", "close is outside [low, high]"),
        ("2026-03-02 09:31,0,11,0,10,1", "open is not above 0"),
        ("2026-03-02 09:31,-1,11,-2,10,1", "open is not above 0"),
        ("2026-03-02 09:31,10,11,9,10,-5", "volume is negative"),
        ("2026-03-02 09:30,10,11,9,10,5", "the timestamp stands above already"),
        ("2026-03-01 09:30,10,11,9,10,5", "out of order: earlier than above"),
        ("yesterday,10,11,9,10,5", "the timestamp 'yesterday' is not ISO 8601"),
        (",10,11,9,10,5", "the timestamp '' is not ISO 8601"),
    ],
)
def test_a_row_that_cannot_be_a_bar_is_left_out_and_named(
    row: str, reason: str, write: Write, read: Read
) -> None:
    first, second, third = ROWS.splitlines(keepends=True)
    path = write("A.csv", HEADER + first + row + "\n" + second + third)
    files = read(path)
    assert files.series["A"].volume.tolist() == [100, 200, 300]
    assert [(r.file, r.line, r.reason) for r in files.report.rejected] == [(str(path), 3, reason)]
    assert any("line 3" in warning for warning in files.report.warnings)
    with pytest.raises(DataError, match=r"A\.csv, line 3: "):
        read(path, strict=True)


def test_blank_lines_and_trailing_commas_do_no_harm(write: Write, read: Read) -> None:
    text = HEADER + ROWS.replace("\n", ",\n\n") + "\n,,,,,\n"
    files = read(write("A.csv", text))
    assert len(files.series["A"]) == 3
    assert files.report.rejected == ()


def test_lines_are_counted_over_blank_ones(write: Write, read: Read) -> None:
    text = HEADER + "\n\n" + ROWS + "2026-03-02 09:33,1,0,2,1,1\n"
    assert [row.line for row in read(write("A.csv", text)).report.rejected] == [7]


def test_overlapping_files_merge_and_the_first_seen_wins(write: Write, read: Read) -> None:
    old = write("A_old.csv", HEADER + ROWS)
    new = write(
        "A_new.csv",
        HEADER + "2026-03-02 09:32,10.7,12,10.1,11,999\n2026-03-02 09:33,11,12,11,11.5,400\n",
    )
    files = read(old, new)
    assert files.series["A"].volume.tolist() == [100, 200, 300, 400]
    assert any("A: 1 bar differs between files" in warning for warning in files.report.warnings)
    assert [report.repeated for report in files.report.files] == [0, 1]
    assert read(old, new, old).report.fingerprint == files.report.fingerprint


def test_bars_outside_the_session_are_counted(write: Write, read: Read) -> None:
    text = HEADER + "2026-03-02 09:29,1,1,1,1,1\n" + ROWS + "2026-03-02 16:00,1,1,1,1,1\n"
    files = read(write("A.csv", text))
    assert files.report.outside_session == 2
    assert len(files.series["A"]) == 3
    assert "left out 2 bars outside regular sessions" in files.report.warnings


def test_the_interval_is_the_smallest_distance_within_a_session(write: Write, read: Read) -> None:
    sparse = "".join(f"2026-03-02 {h}:{m},1,1,1,1,1\n" for h in (10, 11) for m in ("05", "20"))
    assert read(write("A.csv", HEADER + sparse)).interval == 900
    early = "2026-03-02 08:00,1,1,1,1,1\n2026-03-02 08:01,1,1,1,1,1\n"
    assert read(write("A.csv", HEADER + early + sparse)).interval == 900
    assert read(write("A.csv", HEADER + sparse), interval=300).interval == 300


def test_a_longer_interval_joins_the_bars(write: Write, read: Read) -> None:
    files = read(write("A.csv", HEADER + ROWS), interval=300)
    bars = files.series["A"]
    assert (files.interval, bars.interval, len(bars)) == (300, 300, 1)
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (10, 11, 9, 10.2)
    assert bars.volume[0] == 600
    assert "bars of 60 s were joined into bars of 300 s" in files.report.warnings
    odd = read(write("B.csv", HEADER + ROWS), interval=90)
    assert odd.interval == 90
    assert "some bars stand 60 s apart, closer than 90 s" in odd.report.warnings


def test_daily_dates_are_daily_bars(write: Write, read: Read) -> None:
    text = "date,open,high,low,close,volume\n2026-03-06,1,1,1,1,1\n"
    assert read(write("A.csv", text)).interval == 86400
    assert read(write("A.csv", text + "2026-03-09,1,1,1,1,1\n")).interval == 86400


def test_a_change_of_feed_is_warned_of(write: Write, read: Read) -> None:
    rows = ROWS.splitlines()
    text = HEADER.replace("volume", "volume,feed") + "".join(
        f"{row},{feed}\n" for row, feed in zip(rows, ("iex", "iex", "sip"), strict=True)
    )
    files = read(write("A.csv", text))
    assert files.series["A"].feed == "sip"
    (warning,) = files.report.warnings
    assert "from iex to sip at 2026-03-02T14:32:00Z" in warning


def test_a_folder_means_its_bar_files(tmp_path: Path, write: Write, read: Read) -> None:
    write("A_20260302_trade.csv.gz", HEADER + ROWS)
    write("A_20260302_quote.csv.gz", "timestamp,bid,ask\n2026-03-02 09:30,1,2\n")
    write("README.md", "not bars")
    files = read(tmp_path)
    assert list(files.series) == ["A"]
    assert any("A_20260302_quote.csv.gz was skipped" in w for w in files.report.warnings)
    assert any("taken as bars of A" in w for w in files.report.warnings)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("A.csv", b"", "lacks the columns timestamp, open, high, low, close, volume"),
        ("A.csv", HEADER.encode(), "there is no bar in"),
        ("A.csv", b"timestamp,open,high,low,close\n1,2,3,4,5\n", "lacks the column volume"),
        ("A.csv", b"date,open,open,high,low,close,volume\n", "column open stands twice"),
        ("A.csv", bytes(range(256)) * 8, "A.csv"),
        ("A.csv", HEADER.encode() + b"\xff\xfe\n", "line 2: not UTF-8"),
        ("A.csv.gz", b"plain text", "A.csv.gz is not a sound gzip file"),
        ("A.csv.gz", gzip.compress(b"x" * 999, mtime=0)[:-9], "A.csv.gz is not a sound gzip file"),
        ("A.parquet", b"PAR1 but not really", "A.parquet is not a sound Parquet file"),
        ("A.csv", (HEADER + "2026-03-01 09:30,1,1,1,1,1\n").encode(), "regular session"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(
    name: str, data: bytes, message: str, tmp_path: Path, read: Read
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message.replace(".", r"\.")) as caught:
        read(tmp_path / name)
    assert caught.value.exit_code == 2


def test_wrong_paths_symbols_and_zones_are_errors(tmp_path: Path, write: Write, read: Read) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "none.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no bar files"):
        read(tmp_path / "empty")
    path = write("NVDA.csv", HEADER + ROWS)
    with pytest.raises(DataError, match="no bars of NVDX") as caught:
        read(path, symbols=["NVDX"])
    assert caught.value.hint == "did you mean NVDA?"
    with pytest.raises(ConfigError, match="Mars"):
        read(path, tz="Mars")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    prices=st.lists(
        st.floats(0.01, 1e6, allow_nan=False).map(repr) | st.decimals(1, 999, places=4).map(str),
        min_size=1,
        max_size=30,
    )
)
def test_values_are_what_float_makes_of_the_text(
    prices: list[str], tmp_path: Path, calendar: TradingCalendar
) -> None:
    rows = "".join(f"2026-03-02 10:{i:02},{p},{p},{p},{p},{p}\n" for i, p in enumerate(prices))
    path = tmp_path / "A.csv"
    path.write_text(HEADER + rows)
    bars = read_bars([path], calendar=calendar).series["A"]
    assert bars.close.tolist() == [float(p) for p in prices]


FOLDERS = {
    "bars_1min_2025": (60, 17, 534_217, 46, 0),
    "bars_5min_2025": (300, 24, 300_672, 5_322, 0),
    "bars_hour_lean": (3600, 7, 150_273, 162, 0),
    "bars_minute_lean": (60, 6, 6_882, 2_908, 0),
    "bars_second_lean": (1, 1, 14_432, 2_243, 0),
    "daily_lean": (86_400, 15, 47_671, 0, 0),
    "daily_stocknet": (86_400, 61, 74_623, 0, 3),
    "yahoo_1m_2026": (60, 8, 26_296, 0, 0),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_folders_read_whole(folder: str, shared_data: Path, read: Read) -> None:
    files = read(shared_data / folder)
    interval, symbols, bars, outside, rejected = FOLDERS[folder]
    assert files.interval == interval
    assert len(files.series) == symbols
    assert sum(len(series) for series in files.series.values()) == bars
    assert files.report.outside_session == outside
    assert len(files.report.rejected) == rejected
    for series in files.series.values():
        assert (np.diff(series.start) > 0).all()
        assert (np.diff(series.known_at) >= 0).all()
        assert (series.known_at > series.start).all()


def test_real_prices_are_exact(shared_data: Path, read: Read) -> None:
    path = shared_data / "yahoo_1m_2026" / "NVDA_snapshot_a.csv.gz"
    bars = read(path).series["NVDA"]
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    assert bars.close.tolist() == [float(row["Close"]) for row in rows]
    assert bars.volume.tolist() == [float(row["Volume"]) for row in rows]


def test_hourly_closes_equal_the_daily_ones(shared_data: Path, read: Read) -> None:
    hourly = read(shared_data / "bars_hour_lean" / "AAPL.csv.gz").series["AAPL"]
    daily = read(shared_data / "daily_lean" / "AAPL.csv.gz").series["AAPL"]
    last = np.flatnonzero(np.diff(hourly.known_at, append=2**60) > 3 * 3600)
    close_at = dict(zip(hourly.known_at[last].tolist(), hourly.close[last].tolist(), strict=True))
    common = [
        (close_at[at], close)
        for at, close in zip(daily.known_at.tolist(), daily.close.tolist(), strict=True)
        if at in close_at
    ]
    assert len(common) > 5_000
    assert sum(a == b for a, b in common) / len(common) > 0.99
