"""A model folder that is not what its manifest says is refused, naming the file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from hybrid_tui.errors import ModelError
from hybrid_tui.llm.features import SLOTS
from hybrid_tui.llm.sentiment import (
    MANIFEST,
    MODEL_NAME,
    WEIGHTS,
    SentimentModel,
    models_folder,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model."""
    return Path(shutil.copytree(models_folder() / MODEL_NAME, tmp_path / "model"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def swap_weights(folder: Path, blob: bytes) -> None:
    (folder / WEIGHTS).write_bytes(blob)
    edit(folder, lambda m: m["files"].update({WEIGHTS: hashlib.sha256(blob).hexdigest()}))


def test_a_copy_loads_and_reads_alike(folder: Path) -> None:
    headline = "Shares rise on strong demand"
    assert SentimentModel.load(folder).score(headline) == SentimentModel.load().score(headline)


@pytest.mark.parametrize("at", [0, 9, 100_000, -1])
def test_one_flipped_byte_is_refused(folder: Path, at: int) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[at] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(data))
    with pytest.raises(ModelError, match=WEIGHTS):
        SentimentModel.load(folder)


@pytest.mark.parametrize("size", [0, 7, 1_000, 1_572_000])
def test_a_truncated_file_is_refused(folder: Path, size: int) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:size])
    with pytest.raises(ModelError, match=WEIGHTS):
        SentimentModel.load(folder)


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        SentimentModel.load(folder)


def test_a_huge_file_is_not_read(folder: Path) -> None:
    with (folder / WEIGHTS).open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(ModelError, match="larger than"):
        SentimentModel.load(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"id": 1}', "[" * 100_000, "\u00e9\ud800"]
)
def test_a_malformed_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ModelError, match=MANIFEST):
        SentimentModel.load(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", None),
        ("kind", "ensemble"),
        ("features", {"version": 0, "slots": SLOTS}),
        ("labels", ["positive", "neutral", "negative"]),
        ("temperature", 0),
        ("temperature", float("nan")),
        ("temperature", True),
        ("temperature", "1"),
        ("files", []),
        ("files", {}),
    ],
)
def test_a_manifest_for_another_model_is_refused(folder: Path, key: str, value: object) -> None:
    edit(folder, lambda manifest: manifest.update({key: value}))
    with pytest.raises(ModelError, match=f"{MANIFEST}: .*`{key}`"):
        SentimentModel.load(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    bias = np.zeros(3, np.float32)
    swap_weights(folder, save({"weights": np.zeros((8, 3), np.float16), "bias": bias}))
    with pytest.raises(ModelError, match=WEIGHTS):
        SentimentModel.load(folder)


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    weights = np.zeros((SLOTS, 3), np.float16)
    weights[5, 1] = np.nan
    swap_weights(folder, save({"weights": weights, "bias": np.zeros(3, np.float32)}))
    with pytest.raises(ModelError, match="finite"):
        SentimentModel.load(folder)


def test_bytes_that_are_not_safetensors_are_refused(folder: Path) -> None:
    swap_weights(folder, b"\x80\x04\x95 a pickle, say")
    with pytest.raises(ModelError, match="not a safetensors file"):
        SentimentModel.load(folder)
