"""The page of a symbol: what each key shows, what it asks the engine, and how it looks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Button

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Approve, ClosePosition
from hybrid_tui.domain.inquiries import Answer, ChartInquiry, RulesInquiry
from hybrid_tui.tui import registry
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.history import JournalHistory
from hybrid_tui.tui.symbol.page import SymbolPage
from hybrid_tui.tui.widgets.lines import text_of, width_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import FakeConnection, Story, Wall, bars, desk_app, news, press, settled
from tests.tui.journals import journal_of
from tests.tui.symbol.scenes import answer, morning

Compare = Callable[..., bool]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> JournalHistory:
    """The morning's journal."""
    return journal_of(morning(), tmp_path_factory.mktemp("symbol"))


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    monkeypatch.setattr(registry, "PAGES", (registry.DESK, registry.SYMBOL))


@dataclass
class Shown:
    """The page in a test."""

    app: DeskApp
    pilot: Pilot[str]
    engine: FakeConnection
    wall: Wall
    story: Story

    @property
    def page(self) -> SymbolPage:
        """The page."""
        assert isinstance(self.app.page, SymbolPage)
        return self.app.page

    async def press(self, *keys: str) -> None:
        """Press keys, a second apart, and let what they ask for arrive."""
        for key in keys:
            self.wall.seconds += 1.0
            await press(self.pilot, key)
        await self.settle()

    async def settle(self) -> None:
        """Let questions be asked and answered."""
        for _ in range(2):
            self.wall.seconds += 1.0
            await settled(self.pilot)

    def lines(self, name: str) -> list[str]:
        """Return the text of a view."""
        view = self.app.screen.query_one(f"#{name}", RowsView)
        return [text_of(row.line) for row in view.rows]

    def text(self, name: str) -> str:
        """Return the text of a view in one piece."""
        return "\n".join(self.lines(name))


@asynccontextmanager
async def open_page(
    history: JournalHistory, symbol: str = "NVDA", size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Shown]:
    """Open the page of a symbol."""
    story = morning()
    app, engine, wall = desk_app(story, history=history)
    engine.answer = answer
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        app.open_symbol(symbol)
        shown = Shown(app=app, pilot=pilot, engine=engine, wall=wall, story=story)
        await shown.settle()
        yield shown


async def test_the_page_shows_chart_rules_predictions_and_headlines(
    history: JournalHistory,
) -> None:
    async with open_page(history) as shown:
        head = shown.lines("symbol-head")
        assert "NVDA  178.56 " in head[0]
        assert "held 110 @ 176.61" in head[0]
        assert "stop 177.10 trail" in head[0]
        assert "[1m] 5m  1h  1d" in head[0]
        assert "nothing sells now; below 177.10 (trailing stop) the resting stop does" in head[1]
        chart = shown.text("chart")
        assert "◂ 178.56" in chart
        assert "177.10 stop" in chart
        assert "RSI(14)" in chart
        assert "buy probability < 0.4: 0.71" in shown.text("rules")
        record = shown.app.screen.query_one("#record", RowsView)
        assert record.shown_title == "1 of 2 inside the 90 % band"
        assert "✗ out" in shown.text("record")
        assert "+.40 Suppliers: orders of AI" in shown.text("news")
        assert {type(one) for one in shown.engine.asked} >= {ChartInquiry, RulesInquiry}


async def test_keys_look_at_the_chart_in_other_ways(history: JournalHistory) -> None:
    async with open_page(history) as shown:
        await shown.press("full_stop")
        assert shown.engine.asked[-1] == ChartInquiry(symbol="NVDA", interval=300, count=600)
        assert " 1m [5m]" in shown.lines("symbol-head")[0]
        await shown.press("comma", "comma")
        assert "[1m]" in shown.lines("symbol-head")[0]
        await shown.press("left", "left", "left")
        assert shown.lines("symbol-head")[1].startswith(" Fri 20 Mar 10:39  o ")
        await shown.press("right", "shift+left")
        assert shown.lines("symbol-head")[1].startswith(" Fri 20 Mar 10:30  o ")
        assert "bought 110 at 176.61: rs" in shown.lines("symbol-head")[1]
        await shown.press("shift+left", "shift+left", "shift+left", "shift+left", "shift+left")
        await shown.press("shift+left", "shift+left", "shift+left")
        assert shown.lines("symbol-head")[1].startswith(" Thu 19 Mar 15:40  o ")
        assert any("┻" in line for line in shown.lines("chart"))
        await shown.press("escape")
        assert "resting stop" in shown.lines("symbol-head")[1]
        await shown.press("i")
        assert "EMA 9, SMA 50" in shown.app.screen.query_one("#chart", RowsView).shown_subtitle
        await shown.press("i")
        assert "RSI(14)" not in shown.text("chart")
        before = shown.text("chart")
        await shown.press("right_square_bracket")
        assert shown.text("chart") != before
        await shown.press("left_square_bracket", "i", "i")
        assert "RSI(14)" in shown.text("chart")
        await shown.press("escape")
        assert shown.app.page.NAME == "Desk"


async def test_keys_go_to_panes_headlines_and_other_symbols(history: JournalHistory) -> None:
    async with open_page(history) as shown:
        await shown.press("n", "enter")
        assert "Suppliers: orders of AI servers run ahead of plan" in shown.text("reading")
        assert "sentiment   +.40" in shown.text("reading")
        await shown.press("escape", "n")
        assert shown.app.focused is shown.app.screen.query_one("#chart")
        await shown.press("tab", "tab")
        assert shown.app.focused is shown.app.screen.query_one("#record")
        await shown.press("J")
        assert "SOXL" in shown.lines("symbol-head")[0]
        assert "not held" in shown.lines("symbol-head")[0]
        assert "no entry: confidence 0.61 < 0.70 and 1 more" in shown.lines("symbol-head")[1]
        assert shown.lines("rules")[0].rstrip() == "✗ confidence: confidence 0.61 < 0.70"
        assert shown.lines("news") == ["No headlines about it."]
        await shown.press("K", "K")
        assert "META" in shown.lines("symbol-head")[0]


