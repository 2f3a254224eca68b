"""Sessions and the instants that hang on them, on half-days and when the clocks change."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from hybrid_tui.domain.calendar import (
    NEW_YORK,
    Session,
    TradingCalendar,
    prediction_instants,
    strategist_instants,
    strategy_expiry,
)
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.agenda import Agenda
from hybrid_tui.errors import DataError
from hybrid_tui.market.calendar import xnys

CLOCKS = (time(10), time(12), time(15), time(15, 30))


def session_on(calendar: TradingCalendar, day: str) -> Session:
    found = calendar.session_on(date.fromisoformat(day))
    assert found is not None
    return found


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def test_every_session_2011_to_2027_is_the_exchanges(
    calendar: TradingCalendar, shared_data: Path
) -> None:
    path = shared_data / "market_calendar" / "xnys_sessions_2011_2027.csv.gz"
    with gzip.open(path, "rt") as lines:
        expected = [
            (row["session"], row["open_et"], row["close_et"], row["half_day"] == "1")
            for row in csv.DictReader(lines)
        ]
    found = [
        (
            session.day.isoformat(),
            session.open.astimezone(NEW_YORK).strftime("%H:%M"),
            session.close.astimezone(NEW_YORK).strftime("%H:%M"),
            session.is_half_day,
        )
        for session in calendar.sessions
        if 2011 <= session.day.year <= 2027
    ]
    assert found == expected


def test_a_session_holds_its_open_and_not_its_close(calendar: TradingCalendar) -> None:
    session = session_on(calendar, "2026-03-20")
    assert calendar.session_at(session.open) == session
    assert calendar.session_at(session.close - timedelta(microseconds=1)) == session
    assert calendar.session_at(session.close) is None
    assert calendar.session_at(session.open - timedelta(microseconds=1)) is None
    assert calendar.next_session(session.open).day == date(2026, 3, 23)


@pytest.mark.parametrize(
    ("day", "opens_utc"),
    [("2026-03-06", "14:30"), ("2026-03-09", "13:30"), ("2026-11-02", "14:30")],
)
def test_new_york_keeps_its_hours_when_the_clocks_change(
    calendar: TradingCalendar, day: str, opens_utc: str
) -> None:
    session = session_on(calendar, day)
    assert session.open.strftime("%H:%M") == opens_utc
    assert session.at(time(10)).astimezone(NEW_YORK).hour == 10
    assert strategist_instants(session, CLOCKS) == [session.at(clock) for clock in CLOCKS]


def test_predictions_run_from_open_plus_five_to_strictly_before_the_close(
    calendar: TradingCalendar,
) -> None:
    session = session_on(calendar, "2026-03-20")
    instants = prediction_instants(session, 5)
    assert instants[0] == new_york("2026-03-20T09:35")
    assert instants[-1] == new_york("2026-03-20T15:55")
    assert len(instants) == 77
    half = session_on(calendar, "2025-11-28")
    assert prediction_instants(half, 5)[-1] == new_york("2025-11-28T12:55")


def test_strategist_sessions_after_an_early_close_are_skipped(calendar: TradingCalendar) -> None:
    half = session_on(calendar, "2025-11-28")
    assert half.is_half_day
    assert strategist_instants(half, CLOCKS) == [
        new_york("2025-11-28T10:00"),
        new_york("2025-11-28T12:00"),
    ]


@pytest.mark.parametrize(
    ("now", "expires"),
    [
        ("2026-03-20T10:00", "2026-03-23T10:30"),
        ("2026-03-20T15:30", "2026-03-23T10:30"),
        ("2026-03-06T12:00", "2026-03-09T10:30"),
        ("2025-11-26T15:30", "2025-11-28T10:30"),
        ("2026-03-21T12:00", "2026-03-23T10:30"),
    ],
)
def test_a_strategy_expires_at_half_past_ten_of_the_next_session(
    calendar: TradingCalendar, now: str, expires: str
) -> None:
    assert strategy_expiry(new_york(now), calendar) == new_york(expires)


def test_the_agenda_names_every_instant_of_a_day_in_order(calendar: TradingCalendar) -> None:
    agenda = Agenda(calendar, prediction_minutes=60, strategist_clocks=CLOCKS)
    now, instants = new_york("2026-03-20T04:00"), []
    while now < new_york("2026-03-23T09:30"):
        now = agenda.upcoming(now)
        instants.append(now.astimezone(NEW_YORK).strftime("%d %H:%M"))
    assert instants == [
        "20 09:30", "20 10:00", "20 10:30", "20 11:30", "20 12:00", "20 12:30", "20 13:30",
        "20 14:30", "20 15:00", "20 15:30", "20 16:00", "23 09:30",
    ]  # fmt: skip
    assert agenda.predictions_due(new_york("2026-03-20T15:30"))
    assert not agenda.predictions_due(new_york("2026-03-20T16:00"))
    afternoon = [new_york("2026-03-20T15:00"), new_york("2026-03-20T15:30")]
    assert agenda.strategist_between(new_york("2026-03-20T12:01"), afternoon[1]) == afternoon
    assert agenda.next_strategist(new_york("2026-03-20T15:30")) == new_york("2026-03-23T10:00")


def test_an_empty_state_has_no_strategy_and_nothing_pending(calendar: TradingCalendar) -> None:
    state, now = DeskState(), calendar.sessions[0].open
    assert state.strategy(now) is None
    assert state.pending(now) == []
    assert state.equity() == 0.0


def test_past_the_end_of_the_calendar_is_an_error(calendar: TradingCalendar) -> None:
    with pytest.raises(DataError, match="the calendar ends"):
        calendar.next_session(calendar.sessions[-1].open)


def test_a_damaged_table_is_made_anew(tmp_path: Path, calendar: TradingCalendar) -> None:
    xnys(tmp_path)
    (table,) = tmp_path.glob("xnys-*.json")
    whole = table.read_text()
    table.write_text(whole[:1000])
    assert xnys(tmp_path).sessions == calendar.sessions
    assert table.read_text() == whole
