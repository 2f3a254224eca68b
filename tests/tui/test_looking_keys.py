"""The keys that ask nothing of the engine: panes, details, help, and the line that offers them."""

from __future__ import annotations

from pathlib import Path

from hybrid_tui.domain.commands import (
    Pause,
)
from hybrid_tui.tui.bindings import bindings_of
from hybrid_tui.tui.desk.page import DeskPage
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import (
    empty,
    normal,
    settled,
)
from tests.tui.journals import journal_of
from tests.tui.opened import Desk, open_desk


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


def _page(desk: Desk) -> str:
    rows = desk.app.screen.query_one("#reading", RowsView).rows
    return "\n".join(text_of(row.line) for row in rows)


async def test_bottom_line_offers_the_keys_that_apply_and_a_click_presses_them() -> None:
    async with open_desk() as desk:
        (line,) = desk.lines("keys")
        assert line.startswith(" [1 Desk]")
        assert "a approve" in line
        assert "X sell all" in line
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
