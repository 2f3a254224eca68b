"""Time: what is known when, when decisions are taken, and the order of things at one instant."""

from __future__ import annotations

from datetime import date

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import prediction_instants
from hybrid_tui.domain.commands import Pause, Resume

from .desk import Row, Script, at, bars, calendar, daily, prediction, run_desk, signal
from .warm import BAND, warm

NEXT = date(2025, 10, 2)
HALF_DAY = date(2025, 11, 28)
AFTER_CLOCK_CHANGE = date(2025, 11, 3)
HOURS = ("09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00")


def hourly(day: date, *prices: float | tuple[float, float, float, float]) -> list[Row]:
    """Return up to seven hourly bars of a session, the first labelled 09:00."""
    return bars("09:00", *prices, day=day, minutes=60)


def hourly_warm() -> list[Row]:
    """Return 23 hourly bars of four sessions: flat, the dip at 10:00 of 2 October, 100 at 11:00.

    Twenty-one at 100 (29 and 30 September, 1 October: seven each), then 100 at 09:00, 95 at 10:00
    and 100 at 11:00, known at 12:00, where ``bollinger`` is confirmed.
    """
    rows = [*hourly(date(2025, 9, 29), *[100.0] * 7), *hourly(date(2025, 9, 30), *[100.0] * 7)]
    return [*rows, *hourly(date(2025, 10, 1), *[100.0] * 7), *hourly(NEXT, 100.0, 95.0, 100.0)]


def test_a_decision_is_taken_when_the_bar_has_ended() -> None:
    # The bar of 09:51 confirms; nothing is decided before its end at 09:52.
    out = run_desk({"AAA": [*warm(), *bars("09:52", 100.0)]}, BAND)
    assert out.decided()[0][1] == at("09:52")


def test_the_tick_at_the_close_decides_nothing() -> None:
    # Confirmed by the last bar of the day, 15:59, known at 16:00: nothing, also tomorrow's first
    # bar falls (94 is below the band), so nothing follows there.
    rows = [*warm("16:00"), *bars("09:30", 94.0, day=NEXT)]
    assert run_desk({"AAA": rows}, BAND).decided() == []


def test_the_last_decision_is_a_minute_before_the_close() -> None:
    out = run_desk({"AAA": [*warm("15:59"), *bars("15:59", 100.0)]}, BAND)
    assert out.bought() == [("AAA", at("15:59"), 100.0, 200)]


def test_the_tick_at_the_close_of_a_half_day_decides_nothing() -> None:
    rows = [*warm("13:00", day=HALF_DAY), *bars("09:30", 94.0, day=date(2025, 12, 1))]
    assert run_desk({"AAA": rows}, BAND).decided() == []


def test_only_symbols_with_a_bar_ending_are_decided_on() -> None:
    # AAA is confirmed at 09:52 but paused; after Resume at 09:52:30 only BBB's bars end until
    # 09:56, when AAA's next bar ends and AAA is bought.
    rows = {"AAA": [*warm(), *bars("09:55", 100.0, 100.0)], "BBB": bars("09:30", *[50.0] * 40)}
    commands: Script = {at("09:40"): [Pause()], at("09:52:30"): [Resume()]}
    out = run_desk(rows, BAND, commands=commands)
    assert out.decided() == [("AAA", at("09:56"), 200)]


def test_the_hour_bar_labelled_nine_is_known_at_ten() -> None:
    # Bought at the open of 12:00; on the next day the 09:00 bar is the first half hour, known at
    # 10:00, and its low of 85 sells at 90.
    rows = [*hourly_warm(), *bars("12:00", 100.0, day=NEXT, minutes=60)]
    rows += hourly(date(2025, 10, 3), (99.0, 99.0, 85.0, 99.0))
    out = run_desk({"AAA": rows}, BAND, interval=3600)
    assert out.bought() == [("AAA", at("12:00", NEXT), 100.0, 200)]
    assert out.sold() == [("AAA", at("09:00", date(2025, 10, 3)), 90.0, "hard_stop")]
    sold = [e.at for e in out.of(ev.OrderFilled)][1]
    assert sold == at("10:00", date(2025, 10, 3))


def test_an_hour_bar_that_ends_at_the_close_decides_nothing() -> None:
    # The same warm-up shifted so that 100 comes back in the 15:00 bar, known at the close.
    rows = [*hourly(date(2025, 9, 29), *[100.0] * 7), *hourly(date(2025, 9, 30), *[100.0] * 7)]
    rows += hourly(date(2025, 10, 1), *[100.0] * 5, 95.0, 100.0)
    rows += hourly(NEXT, 94.0)
    out = run_desk({"AAA": rows}, BAND, interval=3600)
    assert at("16:00") in [instant for instant, _ in out.equity]
    assert out.decided() == []


def test_daily_bars_decide_at_the_close_and_fill_at_the_next_open() -> None:
    # 22 sessions from 2 September: the last is 1 October. Decided at its close, filled by the bar
    # of 2 October at its open of 101.
    rows = daily(date(2025, 9, 2), *[100.0] * 20, 95.0, 100.0, (101.0, 102.0, 100.0, 101.0))
    out = run_desk({"AAA": rows}, BAND, interval=86_400)
    assert out.decided()[0] == ("AAA", at("16:00"), 200)
    assert out.bought() == [("AAA", at("00:00", NEXT), 101.0, 200)]


