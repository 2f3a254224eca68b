"""Which session a bar belongs to, and when it is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.calendar import NEW_YORK, Session, TradingCalendar
from hybrid_tui.market.sessions import regular_session


def new_york(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp())


def place(calendar: TradingCalendar, label: str, interval: int) -> int | None:
    """The instant a bar labelled in New York time is known at, or None."""
    keep, known_at = regular_session(calendar, np.array([new_york(label)]), interval)
    return int(known_at[0]) if keep[0] else None


@pytest.mark.parametrize(
    ("label", "interval", "known"),
    [
        ("2026-03-02 09:30", 60, "2026-03-02 09:31"),
        ("2026-03-02 15:59", 60, "2026-03-02 16:00"),
        ("2026-03-02 09:29", 60, None),
        ("2026-03-02 16:00", 60, None),
        ("2026-03-02 09:00", 3600, "2026-03-02 10:00"),
        ("2026-03-02 15:30", 3600, "2026-03-02 16:00"),
        ("2026-03-02 08:00", 3600, None),
        ("2025-11-28 12:55", 300, "2025-11-28 13:00"),
        ("2025-11-28 13:00", 300, None),
        ("2025-11-28 12:30", 3600, "2025-11-28 13:00"),
        ("2026-03-07 10:00", 60, None),
        ("2026-03-02 00:00", 86400, "2026-03-02 16:00"),
        ("2026-03-01 19:00", 86400, "2026-03-02 16:00"),
        ("2025-11-28 00:00", 86400, "2025-11-28 13:00"),
        ("2025-11-27 00:00", 86400, None),
        ("2026-03-07 00:00", 86400, None),
        ("2026-03-02 00:00", 7 * 86400, "2026-03-06 16:00"),
    ],
)
def test_a_bar_is_known_at_its_end_or_the_close(
    calendar: TradingCalendar, label: str, interval: int, known: str | None
) -> None:
    assert place(calendar, label, interval) == (new_york(known) if known else None)


def test_the_session_moves_by_an_hour_in_utc_when_clocks_change(calendar: TradingCalendar) -> None:
    before, after = new_york("2026-03-06 09:30"), new_york("2026-03-09 09:30")
    assert after - before == 3 * 86400 - 3600
    keep, _ = regular_session(calendar, np.array([before - 60, before, after - 60, after]), 60)
    assert keep.tolist() == [False, True, False, True]


def _two_years() -> list[Session]:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(730)]
    return [
        Session(
            day=day,
            open=datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK).astimezone(UTC),
            close=datetime(day.year, day.month, day.day, 16, tzinfo=NEW_YORK).astimezone(UTC),
        )
        for day in days
        if day.weekday() < 5
    ]


TWO_YEARS = TradingCalendar(_two_years())


@given(
    minute=st.integers(0, 2 * 365 * 24 * 60),
    interval=st.sampled_from([1, 5, 60, 300, 900, 1800, 3600]),
)
def test_a_bar_is_kept_exactly_when_its_span_meets_a_session(minute: int, interval: int) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    end = start + timedelta(seconds=interval)
    meets = [s for s in TWO_YEARS.sessions if s.open < end and start < s.close]
    keep, known_at = regular_session(TWO_YEARS, np.array([int(start.timestamp())]), interval)
    assert bool(keep[0]) == bool(meets)
    if meets:
        assert datetime.fromtimestamp(int(known_at[0]), UTC) == min(end, meets[0].close)
