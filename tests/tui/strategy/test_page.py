"""The page of sessions: what each key shows, and what is decided from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Approve, Undo, Veto
from hybrid_tui.domain.inquiries import Answer
from hybrid_tui.tui import registry
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.approving import PREVIEW_SECONDS
from hybrid_tui.tui.history import JournalHistory
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.markdown import markdown_rows
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import (
    FakeConnection,
    Story,
    Wall,
    at,
    desk_app,
    empty,
    normal,
    press,
    settled,
    signal,
)
from tests.tui.journals import write_journal
from tests.tui.strategy.scenes import CHINESE, days

Compare = Callable[..., bool]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of the two days."""
    return write_journal(days(), tmp_path_factory.mktemp("sessions") / "journal.db")


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    monkeypatch.setattr(registry, "PAGES", (registry.DESK, registry.STRATEGY, registry.SYMBOL))


@dataclass
class Shown:
    """The page in a test."""

    app: DeskApp
    pilot: Pilot[str]
    engine: FakeConnection
    wall: Wall
    story: Story

    async def press(self, *keys: str) -> None:
        """Press keys, a second apart, and let what they ask for arrive."""
        for key in keys:
            self.wall.seconds += 1.0
            await press(self.pilot, key)
            await self.settle()

    async def settle(self) -> None:
        """Let the journal be read and painted."""
        await settled(self.pilot)
        await asyncio.sleep(0.03)
        await settled(self.pilot)

    def text(self, name: str = "session") -> str:
        """Return what a pane shows."""
        view = self.app.page.query_one(f"#{name}", RowsView)
        return "\n".join(text_of(shown.line) for shown in view.rows)


@asynccontextmanager
async def open_page(
    story: Story, path: Path | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Shown]:
    """Go to the page by its key."""
    history = JournalHistory(path) if path is not None else None
    app, engine, wall = desk_app(story, history=history)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        shown = Shown(app=app, pilot=pilot, engine=engine, wall=wall, story=story)
        await shown.press("2")
        assert app.page.NAME == "Strategy"
        yield shown


def opened(*keys: str) -> Callable[[Pilot[Any]], Any]:
    """Return what goes to the page and presses keys, for a picture."""

    async def go(pilot: Pilot[Any]) -> None:
        for key in ("", "2", *keys):
            await settled(pilot)
            if key:
                await press(pilot, key)
                await asyncio.sleep(0.05)
        await settled(pilot)

    return go


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_page(snap_compare: Compare, path: Path, size: tuple[int, int]) -> None:
    app, _, _ = desk_app(days(), history=JournalHistory(path))
    assert snap_compare(app, terminal_size=size, run_before=opened("tab"))


def test_page_with_a_list_that_waits_in_chinese(snap_compare: Compare) -> None:
    app, _, _ = desk_app(normal(proposal=signal("10:41", reasoning=CHINESE)))
    assert snap_compare(app, terminal_size=(120, 40), run_before=opened())


def test_page_that_compares(snap_compare: Compare, path: Path) -> None:
    app, _, _ = desk_app(days(), history=JournalHistory(path))
    keys = opened("m", "j", "j")
    assert snap_compare(app, terminal_size=(120, 40), run_before=keys)


async def test_a_session_tells_what_was_decided_by_whom_when_why_and_what_came_of_it(
    path: Path,
) -> None:
    async with open_page(days(), path) as shown:
        listed = shown.text("sessions")
        for said in ("Fri 20 Mar", "Thu 19 Mar", "12:00*", "in force ✓2 ✗1", "vetoed ✗2"):
            assert said in listed
        assert "nothing: the model" in listed
        full = " ".join(shown.text().split())
        for said in (
            "event: NVDA moved 4 sigma",
            "vetoed AMD (you): no moon in it",
            "taken back AMD (you)",
            "wrong if close < sma(20): holds, watched at each bar",
            "UNCHECKED: unexpected 'when' at 1",
            "came true Fri 10:44, XLK was sold",
            "[1] 09:40 Nvidia posts record",
            "! one number not in the input: 42",
            "gpt-6-luna · $0.0006",
        ):
            assert said in full
        await shown.press("k")
        assert "the model refused to answer" in shown.text()
        await shown.press("G")
        assert "SPY +0.40 % until it expired" in " ".join(shown.text().split())


