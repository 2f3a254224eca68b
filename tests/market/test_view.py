"""What is known, and that nothing else can be seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import Bar, BarSlice, CorporateAction
from hybrid_tui.errors import DataError, LookAheadError
from hybrid_tui.market.view import FIRST_CAPACITY, KnownMarket
from tests.market.builders import OPEN, headline, series


def minute(n: float) -> datetime:
    return OPEN + timedelta(minutes=n)


def bar_slice(n: int, price: float = 100.0, symbol: str = "A") -> BarSlice:
    bar = Bar(price, price, price, price, 1000.0)
    return BarSlice(start=minute(n), known_at=minute(n + 1), bars={symbol: bar})


@pytest.fixture
def market() -> KnownMarket:
    return KnownMarket(("A", "B"), 60, "test")


@given(
    gaps=st.lists(st.integers(1, 4), min_size=1, max_size=60),
    warmed=st.integers(0, 60),
    asked=st.floats(-5, 250, allow_nan=False),
)
def test_a_view_shows_exactly_the_bars_that_ended_by_its_instant(
    gaps: list[int], warmed: int, asked: float
) -> None:
    market = KnownMarket(("A",), 60, "test")
    minutes = np.cumsum(gaps).tolist()
    market.warm(series(minutes=minutes[:warmed]))
    for n in minutes[warmed:]:
        market.append(bar_slice(n))
    now = minute(asked)
    shown = market.view(now).bars("A")
    expected = [int(minute(n).timestamp()) for n in minutes if minute(n + 1) <= now]
    assert (shown.start.tolist() if shown is not None else []) == expected
    if shown is not None:
        assert shown.known_at[-1] <= now.timestamp()


@given(
    seconds=st.lists(st.integers(0, 10_000), max_size=40),
    since=st.integers(-10, 10_010),
    now=st.integers(-10, 10_010),
)
def test_a_view_shows_exactly_the_headlines_received_by_its_instant(
    seconds: list[int], since: int, now: int
) -> None:
    market = KnownMarket(("A",), 60, "test")
    for second in seconds:
        market.add_news(headline(OPEN + timedelta(seconds=second)))
    view = market.view(OPEN + timedelta(seconds=now))
    if since > now:
        with pytest.raises(LookAheadError):
            view.news(OPEN + timedelta(seconds=since))
        return
    shown = view.news(OPEN + timedelta(seconds=since))
    expected = sorted(second for second in seconds if since <= second <= now)
    assert [int((i.received_at - OPEN).total_seconds()) for i in shown] == expected


def test_asking_for_later_is_an_error(market: KnownMarket) -> None:
    market.warm(series())
    view = market.view(minute(5))
    assert len(view.bars("A", until=minute(3)) or ()) == 3
    with pytest.raises(LookAheadError):
        view.bars("A", until=minute(5) + timedelta(microseconds=1))
    with pytest.raises(LookAheadError):
        view.news(minute(0), until=minute(6))


def test_what_comes_later_does_not_change_a_view(market: KnownMarket) -> None:
    market.warm(series(minutes=range(FIRST_CAPACITY)))
    view = market.view(minute(FIRST_CAPACITY))
    before = view.bars("A")
    assert before is not None
    market.append(bar_slice(FIRST_CAPACITY, 7.0))
    after = view.bars("A")
    assert after is not None
    assert len(after) == len(before) == FIRST_CAPACITY
    assert np.array_equal(after.close, before.close)


def test_bars_are_given_without_copying(market: KnownMarket) -> None:
    market.warm(series())
    view = market.view(minute(60))
    first, second = view.bars("A"), view.bars("A")
    assert first is not None
    assert second is not None
    assert np.shares_memory(first.close, second.close)
    assert first.close.flags.c_contiguous


def test_a_split_restates_the_past_and_spares_views_given_before(market: KnownMarket) -> None:
    market.warm(series(close=100.0, minutes=[0, 1]))
    held = market.view(minute(2)).bars("A")
    market.adjust(CorporateAction(symbol="A", ex_at=minute(2), ratio=4.0))
    market.append(bar_slice(2, 25.0))
    bars = market.view(minute(3)).bars("A")
    assert bars is not None
    assert held is not None
    assert bars.close.tolist() == [25.0, 100.01 / 4, 25.0]
    assert bars.volume.tolist() == [4000.0, 4000.0, 1000.0]
    assert held.close.tolist() == [100.0, 100.01]


def test_a_dividend_leaves_prices_alone(market: KnownMarket) -> None:
    market.warm(series())
    market.adjust(CorporateAction(symbol="A", ex_at=minute(20), amount=0.5))
    bars = market.view(minute(30)).bars("A")
    assert bars is not None
    assert bars.close.tolist() == series().close.tolist()


def test_a_symbol_without_bars_has_none(market: KnownMarket) -> None:
    market.warm(series("A"))
    view = market.view(minute(0))
    assert view.bars("A") is None
    assert view.bars("B") is None


def test_a_bar_out_of_order_is_refused(market: KnownMarket) -> None:
    market.warm(series())
    with pytest.raises(DataError, match="A: a bar of 2026-03-02T14:33:00"):
        market.append(bar_slice(3))
    with pytest.raises(DataError):
        market.warm(series(minutes=[9, 10]))


def test_the_instant_of_a_view_is_its_own() -> None:
    now = datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert KnownMarket((), 60, "test").view(now).now == now
