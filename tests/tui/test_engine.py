"""The screen and a real engine: started, followed, commanded, lost and found in the journal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.spawn import engine_is_running
from hybrid_tui.errors import Refused
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.connection import EngineConnector
from hybrid_tui.tui.history import JournalHistory
from hybrid_tui.tui.model import Phase
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import press, settled

ROOT = Path(__file__).resolve().parents[2]
QUIET = ["--set", "app.tiers=rules,llm", "--set", "app.watchlist=NVDA,AMD"]


@pytest.fixture
def paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    """The paths of a new home, for this process and the engine's; no engine outlives the test."""
    home.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    found = Paths.of()
    yield found
    if engine_is_running(found):
        with contextlib.suppress(EngineGone):
            send_command(found.engine, Stop(by="test"), 5.0)


async def until(app: DeskApp, phase: Phase) -> None:
    """Wait until the link is in a phase."""
    for _ in range(600):
        if app.model.link.phase is phase:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {phase}: {app.model.link}")


async def test_screen_starts_an_engine_follows_it_and_stops_it(paths: Paths) -> None:
    connect = EngineConnector(paths, QUIET, ["--speed", "300"], read_only=False)
    app = DeskApp(connect, JournalHistory(paths.journal))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(app, Phase.LIVE)
        state = app.model.state
        assert state is not None
        assert state.started is not None
        before = state.last_id
        for _ in range(100):
            await asyncio.sleep(0.05)
            if state.last_id > before + 5:
                break
        assert state.last_id > before + 5
        await press(pilot, "p")
        for _ in range(40):
            await asyncio.sleep(0.05)
            if state.paused:
                break
        await settled(pilot)
        assert "PAUSED" in text_of(app.page.query_one("#header", RowsView).rows[1].line)
        run = state.started.run
        history = JournalHistory(paths.journal)
        kinds = {type(event).__name__ for event in history.recent(run, state.last_id)}
        assert {"EngineStarted", "EntriesPaused"} <= kinds
        assert history.story(run, "#1").steps[0].event_id == 1
        await app.send(Stop())
        await until(app, Phase.ENDED)
        assert "stopped by person" in app.model.link.text


async def test_engine_that_cannot_start_is_quoted(paths: Paths) -> None:
    connect = EngineConnector(paths, ["--set", "app.mod=sim"], [], read_only=False)
    with pytest.raises(Refused, match=r"app\.mod"):
        await connect(lambda _: None)


async def test_read_only_screen_starts_no_engine(paths: Paths) -> None:
    said: list[str] = []
    connect = EngineConnector(paths, [], [], read_only=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connect(said.append), 0.5)
    assert "starts none" in said[0]
    assert not paths.logs.exists()
