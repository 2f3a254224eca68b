"""Splits and dividends: read, kept, and applied as far as they are effective."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import CorporateAction
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.splits import effective
from hybrid_tui.errors import DataError
from hybrid_tui.market.actions import adjusted, as_traded, ex_instant, merge_actions
from hybrid_tui.market.actions_lean import read_lean_actions
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.store import BarStore
from tests.market.builders import OPEN, series

ROWS = "20260225,0.5,0.25,1\n20260302,0.5,0.25,120\n20260305,0.6,1,30\n20501231,1,1,0\n"


def action(minute: float, ratio: float = 1.0, amount: float = 0.0) -> CorporateAction:
    return CorporateAction(
        symbol="A", ex_at=OPEN + timedelta(minutes=minute), ratio=ratio, amount=amount
    )


def test_a_split_counts_from_its_instant_on() -> None:
    bars = series(minutes=range(4))
    split = action(2, ratio=4.0)
    assert adjusted(bars, [split], OPEN + timedelta(minutes=1)) is bars
    restated = adjusted(bars, [split], OPEN + timedelta(minutes=2))
    assert restated.close.tolist() == [25.0, 100.01 / 4, 100.02, 100.03]
    assert restated.volume.tolist() == [4000.0, 4000.0, 1000.0, 1000.0]


def test_dividends_count_only_where_asked_for() -> None:
    bars = series(minutes=range(4))
    paid = action(2, amount=10.001)
    now = OPEN + timedelta(hours=1)
    assert adjusted(bars, [paid], now) is bars
    restated = adjusted(bars, [paid], now, "all")
    assert restated.close.tolist() == pytest.approx([90.0, 90.009, 100.02, 100.03])
    assert restated.volume.tolist() == bars.volume.tolist()


@pytest.mark.parametrize("amount", [0.0, -1.0, 500.0])
def test_a_dividend_that_cannot_be_changes_nothing(amount: float) -> None:
    bars = series(minutes=range(4))
    assert adjusted(bars, [action(2, amount=amount)], OPEN + timedelta(days=1), "all") is bars


def test_a_days_bar_at_midnight_utc_is_of_its_own_day(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    head = "timestamp,open,high,low,close,volume\n"
    for offset in ("+00:00", "-05:00"):
        path = tmp_path / "A.csv"
        path.write_text(
            head
            + f"2026-03-03T00:00:00{offset},40,40,40,40,1\n"
            + f"2026-03-04T00:00:00{offset},10,10,10,10,4\n"
        )
        bars = read_bars([path], calendar=calendar).series["A"]
        split = CorporateAction(symbol="A", ex_at=ex_instant(date(2026, 3, 4)), ratio=4.0)
        assert adjusted(bars, [split], OPEN + timedelta(days=9)).close.tolist() == [10, 10]


@given(
    ratios=st.lists(st.sampled_from([0.1, 0.5, 1.5, 2.0, 4.0, 7.0]), max_size=4),
    minutes=st.lists(st.integers(1, 19), min_size=4, max_size=4, unique=True),
    now=st.integers(-5, 30),
)
def test_adjusting_and_undoing_it_gives_the_same_bars(
    ratios: list[float], minutes: list[int], now: int
) -> None:
    bars = series(minutes=range(20))
    splits = [action(m, ratio=r) for m, r in zip(minutes, ratios, strict=False)]
    at = OPEN + timedelta(minutes=now)
    there = adjusted(bars, splits, at)
    back = as_traded(there, splits, at)
    assert back.close == pytest.approx(bars.close)
    assert back.volume == pytest.approx(bars.volume)
    # What is not effective yet has left no trace.
    known = effective(splits, "A", at)
    assert adjusted(bars, known, at).close.tolist() == there.close.tolist()


def test_of_two_vendors_the_first_stays() -> None:
    midnight = CorporateAction(symbol="A", ex_at=ex_instant(date(2026, 3, 2)), ratio=4.0)
    opening = CorporateAction(symbol="A", ex_at=OPEN, ratio=4.0)
    paid = CorporateAction(symbol="A", ex_at=OPEN, amount=1.0)
    assert merge_actions([midnight], [opening, paid]) == [midnight, paid]


def test_lean_files_mean_splits_and_dividends(tmp_path: Path, calendar: TradingCalendar) -> None:
    (tmp_path / "factor_files").mkdir()
    (tmp_path / "map_files").mkdir()
    (tmp_path / "factor_files" / "new.csv").write_text(ROWS)
    (tmp_path / "map_files" / "new.csv").write_text("20200101,old\n20260304,old\n20501231,new\n")
    split, paid = read_lean_actions([tmp_path], calendar)
    assert (split.symbol, split.ratio) == ("OLD", 4.0)
    assert split.ex_at == datetime(2026, 3, 3, 5, 0, tzinfo=UTC)
    assert split.amount == pytest.approx(120 * (1 - 0.5 / 0.6))
    assert (paid.symbol, paid.ratio) == ("NEW", 1.0)
    assert paid.amount == pytest.approx(12.0)
    assert read_lean_actions([tmp_path / "factor_files" / "new.csv"], calendar) == [split, paid]


@pytest.mark.parametrize(
    ("text", "message"),
    [("20260225,0.5,0.25\n", "line 1"), ("x,1,1,1\n", "line 1"), ("20260225,0,1,1\n", "range")],
)
def test_a_bad_factor_file_is_named(
    text: str, message: str, tmp_path: Path, calendar: TradingCalendar
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"a\.csv.*{message}"):
        read_lean_actions([path], calendar)
    with pytest.raises(DataError, match="does not exist"):
        read_lean_actions([tmp_path / "b.csv"], calendar)


def test_the_store_gives_actions_with_raw_bars_only(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    store.add(series("A"), "none")
    store.add(series("B"), "splits")
    split = action(2, ratio=2.0)
    other = CorporateAction(symbol="B", ex_at=OPEN, ratio=2.0)
    assert store.add_actions([split, other]) == 2
    assert store.add_actions([split, action(3, amount=0.5)]) == 1
    loaded, actions = store.load_with_actions(["A", "B"])
    assert set(loaded) == {"A", "B"}
    assert loaded["A"].close.tolist() == series("A").close.tolist()
    assert actions == [split, action(3, amount=0.5)]
    assert [s.symbol for s in store.list()] == ["A", "B"]


def test_a_damaged_file_of_actions_is_named(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    store.add_actions([action(2, ratio=2.0)])
    (tmp_path / "actions" / "A.json").write_text('{"actions": [{"ex_at": "soon"}]}')
    with pytest.raises(DataError, match=r"A\.json is not a file of actions"):
        store.actions(["A"])


@pytest.mark.parametrize("folder", ["daily_lean", "bars_hour_lean"])
def test_real_adjusted_closes_agree_with_an_independent_series(
    folder: str, shared_data: Path, calendar: TradingCalendar
) -> None:
    raw = read_bars([shared_data / folder / "AAPL.csv.gz"], calendar=calendar).series["AAPL"]
    theirs_path = shared_data / "daily_stocknet" / "AAPL.csv.gz"
    theirs = np.genfromtxt(theirs_path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    actions = read_lean_actions([shared_data / "daily_lean"], calendar)
    now = datetime(2017, 9, 2, tzinfo=UTC)
    ours = adjusted(raw.known_by(int(now.timestamp())), actions, now, "all")
    session = np.searchsorted(calendar.close_seconds, ours.start, side="right")
    last = np.flatnonzero(np.diff(session, append=-1))
    closes = {
        calendar.sessions[index].day.isoformat(): close
        for index, close in zip(session[last], ours.close[last], strict=True)
    }
    pairs = [(closes[row["date"]], row["adj_close"]) for row in theirs if row["date"] in closes]
    assert len(pairs) == 1_258
    mine, reference = np.array(pairs).T
    bps = np.abs(mine / reference - 1) * 1e4
    assert np.median(bps) < 1.0
    assert bps.max() < 20.0
