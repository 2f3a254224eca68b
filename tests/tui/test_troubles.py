"""Each page as it looks when something is wrong; after a wanted change: ``--snapshot-update``.

The desk's own troubles are in ``test_snapshots.py``; trades, models, sessions that are not there
and a long Chinese reasoning are beside the tests of their pages.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.inquiries import Answer, HealthInquiry, Inquiry
from hybrid_tui.journal.codec import dump_health
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.backtest.runs import RunFolder
from tests.tui.builders import (
    FakeConnection,
    Story,
    at,
    bars,
    broker_down,
    crowded,
    desk_app,
    empty,
    normal,
    settled,
)
from tests.tui.journals import journal_of
from tests.tui.models.scenes import CARDS, living
from tests.tui.symbol import scenes
from tests.tui.test_health import HEALTH

Compare = Callable[..., bool]


def stale() -> Story:
    """Return a live desk that heard nothing of the market for ten minutes; predictions expired."""
    story = normal(mode="paper", speed=1.0)
    story.tell(ev.Heartbeat, "10:52:30", tier="rules", health="ok")
    return story


def tiers_failed() -> Story:
    """Return a morning in the midst of which tiers 2 and 3 stopped answering."""
    story = living()
    story.tell(ev.Heartbeat, "10:45", tier="ml", health="failed", next_at=at("10:55"),
               reason="gru.safetensors does not match its sha256 in manifest.json")  # fmt: skip
    story.tell(ev.Heartbeat, "10:46", tier="llm", health="failed", next_at=at("10:56"),
               reason="the endpoint does not answer (503), after 3 attempts")  # fmt: skip
    story.tell(ev.BarsClosed, "10:51", start=at("10:50"), bars=bars())
    story.tell(ev.Heartbeat, "10:51", tier="rules", health="ok")
    return story


def show(app: DeskApp, page: str) -> None:
    """Go to a page by its name in small letters."""
    if page == "symbol":
        app.open_symbol("NVDA")
    else:
        app.go(page.capitalize())


TROUBLES = [
    ("desk", stale),
    *(("symbol", story) for story in (stale, tiers_failed, broker_down, empty)),
    *(("strategy", story) for story in (tiers_failed, empty)),
    *(("trades", story) for story in (broker_down, crowded)),
    ("models", tiers_failed),
    ("backtest", empty),
    *(("health", story) for story in (stale, tiers_failed, broker_down, empty)),
]


async def still(pilot: Pilot[Any]) -> None:
    """Wait until what the page asked of journal and engine has come, and is painted."""
    await settled(pilot)
    for _ in range(500):
        if not any(worker.is_running for worker in pilot.app.workers if worker.name != "link"):
            break
        await asyncio.sleep(0.01)
    await settled(pilot)


def troubled(story: Story, folder: Path) -> tuple[DeskApp, FakeConnection]:
    """Return the screen on a story, with its journal, no run of a backtest and some models."""
    app, engine, _ = desk_app(
        story,
        history=journal_of(story, folder),
        runs=RunFolder(folder / "backtests"),
        cards=CARDS,
        backoff=(1000.0,),
    )

    def answer(inquiry: Inquiry) -> Answer:
        if isinstance(inquiry, HealthInquiry):
            return Answer(document=json.loads(dump_health(HEALTH)))
        if not story.state.closes:
            return Answer(refused="no bar of NVDA is known yet")
        return scenes.answer(inquiry)

    engine.answer = answer
    return app, engine


@pytest.mark.parametrize(("page", "story"), TROUBLES)
def test_page_when(
    snap_compare: Compare, tmp_path: Path, page: str, story: Callable[[], Story]
) -> None:
    app, _ = troubled(story(), tmp_path)

    async def opened(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        show(app, page)
        await still(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=opened)


@pytest.mark.parametrize("page", ["symbol", "strategy", "trades", "models", "health"])
def test_page_whose_engine_has_gone(snap_compare: Compare, tmp_path: Path, page: str) -> None:
    app, engine = troubled(living() if page == "models" else normal(), tmp_path)

    async def lose(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        show(app, page)
        await still(pilot)
        engine.go()
        await asyncio.sleep(0.05)
        app.model.link = replace(app.model.link, retry_at=104.0)
        await still(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=lose)
