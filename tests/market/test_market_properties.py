"""What holds for any data: nothing from the future, and no order of downloads that matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice, FloatArray
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.errors import LookAheadError
from hybrid_tui.market.calendar import xnys
from hybrid_tui.market.recorded import RecordedMarket
from hybrid_tui.market.resample import resample
from hybrid_tui.market.sessions import regular_session
from hybrid_tui.market.store import merge_series
from hybrid_tui.market.stretches import merge_spans
from hybrid_tui.market.view import KnownMarket
from tests.market.builders import OPEN, headline, series

COLUMNS = ("start", "known_at", "open", "high", "low", "close", "volume")
ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Australia/Lord_Howe")
# Clocks change in New York on 2025-11-02 and 2026-03-08, in Berlin on 2026-03-29; 2025-11-28 is a
# half-day.
CHANGES = ("2025-10-31", "2025-11-26", "2026-03-05", "2026-03-26")
INTERVALS = (60, 300, 900, 3_600, 86_400)
ONE_DAY = TradingCalendar([Session(day=OPEN.date(), open=OPEN, close=OPEN + timedelta(hours=6.5))])


def market_days(calendar: TradingCalendar, first: str, interval: int, seed: int) -> BarSeries:
    """Return bars over some days around a change of clocks, many of them missing."""
    begin = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp())
    if interval == 86_400:
        midnight = [5 * 3_600 + begin + n * interval for n in range(6)]
        start = np.array(midnight, dtype=np.int64)
    else:
        # From half past: hourly bars then begin at the open.
        start = np.arange(begin + 1_800, begin + 6 * 86_400, interval, dtype=np.int64)
    inside, known_at = regular_session(calendar, start, interval)
    keep = inside & (np.random.default_rng(seed).random(len(start)) < 0.7)
    keep[np.flatnonzero(inside)[0]] = True
    start, known_at = start[keep], known_at[keep]
    price: FloatArray = 100.0 + np.arange(len(start), dtype=np.float64)
    return BarSeries(
        symbol="A",
        interval=interval,
        feed="test",
        start=start,
        known_at=known_at,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price,
        volume=price,
    )


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> TradingCalendar:
    return xnys(tmp_path_factory.getbasetemp() / "calendar")


@given(
    first=st.sampled_from(CHANGES),
    interval=st.sampled_from(INTERVALS),
    seed=st.integers(0, 9),
    after=st.floats(-3_600, 6 * 86_400 + 7_200),
    zone=st.sampled_from(ZONES),
    later=st.floats(1e-6, 1e6),
)
@settings(max_examples=150, deadline=None)
def test_no_view_shows_what_is_not_known(
    sessions: TradingCalendar,
    first: str,
    interval: int,
    seed: int,
    after: float,
    zone: str,
    later: float,
) -> None:
    bars = market_days(sessions, first, interval, seed)
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    now = (begin + timedelta(seconds=after)).astimezone(ZoneInfo(zone))
    known = KnownMarket(("A",), interval, "test")
    half = len(bars) // 2
    known.warm(bars.slice(0, half))
    for i in range(half, len(bars)):
        known.append(
            BarSlice(
                start=datetime.fromtimestamp(int(bars.start[i]), UTC),
                known_at=datetime.fromtimestamp(int(bars.known_at[i]), UTC),
                bars={"A": Bar(*(float(getattr(bars, c)[i]) for c in COLUMNS[2:]))},
            )
        )
    for n in range(0, 6 * 24, 5):
        known.add_news(headline(begin + timedelta(hours=n)))
    view = known.view(now)
    shown = view.bars("A")
    second = now.timestamp()
    expected = bars.start[bars.known_at <= second].tolist()
    assert (shown.start.tolist() if shown is not None else []) == expected
    if shown is not None:
        # By its own arithmetic: a bar has ended, or its session has closed.
        ended = shown.start + interval <= second
        session = np.searchsorted(sessions.close_seconds, shown.start, side="right")
        assert (ended | (sessions.close_seconds[session] <= second)).all()
        for longer in INTERVALS:
            if longer > interval:
                whole = resample(bars, longer, sessions)
                joined = resample(shown, longer, sessions)
                done = joined.known_at <= second
                # A longer bar that has ended is what it will always be; at most one has not.
                assert joined.close[done].tolist() == whole.close[: int(done.sum())].tolist()
                assert joined.volume[done].tolist() == whole.volume[: int(done.sum())].tolist()
                assert int((~done).sum()) <= 1
    assert all(item.received_at <= now for item in view.news(now - timedelta(days=9)))
    with pytest.raises(LookAheadError):
        view.bars("A", until=now + timedelta(seconds=later))
    with pytest.raises(LookAheadError):
        view.news(now, until=now + timedelta(seconds=later))


@given(first=st.sampled_from(CHANGES), interval=st.sampled_from(INTERVALS), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_a_recorded_market_gives_each_bar_when_it_is_known(
    sessions: TradingCalendar, first: str, interval: int, seed: int
) -> None:
    bars = market_days(sessions, first, interval, seed)
    begins_at = datetime.fromtimestamp(int(bars.start[len(bars) // 2]), UTC)
    feed = RecordedMarket({"A": bars}, calendar=sessions, begins_at=begins_at)
    seen = feed.warm_up(begins_at)["A"].start.tolist()
    at = begins_at
    while (following := feed.upcoming(at)) is not None:
        at = following
        for piece in feed.read(at).bars:
            assert piece.known_at == at
            seen.append(int(piece.start.timestamp()))
    assert seen == bars.start.tolist()


@given(
    minutes=st.sets(st.integers(0, 389), min_size=1, max_size=120),
    pieces=st.lists(st.tuples(st.integers(0, 389), st.integers(1, 390)), min_size=0, max_size=6),
    interval=st.sampled_from([120, 300, 900, 3_600, 86_400]),
    data=st.data(),
)
@settings(deadline=None)
def test_any_pieces_in_any_order_make_the_same_longer_bars(
    minutes: set[int], pieces: list[tuple[int, int]], interval: int, data: st.DataObject
) -> None:
    whole = series(minutes=sorted(minutes))
    first = int(OPEN.timestamp())
    # Overlapping downloads, and the whole in two halves so that nothing is missing.
    windows = [*((a, a + n) for a, n in pieces), (0, 200), (200, 390)]
    merged: BarSeries | None = None
    for a, b in data.draw(st.permutations(windows)):
        lo, hi = np.searchsorted(whole.start, [first + 60 * a, first + 60 * b]).tolist()
        part = whole.slice(lo, hi)
        merged = part if merged is None else merge_series(merged, part)
        merged = merge_series(merged, part)
    assert merged is not None
    for column in COLUMNS:
        assert getattr(merged, column).tolist() == getattr(whole, column).tolist()
    ours, theirs = resample(merged, interval, ONE_DAY), resample(whole, interval, ONE_DAY)
    for column in COLUMNS:
        assert getattr(ours, column).tolist() == getattr(theirs, column).tolist()


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=12))
def test_spans_cover_what_their_parts_cover(parts: list[tuple[int, int]]) -> None:
    spans = [(a, a + n) for a, n in parts]
    merged = merge_spans(spans)
    assert {s for a, b in spans for s in range(a, b)} == {s for a, b in merged for s in range(a, b)}
    assert all(b < c for (_, b), (c, _) in pairwise(merged))
    assert merge_spans([*merged, *spans]) == merged
