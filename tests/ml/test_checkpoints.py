"""A killed training goes on with the same command and ends with the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.checkpoints import KEPT_SECONDS, Checkpoints
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.progress import Progress
from hybrid_tui.ml.recipe import Recipe
from hybrid_tui.ml.train import TrainedModel, train_ensemble
from tests.ml.builders import random_walk
from tests.ml.conftest import SYMBOLS
from tests.ml.test_command import write_csv


class Killed(Exception):
    """Stands for a kill right after an epoch was kept."""


@pytest.fixture(scope="module")
def few(small_data: Dataset) -> Dataset:
    return small_data.take(np.arange(0, len(small_data), 3))


def train(
    data: Dataset, checkpoints: Checkpoints | None, *, epochs: int = 3, dies: bool = False
) -> TrainedModel:
    def hear(progress: Progress) -> None:
        if dies and progress.phase == "fit":
            raise Killed(f"{progress.step} {progress.member} {progress.epoch}")

    return train_ensemble(
        data,
        Recipe(
            model_id="small",
            market="real",
            seed=3,
            max_epochs=epochs,
            walk_forward_steps=2,
            members=("transformer", "logistic"),
        ),
        description="random walks",
        symbols=SYMBOLS,
        fingerprint="",
        now=datetime(2026, 3, 1, tzinfo=UTC),
        on_progress=hear,
        checkpoints=checkpoints,
    )


@pytest.fixture(scope="module")
def undisturbed(few: Dataset) -> TrainedModel:
    return train(few, None)


def test_killed_after_every_epoch_of_every_member_it_ends_with_the_same_bits(
    few: Dataset, undisturbed: TrainedModel, tmp_path: Path
) -> None:
    deaths: list[str] = []
    warnings: list[str] = []
    while True:
        try:
            # Anew each time, as a new process would: its data, its generators, its files.
            found = train(few, Checkpoints(tmp_path, few.digest(), warnings.append), dies=True)
        except Killed as death:
            deaths.append(str(death))
            np.random.default_rng().random()
            continue
        break
    assert len(deaths) == len(set(deaths)) >= 8, "no epoch is done twice"
    assert {death.split()[0] for death in deaths} == {"1", "2"}, "both fits were interrupted"
    assert found.files == undisturbed.files
    assert found.model.manifest == undisturbed.model.manifest
    assert warnings == []


def test_a_damaged_checkpoint_is_told_and_its_member_begins_anew(
    few: Dataset, undisturbed: TrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        train(few, Checkpoints(tmp_path, few.digest(), print), dies=True)
    (kept,) = tmp_path.rglob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-9])
    warnings: list[str] = []
    found = train(few, Checkpoints(tmp_path, few.digest(), warnings.append))
    assert found.files == undisturbed.files
    (warning,) = warnings
    assert str(kept) in warning
    assert "begins anew" in warning


def test_other_data_and_other_settings_find_nothing(few: Dataset, tmp_path: Path) -> None:
    other = few.take(np.arange(1, len(few)))
    assert few.digest() == few.take(slice(0, len(few))).digest() != other.digest()
    kept = Checkpoints(tmp_path, few.digest(), print)
    question = {"kind": "lstm", "seed": 1}
    paths = {kept.of(question).path, kept.of({**question, "seed": 2}).path}
    paths.add(Checkpoints(tmp_path, other.digest(), print).of(question).path)
    assert len(paths) == 3


def test_what_nobody_came_back_for_goes_after_two_weeks(tmp_path: Path) -> None:
    old, fresh = tmp_path / "old", tmp_path / "fresh"
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "x.safetensors").touch()
    before = old.stat().st_mtime - KEPT_SECONDS - 60
    os.utime(old, (before, before))
    Checkpoints(tmp_path, "0" * 64, print)
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_command_killed_by_the_system_goes_on(
    calendar: TradingCalendar, tmp_path: Path
) -> None:
    bars = tmp_path / "bars"
    bars.mkdir()
    for symbol in ("NVDA", "SPY"):
        write_csv(bars, random_walk(calendar, symbol, sessions=13))
    told: dict[str, list[str]] = {}

    def run(home: str, kill_at: str | None, by: signal.Signals = signal.SIGKILL) -> int:
        environment = {**os.environ, "HYBRID_TUI_HOME": str(tmp_path / home)}
        words = ("ml", "train", "--data", str(bars), "--epochs", "2", "--id", "mine", "--json")
        command = [sys.executable, "-m", "hybrid_tui", *words, "--walk-forward", "2"]
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                told.setdefault(home, []).append(line)
                if kill_at is not None and f'"member": "{kill_at}"' in line:
                    process.send_signal(by)
                    kill_at = None
            process.communicate()
        return process.returncode

    assert run("whole", None) == 0
    for member in ("lstm", "gru", "transformer", "logistic"):
        assert run("killed", member) == -signal.SIGKILL
        assert not (tmp_path / "killed" / "models").exists(), "nothing half-made is there"
    told.clear()
    assert run("killed", "logistic", signal.SIGINT) == 130
    assert "the same command goes on" in told["killed"][-1]
    assert run("killed", None) == 0
    made, other = (tmp_path / home / "models" / "mine" for home in ("whole", "killed"))
    for file in made.glob("*.safetensors"):
        assert file.read_bytes() == (other / file.name).read_bytes()
    assert not list((tmp_path / "killed" / "cache" / "training").iterdir())
