"""Another champion in a running desk: real model folders, the real engine, damaged files."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.desk import Desk, DeskOptions, compose_desk
from hybrid_tui.domain.commands import PromoteModel, RollBackModel
from hybrid_tui.domain.events import ChampionNamed, ModelDecided
from hybrid_tui.domain.models import UNREACHABLE
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.reader import dump_state, read_events, read_state
from hybrid_tui.ml.model_files import read_champions, shipped_models
from hybrid_tui.rules.checks import entry_checks

SHIPPED = "ensemble-sim-1"
SYMBOLS = ("AMD", "NVDA")
SECONDS = 90.0
SETTINGS = (
    "app.tiers=rules,ml", f"app.watchlist={','.join(SYMBOLS)}", "rules.min_buy_probability=auto",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile with three copies of the shipped model: sound, without a level, and truncated."""
    monkeypatch.setenv("HYBRID_TUI_HOME", str(tmp_path))
    for name, level in (("second", 0.97), ("hopeless", None), ("broken", 0.5)):
        folder = tmp_path / "models" / name
        shutil.copytree(shipped_models() / SHIPPED, folder)
        path = folder / "manifest.json"
        document = json.loads(path.read_text())
        document |= {"id": name, "threshold": {**document["threshold"], "level": level}}
        path.write_text(json.dumps(document))
    weights = tmp_path / "models" / "broken" / "gru.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    return tmp_path


@asynccontextmanager
async def running() -> AsyncIterator[Desk]:
    """A desk on the simulated market that runs as fast as it can, until the block ends."""
    desk = compose_desk(CliState(overrides=SETTINGS), DeskOptions(speed=0.0))
    task = asyncio.create_task(desk.runtime.run(desk.begins_at))
    try:
        yield desk
    finally:
        desk.runtime.stop("the test is over")
        await task
        desk.journal.close()


async def until(desk: Desk, condition: Callable[[], object]) -> None:
    deadline = monotonic() + SECONDS
    while not condition():
        assert monotonic() < deadline, f"waited in vain at {desk.state.now}"
        await asyncio.sleep(0.002)


def said_by(state: DeskState, model_id: str) -> Callable[[], bool]:
    """Return whether all that is predicted is a model's."""
    return lambda: {made.model_id for made in state.predictions.values()} == {model_id}


def refusals(desk: Desk) -> set[str | None]:
    """Return what the engine's own check of the probability says of each fresh prediction."""
    now = desk.state.now
    assert now is not None
    return {
        check.reason
        for symbol in SYMBOLS
        for check in entry_checks(
            desk.state,
            symbol,
            now,
            stale=(),
            halted=None,
            in_overnight_window=False,
            setup=desk.runtime.engine._entry_rules,
        )
        if check.name == "buy probability"
    }


async def test_a_champion_is_made_in_a_running_desk_and_taken_back(home: Path) -> None:
    async with running() as desk:
        state, obey = desk.state, desk.runtime.obey
        await until(desk, said_by(state, SHIPPED))
        refused = await obey(PromoteModel(model_id="broken"))
        assert not refused.ok
        assert "vouches for" in refused.message
        heard = state.prediction_event
        await until(desk, lambda: state.prediction_event != heard)
        assert said_by(state, SHIPPED)(), "the old champion is asked on"
        assert read_champions(home / "models") == {}

        assert (await obey(PromoteModel(model_id="second"))).ok
        await until(desk, said_by(state, "second"))
        assert read_champions(home / "models") == {"simulated": "second"}
        assert state.live_calibration.model_id == "second"
        await until(desk, lambda: refusals(desk))
        assert all(reason and reason.endswith("< 0.97") for reason in refusals(desk))

        assert (await obey(PromoteModel(model_id="hopeless"))).ok
        await until(desk, said_by(state, "hopeless"))
        assert state.models.entry_level("hopeless", 0.5) == UNREACHABLE
        await until(desk, lambda: refusals(desk))
        assert all(reason and reason.endswith("< 1.00") for reason in refusals(desk))

    async with running() as desk:
        state, obey = desk.state, desk.runtime.obey
        assert state.models.champion == "hopeless"
        assert state.models.entry_level("hopeless", 0.5) == UNREACHABLE
        assert (await obey(RollBackModel())).ok
        await until(desk, said_by(state, "second"))
        assert read_champions(home / "models") == {"simulated": "second"}
        (home / "models" / "second" / "lstm.safetensors").unlink()
        assert (await obey(RollBackModel())).ok
        await until(desk, said_by(state, SHIPPED))
        assert state.models.entry_level(SHIPPED, 0.9) == 0.5
        assert not (await obey(PromoteModel(model_id="second"))).ok
        heard = state.prediction_event
        await until(desk, lambda: state.prediction_event != heard)
        desk.journal.flush()
        run = desk.journal.connection.execute("select run from runs").fetchone()[0]
        assert dump_state(read_state(desk.journal.connection, run)) == dump_state(state)
        decided = [
            (event.verdict, event.model.id, event.model.entry_level)
            for event in read_events(desk.journal.connection, run)
            if isinstance(event, ModelDecided)
        ]
        named = [
            event.model.entry_level
            for event in read_events(desk.journal.connection, run)
            if isinstance(event, ChampionNamed)
        ]
    assert named == [0.5]
    assert decided == [
        ("promoted", "second", 0.97),
        ("promoted", "hopeless", UNREACHABLE),
        ("rolled_back", "second", 0.97),
        ("rolled_back", SHIPPED, 0.5),
    ]
