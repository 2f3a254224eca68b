from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.engine.jobs import PredictJob, ScoreJob, TierFailed
from hybrid_tui.engine.tier_host import TierHost
from hybrid_tui.errors import ModelError
from hybrid_tui.llm.local import LocalAnalyst
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.ml.model_files import (
    find_model,
    load_model,
    model_folders,
    read_manifest,
    shipped_models,
    write_champion,
)
from hybrid_tui.ml.predictor import EnsemblePredictor
from hybrid_tui.ml.storing import save_model
from hybrid_tui.ml.train import TrainedModel
from tests.ml.builders import headline, instant


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of the small ensemble that a test may damage."""
    return Path(shutil.copytree(saved, tmp_path / "models" / saved.name))


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def test_a_saved_model_loads_with_all_its_members(folder: Path) -> None:
    model = load_model(folder)
    assert set(model.members) == {"lstm", "gru", "transformer", "logistic"}
    assert model.id == "small"


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "lstm.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lstm\.safetensors cannot be read"):
        load_model(folder)


def test_a_folder_without_a_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        load_model(folder)


@pytest.mark.parametrize("kept", [0, 7, 500, -1])
def test_truncated_weights_are_refused(folder: Path, kept: int) -> None:
    path = folder / "lstm.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"lstm\.safetensors .* vouches"):
        load_model(folder)


def test_one_flipped_bit_is_refused(folder: Path) -> None:
    path = folder / "logistic.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"logistic\.safetensors"):
        load_model(folder)


class _Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["weights.pkl", "lstm.pt", "extra.safetensors", "code.py"])
def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(ModelError, match="does not belong"):
        load_model(folder)


def test_a_pickle_with_the_right_hash_is_refused_and_never_run(
    folder: Path, tmp_path: Path
) -> None:
    import hashlib

    mark = tmp_path / "ran"
    content = pickle.dumps(_Trap(mark))
    (folder / "lstm.safetensors").write_bytes(content)

    def vouch(document: dict[str, Any]) -> None:
        for member in document["members"]:
            if member["name"] == "lstm":
                member["sha256"] = hashlib.sha256(content).hexdigest()

    change(folder, vouch)
    with pytest.raises(ModelError, match=r"lstm\.safetensors does not hold"):
        load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("manifest.json", b"{"),
        ("lstm.safetensors", b""),
        ("gru.safetensors", b"\0" * 5000),
        ("logistic.safetensors", pickle.dumps({"weights": [1.0]})),
        ("weights.pkl", pickle.dumps({"weights": [1.0]})),
    ],
)
def test_with_a_damaged_model_tier_2_says_why_and_tier_3_answers_on(
    folder: Path, calendar: TradingCalendar, file: str, content: bytes
) -> None:
    (folder / file).write_bytes(content)
    host = TierHost(lambda: EnsemblePredictor(load_model(folder), calendar), LocalAnalyst())
    host.load_early()
    market = KnownMarket(["NVDA"], 60, "test")
    at = instant("2026-02-03T16:00:00")
    asked = PredictJob(view=market.view(at), symbols=("NVDA",), session_close=at, strategy_id=None)
    for _ in range(2):
        said = host.run_supervised(asked)
        assert isinstance(said, TierFailed)
        assert said.tier == "ml"
        assert file in said.reason
        scores = host.run_supervised(ScoreJob(items=(headline(at),)))
        assert not isinstance(scores, TierFailed)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    change(folder, lambda d: d["members"][0]["settings"].update(hidden=16))
    with pytest.raises(ModelError, match=r"lstm\.safetensors does not hold a lstm"):
        load_model(folder)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda d: d.pop("base_rate"), "base_rate"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d.update(market="imaginary"), "market"),
        (lambda d: d.update(features_version=99), "features_version"),
        (lambda d: d.update(window=30), "window"),
        (lambda d: d["members"][0].update(file="../../etc/passwd"), "file"),
        (lambda d: d["members"][0].update(file="lstm.pkl"), "file"),
        (lambda d: d["members"][0].update(sha256="abc"), "sha256"),
        (lambda d: d["standardisation"]["mean"].pop(), "standardisation"),
        (lambda d: d["familiar"]["above"].pop(), "familiar"),
        (lambda d: d["calibration"]["ensemble"].update(slope=-1.0), "slope"),
        (lambda d: d.update(id="other"), "id"),
        (lambda d: d["members"][0].update(weight=-0.1), "weight"),
    ],
)
def test_a_malformed_manifest_is_refused_by_key(
    folder: Path, edit: Callable[[dict[str, Any]], None], named: str
) -> None:
    change(folder, edit)
    with pytest.raises(ModelError, match=rf"manifest\.json.*{named}"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": NaN}', "\x00\x01"])
def test_a_manifest_that_is_not_one_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=r"manifest\.json"):
        load_model(folder)


def test_the_users_champion_goes_before_the_shipped_one(folder: Path, tmp_path: Path) -> None:
    mine, shipped = tmp_path / "mine", folder.parent
    shutil.copytree(folder, mine / "small")
    write_champion(shipped, "real", "small")
    assert find_model("champion", [mine, shipped], "real") == shipped / "small"
    write_champion(mine, "real", "small")
    assert find_model("champion", [mine, shipped], "real") == mine / "small"


def test_a_market_without_a_champion_and_a_champion_that_is_gone_are_errors(folder: Path) -> None:
    with pytest.raises(ModelError, match="no model for the simulated market"):
        find_model("champion", [folder.parent], "simulated")
    write_champion(folder.parent, "simulated", "gone")
    with pytest.raises(ModelError, match="'gone'"):
        find_model("champion", [folder.parent], "simulated")


def test_an_unknown_id_gets_the_nearest_one(folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find_model("smal", [folder.parent], "real")
    assert "small" in str(caught.value.hint)
    with pytest.raises(ModelError, match="there is no model"):
        find_model("../models/small", [folder.parent], "real")


def test_other_tiers_models_are_passed_over_and_damaged_ones_are_not(folder: Path) -> None:
    other = folder.parent / "sentiment"
    other.mkdir()
    (other / "manifest.json").write_text('{"kind": "sentiment"}')
    damaged = folder.parent / "worn"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{")
    assert [path.name for path in model_folders([folder.parent])] == ["small", "worn"]


def test_saving_over_a_model_is_refused(trained: TrainedModel, folder: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ModelError, match="exists already"):
        save_model(trained, folder.parent)
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("market", ["real", "simulated"])
def test_the_shipped_champions_load(market: str) -> None:
    path = find_model("champion", [shipped_models()], market)  # type: ignore[arg-type]
    model = load_model(path)
    assert model.manifest.market == market
    card = (path / "CARD.md").read_text()
    assert f"{model.manifest.metrics['at_or_above_0.70']:,} of" in card
    assert ("made-up market" in card) == (market == "simulated")


def test_reading_a_manifest_needs_no_torch(saved: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path;"
        "from hybrid_tui.ml.model_files import read_manifest;"
        f"print(read_manifest(Path({str(saved)!r})).id, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [read_manifest(saved).id, "False"]
