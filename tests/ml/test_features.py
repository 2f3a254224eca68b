from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.features import (
    FEATURE_NAMES,
    INDEX_LOOKBACK,
    LOOKBACK,
    WARM_UP,
    WINDOW,
    Windows,
    compute,
    gather,
    join,
)
from hybrid_tui.ml.sentiment import SentimentEvents, sentiment_events
from hybrid_tui.ml.ticks import Ticks, eligibility, session_ticks, sessions_between
from tests.ml.builders import headline, instant, random_walk

COLUMN = {name: number for number, name in enumerate(FEATURE_NAMES)}


def ticks_of(series: BarSeries, calendar: TradingCalendar) -> Ticks:
    ticks = session_ticks(
        sessions_between(calendar, int(series.start[0]), int(series.known_at[-1]))
    )
    return ticks.take(eligibility(series, ticks).is_ready)


def windows_of(
    series: BarSeries,
    ticks: Ticks,
    calendar: TradingCalendar,
    index: BarSeries | None = None,
    events: SentimentEvents | None = None,
) -> Windows:
    ends = eligibility(series, ticks).ends
    return compute(
        gather(
            series,
            ends,
            ticks.at,
            ticks.session_close,
            calendar=calendar,
            index=index,
            sentiment=events,
        )
    )


def same_bits(one: Windows, row: int, other: Windows, other_row: int = 0) -> bool:
    return all(
        np.array_equal(getattr(one, name)[row], getattr(other, name)[other_row])
        for name in ("values", "sigma", "horizon_minutes", "summary")
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), gaps=st.sampled_from([0.0, 0.1, 0.5]), data=st.data())
def test_a_live_window_has_the_bits_of_the_batch(
    calendar: TradingCalendar, seed: int, gaps: float, data: st.DataObject
) -> None:
    series = random_walk(calendar, seed=seed, gaps=gaps, sessions=4)
    index = random_walk(calendar, "SPY", seed=seed, sessions=4)
    events = sentiment_events([headline(instant("2026-02-04T15:07:30"))], {"n1": 0.7})["NVDA"]
    ticks = ticks_of(series, calendar)
    batch = windows_of(series, ticks, calendar, index, events)
    row = data.draw(st.integers(0, len(ticks) - 1))
    at = int(ticks.at[row])
    known, known_index = series.known_by(at), index.known_by(at)
    live = windows_of(
        known.slice(len(known) - LOOKBACK, len(known)),
        ticks.take(np.array([row])),
        calendar,
        known_index.slice(max(0, len(known_index) - INDEX_LOOKBACK), len(known_index)),
        events,
    )
    assert same_bits(batch, row, live)


def test_volume_is_normalised_within_its_feed(calendar: TradingCalendar) -> None:
    # From one bar on another feed reports fifty times the volume: nothing of it must show.
    whole = random_walk(calendar, sessions=3)
    cut = 500
    seam = int(whole.start[cut])
    volume = whole.volume + 1e6
    jumped = np.where(np.arange(len(whole)) >= cut, 50 * volume, volume)
    named = replace(
        whole,
        volume=jumped,
        feed="sip",
        feeds=((int(whole.start[0]), "iex"), (seam, "sip")),
    )
    ticks = ticks_of(whole, calendar)
    plain = windows_of(replace(whole, volume=volume), ticks, calendar)
    told = windows_of(named, ticks, calendar)
    untold = windows_of(replace(named, feeds=()), ticks, calendar)
    ends = eligibility(whole, ticks).ends
    crosses = (ends > cut) & (ends - LOOKBACK < cut)
    assert crosses.sum() >= 40
    column = COLUMN["volume"]
    level = np.abs(plain.values[crosses][:, :, column]).max()
    assert np.abs(told.values[crosses][:, :, column]).max() < 3 * level
    assert np.abs(untold.values[crosses][:, :, column]).max() > 20 * level
    # Windows of one feed have the very bits that they had without a word about feeds.
    for row in np.flatnonzero(~crosses).tolist():
        assert same_bits(told, row, untold, row)
    # And each is the same alone, with another numbering of the feeds, as live.
    for row in np.flatnonzero(crosses).tolist()[::7]:
        known = named.known_by(int(ticks.at[row]))
        live = known.slice(len(known) - LOOKBACK, len(known))
        live = replace(live, feeds=((0, "x"), *named.feeds))
        assert same_bits(told, row, windows_of(live, ticks.take(np.array([row])), calendar))


def test_joining_symbols_changes_no_bit(calendar: TradingCalendar) -> None:
    one, two = random_walk(calendar, "AAA"), random_walk(calendar, "BBB", gaps=0.2)
    parts = []
    for series in (one, two):
        ticks = ticks_of(series, calendar)
        ends = eligibility(series, ticks).ends
        parts.append(gather(series, ends, ticks.at, ticks.session_close, calendar=calendar))
    together, alone = compute(join(parts)), compute(parts[1])
    first = parts[0].close.shape[1]
    assert all(same_bits(together, first + row, alone, row) for row in range(len(alone)))


def test_what_happens_later_changes_nothing(calendar: TradingCalendar) -> None:
    series = random_walk(calendar)
    ticks = ticks_of(series, calendar)
    chosen = ticks.take(np.array([20]))
    end = int(eligibility(series, chosen).ends[0])
    later = np.arange(len(series)) >= end
    changed = replace(
        series,
        **{
            name: np.where(later, 3 * getattr(series, name), getattr(series, name))
            for name in ("open", "high", "low", "close", "volume")
        },
    )
    before = windows_of(series, chosen, calendar)
    assert same_bits(before, 0, windows_of(changed, chosen, calendar))


