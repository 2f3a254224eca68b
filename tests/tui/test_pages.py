"""Going from page to page: what stays, what is painted, and where esc leads."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from textual.app import ComposeResult
from textual.events import Key
from textual.widgets import Input

from hybrid_tui.tui import registry
from hybrid_tui.tui.page import Page
from hybrid_tui.tui.registry import PageEntry
from hybrid_tui.tui.widgets.lines import row, text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import desk_app, normal, press, settled


class OtherPage(Page):
    """A page that counts how often it was painted."""

    NAME: ClassVar[str] = "Other"
    subject = ""
    paintings = 0

    def body(self) -> ComposeResult:
        """One pane."""
        yield RowsView(id="other")

    def turn_to(self, subject: str) -> None:
        """Take the subject."""
        self.subject = subject

    def paint_body(self, wall: float) -> None:
        """Count."""
        self.paintings += 1
        self.query_one("#other", RowsView).show([row(f"about {self.subject}", key="one")])


class ThirdPage(OtherPage):
    """One more."""

    NAME: ClassVar[str] = "Third"


class SymbolPage(OtherPage):
    """A page that another page opens."""

    NAME: ClassVar[str] = "Symbol"


def _entry(name: str, key: str) -> PageEntry:
    return PageEntry(name=name, key=key, module=__name__, kind=f"{name}Page", words=name)


async def test_pages_are_made_once_keep_their_place_and_esc_leads_to_the_desk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = (registry.DESK, _entry("Other", "2"), _entry("Third", "3"), _entry("Symbol", ""))
    monkeypatch.setattr(registry, "PAGES", pages)
    app, _, wall = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert [entry.name for entry, _ in app.numbered_pages()] == ["Desk", "Other", "Third"]
        app.go("Other")
        await settled(pilot)
        other = app.page
        assert isinstance(other, OtherPage)
        assert other.paintings
        keys = text_of(other.query_one("#keys", RowsView).rows[0].line)
        assert keys.startswith(" 1 Desk [2 Other] 3 Third ")
        app.go("Third")
        await settled(pilot)
        assert app.page.NAME == "Third"
        before = other.paintings
        wall.seconds += 5
        await settled(pilot)
        assert other.paintings == before
        app.go("Other")
        await settled(pilot)
        assert app.page is other
        app.open_symbol("NVDA")
        await settled(pilot)
        assert isinstance(app.page, SymbolPage)
        assert app.page.subject == "NVDA"
        await press(pilot, "question_mark")
        assert app.page.NAME == "Symbol"
        assert app.screen is not app.page
        await press(pilot, "escape")
        await press(pilot, "escape")
        assert app.page is other
        await press(pilot, "escape")
        assert app.page.NAME == "Desk"
        await press(pilot, "escape")
        assert app.page.NAME == "Desk"
        app.open_symbol("AMD")
        await settled(pilot)
        await press(pilot, "1")
        assert app.page.NAME == "Desk"
        assert len(app.screen_stack) == 1


async def test_keys_typed_while_a_page_opens_are_keys_not_a_filter() -> None:
    app, _, _ = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.post_message(Key("3", "3"))
        for _ in range(12):
            await asyncio.sleep(0)
            assert not isinstance(app.focused, Input)
        app.post_message(Key("1", "1"))
        await settled(pilot)
        assert app.page.NAME == "Desk"
