"""The page of trades: what each key shows, and that it never loads them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import ClosePosition
from hybrid_tui.domain.orders import Fill, Side
from hybrid_tui.journal.trades import StoredTrade, TradeQuery
from hybrid_tui.tui import registry
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.history import JournalHistory
from hybrid_tui.tui.widgets.lines import text_of
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
)
from tests.tui.journals import journal_of
from tests.tui.trades.many import write_many

Compare = Callable[..., bool]
COUNT = 1_400


class Counting(JournalHistory):
    """A journal's history that counts the trades it gave."""

    given = 0

    def trades(self, run: str, query: TradeQuery) -> list[StoredTrade]:
        """Count, then read."""
        found = super().trades(run, query)
        self.given += len(found)
        return found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The morning's journal with many older trades."""
    return write_many(normal(), tmp_path_factory.mktemp("trades") / "journal.db", COUNT)


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know these pages alone, so that a picture does not change with each page that is added."""
    monkeypatch.setattr(registry, "PAGES", (registry.DESK, registry.SYMBOL, registry.TRADES))


@dataclass
class Shown:
    """The page in a test."""

    app: DeskApp
    pilot: Pilot[str]
    engine: FakeConnection
    wall: Wall
    story: Story
    history: Counting

    async def press(self, *keys: str) -> None:
        """Press keys, a second apart, and let what they ask for arrive."""
        for key in keys:
            self.wall.seconds += 1.0
            await press(self.pilot, key)
        await self.settle()

    async def settle(self) -> None:
        """Let pages be read and painted."""
        for _ in range(2):
            self.wall.seconds += 1.0
            await settled(self.pilot)
            await asyncio.sleep(0.05)
        await settled(self.pilot)

    @property
    def table(self) -> RowsView:
        """The table."""
        return self.app.page.query_one("#trades", RowsView)

    def lines(self, name: str = "trades") -> list[str]:
        """Return the text of a view."""
        view = self.app.screen.query_one(f"#{name}", RowsView)
        return [text_of(row.line) for row in view.rows]


@asynccontextmanager
async def open_page(path: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Shown]:
    """Go to the page of trades by its key."""
    story, history = normal(), Counting(path)
    app, engine, wall = desk_app(story, history=history)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        shown = Shown(app=app, pilot=pilot, engine=engine, wall=wall, story=story, history=history)
        await shown.press("3")
        assert app.page.NAME == "Trades"
        yield shown


def result(line: str) -> float:
    """Return the dollars after the arrow."""
    return float(line.replace("▼", "▲").split("▲")[1].split()[0].replace(",", ""))


async def test_open_trades_stand_above_the_newest_closed_and_the_sums_above_both(
    path: Path,
) -> None:
    async with open_page(path) as shown:
        lines = shown.lines()
        assert [line.split()[:2] for line in lines[:3]] == [
            ["open", "META"], ["open", "NVDA"], ["open", "XLK"],
        ]  # fmt: skip
        assert "+214.50" in lines[1]
        words = ["TSLA", "60", "238.00", "236.40", "▼", "-96.00", "-0.7", "%", "19m00"]
        assert lines[3].split()[4:13] == words
        assert "trailing stop" in lines[3]
        sums = shown.lines("trades-totals")
        assert sums[0].startswith(" all     1,401 trades ")
        assert "won 53 %" in sums[0]
        assert "profit factor" in sums[0]
        assert sums[1].startswith(" today      44 trades  ▲ +262.72  won 52 %")
        assert shown.table.shown_title == "Trades · 3 open ▲ +136.87"
        assert shown.table.shown_subtitle == "1,401 closed · by time"


async def test_pages_come_as_the_cursor_moves_and_not_all_are_loaded(path: Path) -> None:
    async with open_page(path) as shown:
        assert shown.history.given <= 400
        for _ in range(24):
            await press(shown.pilot, "pagedown")
            await asyncio.sleep(0.01)
        await shown.settle()
        assert shown.table.shown_subtitle == "238 of 1,401 closed · by time"
        await shown.press("G")
        assert shown.table.shown_subtitle == "1,401 of 1,401 closed · by time"
        assert shown.history.given < COUNT
        await shown.press("pageup")
        assert shown.table.shown_subtitle == "1,391 of 1,401 closed · by time"
        await shown.press("g")
        assert shown.table.cursor_key == "open-META"


async def test_sorting_goes_through_the_columns_and_round(path: Path) -> None:
    async with open_page(path) as shown:
        await shown.press("o")
        results = [result(line) for line in shown.lines()[3:50]]
        assert results == sorted(results, reverse=True)
        assert shown.table.shown_subtitle.endswith("by P&L")
        await shown.press("O")
        results = [result(line) for line in shown.lines()[3:50]]
        assert results == sorted(results)
        assert shown.table.shown_subtitle.endswith("by P&L, reversed")
        await shown.press("o", "o", "o")
        assert [line.split()[4] for line in shown.lines()[3:20]] == ["AAPL"] * 17


async def test_the_filter_works_while_it_is_typed_and_esc_clears_it(path: Path) -> None:
    async with open_page(path) as shown:
        await shown.press("slash", *"nvda")
        await asyncio.sleep(0.2)
        await shown.settle()
        assert isinstance(shown.app.focused, Input)
        assert {line.split()[1] for line in shown.lines()[:1]} == {"NVDA"}
        assert {line.split()[4] for line in shown.lines()[1:]} == {"NVDA"}
        assert shown.lines("trades-totals")[0].startswith(" all       116 trades")
        assert shown.table.shown_title == "Trades · 3 open ▲ +136.87 · “nvda”"
        await shown.press("enter", "j", "x")
        assert shown.engine.sent == []
        assert "no position is selected" in shown.lines("notice")[0]
        await shown.press("escape")
        assert len(shown.lines()) > 200
        assert shown.app.page.NAME == "Trades"
        await shown.press("slash", *"zzz")
        await asyncio.sleep(0.2)
        await shown.settle()
        assert shown.lines() == ["No trade fits the filter; esc clears it."]
        await shown.press("escape", "escape")
        assert shown.app.page.NAME == "Desk"


async def test_keys_explain_open_and_close_the_selected_trade(path: Path) -> None:
    async with open_page(path) as shown:
        await shown.press("x")
        assert isinstance(shown.app.focused, Button)
        await shown.press("left", "enter")
        assert shown.engine.sent == [ClosePosition(symbol="META")]
        await shown.press("j", "j", "j", "e")
        reading = "\n".join(shown.lines("reading"))
        assert "bought 60 TSLA at 238.00" in reading
        assert "sold 60 TSLA at 236.40" in reading
        await shown.press("escape", "enter")
        assert shown.app.page.NAME == "Symbol"
        await shown.press("escape")
        assert shown.app.page.NAME == "Trades"


async def test_a_trade_that_ends_comes_to_the_top_and_the_cursor_stays(tmp_path: Path) -> None:
    story = normal()
    history = journal_of(story, tmp_path)
    app, engine, wall = desk_app(story, history=history)
    async with app.run_test(size=(120, 40)) as pilot:
        shown = Shown(app, pilot, engine, wall, story, history)  # type: ignore[arg-type]
        await settled(pilot)
        await shown.press("3", "j", "j", "j")
        assert "TSLA" in shown.lines()[3]
        key = shown.table.cursor_key
        held = story.state.positions["META"]
        fill = Fill(
            order_id="sell-META", at=at("10:43"), symbol="META", side=Side.SELL,
            quantity=held.quantity, price=610.0, commission=0.0, slippage=0.0, reason="manual",
        )  # fmt: skip
        later = normal()
        sold = later.tell(ev.OrderFilled, "10:43", fill=fill)
        (tmp_path / "journal.db").unlink()
        journal_of(later, tmp_path)
        engine.push(sold)
        await shown.settle()
        assert [line.split()[0] for line in shown.lines()[:2]] == ["open", "open"]
        assert "META" in shown.lines()[2]
        assert "by hand" in shown.lines()[2]
        assert shown.table.cursor_key == key


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_page_of_many_trades(snap_compare: Compare, path: Path, size: tuple[int, int]) -> None:
    app, _, _ = desk_app(normal(), history=JournalHistory(path))
    assert snap_compare(app, terminal_size=size, run_before=_opened)


def test_page_without_trades(snap_compare: Compare) -> None:
    app, _, _ = desk_app(empty())
    assert snap_compare(app, terminal_size=(120, 40), run_before=_opened)


async def _opened(pilot: Pilot[Any]) -> None:
    await settled(pilot)
    await press(pilot, "3")
    for _ in range(3):
        await asyncio.sleep(0.05)
        await settled(pilot)
    await press(pilot, "j")
    await settled(pilot)
