"""A desk opened on a screen, with the engine that its keys ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot

from hybrid_tui.domain import events as ev
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import (
    FakeConnection,
    Story,
    Wall,
    desk_app,
    normal,
    press,
    settled,
)

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
