"""What each key asks of the engine, and what it shows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual.widgets import Button, Input

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import (
    Ack,
    AdoptPosition,
    Approve,
    ClosePosition,
    Command,
    Flatten,
    LiftLock,
    Pause,
    Resume,
    RunSession,
    SetSpeed,
    Stop,
    TightenStop,
    Undo,
    Veto,
)
from hybrid_tui.tui.commanding import next_speed
from hybrid_tui.tui.widgets.dialogs import SAID_AGAIN_SECONDS
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import (
    crowded,
    empty,
    normal,
    settled,
)
from tests.tui.opened import LIST, open_desk


async def test_keys_send_their_commands_and_show_the_answer() -> None:
    expected: list[tuple[list[str], Command]] = [
        (["a"], Approve(signal_id=LIST, symbols=("NVDA",))),
        (["A"], Approve(signal_id=LIST)),
        (["v", "enter"], Veto(signal_id=LIST, symbols=("AMD",))),
        (["V", *"too late", "enter"], Veto(signal_id=LIST, reason="too late")),
        (["p"], Pause()),
        (["L"], RunSession()),
        (["plus"], SetSpeed(speed=300.0)),
        (["minus"], SetSpeed(speed=10.0)),
        (["s", *"600.5", "enter"], TightenStop(symbol="META", level=600.5)),
    ]
    async with open_desk() as desk:
        desk.engine.ack = Ack(ok=True, message="so it is")
        for keys, command in expected:
            desk.app.notice = None
            desk.engine.sent.clear()
            await desk.press(*("space" if key == " " else key for key in keys))
            assert desk.engine.sent == [command]
            assert desk.notice == "so it is"


async def test_veto_needs_enter_and_takes_no_letter_of_the_key_that_opened_it() -> None:
    async with open_desk() as desk:
        await desk.press("v", *"vvvvvv", after=0.05)
        assert desk.app.screen.query_one("#dialog-typed", Input).value == ""
        await desk.press("enter", after=0.05)
        assert desk.engine.sent == []
        await desk.press("escape")
        assert desk.engine.sent == []
        await desk.press("V", "n", "o", "enter")
        assert desk.engine.sent == [Veto(signal_id=LIST, reason="no")]


async def test_undo_takes_the_last_decision_back_once() -> None:
    async with open_desk() as desk:
        assert "u undo" not in desk.lines("keys")[0]
        await desk.tell(
            ev.SignalDecided, "10:43", signal_id=LIST, symbols=("NVDA",), decision="approved",
            by="person",
        )  # fmt: skip
        assert "u undo" in desk.lines("keys")[0]
        await desk.press("u", "u", after=0.1)
        assert desk.engine.sent == [Undo(signal_id=LIST)]
        await desk.tell(
            ev.DecisionUndone, "10:44", signal_id=LIST, symbols=("NVDA",), whole=True, by="person",
            restores="20260320-0950",
        )  # fmt: skip
        assert "NVDA of 10:41 wait again" in desk.lines("tape")[0]


async def test_stop_is_tightened_between_its_level_and_the_price_only() -> None:
    async with open_desk() as desk:
        for wrong in ("low", "500", "606.2", "nan", "inf"):
            await desk.press("s", *("full_stop" if key == "." else key for key in wrong), "enter")
            assert desk.app.screen.query_one("#dialog-wrong", RowsView).rows
            await desk.press("escape")
        assert desk.engine.sent == []


async def test_refusal_is_shown() -> None:
    async with open_desk() as desk:
        desk.engine.ack = Ack(ok=False, message="NVDA is vetoed")
        await desk.press("a")
        assert desk.notice == "refused: NVDA is vetoed"


async def test_cursor_goes_on_to_the_next_symbol_that_waits() -> None:
    async with open_desk() as desk:
        await desk.press("a", "v", "enter")
        assert desk.engine.sent == [
            Approve(signal_id=LIST, symbols=("NVDA",)),
            Veto(signal_id=LIST, symbols=("AMD",)),
        ]


async def test_cursor_chooses_the_symbol_that_is_approved() -> None:
    async with open_desk() as desk:
        await desk.press("tab", "j", "j", "a")
        assert desk.engine.sent == [Approve(signal_id=LIST, symbols=("META",))]


async def test_a_key_that_is_held_down_decides_once() -> None:
    async with open_desk() as desk:
        for number, key in enumerate(("a", "A"), start=1):
            await desk.press(key, *[key] * 9, after=0.05)
            assert len(desk.engine.sent) == number
            desk.wall.seconds += 1


async def test_a_list_that_has_just_changed_is_not_decided_on() -> None:
    async with open_desk() as desk:
        newer = normal().state.signals[LIST].signal
        await desk.tell(
            ev.SignalProposed,
            "10:43",
            signal=replace(newer, id="newer", focus_stocks=("TSLA",)),
            pending_until=newer.expires_at,
        )
        await desk.press("a", after=0.1)
        assert desk.engine.sent == []
        assert "just changed" in desk.notice
        await desk.press("a")
        assert desk.engine.sent == [Approve(signal_id="newer", symbols=("TSLA",))]


async def test_another_list_begins_at_its_top_wherever_the_cursor_was() -> None:
    async with open_desk() as desk:
        older = normal().state.signals[LIST].signal
        await desk.press("tab", "j", "j")
        last = older.focus_stocks[-1]
        assert desk.app.page.chosen_waiting() == last  # type: ignore[attr-defined]
        await desk.tell(
            ev.SignalProposed,
            "10:43",
            signal=replace(older, id="newer", focus_stocks=("TSLA", *older.focus_stocks)),
            pending_until=older.expires_at,
        )
        assert desk.app.page.chosen_waiting() == "TSLA"  # type: ignore[attr-defined]


async def test_a_narrow_screen_that_is_widened_shows_a_list_from_its_head() -> None:
    async with open_desk(size=(80, 24)) as desk:
        await desk.pilot.resize_terminal(120, 40)
        for _ in range(3):
            await settled(desk.pilot)
        shown = desk.app.page.query_one("#strategy", RowsView)
        assert "bullish" in shown.render_line(0).text


async def test_nothing_pending_says_so() -> None:
    async with open_desk(empty()) as desk:
        await desk.press("a", "V")
        assert len(desk.app.screen_stack) == 1
        assert desk.engine.sent == []
        assert desk.notice == "nothing waits for a decision"


async def test_pause_becomes_resume_when_paused() -> None:
    async with open_desk() as desk:
        await desk.tell(ev.EntriesPaused, "10:43", by="person")
        assert "PAUSED" in desk.lines("header")[1]
        await desk.press("p")
        assert desk.engine.sent == [Resume()]


async def test_close_asks_with_the_focus_on_cancel() -> None:
    async with open_desk() as desk:
        await desk.press("x")
        focused = desk.app.focused
        assert isinstance(focused, Button)
        assert focused.id == "answer-cancel"
        await desk.press("enter")
        assert desk.engine.sent == []
        await desk.press("x", "left", "enter")
        assert desk.engine.sent == [ClosePosition(symbol="META")]


async def test_flatten_says_what_is_sold_and_cancels_by_default() -> None:
    async with open_desk() as desk:
        await desk.press("X")
        text = "\n".join(
            text_of(row.line) for row in desk.app.screen.query_one("#dialog-text", RowsView).rows
        )
        assert "31 META" in text
        assert "110 NVDA" in text
        assert "57,415.32" in text
        await desk.press("enter")
        await desk.press("X", "escape")
        assert desk.engine.sent == []
        await desk.press("X", "left", "enter")
        assert desk.engine.sent == [Flatten()]


async def test_a_dialog_names_its_keys_and_follows_the_market_while_it_stands() -> None:
    async with open_desk() as desk:
        await desk.press("X")
        dialog = desk.app.screen
        assert "enter does it · esc changes nothing" in str(
            dialog.query_one("#dialog").border_subtitle
        )
        await desk.tell(ev.Ticked, "10:43", quotes={"META": (900.0, 900.0)})
        await asyncio.sleep(SAID_AGAIN_SECONDS + 0.1)
        rows = dialog.query_one("#dialog-text", RowsView).rows
        assert any("31 META" in (said := text_of(row.line)) and "27,900.00" in said for row in rows)
        await desk.press("escape")
        assert desk.engine.sent == []


async def test_answers_stay_in_sight_however_much_is_sold() -> None:
    async with open_desk(crowded(), size=(80, 24)) as desk:
        await desk.press("X")
        text = desk.app.screen.query_one("#dialog-text", RowsView)
        first = text.below()
        assert first > 200
        assert desk.app.screen.query_one("#answer-cancel", Button).region.bottom <= 23
        await desk.press("j", "pagedown")
        assert text.below() == first - 11
        await desk.press("enter")
        assert desk.engine.sent == []


async def test_live_flatten_needs_the_word() -> None:
    async with open_desk(normal(mode="live", speed=1.0)) as desk:
        await desk.press("X", "left", "enter")
        assert desk.engine.sent == []
        await desk.press(*"FLATTEN")
        await desk.press("tab")
        await desk.press("enter")
        assert desk.engine.sent == [Flatten()]


async def test_live_clock_has_no_speed() -> None:
    async with open_desk(normal(mode="live", speed=1.0)) as desk:
        await desk.press("plus")
        assert desk.engine.sent == []
        assert "wall" in desk.notice


async def test_read_only_refuses_every_command_visibly() -> None:
    async with open_desk(read_only=True) as desk:
        assert "read-only" in desk.lines("header")[0]
        for key in ("a", "v", "A", "V", "p", "x", "s", "X", "L", "plus"):
            desk.app.notice = None
            await desk.press(key)
            assert desk.engine.sent == []
            assert desk.notice == "read-only: nothing was sent"


async def test_an_answer_that_is_given_twice_counts_once_and_leaves_the_page() -> None:
    async with open_desk() as desk:
        await desk.press("x", "left")
        button = desk.app.focused
        assert isinstance(button, Button)
        button.press()
        button.press()
        await settled(desk.pilot)
        await desk.press("v")
        line = desk.app.screen.query_one(Input)
        desk.wall.seconds += 1.0
        await line.action_submit()
        await line.action_submit()
        await settled(desk.pilot)
        assert desk.app.screen is desk.app.page
        sent = [type(command) for command in desk.engine.sent]
        assert sent == [ClosePosition, Veto]


async def test_external_position_is_taken_over_only_when_its_symbol_is_typed() -> None:
    async with open_desk(crowded()) as desk:
        await desk.press("O")
        assert "no external position" in desk.notice
        await desk.press("G", "O", *"GLX", "enter")
        assert desk.engine.sent == []
        await desk.press("backspace", "D", "enter")
        assert desk.engine.sent == [AdoptPosition(symbol="GLD")]


async def test_quit_asks_and_leaves_the_desk_running() -> None:
    async with open_desk() as desk:
        await desk.press("ctrl+c", "escape")
        assert desk.app.is_running
        await desk.press("q", "enter")
        assert desk.engine.sent == []
        assert desk.app.return_value == "the desk goes on running; hybrid-tui returns to it"


async def test_quit_can_stop_the_desk() -> None:
    async with open_desk() as desk:
        await desk.press("q", "right", "enter")
        assert desk.engine.sent == [Stop()]
        assert desk.app.return_value == "stopped"


async def test_quit_stays_when_the_engine_does_not_stop() -> None:
    async with open_desk() as desk:
        desk.engine.ack = Ack(ok=False, message="no answer")
        await desk.press("q", "right", "enter")
        assert desk.app.return_value is None
        assert desk.notice == "not stopped: no answer"


@pytest.mark.parametrize(
    ("speed", "faster", "slower"),
    [(1, 10, 1), (10, 60, 1), (60, 300, 10), (300, 0, 60), (0, 0, 300), (600, 0, 300), (5, 10, 1)],
)
def test_speeds_in_their_order(speed: float, faster: float, slower: float) -> None:
    assert next_speed(speed, 1) == faster
    assert next_speed(speed, -1) == slower


async def test_locks_are_shown_and_the_chosen_one_is_lifted_after_a_question() -> None:
    async with open_desk() as desk:
        await desk.press("l")
        text = "\n".join(
            text_of(row.line) for row in desk.app.screen.query_one("#dialog-text", RowsView).rows
        )
        assert "cooldown TSLA: 7m53 left" in text
        assert "stopped out" in text
        await desk.press("enter")
        assert desk.engine.sent == []
        await desk.press("l", "left", "enter")
        assert desk.engine.sent == [LiftLock(name="cooldown", symbol="TSLA")]


async def test_without_a_lock_the_key_says_so() -> None:
    async with open_desk(empty()) as desk:
        await desk.press("l")
        assert desk.engine.sent == []
        assert desk.notice == "no locks: entries are not locked by a protection"
