"""Bars outside of memory: the same bars, counted as memory only while they are looked at."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hybrid_tui.cli import app
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.errors import DataError
from hybrid_tui.market.paging import COLUMNS, MOST_IN_MEMORY, paged, sharing_times
from hybrid_tui.market.store import BarStore
from tests.bench.backtest.market import market
from tests.market.builders import series

MINUTES = 250_000


def columns_of(bars: BarSeries) -> list[list[float]]:
    return [getattr(bars, name).tolist() for name in COLUMNS]


def test_paged_bars_are_the_bars_and_share_the_times_that_they_share(tmp_path: Path) -> None:
    given = [
        replace(series("A"), feeds=((1, "x"), (2, "test"))),
        series("B", close=50.0),
        series("C", minutes=range(3, 2_000, 2)),
        series("D", minutes=range(3, 2_000, 2)),
        series("E"),
    ]
    found = paged(iter(given), tmp_path)
    assert list(found) == list("ABCDE")
    for bars in given:
        other = found[bars.symbol]
        assert columns_of(other) == columns_of(bars)
        assert (other.interval, other.feed, other.feeds) == (bars.interval, bars.feed, bars.feeds)
        other.release()
        assert columns_of(other.slice(1, 5)) == columns_of(bars.slice(1, 5))
    assert found["A"].start is found["B"].start
    assert found["C"].known_at is found["D"].known_at
    assert list(tmp_path.iterdir()) == []
    assert paged([], tmp_path) == {}


def test_times_are_shared_only_where_all_of_them_agree() -> None:
    early = replace(series("B"), known_at=series("B").known_at - 1)
    one, two, three = sharing_times([series("A"), early, series("C", minutes=range(9))])
    assert one.start is not two.start
    assert two.known_at.tolist() == early.known_at.tolist()
    assert len(three) == 9


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
def test_what_was_released_does_not_count_as_memory(tmp_path: Path) -> None:
    def resident() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))

    found = paged((series(name, minutes=range(MINUTES)) for name in "AB"), tmp_path)
    size = MINUTES * 5 * 8 // 1024
    before = resident()
    for bars in found.values():
        assert np.isfinite([getattr(bars, name).sum() for name in COLUMNS]).all()
    read = resident()
    assert read - before > 2 * size
    found["A"].release()
    assert read - resident() > 0.9 * size
    pages = found["B"].pages
    assert pages is not None
    pages.release_all()
    assert resident() - before < 0.1 * size


def test_a_disk_without_room_is_an_error_that_says_where(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        with pytest.raises(DataError, match=f"{tmp_path}: there is no room") as failed:
            paged([series(minutes=range(5_000))], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["one grid", "holes"])
def stored(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """A store of bars, of which each symbol misses others where there are holes."""
    from hybrid_tui.commands.context import CliState

    rng = np.random.default_rng(3)
    kept = BarStore(home / "bars")
    for bars in market(CliState().calendar(), 4, 3_000).values():
        some = rng.random(len(bars)) > 0.05 if request.param == "holes" else np.full(3_000, True)
        kept.add(replace(bars, **{name: getattr(bars, name)[some] for name in COLUMNS}))
    return monkeypatch


@pytest.mark.parametrize("more", [(), ("--set", "broker.participation=0.0001")])
def test_a_backtest_over_paged_bars_prints_the_same(
    stored: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    """By the lean loop, and, with capped fills, by the engine that skips."""
    words = ["backtest", "--data", "store", "--start", "2024-01-04", "--equity", "bars", "--json"]
    texts = []
    for most in (MOST_IN_MEMORY, 0):
        stored.setattr("hybrid_tui.market.store.MOST_IN_MEMORY", most)
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == 0, done.stderr
        document = json.loads(done.stdout)
        assert len(document["trades"]) > 10
        document["summary"].pop("seconds")
        texts.append(json.dumps(document))
    assert texts[0] == texts[1]
