"""Recorded bars come back in the order in which they were known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import BarSlice, CorporateAction
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.domain.ports import Feed, MarketUpdate
from hybrid_tui.errors import DataError
from hybrid_tui.market.recorded import RecordedMarket
from tests.market.builders import OPEN, headline, series

CLOSE = OPEN + timedelta(hours=6.5)
ONE_DAY = TradingCalendar([Session(day=OPEN.date(), open=OPEN, close=CLOSE)])


def minute(n: float) -> datetime:
    return OPEN + timedelta(minutes=n)


def played(feed: Feed, after: datetime) -> list[tuple[datetime, MarketUpdate]]:
    updates = []
    now = feed.upcoming(after)
    while now is not None:
        updates.append((now, feed.read(now)))
        now = feed.upcoming(now)
    return updates


def test_it_streams_bars_news_and_the_close() -> None:
    news = [headline(minute(1.5)), headline(minute(-600)), headline(minute(2000))]
    market = RecordedMarket(
        {"B": series("B", minutes=[1]), "A": series("A", minutes=[0, 1])}, news, calendar=ONE_DAY
    )
    updates = played(market, market.begins_at)
    assert [now for now, _ in updates] == [minute(1), minute(1.5), minute(2), CLOSE]
    assert [list(u.bars[0].bars) for _, u in updates if u.bars] == [["A"], ["A", "B"]]
    assert updates[1][1].news == (news[0],)
    assert [(q.symbol, q.bid, q.ask) for q in updates[2][1].quotes] == [
        ("A", 100.01, 100.01),
        ("B", 100.0, 100.0),
    ]
    assert updates[-1][1] == MarketUpdate()


def test_the_past_is_warm_up_and_the_end_is_excluded() -> None:
    market = RecordedMarket(
        {"A": series(minutes=range(10))},
        calendar=ONE_DAY,
        begins_at=minute(4),
        ends_at=minute(8),
    )
    assert market.warm_up(market.begins_at)["A"].start[-1] == minute(3).timestamp()
    starts = [bars.start for _, slices in market.slices() for bars in slices]
    assert starts == [minute(n) for n in (4, 5, 6, 7)]
    assert market.upcoming(minute(8)) is None


def test_several_starts_known_at_one_instant_are_in_order() -> None:
    half = series("A", minutes=[0, 30, 60], interval=3600)
    close = int(minute(60).timestamp())
    half.known_at[:] = np.minimum(half.known_at, close + 1800)
    calendar = TradingCalendar([Session(day=OPEN.date(), open=OPEN, close=minute(90))])
    market = RecordedMarket({"A": half}, calendar=calendar)
    last = list(market.slices())[-1]
    assert last[0] == minute(90)
    assert [bars.start for bars in last[1]] == [minute(30), minute(60)]
    assert market.read(minute(90)).bars == last[1]
    assert [quote.bid for quote in market.read(minute(90)).quotes] == [100.02]


@given(
    a=st.sets(st.integers(0, 380), min_size=1, max_size=40),
    b=st.sets(st.integers(0, 380), min_size=1, max_size=40),
    begin=st.integers(0, 389),
)
def test_reading_and_slicing_agree_and_nothing_is_lost(
    a: set[int], b: set[int], begin: int
) -> None:
    recorded = {"A": series("A", minutes=sorted(a)), "B": series("B", minutes=sorted(b))}
    market = RecordedMarket(recorded, calendar=ONE_DAY, begins_at=minute(begin))
    read = [(now, u.bars) for now, u in played(market, market.begins_at) if u.bars]
    assert read == list(market.slices())
    streamed = [(at, s) for at, slices in read for s in slices]
    assert all(s.known_at == at for at, s in streamed)
    warm = market.warm_up(market.begins_at)
    for symbol, minutes in (("A", a), ("B", b)):
        closes = [s.bars[symbol].close for _, s in streamed if symbol in s.bars]
        assert warm[symbol].close.tolist() + closes == recorded[symbol].close.tolist()
        assert len(warm[symbol]) == sum(1 for n in minutes if n + 1 <= begin)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = {name: series(name, minutes=range(200)) for name in ("A", "B", "C")}
    market = RecordedMarket(recorded, calendar=ONE_DAY)
    whole: list[tuple[datetime, tuple[BarSlice, ...]]] = list(market.slices())
    monkeypatch.setattr("hybrid_tui.market.recorded.CHUNK_ROWS", 7)
    assert list(market.slices()) == whole
    assert len(whole) == 200


def test_actions_come_at_their_instant_and_restate_the_warm_up() -> None:
    split = CorporateAction(symbol="A", ex_at=minute(5), ratio=2.0)
    market = RecordedMarket({"A": series()}, calendar=ONE_DAY, actions=[split])
    assert market.read(minute(5)).actions == (split,)
    assert market.warm_up(minute(4))["A"].close[0] == 100.0
    assert market.warm_up(minute(7))["A"].close.tolist()[4:6] == [100.04 / 2, 100.05]


def test_earlier_news_is_that_of_three_days() -> None:
    news = [headline(minute(-60 * h)) for h in (0, 1, 71, 73)]
    market = RecordedMarket({"A": series()}, news, calendar=ONE_DAY)
    assert list(market.earlier_news(OPEN)) == [news[2], news[1], news[0]]


def test_one_interval_is_needed() -> None:
    with pytest.raises(DataError, match="60 s, 300 s"):
        RecordedMarket({"A": series(), "B": series("B", interval=300)}, calendar=ONE_DAY)
    with pytest.raises(DataError, match="there are: none"):
        RecordedMarket({}, calendar=ONE_DAY)


def test_an_instant_without_data_reads_empty() -> None:
    market = RecordedMarket({"A": series()}, calendar=ONE_DAY)
    assert market.read(datetime(2026, 3, 2, 14, 31, 0, 5, tzinfo=UTC)) == MarketUpdate()
