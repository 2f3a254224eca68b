"""Training: the split, the determinism, the errors."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.errors import DataError
from hybrid_tui.llm.phrasebook import examples
from hybrid_tui.llm.sentiment import MANIFEST, MODEL_NAME, WEIGHTS, SentimentModel, models_folder
from hybrid_tui.llm.training import (
    EVALUATION_ONLY,
    TRAINING_WEIGHT,
    is_held_out,
    main,
    measure,
    read_corpus,
    split_key,
    train,
)

WORDS = {0: "falls plunges weak loss", 1: "meets holds plans opens", 2: "rises soars strong profit"}
NAMES = {0: "negative", 1: "neutral", 2: "positive"}


def write_corpus(folder: Path, name: str, rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(out.getvalue().encode(), mtime=0))


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Four small sets of made-up texts."""
    folder = tmp_path / "data"
    folder.mkdir()
    towns = ["Oslo", "Lyon", "Turin", "Porto", "Leeds", "Graz", "Ghent", "Basel", "Malmo", "Cadiz"]
    rows = [
        (f"{town} maker {word}", NAMES[label])
        for label, words in WORDS.items()
        for word in words.split()
        for town in towns
    ]
    for name in (*TRAINING_WEIGHT, *EVALUATION_ONLY):
        write_corpus(folder, name, rows)
    return folder


@pytest.mark.full
def test_training_twice_gives_the_same_bytes(data_folder: Path, tmp_path: Path) -> None:
    train(data_folder, tmp_path / "one")
    train(data_folder, tmp_path / "two")
    for name in (MANIFEST, WEIGHTS, "CARD.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    model = SentimentModel.load(tmp_path / "one")
    assert model.score("Bergen maker soars").label == "positive"
    assert model.score("Bergen maker plunges").label == "negative"


def test_the_command_line_reports_and_refuses(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
    write_corpus(data_folder, "tfns_train", [("a text", "cheerful")])
    assert main([str(data_folder), str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert "tfns_train.csv.gz, row 1" in captured.err
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tfns_train\.csv\.gz"):
        read_corpus(tmp_path, "tfns_train")


def test_reprints_with_other_figures_fall_on_the_same_side() -> None:
    one = "$ABC beats by $0.05 https://t.co/x"
    other = "$XYZ beats by $0.11 https://t.co/y"
    assert split_key(one) == split_key(other)
    assert is_held_out(one) == is_held_out(other)


def test_a_fifth_is_held_out(shared_data: Path) -> None:
    for name in TRAINING_WEIGHT:
        corpus = read_corpus(shared_data / "sentiment", name)
        assert 0.15 < corpus.held.mean() < 0.25


def test_the_shipped_model_was_trained_on_the_allowed_sets_only(shared_data: Path) -> None:
    manifest = json.loads((models_folder() / MODEL_NAME / MANIFEST).read_text())
    assert set(manifest["trained_on"]) == {*TRAINING_WEIGHT, "phrasebook"}
    for name in TRAINING_WEIGHT:
        corpus = read_corpus(shared_data / "sentiment", name)
        assert manifest["trained_on"][name]["sha256"] == corpus.sha256
        assert manifest["trained_on"][name]["texts"] == int(np.sum(~corpus.held))
    assert manifest["trained_on"]["phrasebook"]["texts"] == len(examples())


def test_no_phrase_written_for_training_is_a_text_of_the_evaluation_sets(
    shared_data: Path,
) -> None:
    ours = {split_key(text) for text, _ in examples()}
    for name in EVALUATION_ONLY:
        corpus = read_corpus(shared_data / "sentiment", name)
        theirs = {split_key(text) for text in corpus.texts}
        assert not ours & theirs


def test_the_figures_are_those_of_a_hand_count() -> None:
    # Two right of three; F1: negative 1, neutral 0, positive 2/3.
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.1, 0.3, 0.6]])
    figures = measure(probabilities, np.array([0, 2, 1]))
    assert figures["accuracy"] == pytest.approx(0.6667)
    assert figures["macro_f1"] == pytest.approx((1 + 0 + 2 / 3) / 3, abs=1e-4)
    assert figures["ece"] == pytest.approx((0.2 + 0.3 + 0.6) / 3, abs=1e-4)