def test_a_daily_entry_that_finds_no_bar_in_the_next_session_is_cancelled() -> None:
    rows = daily(date(2025, 9, 2), *[100.0] * 20, 95.0, 100.0)
    later = daily(date(2025, 10, 3), 94.0)
    other = daily(date(2025, 9, 2), *[50.0] * 24)
    out = run_desk({"AAA": [*rows, *later], "BBB": other}, BAND, interval=86_400)
    assert out.decided()[0][1] == at("16:00")
    assert out.bought() == []
    assert out.of(ev.OrderCancelled)[0].at == at("16:00", NEXT)


def test_indicators_run_on_across_sessions() -> None:
    # Twenty flat bars and the dip in the last 21 minutes of the day, the recovery in the first
    # minute of the next: decided at 09:31.
    day_one = bars("15:39", *[100.0] * 20, 95.0)
    out = run_desk({"AAA": [*day_one, *bars("09:30", 100.0, 100.0, day=NEXT)]}, BAND)
    assert out.bought() == [("AAA", at("09:31", NEXT), 100.0, 200)]


def test_bars_before_the_start_warm_up_and_decide_nothing() -> None:
    # The warm-up is the past: the first bar that trades, of 09:52, decides at 09:53.
    out = run_desk({"AAA": bars("09:52", 100.0, 100.0)}, BAND, before={"AAA": warm()})
    assert out.decided()[0][1] == at("09:53")


def test_a_bar_is_traded_before_the_prediction_of_the_same_instant_counts() -> None:
    # The bar ending at 09:55 has a low of 89: the stop sells in it, the exit of 09:55 is too late.
    rows = [*warm(), *bars("09:52", 100.0, 100.0, (95.0, 95.0, 89.0, 95.0), 95.0)]
    script = [prediction("AAA", at("09:50")), prediction("AAA", at("09:55"), 0.1)]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "ml"), predictions=script)
    assert out.sold()[0] == ("AAA", at("09:54"), 90.0, "hard_stop")


def test_a_prediction_counts_for_the_decisions_of_its_own_instant() -> None:
    # Predicted at 09:55 for the first time: bought at 09:55.
    rows = [*warm("09:55"), *bars("09:55", 100.0)]
    out = run_desk(
        {"AAA": rows}, BAND, tiers=("rules", "ml"), predictions=[prediction("AAA", at("09:55"))]
    )
    assert out.bought() == [("AAA", at("09:55"), 100.0, 200)]


def test_a_command_counts_for_the_decisions_of_its_own_instant() -> None:
    out = run_desk(
        {"AAA": [*warm(), *bars("09:52", 95.0)]}, BAND, commands={at("09:52"): [Pause()]}
    )
    assert out.decided() == []


def test_a_strategy_of_an_instant_comes_after_the_bars_ending_then() -> None:
    # Conservative from 09:53 on: the bar ending at 09:53 still raises by the moderate trail
    # (110 x 0.95 = 104.5); the one ending at 09:54 by 0.04 (112 x 0.96 = 107.52).
    rows = [
        *warm(),
        *bars("09:52", (100.0, 110.0, 100.0, 109.0), (109.0, 112.0, 109.0, 111.0)),
    ]
    signals = [
        signal("a", at("09:40"), "AAA"),
        signal("b", at("09:53"), "AAA", risk="conservative"),
    ]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "llm"), signals=signals)
    assert [level for level, _ in out.levels("AAA")] == [90.0, 104.5, 107.52]


def test_exits_are_decided_before_entries() -> None:
    # At 10:05 AAA's exit and BBB's entry are decided; at that open AAA's cash pays for BBB.
    rows = {
        "AAA": [*warm(), *bars("09:52", *[100.0] * 14)],
        "BBB": [*warm("10:05"), *bars("10:05", 100.0)],
    }
    script = [
        prediction("AAA", at("09:50"), target=1.0),
        prediction("AAA", at("10:05"), 0.1),
        prediction("BBB", at("10:05"), target=1.0),
    ]
    settings = BAND | {"risk.max_position": 1.0}
    out = run_desk(rows, settings, tiers=("rules", "ml"), predictions=script)
    assert [(f.symbol, str(f.side), f.at) for f in out.fills] == [
        ("AAA", "buy", at("09:52")),
        ("AAA", "sell", at("10:05")),
        ("BBB", "buy", at("10:05")),
    ]


@pytest.mark.parametrize(
    ("day", "last"), [(NEXT, "15:55"), (HALF_DAY, "12:55"), (AFTER_CLOCK_CHANGE, "15:55")]
)
def test_predictions_are_made_every_five_minutes_inside_the_session(day: date, last: str) -> None:
    session = calendar().session_on(day)
    assert session is not None
    instants = prediction_instants(session, 5)
    assert (instants[0], instants[-1]) == (at("09:35", day), at(last, day))
    out = run_desk({"AAA": bars("09:30", 100.0, day=day)}, BAND, tiers=("rules", "ml"))
    assert [event.at for event in out.of(ev.PredictionsMade)] == instants


def test_a_session_after_the_clocks_change_trades_by_new_york_time() -> None:
    # On 3 November 09:52 in New York is 14:52 UTC.
    rows = [*warm(day=AFTER_CLOCK_CHANGE), *bars("09:52", 100.0, day=AFTER_CLOCK_CHANGE)]
    out = run_desk({"AAA": rows}, BAND)
    assert [(f.at.hour, f.at.minute) for f in out.buys] == [(14, 52)]
