"""Make the README's pictures from a replayed real day: ``python -m tests.tui.make_screenshots``.

The pictures go to ``.assets``, or to the folder that is named. The real data is that beside the
checkout. The same data gives the same pictures: nothing here looks at the wall clock.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

from hybrid_tui.config import Paths
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.commands import Approve, RunSession
from hybrid_tui.domain.inquiries import Answer, Inquiry
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.answers import Answers
from hybrid_tui.market.past import StoredPast
from hybrid_tui.market.store import BarStore
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.history import JournalHistory
from tests.conftest import SHARED_DATA
from tests.desk import ROOT
from tests.tui.builders import FakeConnection, FakeEngines, Wall, settled
from tests.tui.recorded_day import Replayed, Stretch, import_real_data, run_day

DAY = date(2026, 3, 24)
SYMBOL = "AAPL"
SIZE = (140, 44)
FOLDER = ROOT / ".assets"
TEXT = re.compile(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
CELL = 12.2
"""The width of a character in Rich's pictures."""


def approve_newest(state: DeskState) -> Approve:
    """Approve the whole list that waits."""
    assert state.now is not None
    return Approve(signal_id=state.pending(state.now)[-1].signal.id)


MORNING = (
    Stretch(settings=("app.tiers=rules",), until="09:58"),
    Stretch(settings=("app.tiers=rules,llm",), until="10:12", decisions={"10:03": approve_newest}),
    Stretch(settings=(), until="11:21", decisions={"11:00": lambda _: RunSession()}),
)
"""Tier after tier is switched on: with tier 2 from the start nothing would have been bought."""


class Ended(FakeConnection):
    """An engine that has run to its end, and still answers what the screen asks."""

    def __init__(self, replayed: Replayed, past: StoredPast) -> None:
        super().__init__(replayed.state)
        self._answers = Answers(replayed.desk.runtime, past)

    async def ask(self, inquiry: Inquiry) -> Answer:
        """Have the engine's own code answer."""
        return Answer(document=json.loads(await self._answers.tell(inquiry)))


async def draw(replayed: Replayed, paths: Paths) -> dict[str, str]:
    """Return the pages as SVG, by their names."""
    past = StoredPast(BarStore(paths.bars), replayed.desk.runtime.engine.setup.calendar)
    app = DeskApp(
        FakeEngines(Ended(replayed, past)),
        JournalHistory(paths.journal),
        wall=Wall(),
        zone=NEW_YORK,
    )
    pages: dict[str, Callable[[], object]] = {
        "desk": lambda: None,
        "symbol": lambda: app.open_symbol(SYMBOL),
        "strategy": lambda: app.go("Strategy"),
    }
    drawn = {}
    async with app.run_test(size=SIZE) as pilot:
        for name, show in pages.items():
            show()
            looks = ""
            # What the journal and the engine answer comes from threads.
            while looks != (looks := "\n".join(lines_of(app.export_screenshot()))) or not looks:
                await asyncio.sleep(0.1)
                await settled(pilot)
            drawn[name] = slim(app.export_screenshot(title="hybrid-tui"))
    return drawn


def slim(svg: str) -> str:
    """Return a picture that loads nothing and repeats nothing: it uses the reader's own font."""
    svg = re.sub(r"@font-face\s*{[^}]*}|<!--.*?-->", "", svg)
    # A clip for each line of text cuts nothing off: each text has its length.
    svg = re.sub(r'<clipPath id="[^"]*-line-\d+">.*?</clipPath>', "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="url\(#[^)]*-line-\d+\)"', "", svg)
    svg = svg.replace(' shape-rendering="crispEdges"', "")
    svg = re.sub(r"terminal-\d+-", "t-", svg)
    return re.sub(r"\s*\n\s*", "\n", svg).replace(
        "</style>", "rect{shape-rendering:crispEdges}</style>"
    )


def lines_of(svg: str) -> list[str]:
    """Return the text of a picture, line by line, each at its column."""
    lines: dict[float, dict[int, str]] = {}
    for x, y, text in TEXT.findall(svg):
        cells = lines.setdefault(float(y), {})
        for column, sign in enumerate(html.unescape(text), round(float(x) / CELL)):
            cells[column] = sign
    return [
        "".join(cells.get(n, " ") for n in range(max(cells) + 1)).replace("\xa0", " ").rstrip()
        for _, cells in sorted(lines.items())
    ]


def make(folder: Path, data: Path = SHARED_DATA) -> None:
    """Run the morning in a new home and write the pictures to a folder."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HYBRID_TUI_HOME"] = home
        import_real_data(data)
        replayed = run_day(DAY, MORNING)
        drawn = asyncio.run(draw(replayed, Paths.of()))
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    """Write the pictures."""
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)


if __name__ == "__main__":
    main()
