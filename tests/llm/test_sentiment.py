"""The shipped sentiment model: what it says, and how good it is on texts it never saw."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.llm.features import feature_row
from hybrid_tui.llm.sentiment import LABELS, MAX_BYTES, MODEL_NAME, SentimentModel, models_folder
from hybrid_tui.llm.training import evaluate, read_corpus

MODEL = SentimentModel.load()


@pytest.mark.parametrize(
    ("headline", "label"),
    [
        ("Nvidia beats estimates and raises guidance", "positive"),
        ("Nvidia misses estimates and cuts guidance", "negative"),
        ("Nvidia is not expected to beat estimates", "negative"),
        ("Operating profit fell to EUR 3 mn from EUR 5 mn", "negative"),
        ("Operating profit rose to EUR 5 mn from EUR 3 mn", "positive"),
        ("Net loss narrowed to $2m from $6m", "positive"),
        ("EBIT was EUR 14.4 mn, compared to a loss of EUR 0.3 mn", "positive"),
        ("Super Micro stock plunges on chip accusations", "negative"),
        ("The annual general meeting will be held in Boston", "neutral"),
    ],
)
def test_plain_cases_read_as_a_person_would(headline: str, label: str) -> None:
    assert MODEL.score(headline).label == label


@pytest.mark.parametrize("headline", [None, "", "   ", "\u200b\u200b", "<br>", "\x1b[0m"])
def test_nothing_to_read_is_neutral_without_confidence(headline: str | None) -> None:
    found = MODEL.score(headline)
    assert (found.score, found.label, found.confidence) == (0.0, "neutral", 0.0)


@given(st.text(max_size=300))
def test_any_text_scores_in_range_and_alike_each_time(text: str) -> None:
    found = MODEL.score(text)
    assert -1 <= found.score <= 1
    assert 0 <= found.confidence <= 1
    assert found.label in LABELS
    assert found == MODEL.score(text)


@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=8))
def test_a_batch_scores_as_its_lines_do(headlines: list[str | None]) -> None:
    assert MODEL.score_all(headlines) == [MODEL.score(headline) for headline in headlines]


@given(st.text(min_size=1, max_size=100))
def test_features_have_length_one_and_distinct_slots(text: str) -> None:
    slots, values = feature_row(text)
    assert len(np.unique(slots)) == len(slots)
    if len(slots):
        assert np.sum(values * values) == pytest.approx(1.0)


def test_invisible_characters_and_markup_change_nothing() -> None:
    plain = MODEL.score("Profits soar on strong demand")
    assert MODEL.score("<b>Pro\u200bfits</b> \x1b[1msoar\x1b[0m on\u00a0strong demand") == plain


@pytest.mark.parametrize(("name", "macro_f1"), [("tfns_train", 0.72), ("fiqa_sa_dev", 0.55)])
def test_figures_on_texts_held_out_of_training(
    shared_data: Path, name: str, macro_f1: float
) -> None:
    corpus = read_corpus(shared_data / "sentiment", name)
    texts = [text for text, held in zip(corpus.texts, corpus.held, strict=True) if held]
    figures = evaluate(MODEL, texts, corpus.classes[corpus.held])
    assert len(texts) > 0.15 * len(corpus.texts)
    assert figures["macro_f1"] >= macro_f1
    assert figures["ece"] <= 0.12


def test_figures_on_sentences_of_another_kind(shared_data: Path) -> None:
    corpus = read_corpus(shared_data / "sentiment", "fpb_allagree_dev")
    figures = evaluate(MODEL, corpus.texts, corpus.classes)
    assert figures["macro_f1"] >= 0.75
    assert figures["accuracy"] >= 0.80


def test_the_shipped_files_are_small_and_carry_a_card() -> None:
    folder = models_folder() / MODEL_NAME
    assert sum(path.stat().st_size for path in folder.iterdir()) < MAX_BYTES
    assert "never trained on" in (folder / "CARD.md").read_text()


def test_inference_needs_neither_sklearn_nor_torch() -> None:
    code = (
        "import sys; from hybrid_tui.llm.local import LocalAnalyst; "
        "LocalAnalyst()._model.score('Profits soar'); "
        "print(sorted({'sklearn', 'scipy', 'torch', 'pandas', 'openai'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