async def test_a_symbol_that_nobody_has_seen_yet_is_not_decided_on(
    history: JournalHistory,
) -> None:
    async with open_page(history) as shown:
        shown.wall.seconds += 1.0
        shown.page.action_symbol(-1)
        shown.page.action_approve()
        await press(shown.pilot, "A")
        assert shown.engine.sent == []


async def test_keys_act_on_the_symbol_and_why_tells_its_chain(history: JournalHistory) -> None:
    async with open_page(history) as shown:
        await shown.press("a")
        assert shown.engine.sent == [Approve(signal_id="20260320-1041", symbols=("NVDA",))]
        await shown.press("x")
        assert isinstance(shown.app.focused, Button)
        await shown.press("left", "enter")
        assert shown.engine.sent[1:] == [ClosePosition(symbol="NVDA")]
        await shown.press("e")
        text = shown.text("reading")
        said = ["Nvidia posts record data-centre", "9:50 session", "NVDA by you",
                "buy 110 NVDA: rsi_macd", "bought 110 NVDA at 176.61", "177.10 (trailing stop)",
                "110 NVDA still"]  # fmt: skip
        assert [words for words in said if words not in text] == []


async def test_bars_that_end_are_asked_for_and_the_crosshair_stays_on_its_bar(
    history: JournalHistory,
) -> None:
    async with open_page(history) as shown:
        await shown.press("left", "left")
        before = shown.lines("symbol-head")[1]
        asked = len(shown.engine.asked)
        await shown.settle()
        assert len(shown.engine.asked) == asked, "nothing new was asked while nothing happened"
        last = shown.story.events[-1]
        shown.engine.answer = partial(answer, until="10:45")
        shown.engine.push(
            ev.BarsClosed(id=last.id + 1, at=last.at.replace(minute=45), start=last.at, bars=bars())
        )
        await shown.settle()
        assert len(shown.engine.asked) > asked
        assert shown.lines("symbol-head")[1][:18] == before[:18]


async def test_any_size_wide_characters_and_a_lost_engine_are_survived(
    history: JournalHistory,
) -> None:
    async with open_page(history) as shown:
        await shown.press("question_mark")
        assert "a session of the strategist, a headline" in shown.text("reading")
        shown.engine.answer = lambda _: Answer(refused="there are no bars of 3600 s here")
        await shown.press("escape", "full_stop", "full_stop")
        assert shown.lines("chart") == ["No chart: there are no bars of 3600 s here"]
        shown.engine.answer = answer
        await shown.press("comma")
        last = shown.story.events[-1]
        item = news("h99", "10:42", "NVDA", "英伟达公布创纪录的数据中心收入并上调全年业绩指引" * 3)
        shown.engine.push(ev.NewsArrived(id=last.id + 1, at=last.at, item=item, score=0.8))
        await shown.settle()
        shown.engine.go()
        for size in ((60, 20), (24, 8), (200, 50), (120, 40)):
            await shown.pilot.resize_terminal(*size)
            await shown.press("left", "tab")
            assert "could not be painted" not in shown.text("notice")
        view = shown.app.screen.query_one("#news", RowsView)
        assert "英伟达公布" in shown.lines("news")[0]
        assert width_of(view.rows[0].line) < view.size.width
        assert view.render_line(0).cell_length == view.size.width
        assert "figures of Fri 10:42:07" in shown.text("header")


async def test_nothing_is_painted_while_nothing_happens(history: JournalHistory) -> None:
    async with open_page(history) as shown:
        painted: list[str | None] = []
        for view in shown.app.page.query(RowsView):
            original = view.refresh

            def refresh(
                *regions: Region, of: RowsView = view, then: Any = original, **options: bool
            ) -> Any:
                painted.append(of.id)
                return then(*regions, **options)

            view.refresh = refresh  # type: ignore[method-assign]
        await shown.settle()
        assert painted == []
        last = shown.story.events[-1]
        quotes = {"NVDA": (178.9, 178.92)}
        shown.engine.push(ev.Ticked(id=last.id + 1, at=last.at, quotes=quotes))
        await shown.settle()
        assert set(painted) == {"header", "symbol-head", "chart"}
        assert "178.91" in shown.text("symbol-head")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_page_of_what_is_held(
    snap_compare: Compare, history: JournalHistory, size: tuple[int, int]
) -> None:
    app = _app(history)
    assert snap_compare(app, terminal_size=size, run_before=_opener("NVDA"))


def test_page_with_the_crosshair_and_averages(
    snap_compare: Compare, history: JournalHistory
) -> None:
    keys = ("i", "left", *["shift+left"])
    assert snap_compare(_app(history), terminal_size=(120, 40), run_before=_opener("AMD", *keys))


def _app(history: JournalHistory) -> DeskApp:
    app, engine, _ = desk_app(morning(), history=history)
    engine.answer = answer
    return app


def _opener(symbol: str, *keys: str) -> Callable[[Pilot[Any]], Any]:
    async def run_before(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        app = pilot.app
        assert isinstance(app, DeskApp)
        app.open_symbol(symbol)
        wall = app.wall
        assert isinstance(wall, Wall)
        for _ in range(3):
            wall.seconds += 1.0
            await settled(pilot)
        for key in keys:
            await press(pilot, key)
        await settled(pilot)

    return run_before
