"""The simulated market: the same however it is entered, and with the edge that was planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.ports import Feed, MarketUpdate
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.market.sim_headlines import (
    MILD_NEGATIVE,
    MILD_POSITIVE,
    STRONG_NEGATIVE,
    STRONG_POSITIVE,
)
from hybrid_tui.market.sim_profiles import SimulatedConfig, profile_of
from hybrid_tui.market.simulated import SimulatedMarket

FEW = SimulatedConfig(symbols=("AAPL", "NVDA", "SPY", "XOM"))


@pytest.fixture(scope="module")
def few(calendar: TradingCalendar) -> SimulatedMarket:
    return SimulatedMarket(FEW, calendar)


def stream(feed: Feed, after: datetime, until: datetime) -> list[tuple[datetime, MarketUpdate]]:
    updates = []
    now = feed.upcoming(after)
    while now is not None and now <= until:
        updates.append((now, feed.read(now)))
        now = feed.upcoming(now)
    return updates


def test_it_opens_five_minutes_before_the_session(few: SimulatedMarket) -> None:
    assert few.begins_at == datetime(2026, 1, 5, 14, 25, tzinfo=UTC)
    first = few.upcoming(few.begins_at)
    assert first == few.begins_at + timedelta(seconds=1)
    (item,) = few.read(first).news
    assert item.symbols == ("SPY",)


def test_a_session_has_a_quote_every_five_seconds_and_a_bar_every_minute(
    few: SimulatedMarket, calendar: TradingCalendar
) -> None:
    session = calendar.session_at(datetime(2026, 1, 5, 15, tzinfo=UTC))
    assert session is not None
    updates = stream(few, session.open - timedelta(seconds=1), session.close)
    quoted = [now for now, update in updates if update.quotes]
    assert quoted[0] == session.open
    assert len(quoted) == 390 * 12
    assert {b - a for a, b in pairwise(quoted)} == {timedelta(seconds=5)}
    bars = [(now, update.bars[0]) for now, update in updates if update.bars]
    assert len(bars) == 390
    assert bars[-1][0] == session.close
    assert all(s.known_at == now == s.start + timedelta(minutes=1) for now, s in bars)


def test_bars_are_made_of_the_prints_between(few: SimulatedMarket) -> None:
    start = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    prints: dict[str, list[float]] = {symbol: [] for symbol in few.symbols}
    for _, update in stream(few, start - timedelta(seconds=1), start + timedelta(minutes=30)):
        for slice_ in update.bars:
            for symbol, bar in slice_.bars.items():
                seen = prints[symbol]
                assert bar.open == pytest.approx(seen[0])
                assert bar.high == pytest.approx(max(seen))
                assert bar.low == pytest.approx(min(seen))
                assert bar.close == pytest.approx(seen[-1])
                assert bar.volume > 0
                seen.clear()
        for quote in update.quotes:
            assert 0 < quote.bid < quote.ask
            prints[quote.symbol].append(quote.mid)


def test_a_half_day_ends_at_one_and_the_night_is_silent(calendar: TradingCalendar) -> None:
    market = SimulatedMarket(replace(FEW, start_day=date(2025, 11, 28)), calendar)
    close = datetime(2025, 11, 28, 13, tzinfo=NEW_YORK).astimezone(UTC)
    assert market.read(close).bars
    following = market.upcoming(close)
    assert following == datetime(2025, 12, 1, 9, 25, 1, tzinfo=NEW_YORK).astimezone(UTC)


@settings(max_examples=15, deadline=None)
@given(offset=st.integers(0, 3 * 24 * 3600))
def test_resuming_anywhere_gives_the_same_market(
    offset: int, few: SimulatedMarket, calendar: TradingCalendar
) -> None:
    again = SimulatedMarket(FEW, calendar)
    instant = few.begins_at + timedelta(seconds=offset)
    assert again.upcoming(instant) == few.upcoming(instant)
    until = instant + timedelta(minutes=2)
    assert stream(again, instant, until) == stream(few, instant, until)


def test_warm_up_is_the_past_that_was_streamed(few: SimulatedMarket) -> None:
    now = few.begins_at + timedelta(hours=3, seconds=17)
    series = few.warm_up(now)
    streamed = [s for _, update in stream(few, few.begins_at, now) for s in update.bars]
    for symbol in few.symbols:
        bars = series[symbol]
        assert len(bars) >= 2_000
        assert bars.known_at[-1] <= now.timestamp() < bars.known_at[-1] + 60
        closes = [s.bars[symbol].close for s in streamed]
        assert bars.close[-len(closes) :].tolist() == closes
        assert (np.diff(bars.start) > 0).all()
    assert few.warm_up(few.begins_at)["SPY"].known_at[-1] < few.begins_at.timestamp()


def test_earlier_news_is_that_of_three_days(few: SimulatedMarket) -> None:
    monday_noon = datetime(2026, 1, 12, 17, tzinfo=UTC)
    earlier = few.earlier_news(monday_noon)
    streamed = stream(few, monday_noon - timedelta(days=3, microseconds=1), monday_noon)
    assert list(earlier) == [item for _, update in streamed for item in update.news]
    assert earlier[0].received_at.day == 9


def test_seeds_differ_and_a_seed_does_not(calendar: TradingCalendar) -> None:
    day = date(2026, 1, 5)
    first, news = SimulatedMarket(FEW, calendar).history(day, 1)
    same, same_news = SimulatedMarket(FEW, calendar).history(day, 1)
    other, _ = SimulatedMarket(replace(FEW, seed=8), calendar).history(day, 1)
    assert np.array_equal(first["AAPL"].close, same["AAPL"].close)
    assert news == same_news
    assert not np.array_equal(first["AAPL"].close, other["AAPL"].close)


def test_headlines_have_unique_ids_in_order_around_the_session(
    few: SimulatedMarket, calendar: TradingCalendar
) -> None:
    _, news = few.history(date(2026, 1, 5), 10)
    assert len({item.id for item in news}) == len(news) > 100
    assert [item.received_at for item in news] == sorted(item.received_at for item in news)
    for item in news:
        clock = item.received_at.astimezone(NEW_YORK).time()
        assert time(9, 25) <= clock < time(16)


def tone_of(item: NewsItem) -> int:
    """Read the tone back from the template."""
    name = profile_of(item.symbols[0]).name
    texts = {t.format(name=name): 1 for t in STRONG_POSITIVE + MILD_POSITIVE}
    texts |= {t.format(name=name): -1 for t in STRONG_NEGATIVE + MILD_NEGATIVE}
    return texts.get(item.headline, 0)


def outcomes(series: dict[str, BarSeries], news: list[NewsItem], tone: int) -> list[float]:
    """The next hour's return after each headline of a tone that leaves an hour to the close."""
    returns = []
    for item in news:
        bars = series[item.symbols[0]]
        first = int(np.searchsorted(bars.start, item.received_at.timestamp())) + 1
        if tone_of(item) == tone and first + 60 < len(bars):
            later = first + 60
            if bars.start[later] - bars.start[first] == 3600:
                returns.append(float(bars.close[later] / bars.open[first] - 1))
    return returns


