"""The light table: only what changed is painted, and the cursor keeps to its row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.widgets.lines import Row, row
from hybrid_tui.tui.widgets.rows_view import RowsView, TapeView
from tests.tui.builders import desk_app, normal, press, settled


class Counting(RowsView):
    """A view that counts how often each line is made."""

    def __init__(self) -> None:
        super().__init__(id="view")
        self.made: list[int] = []

    def render_line(self, y: int):  # type: ignore[no-untyped-def]
        """Count, then make the line."""
        self.made.append(y)
        return super().render_line(y)


class OneView(App[None]):
    """An application of one view."""

    CSS = "#view { height: 10; }"

    def __init__(self, view: RowsView) -> None:
        super().__init__()
        self.view = view

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the desk's colours."""
        return {"up": "#00ff00", "down": "#ff0000", "muted": "#888888", "cursor-line": "#222222"}

    def compose(self) -> ComposeResult:
        """Show the view."""
        yield self.view


def rows(*texts: str) -> list[Row]:
    """Return rows whose key is their text's first word."""
    return [row(text, key=text.split()[0]) for text in texts]


async def test_only_changed_rows_are_made_again() -> None:
    view = Counting()
    async with OneView(view).run_test(size=(40, 12)) as pilot:
        view.show(rows("a 1", "b 1", "c 1"))
        await pilot.pause(0.05)
        view.made.clear()
        view.show(rows("a 1", "b 2", "c 1"))
        await pilot.pause(0.05)
        assert view.made == [1]
        view.made.clear()
        view.show(rows("a 1", "b 2", "c 1"))
        await pilot.pause(0.05)
        assert view.made == []


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        (["a", "b", "c"], ["x", "a", "b", "c"], "b"),
        (["a", "b", "c"], ["a", "c"], "c"),
        (["a", "b"], ["a"], "a"),
        (["a", "b"], [], None),
    ],
)
async def test_cursor_keeps_to_its_row_or_the_nearest(
    before: Sequence[str], after: Sequence[str], key: str | None
) -> None:
    view = RowsView(id="view")
    async with OneView(view).run_test(size=(40, 12)):
        view.show(rows(*before))
        view.select(1)
        view.show(rows(*after))
        assert view.cursor_key == key


async def test_newest_line_keeps_the_cursor_until_it_is_moved() -> None:
    view = TapeView(id="view")
    async with OneView(view).run_test(size=(40, 12)):
        view.show(rows("a", "b"))
        view.show(rows("c", "a", "b"))
        assert view.cursor_key == "c"
        view.move(1)
        view.show(rows("d", "c", "a", "b"))
        assert view.cursor_key == "a"


async def test_cursor_skips_rows_without_a_key_and_scrolls() -> None:
    view = RowsView(id="view")
    async with OneView(view).run_test(size=(40, 12)) as pilot:
        many = [row("title"), *rows(*(f"r{n}" for n in range(30))), row("foot")]
        view.show(many)
        await pilot.pause(0.05)
        assert view.cursor_key == "r0"
        view.go(end=True)
        assert view.cursor_key == "r29"
        assert view.below() == 0
        view.go(end=False)
        assert view.below() == len(many) - view.size.height
        view.move(100)
        assert view.cursor_key == "r29"


async def test_a_line_above_the_only_one_that_has_a_key_leaves_what_is_read_where_it_is() -> None:
    view = RowsView(id="view")
    below = [row(f"text {number}") for number in range(30)]
    async with OneView(view).run_test(size=(40, 12)) as pilot:
        view.show([row("head"), *rows("a 1"), *below])
        await pilot.pause()
        view.scroll_rows(3)
        assert "text 1" in view.render_line(0).text
        view.show([row("head"), row("one more"), *rows("a 1"), *below])
        assert "text 1" in view.render_line(0).text


async def test_click_selects_and_a_second_opens() -> None:
    app, _, _ = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.click("#positions", offset=(3, 3))
        view = app.page.query_one("#positions", RowsView)
        assert view.cursor_key == "NVDA"
        await pilot.click("#positions", offset=(3, 3), times=2)
        await settled(pilot)
        assert type(app.screen).__name__ == "SymbolPage"
        await press(pilot, "escape")
        await pilot.click("#tape", offset=(3, 2))
        await press(pilot, "j")
        assert app.page.query_one("#tape", RowsView).cursor_key is not None
        assert view.cursor_key == "NVDA"


async def test_colours_follow_the_theme() -> None:
    app, _, _ = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        before = _backgrounds(app)
        app.theme = "textual-light"
        await settled(pilot)
        assert _backgrounds(app).isdisjoint(before)


async def test_nothing_is_painted_when_nothing_changes() -> None:
    app, _, wall = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        painted: list[object] = []
        for view in app.page.query(RowsView):
            _spy(view, painted)
        wall.seconds += 5
        app.page.paint()
        await pilot.pause(0.05)
        assert painted == []
        await press(pilot, "j")
        assert painted


def _spy(view: Widget, painted: list[object]) -> None:
    original = view.refresh

    def refresh(*regions: Region, **options: bool) -> Widget:
        painted.append((view.id, regions))
        return original(*regions, **options)

    view.refresh = refresh  # type: ignore[method-assign]


def _backgrounds(app: DeskApp) -> set[object]:
    view = app.page.query_one("#tape", RowsView)
    return {segment.style.bgcolor for segment in view.render_line(5) if segment.style}


@pytest.mark.parametrize(
    ("key", "name", "pane"), [("3", "Trades", "trades"), ("6", "Health", "settings")]
)
async def test_a_page_that_was_left_comes_back_in_the_theme_chosen_meanwhile(
    key: str, name: str, pane: str
) -> None:
    app, _, _ = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, key)
        await press(pilot, "1")
        app.theme = "light"
        await settled(pilot)
        await press(pilot, key)
        await settled(pilot)
        view = app.page.query_one(f"#{pane}", RowsView)
        assert name == app.page.NAME
        assert view.background_colors[1].hex.lower() == app.theme_variables["background"].lower()
