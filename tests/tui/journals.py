"""A real journal with a story in it, for pages that read what the screen did not see."""

from __future__ import annotations

from pathlib import Path

from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.journal import Journal
from hybrid_tui.tui.history import JournalHistory
from tests.tui.builders import OPEN, Story


def write_journal(story: Story, path: Path) -> Path:
    """Write a story's events and their read tables as an engine does; return the file."""
    journal, state = Journal(path), DeskState()
    journal.start_run("sim-seed7-1", "sim", "seed7", OPEN)
    journal.follow("sim-seed7-1", state)
    for event in story.events:
        state.apply(event)
        journal.append(event)
    journal.flush()
    journal.close()
    return path


def journal_of(story: Story, folder: Path) -> JournalHistory:
    """Return the history of a story."""
    return JournalHistory(write_journal(story, folder / "journal.db"))
