"""The live feed: what is put in from any thread comes out once, in order, and never early."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import (
    Bar,
    BarSeries,
    BarSlice,
    CorporateAction,
    NewsItem,
    Quote,
)
from hybrid_tui.domain.ports import Feed, MarketUpdate
from hybrid_tui.market.live import LiveFeed
from hybrid_tui.market.view import KnownMarket

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def bar(close: float) -> Bar:
    return Bar(close, close + 1, close - 1, close, 100.0)


def minute(index: int, **closes: float) -> BarSlice:
    start = OPEN + index * MINUTE
    return BarSlice(
        start=start, known_at=start + MINUTE, bars={s: bar(c) for s, c in closes.items()}
    )


def update(*slices: BarSlice) -> MarketUpdate:
    return MarketUpdate(bars=slices)


def series(symbol: str, count: int) -> BarSeries:
    start = int(OPEN.timestamp()) + 60 * np.arange(count, dtype=np.int64)
    close = np.arange(100.0, 100.0 + count, dtype=np.float64)
    return BarSeries(
        symbol=symbol,
        interval=60,
        feed="iex",
        start=start,
        known_at=start + 60,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.full(count, 100.0),
    )


def headline(key: str, at: datetime, text: str = "News") -> NewsItem:
    return NewsItem(id=key, received_at=at, symbols=("A",), headline=text)


def closes(read: MarketUpdate) -> list[tuple[str, float]]:
    return [(s, one.close) for bars in read.bars for s, one in bars.bars.items()]


def test_it_is_a_feed() -> None:
    feed: Feed = LiveFeed(("A",), 60)
    assert (feed.symbols, feed.interval) == (("A",), 60)
    assert feed.read(OPEN) == MarketUpdate()


def test_the_next_instant_is_a_boundary_or_a_bar_that_becomes_known() -> None:
    feed = LiveFeed(("A",), 60)
    assert feed.upcoming(OPEN) == OPEN + 5 * SECOND
    assert feed.upcoming(OPEN + timedelta(seconds=7.25)) == OPEN + 10 * SECOND
    early = BarSlice(start=OPEN, known_at=OPEN + 8 * SECOND, bars={"A": bar(1.5)})
    feed.put(update(early))
    assert feed.upcoming(OPEN + 7 * SECOND) == OPEN + 8 * SECOND
    assert feed.upcoming(OPEN + 8 * SECOND) == OPEN + 10 * SECOND


def test_bars_come_out_when_they_are_known_once_and_in_order() -> None:
    feed = LiveFeed(("A", "B"), 60)
    feed.put(update(minute(1, A=2.0), minute(0, A=1.0)))
    feed.put(update(minute(0, B=5.0, C=9.0), minute(0, A=7.0)))
    assert feed.read(OPEN + MINUTE - SECOND).bars == ()
    read = feed.read(OPEN + 2 * MINUTE)
    assert read.bars == (minute(0, A=1.0, B=5.0), minute(1, A=2.0))
    feed.put(update(minute(0, A=1.0), minute(1, A=2.0, B=6.0), minute(2, A=3.0)))
    assert closes(feed.read(OPEN + 3 * MINUTE)) == [("B", 6.0), ("A", 3.0)]
    assert feed.late_bars == 2


def test_a_bar_that_comes_after_a_later_one_was_read_stays_out() -> None:
    feed = LiveFeed(("A",), 60)
    feed.put(update(minute(3, A=4.0)))
    assert closes(feed.read(OPEN + 5 * MINUTE)) == [("A", 4.0)]
    feed.put(update(minute(2, A=3.0)))
    assert closes(feed.read(OPEN + 5 * MINUTE)) == []
    assert feed.late_bars == 1


def test_a_bar_of_two_ends_comes_out_once() -> None:
    feed = LiveFeed(("A",), 60)
    feed.put(update(minute(0, A=1.5)))
    feed.put(update(BarSlice(start=OPEN, known_at=OPEN + 2 * MINUTE, bars={"A": bar(2.5)})))
    assert closes(feed.read(OPEN + 5 * MINUTE)) == [("A", 1.5)]


def test_the_past_is_given_as_it_was_known_and_the_rest_is_read() -> None:
    feed = LiveFeed(("A",), 60, history={"A": series("A", 5), "B": series("B", 5)})
    past = feed.warm_up(OPEN + 3 * MINUTE)
    assert list(past) == ["A"]
    assert past["A"].close.tolist() == [100.0, 101.0, 102.0]
    feed.put(update(minute(2, A=1.0), minute(3, A=1.0), minute(5, A=105.0)))
    assert closes(feed.read(OPEN + 9 * MINUTE)) == [("A", 103.0), ("A", 104.0), ("A", 105.0)]
    assert feed.late_bars == 1


def test_the_last_quote_of_each_symbol_comes_out_and_has_an_age() -> None:
    feed = LiveFeed(("A", "B"), 60)
    assert feed.quote_age("A", OPEN) is None

    def quote(symbol: str, seconds: float, bid: float) -> Quote:
        at = OPEN + timedelta(seconds=seconds)
        return Quote(symbol=symbol, bid=bid, ask=bid + 1, at=at)

    feed.put(MarketUpdate(quotes=(quote("A", 2, 11), quote("A", 1, 10), quote("B", 3, 20))))
    feed.put(MarketUpdate(quotes=(quote("A", 6, 12), quote("C", 1, 1))))
    assert feed.quote_age("A", OPEN) is None
    read = feed.read(OPEN + 5 * SECOND).quotes
    assert [(q.symbol, q.bid) for q in read] == [("A", 11), ("B", 20)]
    assert feed.quote_age("A", OPEN + 5 * SECOND) == 3.0
    feed.put(MarketUpdate(quotes=(quote("B", 2.5, 19),)))
    assert [(q.symbol, q.bid) for q in feed.read(OPEN + 10 * SECOND).quotes] == [("A", 12)]
    assert feed.quote_age("B", OPEN + 10 * SECOND) == 7.0
    feed.put(MarketUpdate(quotes=(quote("A", 11, 13), quote("A", 11, 14))))
    assert [q.bid for q in feed.read(OPEN + 15 * SECOND).quotes] == [14]


def test_headlines_keep_their_first_text_and_come_once() -> None:
    past = [headline("1", OPEN - timedelta(days=4)), headline("2", OPEN), headline("2", OPEN)]
    feed = LiveFeed(("A",), 60, news=[*past, headline("3", OPEN + MINUTE)])
    assert [item.id for item in feed.earlier_news(OPEN)] == ["2"]
    feed.put(MarketUpdate(news=(headline("2", OPEN + SECOND), headline("5", OPEN + 2 * MINUTE))))
    feed.put(MarketUpdate(news=(headline("4", OPEN + SECOND, "First"),)))
    feed.put(MarketUpdate(news=(headline("4", OPEN + SECOND, "Second"),)))
    read = feed.read(OPEN + MINUTE).news
    assert [(item.id, item.headline) for item in read] == [("4", "First"), ("3", "News")]
    assert [item.id for item in feed.read(OPEN + 2 * MINUTE).news] == ["5"]


def test_actions_take_effect_once() -> None:
    feed = LiveFeed(("A",), 60)
    split = CorporateAction(symbol="A", ex_at=OPEN, ratio=2.0)
    other = CorporateAction(symbol="B", ex_at=OPEN, ratio=2.0)
    feed.put(MarketUpdate(actions=(split, split, other)))
    assert feed.read(OPEN - SECOND).actions == ()
    assert feed.read(OPEN).actions == (split,)
    feed.put(MarketUpdate(actions=(split,)))
    assert feed.read(OPEN + SECOND).actions == ()


def test_halts_are_of_the_feeds_symbols() -> None:
    feed = LiveFeed(("A",), 60)
    for symbol in ("A", "B"):
        feed.halts.note(symbol, "trading is halted: LULD")
    assert feed.halts == {"A": "trading is halted: LULD"}
    feed.halts.note("A", None)
    assert feed.halts == {}


def test_what_closes_the_market_halts_every_symbol_until_it_is_over() -> None:
    halts = LiveFeed(("A", "B"), 60).halts
    halts.note_market("clock", "the broker's clock says that the market is closed")
    halts.note("B", "trading is halted: LULD")
    assert halts == {
        "A": "the broker's clock says that the market is closed",
        "B": "trading is halted: LULD",
    }
    halts.note_market("stream", "no stream")
    halts.note_market("clock", None)
    assert halts == {"A": "no stream", "B": "trading is halted: LULD"}
    halts.note_market("stream", None)
    assert halts == {"B": "trading is halted: LULD"}


def test_threads_may_put_while_another_reads() -> None:
    symbols = ("A", "B", "C", "D")
    feed = LiveFeed(symbols, 60)
    read: list[tuple[str, float]] = []

    def put(symbol: str) -> None:
        for i in range(300):
            feed.put(update(minute(i, **{symbol: float(i + 2)})))
            feed.put(MarketUpdate(quotes=(Quote(symbol=symbol, bid=i + 1, ask=i + 2, at=OPEN),)))

    threads = [threading.Thread(target=put, args=(symbol,)) for symbol in symbols]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        read += closes(feed.read(OPEN + 400 * MINUTE))
    for thread in threads:
        thread.join()
    read += closes(feed.read(OPEN + 400 * MINUTE))
    for symbol in symbols:
        assert [c for s, c in read if s == symbol] == [float(i + 2) for i in range(300)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from(["A", "B"]),
            st.integers(2, 9),
            st.integers(0, 3),
        ),
        max_size=40,
    )
)
def test_whatever_comes_the_market_takes_what_is_read(
    events: list[tuple[int, str, int, int]],
) -> None:
    """Bars in any order, with repeats: read in time, none early, and each follows its last."""
    feed = LiveFeed(("A", "B"), 60)
    market = KnownMarket(("A", "B"), 60, "iex")
    now = OPEN
    put: set[tuple[str, datetime]] = set()
    for index, symbol, close, wait in events:
        feed.put(update(minute(index, **{symbol: float(close)})))
        put.add((symbol, OPEN + index * MINUTE))
        for _ in range(wait):
            before, now = now, feed.upcoming(now)
            assert before < now <= before + 5 * SECOND
            now += 40 * SECOND
            for one in feed.read(now).bars:
                assert one.known_at <= now
                assert {(s, one.start) for s in one.bars} <= put
                market.append(one)
    for one in feed.read(OPEN + 60 * MINUTE).bars:
        market.append(one)
    view = market.view(OPEN + 60 * MINUTE)
    got = sum(len(bars) for s in ("A", "B") if (bars := view.bars(s)) is not None)
    late = len(put) - got
    assert late <= feed.late_bars
    assert feed.read(OPEN + 99 * MINUTE) == MarketUpdate()
