"""The bar store: what is put in comes out, whatever happens in between."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import CorporateAction
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.splits import split_adjusted
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.market.actions import as_traded
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.store import BarStore, interval_text, merge_series, parse_interval
from tests.market.builders import OPEN, series

COLUMNS = ("start", "known_at", "open", "high", "low", "close", "volume")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


def test_bars_come_back_exactly(store: BarStore) -> None:
    bars = replace(series(), close=np.array([0.1 + 0.2] * 10), feed="iex")
    assert store.add(bars, "none") == 10
    loaded = store.load()["A"]
    assert (loaded.symbol, loaded.interval, loaded.feed) == ("A", 60, "iex")
    for name in COLUMNS:
        assert getattr(loaded, name).tolist() == getattr(bars, name).tolist()


def test_adding_again_adds_nothing_and_what_is_stored_stays(store: BarStore) -> None:
    assert store.add(series(minutes=range(5))) == 5
    assert store.add(series(minutes=range(5))) == 0
    assert store.add(series(minutes=range(3, 8), close=500.0)) == 3
    loaded = store.load()["A"]
    assert len(loaded) == 8
    assert (loaded.close < 200).tolist() == [True] * 5 + [False] * 3


@given(a=st.sets(st.integers(0, 60), min_size=1), b=st.sets(st.integers(0, 60), min_size=1))
def test_merging_keeps_every_start_once_in_order(a: set[int], b: set[int]) -> None:
    first, second = series(minutes=sorted(a)), series(minutes=sorted(b), close=500.0)
    merged = merge_series(first, second)
    assert merged.start.tolist() == [int(OPEN.timestamp()) + 60 * n for n in sorted(a | b)]
    old = np.isin(merged.start, first.start)
    assert merged.close[old].tolist() == first.close.tolist()
    again = merge_series(merged, second)
    assert again.close.tolist() == merged.close.tolist()


def test_the_list_says_what_there_is(store: BarStore) -> None:
    store.add(series("BRK.B"))
    store.add(series("^GSPC", interval=300))
    names = [(s.symbol, interval_text(s.interval), s.feed, s.bars) for s in store.list()]
    assert names == [("BRK.B", "1m", "test", 10), ("^GSPC", "5m", "test", 10)]
    stored = store.list()[0]
    assert (stored.start, stored.adjusted) == (OPEN, "splits")
    assert (stored.end - stored.start).total_seconds() == 540


def test_an_empty_store_is_empty(store: BarStore) -> None:
    assert store.list() == []
    assert store.load() == {}
    with pytest.raises(DataError, match="no such bars of NVDA"):
        store.load(["NVDA"])


def test_the_smallest_interval_and_the_latest_feed_are_loaded(store: BarStore) -> None:
    store.add(series(interval=300))
    store.add(replace(series(minutes=range(10)), feed="iex"))
    store.add(replace(series(minutes=range(20)), feed="sip"))
    assert (store.load()["A"].interval, store.load()["A"].feed) == (60, "sip")
    assert store.load(interval=300)["A"].interval == 300
    assert store.load(feed="iex")["A"].feed == "iex"
    with pytest.raises(DataError, match="no such bars of B"):
        store.load(["A", "B"])


def test_each_span_keeps_its_feed(store: BarStore) -> None:
    seam = int(OPEN.timestamp()) + 240
    mixed = replace(series(), feed="sip", feeds=((seam - 240, "iex"), (seam, "sip")))
    store.add(mixed)
    assert store.add(mixed) == 0
    (stored,) = store.list()
    spans = [(one.feed, one.adjusted, one.bars) for one in stored.stretches]
    assert spans == [("iex", "splits", 4), ("sip", "splits", 6)]
    assert (stored.stretches[0].last, stored.stretches[1].first) == (seam - 60, seam)
    assert store.load()["A"].feeds == mixed.feeds
    (told,) = store.seams()
    assert "the feed changes from iex to sip at 2026-03-02T14:34:00Z" in told
    table = pq.read_table(stored.path, partitioning=None)
    assert table["feed"].to_pylist() == ["iex"] * 4 + ["sip"] * 6
    store.add(replace(series(minutes=range(8, 14)), feed="sip"))
    assert [one.bars for one in store.list()[0].stretches] == [4, 10]


def test_each_span_keeps_its_adjustment(store: BarStore) -> None:
    store.add(series(minutes=range(4)), "splits")
    assert store.add(series(minutes=range(3, 8)), "none") == 4
    (stored,) = store.list()
    spans = [(one.adjusted, one.bars, one.last - one.first) for one in stored.stretches]
    assert spans == [("splits", 4, 180), ("none", 4, 180)]
    assert "the adjustment changes from splits to none at" in store.seams()[0]
    store.add(series(minutes=range(2)), "none", replacing=True)
    spans = [(one.adjusted, one.bars, one.last - one.first) for one in store.list()[0].stretches]
    assert spans == [("none", 2, 60), ("splits", 2, 60), ("none", 4, 180)]


@pytest.mark.parametrize(("cut", "worked_in", "is_older"), [
    (4, 1, True), (4, 2, True), (4, 3, True), (5, 1, True), (5, 2, True), (7, 3, False),
])  # fmt: skip
def test_spans_adjusted_otherwise_come_back_as_they_were_traded(
    store: BarStore, cut: int, worked_in: int, is_older: bool
) -> None:
    # A bar a day and splits on days 2, 5 and 8, of which a vendor has worked in the first ones.
    splits = [
        CorporateAction(symbol="A", ex_at=OPEN + timedelta(days=day, hours=-9), ratio=ratio)
        for day, ratio in ((2, 2.0), (5, 4.0), (8, 3.0))
    ]
    end = OPEN + timedelta(days=12)
    raw = as_traded(series(minutes=range(0, 12 * 1440, 1440), close=96.0), splits, end)
    download = split_adjusted(raw, splits[:worked_in], end)
    store.add((download if is_older else raw).slice(0, cut), "splits" if is_older else "none")
    store.add((raw if is_older else download).slice(cut, 12), "none" if is_older else "splits")
    store.add_actions(splits)
    loaded, actions = store.load_with_actions()
    assert actions == splits
    assert loaded["A"].close == pytest.approx(raw.close)
    assert loaded["A"].volume == pytest.approx(raw.volume, abs=0.5)


def test_a_store_of_before_there_were_spans_is_read(store: BarStore) -> None:
    store.add(series(), "none")
    (stored,) = store.list()
    table = pq.read_table(stored.path, partitioning=None)
    facts = {k: v for k, v in table.schema.metadata.items() if k != b"stretches"}
    pq.write_table(table.replace_schema_metadata(facts), stored.path)
    (old,) = store.list()
    assert old.stretches == stored.stretches
    assert store.add(series(minutes=range(12)), "none") == 2
    assert store.list()[0].stretches[0].bars == 12


def test_a_crash_while_writing_leaves_the_old_file(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(series(minutes=range(5)))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="No space left on device"):
        store.add(series(minutes=range(9)))
    monkeypatch.undo()
    assert len(store.load()["A"]) == 5
    assert [p.name for p in (store.folder / "1m" / "test").iterdir()] == ["A.parquet"]


def test_a_damaged_file_is_named(store: BarStore) -> None:
    store.add(series())
    path = store.list()[0].path
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"A\.parquet is not a file of the bar store"):
        store.list()


def test_the_files_open_as_bar_files(store: BarStore, calendar: TradingCalendar) -> None:
    store.add(series("BRK.B"))
    files = read_bars([store.list()[0].path], calendar=calendar)
    assert files.series["BRK.B"].close.tolist() == series().close.tolist()
    assert files.series["BRK.B"].feed == "test"


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1m"), (300, "5m"), (3600, "1h"), (86400, "1d"), (15, "15s")]
)
def test_intervals_are_written_as_people_do(seconds: int, text: str) -> None:
    assert interval_text(seconds) == text
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0m", "5", "1w", "-1m", "²m"])
def test_what_is_not_an_interval_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_interval(text)
