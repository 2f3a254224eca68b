"""Unusual moves: what is usual, where the limits lie, once told, and what they may set off."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import pytest

from hybrid_tui.config import EventsConfig
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar, CorporateAction
from hybrid_tui.domain.ports import Abstained
from hybrid_tui.engine.jobs import JobResult, ProposeJob
from hybrid_tui.rules.moves import SessionWatch, Usual, usual_of
from tests.semantics.desk import Outcome, Row, at, bars, calendar, run_desk, series_of
from tests.semantics.warm import BAND

YESTERDAY, TODAY = date(2025, 9, 30), date(2025, 10, 1)
STEP = 0.0004
EVENTS = EventsConfig(move_sigma=4.0, gap_sigma=1.0, volume_times=5.0)
USUAL = Usual(sigma=0.001, volume=(5_000.0,) * 13, close=100.0)
MINUTE = 60
WANTED: dict[str, Any] = {"llm.event_sessions": True}
LIMITLESS: dict[str, Any] = {"llm.event_minutes": 0}


def flat(price: float, volume: float = 1_000.0) -> Bar:
    return Bar(price, price, price, price, volume)


def told(*bars_: Bar, usual: Usual | None = USUAL) -> list[tuple[int, str]]:
    """Return (minute, kind) of what a watch tells of consecutive one-minute bars."""
    watch = SessionWatch({"AAA": usual}, opens=0, interval=60, events=EVENTS)
    return [
        (minute, move.kind)
        for minute, bar in enumerate(bars_)
        for _, move in watch.take(minute * MINUTE, {"AAA": bar})
    ]


def test_a_move_is_the_close_against_the_close_five_minutes_before() -> None:
    # 4 sigma are 0.4 %: 100.41 against 100 is ln(1.0041) = 0.00409, above; 100.39 is not.
    assert told(*[flat(100.0)] * 5, flat(100.41)) == [(5, "move")]
    assert told(*[flat(100.0)] * 5, flat(100.39)) == []
    assert told(*[flat(100.0)] * 5, flat(99.6)) == [(5, "move")]


def test_a_move_within_the_first_five_minutes_has_no_close_to_stand_against() -> None:
    assert told(*[flat(100.0)] * 4, flat(101.0)) == []


def test_a_minute_without_a_bar_keeps_the_close_before_it() -> None:
    # Bars at 0, 2 and 7: the last close at least five minutes before minute 7 is that of minute 2.
    watch = SessionWatch({"AAA": USUAL, "BBB": USUAL}, opens=0, interval=60, events=EVENTS)
    assert watch.take(0, {"AAA": flat(90.0), "BBB": flat(100.0)})[0][1].kind == "gap"
    assert watch.take(2 * MINUTE, {"AAA": flat(100.0)}) == []
    (found,) = watch.take(7 * MINUTE, {"BBB": flat(100.0), "AAA": flat(100.5)})
    assert found[0] == "AAA"
    assert found[1].size == pytest.approx(math.log(1.005))


def test_a_gap_is_the_first_open_against_the_last_close() -> None:
    # A session's sigma is 0.001 x sqrt(78) = 0.883 %: an open of 100.9 is 0.896 % up.
    assert told(flat(100.9)) == [(0, "gap")]
    assert told(flat(100.87)) == []
    assert told(flat(100.0), flat(100.9)) == []


def test_a_spike_is_five_times_the_usual_volume_of_five_minutes() -> None:
    # Usual are 5,000 shares in five minutes. 25,000 are not more than five times that, 25,001 are.
    quiet = [flat(100.0)] * 4
    assert told(*quiet, flat(100.0, 21_000.0)) == []
    assert told(*quiet, flat(100.0, 21_001.0)) == [(4, "volume")]


def test_without_a_history_nothing_is_unusual() -> None:
    assert told(*[flat(100.0)] * 5, flat(200.0, 1e9), usual=None) == []


def test_what_is_usual_is_measured_on_the_sessions_before() -> None:
    # Every bar rises by e^0.0004: each 5-minute return is 0.002. 1,000 shares a minute are 5,000
    # in five, fewer in the first minutes: (1 + 2 + 3 + 4 + 26 x 5) / 30 thousand in the half hour.
    prices = [100.0 * math.exp(STEP * n) for n in range(390)]
    rows = [*bars("09:30", *prices, day=YESTERDAY), *bars("09:30", 500.0, 900.0)]
    opens = int(at("09:30").timestamp())
    usual = usual_of(series_of("AAA", rows, 60), calendar(), opens)
    assert usual is not None
    assert usual.sigma == pytest.approx(5 * STEP)
    assert usual.close == pytest.approx(prices[-1])
    assert usual.volume[0] == pytest.approx((1 + 2 + 3 + 4 + 26 * 5) * 1_000 / 30)
    assert usual.volume[1:] == pytest.approx([5_000.0] * 12)


def test_a_hundred_returns_are_needed() -> None:
    rows = bars("09:30", *[100.0 + n % 2 for n in range(104)], day=YESTERDAY)
    opens = int(at("09:30").timestamp())
    assert usual_of(series_of("AAA", rows, 60), calendar(), opens) is None
    assert usual_of(None, calendar(), opens) is None


def quiet_day(day: date = YESTERDAY) -> list[Row]:
    """A whole session whose 5-minute returns are 0 or +-0.001."""
    prices = [100.0 * math.exp(0.001 * (n // 5 % 2)) for n in range(390)]
    return bars("09:30", *prices, day=day)


def moving_day(*jumps: tuple[int, float]) -> list[Row]:
    """A session at 100 whose price is multiplied at a minute, and stays there."""
    price, prices = 100.0, []
    for minute in range(120):
        price *= dict(jumps).get(minute, 1.0)
        prices.append(price)
    return bars("09:30", *prices)


class _Asked:
    """A strategist that notes what it is asked for and abstains."""

    def __init__(self) -> None:
        self.briefs: list[tuple[str, str, str]] = []

    def __call__(self, job: ProposeJob) -> JobResult:
        brief = job.brief
        self.briefs.append((brief.id, brief.session, brief.occasion))
        return Abstained(reason="it only looks")


def watched(
    rows: list[Row], *, asked: _Asked | None = None, halted: dict[str, str] | None = None,
    **figures: object,
) -> Outcome:  # fmt: skip
    return run_desk(
        {"AAA": rows},
        BAND | {"events.move_sigma": 5.0} | figures,
        tiers=("rules", "llm"),
        before={"AAA": quiet_day()},
        watches_moves=True,
        halted=halted,
        propose=asked,
    )


def test_a_move_is_told_once_and_again_after_the_quiet_time() -> None:
    # 2 % down at 10:00 (told when that bar has ended), 2 % up at 10:10 (quiet), down at 10:40.
    out = watched(moving_day((30, 0.98), (40, 1.02), (70, 0.98)))
    moved = out.of(ev.PriceMoved)
    assert [(e.kind, e.at) for e in moved] == [("move", at("10:01")), ("move", at("10:41"))]
    assert moved[0].size == pytest.approx(math.log(0.98))
    assert moved[0].symbol == "AAA"
    assert moved[0].sigma == pytest.approx(0.001)


def test_a_halt_is_told_with_its_reason_and_a_closed_market_is_none() -> None:
    halted = {"AAA": "trading is halted: news pending"}
    (halt,) = watched(moving_day(), halted=halted).of(ev.PriceMoved)
    assert (halt.kind, halt.reason) == ("halt", "trading is halted: news pending")
    assert watched(moving_day(), halted={"AAA": "the clock differs"}).of(ev.PriceMoved) == []


def test_a_split_is_no_gap() -> None:
    # 2 for 1 before the open: 50 after 100.
    session = calendar().session_on(TODAY)
    assert session is not None
    split = CorporateAction(symbol="AAA", ex_at=session.open, ratio=2.0)
    rows = {"AAA": [*bars("15:59", 100.0, day=YESTERDAY), *bars("09:30", *[50.0] * 10)]}
    out = run_desk(
        rows, BAND, before={"AAA": quiet_day()[:-1]}, actions=[split], watches_moves=True
    )
    assert out.of(ev.PriceMoved) == []
    plain = run_desk(rows, BAND, before={"AAA": quiet_day()[:-1]}, watches_moves=True)
    assert plain.of(ev.PriceMoved)[0].kind == "gap"


def test_a_move_asks_tier_three_at_once_where_it_is_wanted() -> None:
    asked = _Asked()
    out = watched(moving_day((30, 0.98)), asked=asked, **WANTED)
    assert asked.briefs == [("20251001-1001-event", "event", "AAA move")]
    assert [(e.at, e.session, e.reason) for e in out.of(ev.SessionAsked)] == [
        (at("10:01"), "event", "AAA move")
    ]
    asked = _Asked()
    watched(moving_day((30, 0.98)), asked=asked)
    assert asked.briefs == []


def test_event_sessions_are_limited_by_time_and_by_day() -> None:
    # Moves at 10:00, 10:20, 10:40, 11:10 with 1 minute of quiet; one in 30 minutes, two a day.
    jumps = ((30, 0.98), (50, 1.02), (70, 0.98), (100, 1.02))
    figures: dict[str, Any] = {"llm.event_sessions": True, "events.quiet_minutes": 8}
    asked = _Asked()
    watched(moving_day(*jumps), asked=asked, **figures)
    assert [name for name, _, _ in asked.briefs] == ["20251001-1001-event", "20251001-1041-event"]
    asked = _Asked()
    watched(moving_day(*jumps), asked=asked, **figures, **LIMITLESS)
    assert [name for name, _, _ in asked.briefs] == ["20251001-1001-event", "20251001-1021-event"]


def test_a_kind_that_is_not_listed_does_not_ask() -> None:
    asked = _Asked()
    figures: dict[str, Any] = {"llm.event_sessions": True, "events.ask_tier3": ["halt"]}
    watched(moving_day((30, 0.98)), asked=asked, **figures)
    assert asked.briefs == []


def test_a_session_of_its_hours_comes_instead_of_one_because_of_an_event() -> None:
    asked = _Asked()
    figures: dict[str, Any] = {"llm.event_sessions": True, "llm.sessions": ["10:01"]}
    watched(moving_day((30, 0.98)), asked=asked, **figures)
    assert [session for _, session, _ in asked.briefs] == ["10:01"]


def test_moves_change_no_trade() -> None:
    jumps = ((30, 0.9), (33, 1.1), (60, 0.8))
    rows = {"AAA": moving_day(*jumps)}
    plain = run_desk(rows, BAND, before={"AAA": quiet_day()})
    seen = run_desk(rows, BAND, before={"AAA": quiet_day()}, watches_moves=True)
    assert seen.of(ev.PriceMoved)
    assert seen.fills == plain.fills
    assert seen.equity == plain.equity


def test_a_watch_that_begins_in_the_middle_tells_what_one_from_the_open_tells() -> None:
    # As after a restart: the bars until 09:59 are history, the jump comes at 10:00.
    rows = moving_day((30, 0.98), (31, 0.98))
    whole = watched(rows).of(ev.PriceMoved)
    out = run_desk(
        {"AAA": rows[29:]},
        BAND | {"events.move_sigma": 5.0},
        tiers=("rules", "llm"),
        before={"AAA": [*quiet_day(), *rows[:29]]},
        watches_moves=True,
    )
    again = out.of(ev.PriceMoved)
    assert [(e.at, e.kind, e.size, e.sigma) for e in again] == [
        (e.at, e.kind, e.size, e.sigma) for e in whole
    ]
    assert whole[0].at - at("10:00") == timedelta(minutes=1)
