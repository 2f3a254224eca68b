"""The trainer that starts commands: what it tells, and that nothing of it outlives its desk."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.domain.ports import TrainingResult, TrainingStep, TrainingTask
from hybrid_tui.engine import trainer as module
from hybrid_tui.engine.trainer import SubprocessTrainer, TrainingPlan
from tests.engine.model_life import facts

NOW = datetime(2026, 3, 7, 11, tzinfo=UTC)
TASK = TrainingTask(number=1, asked_at=NOW)
STUB = """
import json, os, pathlib, sys, time
home = pathlib.Path(os.environ["STUB_HOME"])
words = sys.argv[1:]
(home / (words[0] + ".nice")).write_text(str(os.nice(0)))
if words[0] == "fetch":
    print("hybrid-tui: no network", file=sys.stderr); sys.exit(3)
if words[0] == "train":
    row = {"phase": "fit", "member": "gru", "epoch": 2, "of": 20, "share": 0.5, "eta_s": 60.0}
    print(json.dumps(row), file=sys.stderr)
if words[0] == "judge":
    row = {"promoted": True, "reason": "beat all", "figures": {"a": 1.0}}
    print(json.dumps(row)); sys.exit(0)
if words[0] == "condemn":
    print(json.dumps({"promoted": False, "reason": "no", "worse": True})); sys.exit(1)
if words[0] == "choke":
    print("hybrid-tui: no champion", file=sys.stderr); sys.exit(2)
if words[0] == "break":
    print("hybrid-tui: the bar store is empty", file=sys.stderr); sys.exit(2)
if words[0] == "hang":
    (home / "pid").write_text(str(os.getpid())); time.sleep(60)
"""


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SubprocessTrainer]:
    """Trainers whose commands are those of a small stand-in for this program, by its name."""
    monkeypatch.chdir(tmp_path)
    stub = tmp_path / "hybrid_tui"
    stub.mkdir()
    (stub / "__init__.py").touch()
    (stub / "__main__.py").write_text(STUB)
    (stub / "engine").mkdir()
    (stub / "engine" / "__init__.py").touch()
    leash = Path(module.__file__).with_name("leash.py")
    (stub / "engine" / "leash.py").write_text(leash.read_text())
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    environment = {**kept, "PYTHONPATH": str(tmp_path), "STUB_HOME": str(tmp_path)}

    def make(
        train: str = "train", fetch: str = "", judge: str = "judge", refit: str = "refit"
    ) -> SubprocessTrainer:
        def plan(task: TrainingTask) -> TrainingPlan:
            assert task.number == 1
            words = (fetch,) if fetch else ()
            return TrainingPlan(
                name="made",
                measured="measured",
                fetch=words,
                train=(train,) if train else (),
                judge=(judge,),
                refit=(refit,),
            )

        return SubprocessTrainer(plan, facts, lambda: NOW, environment)

    return make


async def test_a_model_is_made_and_judged_at_the_lowest_priority(
    trainer: Callable[..., SubprocessTrainer], tmp_path: Path
) -> None:
    steps: list[TrainingStep] = []
    result = await trainer(fetch="fetch").train(TASK, steps.append)
    assert (result.outcome, result.model) == ("trained", facts("made"))
    assert result.gate is not None
    assert result.gate.is_passed
    assert result.gate.figures == {"a": 1.0}
    assert result.reason == "bars were not fetched: no network; beat all"
    assert (tmp_path / "train.nice").read_text() == "19"
    assert (tmp_path / "refit.nice").exists()
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    told = next(step for step in steps if "gru" in step.stage)
    assert (told.stage, told.seconds_left) == ("fit gru 2/20", 60.0)


async def test_what_goes_wrong_is_said_in_its_own_words(
    trainer: Callable[..., SubprocessTrainer],
) -> None:
    result = await trainer("break").train(TASK, lambda _: None)
    assert (result.outcome, result.reason) == ("failed", "the bar store is empty")


async def test_what_was_measured_is_not_trained_again_and_what_is_worse_not_fitted_again(
    trainer: Callable[..., SubprocessTrainer], tmp_path: Path
) -> None:
    result = await trainer("").train(TASK, lambda _: None)
    assert result.model == facts("made")
    result = await trainer("", judge="condemn").train(TASK, lambda _: None)
    assert result.model == facts("measured")
    assert result.gate is not None
    assert result.gate.is_worse
    result = await trainer("", judge="choke").train(TASK, lambda _: None)
    assert result.model == facts("made"), "a damaged champion, which judges nobody, is replaced"
    assert result.gate is not None
    assert result.gate.reason == "it could not be judged: no champion"
    result = await trainer("", refit="break").train(TASK, lambda _: None)
    assert (result.outcome, result.reason) == ("failed", "the bar store is empty")
    assert not (tmp_path / "train.nice").exists()


async def until_it_hangs(folder: Path) -> int:
    path = folder / "pid"
    for _ in range(1_000):
        if path.exists() and path.read_text():
            return int(path.read_text())
        await asyncio.sleep(0.02)
    raise AssertionError("it did not start")


async def gone(pid: int) -> bool:
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_it_stops_before_a_session_and_with_its_desk(
    trainer: Callable[..., SubprocessTrainer], tmp_path: Path
) -> None:
    until = TrainingTask(number=1, asked_at=NOW, until=NOW + timedelta(seconds=8))
    result = await trainer("hang").train(until, lambda _: None)
    assert isinstance(result, TrainingResult)
    assert result.outcome == "interrupted"
    assert await gone(await until_it_hangs(tmp_path))
    (tmp_path / "pid").unlink()
    running = asyncio.create_task(trainer("hang").train(TASK, lambda _: None))
    pid = await until_it_hangs(tmp_path)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await gone(pid)


async def test_what_is_on_the_leash_ends_when_its_holder_is_killed(
    trainer: Callable[..., SubprocessTrainer], tmp_path: Path
) -> None:
    environment = {**trainer()._environment}  # type: ignore[dict-item]
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-m',"
        " 'hybrid_tui.engine.leash', 'hang'], stdin=subprocess.PIPE); time.sleep(60)",
        env=environment,
    )
    pid = await until_it_hangs(tmp_path)
    holder.kill()
    await holder.wait()
    assert await gone(pid)