def test_indicators_agree_with_talib_on_the_same_bars(calendar: TradingCalendar) -> None:
    # One session's bars, so that no night lies between them.
    series = random_walk(calendar, sessions=1)
    ticks = ticks_of(series, calendar)
    windows = windows_of(series, ticks, calendar)
    row = len(ticks) - 1
    end = int(eligibility(series, ticks).ends[row])
    close = series.close[end - LOOKBACK : end]
    found = windows.values[row].astype(np.float64)
    rsi = talib.RSI(close, 14)[WARM_UP:]
    assert found[:, COLUMN["rsi"]] * 50 + 50 == pytest.approx(rsi, abs=2e-3)
    histogram = talib.MACD(close, 12, 26, 9)[2][WARM_UP:]
    scaled = histogram / close[WARM_UP:] / windows.sigma[row]
    assert found[:, COLUMN["macd"]] == pytest.approx(scaled, abs=1e-4)
    upper, middle, lower = (band[WARM_UP:] for band in talib.BBANDS(close, 20, 2, 2))
    place = (close[WARM_UP:] - middle) / (upper - lower)
    assert found[:, COLUMN["percent_b"]] == pytest.approx(place, abs=1e-3)


def test_a_feed_with_a_fraction_of_the_volume_looks_the_same(calendar: TradingCalendar) -> None:
    series = random_walk(calendar)
    ticks = ticks_of(series, calendar)
    thin = replace(series, volume=series.volume / 50)
    column = COLUMN["volume"]
    full_values = windows_of(series, ticks, calendar).values[:, :, column]
    thin_values = windows_of(thin, ticks, calendar).values[:, :, column]
    assert np.abs(full_values - thin_values).max() < 0.25


def test_a_missing_index_is_flagged_and_not_taken_for_a_flat_one(
    calendar: TradingCalendar,
) -> None:
    series, index = random_walk(calendar), random_walk(calendar, "SPY")
    ticks = ticks_of(series, calendar)
    without = windows_of(series, ticks, calendar).values
    with_index = windows_of(series, ticks, calendar, index).values
    assert not without[:, :, COLUMN["index_present"]].any()
    assert with_index[:, :, COLUMN["index_present"]].all()
    assert with_index[:, :, COLUMN["index_return"]].std() > 0


def test_gaps_and_session_starts_are_marked(calendar: TradingCalendar) -> None:
    series = random_walk(calendar)
    keep = np.ones(len(series), dtype=bool)
    keep[395:398] = False  # three minutes of the second session
    holed = replace(
        series,
        **{
            name: getattr(series, name)[keep]
            for name in ("start", "known_at", "open", "high", "low", "close", "volume")
        },
    )
    ticks = ticks_of(holed, calendar)
    tick = ticks.take(ticks.at == int(series.known_at[419]))
    values = windows_of(holed, tick, calendar).values[0]
    assert values[:, COLUMN["missing"]].max() == pytest.approx(3 / 15)
    assert np.count_nonzero(values[:, COLUMN["missing"]]) == 1
    assert np.count_nonzero(values[:, COLUMN["session_start"]]) == 1


def test_absent_sentiment_is_not_neutral_and_a_score_halves_every_hour(
    calendar: TradingCalendar,
) -> None:
    series = random_walk(calendar)
    ticks = ticks_of(series, calendar)
    received = instant("2026-02-03T16:00:00")
    events = sentiment_events([headline(received)], {"n1": -0.8})["NVDA"]
    values = windows_of(series, ticks, calendar, events=events).values
    second = int(received.timestamp())

    def at(offset: int) -> list[float]:
        row = values[np.flatnonzero(ticks.at == second + offset)[0], -1]
        return [float(row[COLUMN["sentiment"]]), float(row[COLUMN["sentiment_present"]])]

    assert at(-300) == [0.0, 0.0]
    assert at(0) == pytest.approx([-0.8, 1.0])
    assert at(3600) == pytest.approx([-0.4, 1.0])
    assert at(86_400 + 300) == [0.0, 0.0]


def test_a_headline_within_a_second_is_not_known_before_it_came() -> None:
    late = headline(instant("2026-02-03T16:00:00") + timedelta(milliseconds=1))
    events = sentiment_events([late], {"n1": 0.5})["NVDA"]
    assert events.at_seconds[0] == int(instant("2026-02-03T16:00:01").timestamp())


def test_headlines_of_one_second_count_once_with_their_mean() -> None:
    at = instant("2026-02-03T16:00:00")
    news = [headline(at, name="a"), headline(at, name="b"), headline(at, name="unscored")]
    events = sentiment_events(news, {"a": 1.0, "b": -0.5})["NVDA"]
    assert events.score.tolist() == [0.25]


def test_windows_are_finite_for_flat_prices_and_no_volume(calendar: TradingCalendar) -> None:
    series = random_walk(calendar)
    flat = np.full(len(series), 10.0)
    dead = replace(series, open=flat, high=flat, low=flat, close=flat, volume=0 * flat)
    windows = windows_of(dead, ticks_of(dead, calendar), calendar)
    assert windows.values.shape[1:] == (WINDOW, len(FEATURE_NAMES))
    assert np.isfinite(windows.values).all()
    assert np.isfinite(windows.summary).all()
