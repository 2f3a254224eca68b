"""What each key asks of the engine, and what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
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
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.bindings import bindings_of
from hybrid_tui.tui.commanding import next_speed
from hybrid_tui.tui.desk.page import DeskPage
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import (
    FakeConnection,
    Story,
    Wall,
    crowded,
    desk_app,
    empty,
    normal,
    press,
    settled,
)
from tests.tui.journals import journal_of

LIST = "20260320-1041"


@dataclass
class Desk:
    """A running screen in a test."""

    app: DeskApp
    pilot: Pilot[str]
    engine: FakeConnection
    wall: Wall
    story: Story

    async def press(self, *keys: str, after: float = 1.0) -> None:
        """Press keys, each a while after the one before."""
        for key in keys:
            self.wall.seconds += after
            await press(self.pilot, key)
        await settled(self.pilot)

    async def tell(self, kind: type[ev.Event], clock: str, **fields: Any) -> None:
        """Let the engine say something (the story folds it for its own ids only)."""
        event = kind(id=self.story.events[-1].id + 1, at=self.story.events[-1].at, **fields)
        self.engine.push(event)
        await settled(self.pilot)

    def lines(self, name: str) -> list[str]:
        """Return the text of a view's rows."""
        view = self.app.page.query_one(f"#{name}", RowsView)
        return [text_of(row.line) for row in view.rows]

    @property
    def notice(self) -> str:
        """The line above the keys."""
        return self.lines("notice")[0].strip()


@asynccontextmanager
async def open_desk(
    story: Story | None = None, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Desk]:
    """Run the screen on a story."""
    told = story or normal()
    app, engine, wall = desk_app(told, **options)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        wall.seconds += 1.0
        yield Desk(app=app, pilot=pilot, engine=engine, wall=wall, story=told)


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


async def test_tab_goes_round_the_panes() -> None:
    async with open_desk() as desk:
        seen = []
        for _ in range(5):
            focused = desk.app.focused
            seen.append(focused.id if focused is not None else None)
            await desk.press("tab")
        assert seen == ["positions", "strategy", "probabilities", "reasoning", "tape"]
        focused = desk.app.focused
        assert focused is not None
        assert focused.id == "positions"


async def test_narrow_terminal_shows_one_pane_and_a_badge() -> None:
    async with open_desk(size=(80, 24)) as desk:
        shown = [v.id for v in desk.app.page.query(".pane") if v.is_on_screen]
        assert shown == ["positions"]
        assert "Strategy (3 wait)" in desk.lines("tabs")[0]
        await desk.press("tab", "tab", "tab", "tab")
        shown = [v.id for v in desk.app.page.query(".pane") if v.is_on_screen]
        assert shown == ["tape"]


async def test_any_size_is_survived() -> None:
    async with open_desk() as desk:
        for size in ((60, 20), (20, 5), (300, 90), (1, 1), (80, 24)):
            await desk.pilot.resize_terminal(*size)
            await desk.press("tab", "e", "escape", "question_mark", "escape", "tab", "X", "escape")
            await desk.press("v", "escape", "s", "escape", "z", "z")
        assert desk.app.is_running
        assert "could not be painted" not in desk.notice


async def test_move_keys_walk_the_positions() -> None:
    async with open_desk() as desk:
        view = desk.app.page.query_one("#positions", RowsView)
        seen = [view.cursor_key]
        for key in ("j", "down", "j", "k", "g", "G", "up"):
            await desk.press(key)
            seen.append(view.cursor_key)
        assert seen == ["META", "NVDA", "XLK", "XLK", "NVDA", "META", "XLK", "NVDA"]


async def test_details_of_a_symbol_and_of_a_fill(tmp_path: Path) -> None:
    async with open_desk(history=journal_of(normal(), tmp_path)) as desk:
        await desk.press("j", "e")
        page = _page(desk)
        assert "110 at 176.61" in page
        assert "record data-centre revenue" in page
        await desk.press("escape", "shift+tab")
        tape = desk.app.page.query_one("#tape", RowsView)
        tape.select(next(i for i, t in enumerate(desk.lines("tape")) if "bought 110" in t))
        await desk.press("enter")
        page = _page(desk)
        assert "buy 110 NVDA: rsi_macd was confirmed" in page
        assert "approved   NVDA by you" in page
        assert "releases favour" in page
        assert "\x1b" not in page


async def test_details_of_a_refusal_show_the_symbol_as_it_is() -> None:
    async with open_desk() as desk:
        await desk.press("shift+tab", "j", "e")
        page = _page(desk)
        assert "because      confidence 0.61 < 0.70" in page
        assert "The journal has nothing more of it." in page
        assert "AMD now" in page
        assert "confidence   .61" in page


async def test_help_names_every_key() -> None:
    async with open_desk() as desk:
        await desk.press("question_mark")
        page = _page(desk)
        for binding in bindings_of(DeskPage):
            assert binding.id
            assert binding.tooltip in page


async def test_palette_offers_the_commands() -> None:
    async with open_desk() as desk:
        titles = [c.title for c in desk.app.get_system_commands(desk.app.screen)]
        assert "Pause entries, or allow them again" in titles
        await desk.press("ctrl+p")
        assert type(desk.app.screen).__name__ == "CommandPalette"


async def test_zoom_gives_one_pane_the_screen() -> None:
    async with open_desk() as desk:
        await desk.press("tab", "z")
        shown = [v.id for v in desk.app.page.query(".pane") if v.is_on_screen]
        assert shown == ["strategy"]
        await desk.press("z")
        assert len([v for v in desk.app.page.query(".pane") if v.is_on_screen]) == 5


@pytest.mark.parametrize(
    ("speed", "faster", "slower"),
    [(1, 10, 1), (10, 60, 1), (60, 300, 10), (300, 0, 60), (0, 0, 300), (600, 0, 300), (5, 10, 1)],
)
def test_speeds_in_their_order(speed: float, faster: float, slower: float) -> None:
    assert next_speed(speed, 1) == faster
    assert next_speed(speed, -1) == slower


def _page(desk: Desk) -> str:
    rows = desk.app.screen.query_one("#reading", RowsView).rows
    return "\n".join(text_of(row.line) for row in rows)


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


async def test_bottom_line_offers_the_keys_that_apply_and_a_click_presses_them() -> None:
    async with open_desk() as desk:
        (line,) = desk.lines("keys")
        assert line.startswith(" [1 Desk]")
        assert "a approve" in line
        assert "X flatten" in line
        assert "start again" not in line
        await desk.pilot.click("#keys", offset=(line.index("p pause"), 0))
        await settled(desk.pilot)
        assert desk.engine.sent == [Pause()]
        desk.engine.go()
        await settled(desk.pilot)
        await settled(desk.pilot)
        (line,) = desk.lines("keys")
        assert line.index("r start again") < line.index("p pause")


async def test_bottom_line_leaves_decisions_out_where_nothing_waits() -> None:
    async with open_desk(empty()) as desk:
        assert "approve" not in desk.lines("keys")[0]