async def test_two_sessions_stand_beside_each_other_until_esc(path: Path) -> None:
    async with open_page(days(), path) as shown:
        await shown.press("m", "j")
        lines = {line.split()[0]: line for line in shown.text().splitlines() if line.strip()}
        assert lines["direction"].split() == ["direction", "bullish", "neutral"]
        assert lines["overnight"].split() == ["overnight", "60", "%", "40", "%", "-20", "points"]
        assert lines["risk"].split() == ["risk", "moderate", "conservative"]
        assert "▼ -.20" in lines["NVDA"]
        assert "leaves" in lines["META"]
        assert "joins" in lines["AMD"]
        await shown.press("escape")
        assert shown.app.page.NAME == "Strategy"
        assert "Focus list" in shown.text()
        await shown.press("escape")
        assert shown.app.page.NAME == "Desk"


async def test_a_list_that_waits_is_decided_symbol_by_symbol_and_as_a_whole() -> None:
    async with open_page(normal()) as shown:
        assert "NVDA" in shown.text()
        await shown.press("tab", "j", "a")
        await shown.press("A", "g", "v", "n", "o", "enter")
        name = "20260320-1041"
        assert shown.engine.sent == [
            Approve(signal_id=name, symbols=("AMD",)),
            Approve(signal_id=name),
            Veto(signal_id=name, symbols=("NVDA",), reason="no"),
        ]


async def test_a_list_that_waits_says_what_an_approval_would_make_possible() -> None:
    story = normal()
    async with open_page(story) as page:
        symbols = {"AMD": {"shares": 108, "why": ""}, "META": {"shares": 0, "why": "held"}}
        page.engine.answer = lambda _: Answer(document={"signal_id": "", "symbols": symbols})
        page.wall.seconds += PREVIEW_SECONDS + 1.0
        await page.settle()
        assert "→ buys 108 once rsi_macd confirms" in page.text()
        assert "no entry: held" not in page.text()


async def test_what_was_decided_cannot_be_decided_again_but_taken_back(path: Path) -> None:
    async with open_page(days(), path) as shown:
        await shown.press("u")
        assert shown.engine.sent == [Undo(signal_id="20260320-1200")]
        await shown.press("a", "A", "V")
        assert len(shown.engine.sent) == 1
        assert shown.app.notice is not None
        assert "nothing waits" in shown.app.notice[0]


async def test_what_the_model_writes_shows_as_it_comes() -> None:
    story = normal()
    async with open_page(story) as shown:
        shown.engine.push(
            ev.StrategistWrote(id=900, at=at("10:43"), decision="d", text="The **lead** is")
        )
        await shown.settle()
        assert "is being written" in shown.text("sessions")
        await shown.press("g")
        assert shown.text().splitlines() == ["The strategist writes …", "The lead is"]


async def test_earlier_sessions_are_read_as_the_cursor_comes_near_them(tmp_path: Path) -> None:
    story = days()
    for number in range(60):
        made = signal("10:50", id=f"many-{number}", at=at("10:50") + timedelta(seconds=number))
        story.tell(ev.SignalProposed, "10:50", signal=made, pending_until=at("10:50"))
    path = write_journal(story, tmp_path / "journal.db")
    async with open_page(story, path) as shown:
        assert "more below" in str(shown.app.page.query_one("#sessions", RowsView).border_subtitle)
        for _ in range(4):
            await shown.press("G")
        assert "Thu 19 Mar" in shown.text("sessions")
        assert shown.app.page.query_one("#sessions", RowsView).shown_subtitle == "65 proposals"


async def test_without_a_session_or_a_journal_it_says_so() -> None:
    async with open_page(empty()) as shown:
        assert "No session yet; L holds one now." in shown.text("sessions")
    async with open_page(normal(), Path("/nowhere/journal.db")) as shown:
        assert "NVDA" in shown.text()
        assert shown.app.notice is not None
        assert "no session" in shown.app.notice[0]


async def test_enter_opens_a_symbol_and_e_the_story(path: Path) -> None:
    async with open_page(days(), path) as shown:
        await shown.press("e")
        assert len(shown.app.screen_stack) == 3
        await shown.press("escape", "enter", "enter")
        assert shown.app.page.NAME == "Symbol"


@pytest.mark.parametrize("width", [8, 23, 40, 77])
def test_markdown_never_is_wider_than_its_pane_nor_more_than_text(width: int) -> None:
    rows = markdown_rows(
        CHINESE + "\n\n# a\n\n- <script>x</script> \x1b[31m[link](http://x)", width
    )
    lines = [text_of(shown.line) for shown in rows]
    assert max(map(cell_len, lines)) <= width
    told = "".join("".join(lines).split())
    assert "<script>x</script>[link](http://x)" in told.replace("•", "")
    assert told.count("英伟达") == CHINESE.count("英伟达")
    assert "\x1b" not in told
