"""Make the README's picture from a real run: ``python -m tests.tui.make_screenshot FILE [W H]``.

The engine runs the simulated market of the default seed, approved by policy, up to the noon
session; that one waits for a person. The screen is then drawn from the journal.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from datetime import UTC
from pathlib import Path

from hybrid_tui.journal.reader import latest_run, open_read_only, read_state
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.history import JournalHistory
from tests.desk import hybrid_tui
from tests.tui.builders import FakeConnection, FakeEngines, Wall, settled

UNTIL_NOON = ("--set", "approval.policy=auto")
SIZE = (140, 44)


def run_desk(home: Path) -> Path:
    """Run a morning; return the journal."""
    for settings, until in ((UNTIL_NOON, "2026-01-05T11:58:00"), ((), "2026-01-05T12:07:00")):
        words = (*settings, "run", "--headless", "--speed", "0", "--until", until)
        done = hybrid_tui(home, *words)
        if done.returncode:
            raise SystemExit(done.stderr)
    return home / "journal.db"


async def render(journal: Path, size: tuple[int, int]) -> str:
    """Return the screen at the end of a journal as SVG."""
    connection = open_read_only(journal)
    info = latest_run(connection)
    assert info is not None
    state = read_state(connection, info.run)
    connection.close()
    state.running = True
    app = DeskApp(
        FakeEngines(FakeConnection(state)), JournalHistory(journal), wall=Wall(), zone=UTC
    )
    async with app.run_test(size=size) as pilot:
        for _ in range(5):
            await settled(pilot)
            await asyncio.sleep(0.1)
        return without_web_fonts(app.export_screenshot(title="hybrid-tui"))


def without_web_fonts(svg: str) -> str:
    """Return the picture drawn in the reader's own monospace font: it loads nothing."""
    return re.sub(r"@font-face\s*{[^}]*}", "", svg)


def main() -> None:
    """Write the picture."""
    target, *size = sys.argv[1:]
    wanted = (int(size[0]), int(size[1])) if size else SIZE
    with tempfile.TemporaryDirectory() as folder:
        journal = run_desk(Path(folder) / "home")
        Path(target).write_text(asyncio.run(render(journal, wanted)), encoding="utf-8")


if __name__ == "__main__":
    main()
