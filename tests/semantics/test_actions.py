"""What a person does by hand: pause, close, flatten, lift."""

from __future__ import annotations

from hybrid_tui.domain.commands import ClosePosition, Flatten, LiftLock, Pause, Resume

from .desk import Script, at, bars, run_desk
from .warm import BAND, warm


def test_close_sells_the_whole_position_at_the_next_open() -> None:
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, 100.0, 101.0)]}
    out = run_desk(rows, BAND, commands={at("09:54"): [ClosePosition(symbol="AAA")]})
    assert out.sold() == [("AAA", at("09:54"), 101.0, "manual")]
    assert out.sells[0].quantity == 200


def test_close_of_a_symbol_that_is_not_held_is_refused() -> None:
    rows = {"AAA": bars("09:30", 100.0, 100.0)}
    out = run_desk(rows, BAND, commands={at("09:31"): [ClosePosition(symbol="AAA")]})
    assert [ack.ok for ack in out.acks] == [False]


def test_a_second_close_sells_nothing_more() -> None:
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, 100.0), *bars("10:00", 101.0)]}
    again = [ClosePosition(symbol="AAA"), ClosePosition(symbol="AAA")]
    out = run_desk(rows, BAND, commands={at("09:54"): again})
    assert out.sold() == [("AAA", at("10:00"), 101.0, "manual")]


def test_flatten_sells_everything_cancels_entries_and_pauses() -> None:
    # AAA and BBB are held; CCC's entry of 09:56 waits for a bar at 10:05 and is cancelled. Nothing
    # is bought afterwards, though CCC is confirmed.
    rows = {
        "AAA": [*warm(), *bars("09:52", *[100.0] * 20)],
        "BBB": [*warm(), *bars("09:52", *[100.0] * 20)],
        "CCC": [*warm("09:56"), *bars("10:05", 100.0, 100.0)],
    }
    out = run_desk(rows, BAND, commands={at("09:58"): [Flatten()]})
    assert out.sold() == [
        ("AAA", at("09:58"), 100.0, "flatten"),
        ("BBB", at("09:58"), 100.0, "flatten"),
    ]
    assert [fill.symbol for fill in out.buys] == ["AAA", "BBB"]
    assert out.state.paused
    assert out.state.orders == {}


def test_a_pause_leaves_exits_alone() -> None:
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, (95.0, 95.0, 89.0, 90.0))]}
    out = run_desk(rows, BAND, commands={at("09:52:30"): [Pause()]})
    assert out.sold() == [("AAA", at("09:53"), 90.0, "hard_stop")]


def test_an_entry_already_decided_survives_a_pause() -> None:
    rows = {"AAA": [*warm(), *bars("10:00", 100.0)], "BBB": bars("09:30", *[50.0] * 40)}
    out = run_desk(rows, BAND, commands={at("09:55"): [Pause()]})
    assert out.bought() == [("AAA", at("10:00"), 100.0, 200)]


def test_entries_go_on_after_resume() -> None:
    rows = {"AAA": [*warm(), *bars("09:52", *[100.0] * 4)]}
    commands: Script = {at("09:45"): [Pause()], at("09:54"): [Resume()]}
    assert run_desk(rows, BAND, commands=commands).bought()[0][1] == at("09:54")


def test_a_lock_that_is_not_there_cannot_be_lifted() -> None:
    rows = {"AAA": bars("09:30", 100.0, 100.0)}
    out = run_desk(rows, BAND, commands={at("09:31"): [LiftLock(name="cooldown", symbol="AAA")]})
    assert [ack.ok for ack in out.acks] == [False]
