"""When tier 3 meets: late where its hour was missed, never after an early close, or by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.domain.commands import Ack, RunSession
from hybrid_tui.domain.ports import Abstained, StrategistBrief
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import NOTHING
from hybrid_tui.engine.jobs import JobResult
from hybrid_tui.engine.runtime import Runtime
from tests.engine.briefed import Composed, Spy, bullish, compose, market

DAY = date(2026, 3, 2)


STALL = 0.002


class Stepped:
    """A wall clock that goes straight to what is waited for, except that it may sleep.

    It stands still while tier 3 is asked.
    """

    speed = 1.0
    is_scaled = False

    def __init__(
        self, at: datetime, sleeps: dict[datetime, datetime], is_asked: Callable[[], bool]
    ) -> None:
        self._at = at
        self._sleeps = sleeps
        self._is_asked = is_asked

    def start(self, now: datetime) -> None:
        """Do nothing: nobody sets the real time."""

    def seconds_until(self, instant: datetime) -> float:
        """Go there, or to the end of a sleep on the way."""
        if self._is_asked():
            return STALL
        for falls, wakes in self._sleeps.items():
            if self._at <= falls < instant:
                self._at = max(self._at, wakes)
        self._at = max(self._at, instant)
        return (instant - self._at).total_seconds()

    def now(self) -> datetime:
        """Return the time."""
        return self._at

    def set_speed(self, speed: float) -> None:
        """Do nothing: the real time has one speed."""


def at(clock: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), NEW_YORK)


@pytest.fixture(scope="module")
def series(calendar: TradingCalendar) -> dict[str, BarSeries]:
    return market(calendar, 1, 1)


def live(
    made: Composed,
    until: datetime,
    sleeps: dict[datetime, datetime] | None = None,
    is_asked: Callable[[], bool] | None = None,
) -> None:
    """Run an engine on the wall clock from where it begins."""

    def is_loading() -> bool:
        return made.state.beats["llm"].health == "loading"

    runtime = Runtime(
        made.engine,
        made.feed,
        Stepped(made.begins, sleeps or {}, is_asked or is_loading),
        made.host,
        checkpoint=lambda: None,
        flush=lambda: None,
    )
    asyncio.run(runtime.run(made.begins, until))


def held(spy: Spy) -> list[tuple[str, str]]:
    """Return each session and when it was held."""
    return [(b.session, f"{b.now.astimezone(NEW_YORK):%H:%M}") for b in spy.briefs]


def skipped(made: Composed) -> list[tuple[str, str]]:
    return [(event.session, event.reason) for event in made.of(ev.SignalAbstained)]


@pytest.mark.parametrize("starts", ["10:00:30", "10:15", "10:19:59"])
def test_an_engine_that_starts_within_twenty_minutes_holds_the_session_at_once(
    calendar: TradingCalendar, series: dict[str, BarSeries], starts: str
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy, begins=at(starts))
    live(made, at("11:00"))
    ((session, when),) = held(spy)
    assert (session, when) == ("10:00", starts[:5])
    assert spy.briefs[0].now - at(starts) < timedelta(seconds=1)
    (asked,) = made.of(ev.SessionAsked)
    assert (asked.by, asked.session, asked.decision) == ("late", "10:00", spy.briefs[0].id)
    (proposed,) = made.of(ev.SignalProposed)
    assert proposed.signal.flags[0].startswith("late: 10:00 was missed")
    assert skipped(made) == []


@pytest.mark.parametrize(("starts", "ago"), [("10:20:01", 20), ("10:25", 25), ("11:59", 119)])
def test_later_than_that_it_is_skipped_and_said_so(
    calendar: TradingCalendar, series: dict[str, BarSeries], starts: str, ago: int
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy, begins=at(starts))
    live(made, at("12:30"))
    assert held(spy) == [("12:00", "12:00")]
    ((session, reason),) = skipped(made)
    assert session == "10:00"
    assert reason == f"skipped: missed {ago} minutes ago, too late to hold it"


def test_of_two_missed_sessions_the_last_is_held(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    spy = Spy(bullish)
    made = compose(
        calendar, series, [], spy, begins=at("15:35"), llm={"sessions": ["15:20", "15:30"]}
    )
    live(made, at("16:30"))
    assert held(spy) == [("15:30", "15:35")]
    assert skipped(made) == [("15:20", "skipped: missed 15 minutes ago, 15:30 is held instead")]


@pytest.mark.parametrize(
    ("wakes", "expected"), [("10:15", ["10:00", "12:00"]), ("10:25", ["12:00"])]
)
def test_a_machine_that_slept_through_a_session_is_no_different(
    calendar: TradingCalendar, series: dict[str, BarSeries], wakes: str, expected: list[str]
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy)
    live(made, at("12:30"), {at("09:50"): at(wakes)})
    assert [session for session, _ in held(spy)] == expected
    assert len(skipped(made)) == 2 - len(expected)


def test_a_session_that_was_answered_is_not_held_again_after_a_restart(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    first = compose(calendar, series, [], Spy(bullish))
    live(first, at("10:16"))
    spy = Spy(bullish)
    again = compose(calendar, series, [], spy, begins=at("10:17"), state=first.state)
    live(again, at("11:00"))
    assert spy.briefs == []
    assert skipped(again) == []


def test_a_session_without_an_answer_is_held_again_after_a_restart(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    first = compose(calendar, series, [], Spy(bullish))
    live(first, at("09:59"))
    spy = Spy(lambda brief: Abstained(reason="nothing"))
    again = compose(calendar, series, [], spy, begins=at("10:10"), state=first.state)
    live(again, at("11:00"))
    assert held(spy) == [("10:00", "10:10")]


def test_an_answer_that_takes_long_is_booked_while_the_desk_goes_on(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    thought = threading.Event()

    def think(brief: StrategistBrief) -> StrategySignal:
        assert thought.wait(20)
        return bullish(brief)

    made = compose(calendar, series, [], Spy(think))
    patience = iter(range(2_000))

    def is_asked() -> bool:
        state = made.state
        if state.now is not None and state.now >= at("10:30"):
            thought.set()
        is_waiting = thought.is_set() and state.beats["llm"].health == "loading"
        return is_waiting and next(patience, None) is not None

    live(made, at("10:50"), is_asked=is_asked)
    (proposed,) = made.of(ev.SignalProposed)
    assert proposed.signal.id == "20260302-1000"
    assert proposed.at >= at("10:30")
    between = [e for e in made.of(ev.BarsClosed) if at("10:00") < e.at < proposed.at]
    assert between, "no instant came between the question and its answer"


def test_after_an_early_close_there_is_no_session_and_none_is_late(
    calendar: TradingCalendar,
) -> None:
    half_day = date(2026, 11, 27)
    spy = Spy(bullish)
    series = market(calendar, 1, 1, first=datetime(2026, 11, 27, tzinfo=NEW_YORK))
    for begins, expected in (("09:40", ["10:00", "12:00"]), ("13:10", [])):
        spy.briefs.clear()
        made = compose(calendar, series, [], spy, begins=at(begins, half_day))
        live(made, at("16:30", half_day))
        assert [session for session, _ in held(spy)] == expected
        assert skipped(made) == []


def ask(made: Composed, now: datetime, session: str = "", *, later: bool = False) -> Ack:
    """Ask by hand; the answer is booked at once, or its job is left open."""
    cycle = made.engine.cycle(now, NOTHING, [RunSession(session=session)])
    try:
        job = next(cycle)
        while True:
            result: JobResult | None = None if later else made.host.run(job)
            job = cycle.send(result)
    except StopIteration as stop:
        (ack,) = stop.value
        assert isinstance(ack, Ack)
        return ack


def test_an_engine_that_only_sells_asks_tier_3_nothing_and_leaves_its_sessions_to_the_next(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy, begins=at("10:00:30"), holds_sessions=False)
    live(made, at("12:05"))
    assert made.of(ev.BarsClosed)
    refused = ask(made, at("12:06"))
    assert (refused.ok, refused.message) == (False, "this engine only sells, and stops")
    assert spy.briefs == []
    assert made.of(ev.SessionAsked) == []
    assert skipped(made) == []
    after = compose(calendar, series, [], spy, begins=at("12:07"), state=made.state)
    live(after, at("12:10"))
    assert [(asked.by, asked.session) for asked in after.of(ev.SessionAsked)] == [("late", "12:00")]


def test_a_session_by_hand_is_an_event_session_with_its_cause(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy, begins=at("10:30"))
    assert ask(made, at("10:31")).ok
    (brief,) = spy.briefs
    assert (brief.session, brief.occasion) == ("event", "asked for by hand")
    (asked,) = made.of(ev.SessionAsked)
    assert (asked.by, asked.reason, asked.decision) == ("hand", "asked for by hand", brief.id)
    (proposed,) = made.of(ev.SignalProposed)
    assert proposed.signal.flags == ("asked for by hand",)
    # It takes nothing from the sessions that events may cause.
    assert made.state.event_sessions == []


def test_a_session_by_hand_may_put_a_regular_one_s_question_at_any_time(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy, begins=at("17:00"))
    assert ask(made, at("17:01"), "15:30").ok
    assert (spy.briefs[0].session, spy.briefs[0].occasion) == ("15:30", "asked for by hand")
    for wrong in ("25:00", "noon", "1:00", "10:0٣"):
        ack = ask(made, at("18:00"), wrong)
        assert not ack.ok
        assert "is no session" in ack.message


def test_sessions_by_hand_are_five_minutes_apart_also_after_a_restart(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    spy = Spy(bullish)
    made = compose(calendar, series, [], spy, begins=at("10:30"))
    assert ask(made, at("10:31")).ok
    again = ask(made, at("10:35:59"))
    assert (again.ok, "the next can be at 10:36" in again.message) == (False, True)
    resumed = compose(calendar, series, [], spy, begins=at("10:35"), state=made.state)
    assert not ask(resumed, at("10:35:30")).ok
    assert ask(resumed, at("10:36")).ok
    assert len(spy.briefs) == 2


def test_a_session_under_way_is_waited_for(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    made = compose(calendar, series, [], Spy(bullish), begins=at("10:30"))
    assert ask(made, at("10:31"), later=True).ok
    refused = ask(made, at("10:40"))
    assert not refused.ok
    assert "20260302-1031-hand" in refused.message


def test_without_tier_three_there_is_none(
    calendar: TradingCalendar, series: dict[str, BarSeries]
) -> None:
    made = compose(calendar, series, [], Spy(bullish), begins=at("10:30"), tiers=("rules",))
    refused = ask(made, at("10:31"))
    assert (refused.ok, refused.message) == (False, "tier 3 is switched off (app.tiers)")


def test_a_state_keeps_nothing_of_yesterday_s_sessions() -> None:
    state = DeskState()
    opened = at("09:30")
    state.apply(ev.SignalAbstained(id=1, at=opened, session="10:00", reason=""))
    assert state.sessions_held
    state.apply(
        ev.SessionOpened(id=2, at=opened, day=DAY, open=opened, close=opened + timedelta(hours=6))
    )
    assert state.sessions_held == {}