def test_the_planted_edge_lifts_the_hour_after_good_news(calendar: TradingCalendar) -> None:
    config = SimulatedConfig(symbols=("AAPL", "CRM", "INTC", "META", "UNH", "XOM"))
    series, news = SimulatedMarket(config, calendar).history(date(2025, 9, 2), 60)
    up = np.array(outcomes(series, news, 1)) > 2e-4
    down = np.array(outcomes(series, news, -1)) > 2e-4
    assert len(up) > 250
    assert 0.72 < up.mean() < 0.92
    assert 0.08 < down.mean() < 0.30


def test_without_an_edge_tone_tells_nothing(calendar: TradingCalendar) -> None:
    config = SimulatedConfig(symbols=("AAPL", "CRM", "INTC", "META", "UNH", "XOM"), edge=0)
    series, news = SimulatedMarket(config, calendar).history(date(2025, 9, 2), 60)
    good, bad = outcomes(series, news, 1), outcomes(series, news, -1)
    error = np.sqrt(np.var(good) / len(good) + np.var(bad) / len(bad))
    assert abs(np.mean(good) - np.mean(bad)) < 3.5 * error


def test_volatility_is_that_of_shares_and_busier_at_both_ends(few: SimulatedMarket) -> None:
    series, _ = few.history(date(2025, 6, 2), 60)
    for symbol in few.symbols:
        bars = series[symbol]
        step = np.diff(np.log(bars.close))[np.diff(bars.start) == 60]
        annual = step.std() * np.sqrt(390 * 252)
        assert 0.6 < annual / profile_of(symbol).volatility < 1.7
        volume = bars.volume.reshape(-1, 390).mean(axis=0) if len(bars) == 390 * 60 else None
        if volume is not None:
            assert volume[:30].mean() > 1.5 * volume[150:240].mean()
            assert volume[-15:].mean() > 1.2 * volume[150:240].mean()


def test_an_unknown_ticker_trades_too(calendar: TradingCalendar) -> None:
    market = SimulatedMarket(SimulatedConfig(symbols=("ZZZQ",)), calendar)
    assert len(market.warm_up(market.begins_at)["ZZZQ"]) >= 2_000


def test_days_without_a_market_are_refused(calendar: TradingCalendar) -> None:
    with pytest.raises(DataError, match="not a trading day"):
        SimulatedMarket(replace(FEW, start_day=date(2026, 1, 4)), calendar)
    with pytest.raises(DataError, match="begins on 2025-01-02"):
        SimulatedMarket(replace(FEW, start_day=date(2024, 12, 2)), calendar)
    with pytest.raises(ConfigError):
        SimulatedConfig(symbols=())
