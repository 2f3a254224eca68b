"""Reading stories from the journal and showing them: why something was bought, sold or refused."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from hybrid_tui.errors import HybridError
from hybrid_tui.tui import format as f
from hybrid_tui.tui.details import entry_page
from hybrid_tui.tui.story_rows import story_rows
from hybrid_tui.tui.widgets.dialogs import Reading

if TYPE_CHECKING:
    from hybrid_tui.analysis.story import Story
    from hybrid_tui.tui.app import DeskApp
    from hybrid_tui.tui.tape import Entry

log = logging.getLogger(__name__)


async def show_story(desk: DeskApp, name: str, width: int) -> None:
    """Show the story of an id, or say why there is none."""
    try:
        story = await _read(desk, name)
    except HybridError as error:
        desk.say(f"no story: {error.render()}", "warn")
        return
    if story is None:
        desk.say("there is no journal to read", "warn")
        return
    desk.push_screen(Reading(f.clean(story.title), story_rows(story, width)))


async def show_entry(desk: DeskApp, entry: Entry, width: int) -> None:
    """Show an entry of the tape with its story, as far as the journal can be read."""
    story = None
    try:
        story = await _read(desk, f"#{entry.event.id}")
    except HybridError as error:
        log.warning("no story of event %d: %s", entry.event.id, error.render())
    now = desk.model.now(desk.wall())
    if now is not None:
        rows = entry_page(desk.model, entry, story, now, width)
        desk.push_screen(Reading(f"{entry.kind} · #{entry.event.id}", rows))


async def _read(desk: DeskApp, name: str) -> Story | None:
    started = desk.model.state.started if desk.model.state is not None else None
    if desk.history is None or started is None:
        return None
    return await asyncio.to_thread(desk.history.story, started.run, name)
