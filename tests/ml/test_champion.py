"""``ml promote`` and ``ml rollback``: the champion changes, and the journal says when and why."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from hybrid_tui.commands.context import CliState
from hybrid_tui.engine.endpoint import ProfileLock
from hybrid_tui.errors import HybridError, ModelError, Refused
from hybrid_tui.journal.decisions import ModelDecision, before_last, decisions
from hybrid_tui.journal.reader import open_read_only
from hybrid_tui.ml.model_files import find_model, read_champions, read_manifest, shipped_models
from tests.ml.test_command import run

SHIPPED = "ensemble-real-2026.02"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYBRID_TUI_HOME", str(tmp_path))
    for name in ("second", "third"):
        copy_of(SHIPPED, tmp_path / "models" / name)
    return tmp_path


def copy_of(shipped: str, folder: Path) -> None:
    shutil.copytree(shipped_models() / shipped, folder)
    path = folder / "manifest.json"
    document = {**json.loads(path.read_text()), "id": folder.name}
    path.write_text(json.dumps(document))


def done(*words: str) -> Result:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def champion() -> str:
    folders = [CliState().paths.models, shipped_models()]
    return find_model("champion", folders, "real").name


def test_promotions_are_taken_back_one_by_one(home: Path) -> None:
    assert champion() == SHIPPED
    told = json.loads(done("promote", "second", "--json").stdout)
    assert told == {
        "action": "promote", "market": "real", "champion": "second", "previous": SHIPPED,
    }  # fmt: skip
    done("promote", "third", "--reason", "it beat the champion")
    assert champion() == "third"
    done("rollback")
    assert champion() == "second"
    done("rollback", "--reason", "live calibration broke")
    assert champion() == SHIPPED, "a shipped model can be champion again"
    assert isinstance(run("rollback").exception, Refused)
    made = decisions(open_read_only(CliState().paths.journal), "real")
    assert [(d.action, d.model_id, d.previous, d.reason) for d in made] == [
        ("promote", "second", SHIPPED, "by hand"),
        ("promote", "third", "second", "it beat the champion"),
        ("rollback", "second", "third", "by hand"),
        ("rollback", SHIPPED, "second", "live calibration broke"),
    ]
    assert read_champions(home / "models") == {"real": SHIPPED}


def test_one_market_leaves_the_other_alone(home: Path) -> None:
    copy_of("ensemble-sim-1", home / "models" / "toy")
    done("promote", "toy")
    assert read_champions(home / "models") == {"simulated": "toy"}
    assert champion() == SHIPPED
    assert isinstance(run("rollback", "--market", "real").exception, Refused)
    done("rollback", "--market", "simulated")


def test_what_cannot_be_loaded_is_not_promoted(home: Path) -> None:
    weights = home / "models" / "second" / "gru.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    for name in ("second", "nope"):
        assert isinstance(run("promote", name).exception, ModelError)
    assert isinstance(run("promote", SHIPPED).exception, Refused), "it is the champion already"
    assert champion() == SHIPPED
    assert read_champions(home / "models") == {}


def test_a_running_desk_keeps_its_champion(home: Path) -> None:
    lock = ProfileLock(CliState().paths)
    lock.acquire()
    try:
        assert isinstance(run("promote", "second").exception, HybridError)
    finally:
        lock.release()
    assert champion() == SHIPPED
    told = done("promote", "second").stderr
    manifest = read_manifest(home / "models" / "second")
    assert f"expires on {manifest.trained_until + timedelta(days=14):%Y-%m-%d}" in told
    assert "hybrid-tui ml refit second" in told


def test_a_promotion_after_a_rollback_is_taken_back_to_where_it_came_from() -> None:
    def decision(action: str, model_id: str, previous: str) -> ModelDecision:
        return ModelDecision(
            at=datetime(2026, 3, 2, tzinfo=UTC),
            market="real",
            action="promote" if action == "promote" else "rollback",
            model_id=model_id,
            previous=previous,
            reason="",
        )

    made = [decision("promote", "b", "a"), decision("rollback", "a", "b")]
    assert before_last(made) is None
    assert before_last([*made, decision("promote", "c", "a")]) == "a"
