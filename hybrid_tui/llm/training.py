"""Training of the headline sentiment model: ``python -m hybrid_tui.llm.training DATA OUT``.

scikit-learn is needed here and nowhere else in this program. The result depends on the data and on
nothing else. The two Financial PhraseBank files are looked at after training only: their licence is
non-commercial.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from hybrid_tui.domain.text import clean_text
from hybrid_tui.errors import DataError, HybridError
from hybrid_tui.llm.card import render_card
from hybrid_tui.llm.features import SLOTS, VERSION, feature_row, tokens
from hybrid_tui.llm.phrasebook import examples
from hybrid_tui.llm.sentiment import LABELS, MANIFEST, MODEL_NAME, WEIGHTS, SentimentModel
from hybrid_tui.llm.text import fold

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

HELD_OUT_BYTES: Final = 51
"""A text is held out when the first byte of its key's sha256 is below this: about one in five."""

FOLDS: Final = 5
INVERSE_PENALTY: Final = 3.0
CLASS_POWER: Final = 0.75
"""How far rare classes are weighted up: 0 not at all, 1 until all classes weigh the same."""

TRAINING_WEIGHT: Final = {"tfns_train": 1.0, "fiqa_sa_dev": 2.0}
PHRASE_WEIGHT: Final = 0.5
EVALUATION_ONLY: Final = ("fpb_allagree_dev", "fpb_below_full_agreement_dev")
_CLASSES: Final = {
    "bearish": 0, "negative": 0, "neutral": 1, "bullish": 2, "positive": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Labelled texts: classes are indices into LABELS; ``held`` marks texts never trained on."""

    name: str
    texts: tuple[str, ...]
    classes: Ints
    held: NDArray[np.bool_]
    sha256: str


def split_key(text: str) -> str:
    """Return what decides the split: the words, with figures, links and tickers made alike.

    Reprints of a headline with other figures thus fall on the same side.
    """
    return " ".join(word for word, _ in tokens(fold(clean_text(text))))


def is_held_out(text: str) -> bool:
    """Whether the shipped model never saw the text: a fixed fifth, by hash."""
    return hashlib.sha256(split_key(text).encode()).digest()[0] < HELD_OUT_BYTES


def read_corpus(folder: Path, name: str) -> Corpus:
    """Read ``NAME.csv.gz`` with the columns ``text`` and ``label``; raises DataError."""
    path = folder / f"{name}.csv.gz"
    texts: list[str] = []
    classes: list[int] = []
    try:
        data = path.read_bytes()
        lines = gzip.decompress(data).decode().splitlines(keepends=True)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    for row in csv.DictReader(lines):
        label = row.get("label")
        text = row.get("text")
        if text is None or label not in _CLASSES:
            raise DataError(f"{path}, row {len(texts) + 1}: no text, or unknown label {label!r}")
        texts.append(text)
        classes.append(_CLASSES[label])
    return Corpus(
        name=name,
        texts=tuple(texts),
        classes=np.array(classes, np.int64),
        held=np.array([is_held_out(text) for text in texts], np.bool_),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def measure(probabilities: Floats, classes: Ints) -> dict[str, float]:
    """Return texts, accuracy, macro F1 and expected calibration error (10 bins) of (n, 3)."""
    labels = probabilities.argmax(axis=1)
    f1 = []
    for one in range(len(LABELS)):
        hit = float(np.sum((labels == one) & (classes == one)))
        f1.append(2 * hit / max(float(np.sum(labels == one) + np.sum(classes == one)), 1.0))
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * 10).astype(np.int64), 9)
    ece = 0.0
    for one in np.unique(bins):
        inside = bins == one
        gap = np.mean(labels[inside] == classes[inside]) - np.mean(confidence[inside])
        ece += float(abs(gap) * np.mean(inside))
    return {
        "texts": len(classes),
        "accuracy": round(float(np.mean(labels == classes)), 4),
        "macro_f1": round(float(np.mean(f1)), 4),
        "ece": round(ece, 4),
    }


def evaluate(model: SentimentModel, texts: Sequence[str], classes: Ints) -> dict[str, float]:
    """Return the figures of ``measure`` for a model on labelled texts."""
    even = np.full(len(LABELS), 1 / len(LABELS))
    rows = [model.probabilities(text) for text in texts]
    return measure(np.array([even if row is None else row for row in rows]), classes)


def _matrix(texts: Sequence[str]) -> Any:
    from scipy.sparse import csr_matrix

    rows = [feature_row(text) for text in texts]
    ends = np.cumsum([0, *(len(slots) for slots, _ in rows)])
    slots = np.concatenate([slots for slots, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return csr_matrix((values, slots, ends), shape=(len(texts), SLOTS))


def _fit(matrix: Any, classes: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Return weights (SLOTS, 3) and biases (3) of a multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    # Slots that no text uses keep a weight of zero; leaving them out makes the fit several times
    # faster and changes nothing.
    used = np.unique(matrix.indices)
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=400, tol=1e-3)
    regression.fit(matrix[:, used], classes, sample_weight=weights)
    coefficients = np.zeros((SLOTS, len(LABELS)))
    coefficients[used] = regression.coef_.T
    return coefficients, cast("Floats", regression.intercept_)


def _softmax(logits: Floats, temperature: float) -> Floats:
    shifted = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return cast("Floats", shifted / shifted.sum(axis=1, keepdims=True))


def _temperature(logits: Floats, classes: Ints) -> float:
    """Return the temperature with the least log loss, searched on a grid of hundredths."""
    rows = np.arange(len(classes))
    losses = [
        (float(-np.mean(np.log(_softmax(logits, t / 100)[rows, classes] + 1e-12))), t / 100)
        for t in range(40, 251)
    ]
    return min(losses)[1]


def _folds(texts: Sequence[str]) -> Ints:
    """Return the fold of each text, by another byte of the hash that made the split."""
    keys = (hashlib.sha256(split_key(text).encode()).digest()[1] for text in texts)
    return np.array([byte % FOLDS for byte in keys], np.int64)


def _sample_weights(classes: Ints, base: Floats, reference: Ints) -> Floats:
    counts = np.bincount(reference, minlength=len(LABELS))
    balance = (len(reference) / len(LABELS) / counts) ** CLASS_POWER
    return base * balance[classes]


def train(data_folder: Path, out_folder: Path) -> dict[str, Any]:
    """Train, calibrate, evaluate and write the model; return its manifest.

    ``out_folder`` gets ``manifest.json``, ``weights.safetensors`` and ``CARD.md``.
    Raises DataError.
    """
    from safetensors.numpy import save

    corpora = {name: read_corpus(data_folder, name) for name in TRAINING_WEIGHT}
    texts: list[str] = []
    sources: list[str] = []
    classes: list[int] = []
    for name, corpus in corpora.items():
        for text, label, held in zip(corpus.texts, corpus.classes, corpus.held, strict=True):
            if not held:
                texts.append(text)
                classes.append(int(label))
                sources.append(name)
    phrases = examples()
    real = len(texts)
    labels = np.array([*classes, *(label for _, label in phrases)], np.int64)
    matrix = _matrix([*texts, *(text for text, _ in phrases)])
    first = np.array([name == "tfns_train" for name in sources], np.bool_)
    weights = np.full(len(labels), PHRASE_WEIGHT)
    weights[:real] = _sample_weights(
        labels[:real],
        np.array([TRAINING_WEIGHT[name] for name in sources]),
        labels[:real][first],
    )
    folds = _folds(texts)
    logits = np.zeros((real, len(LABELS)))
    for fold_number in range(FOLDS):
        apart = folds == fold_number
        kept = np.concatenate([~apart, np.ones(len(phrases), np.bool_)])
        fold_weights, fold_bias = _fit(matrix[kept], labels[kept], weights[kept])
        logits[apart] = matrix[:real][apart] @ fold_weights + fold_bias
    temperature = _temperature(logits, labels[:real])
    crossed = _softmax(logits, temperature)
    cross_validated = {
        name: measure(crossed[mask], labels[:real][mask])
        for name in TRAINING_WEIGHT
        for mask in [np.array([source == name for source in sources], np.bool_)]
    }
    coefficients, bias = _fit(matrix, labels, weights)
    model = SentimentModel(
        model_id=MODEL_NAME,
        weights=coefficients.astype(np.float16).astype(np.float32),
        bias=bias.astype(np.float32),
        temperature=temperature,
    )
    blob = save({"weights": model.weights.astype(np.float16), "bias": model.bias})
    manifest: dict[str, Any] = {
        "kind": "sentiment",
        "id": MODEL_NAME,
        "features": {"version": VERSION, "slots": SLOTS},
        "labels": list(LABELS),
        "temperature": temperature,
        "files": {WEIGHTS: hashlib.sha256(blob).hexdigest()},
        "trained_on": {
            **{
                name: {"texts": sources.count(name), "sha256": corpora[name].sha256}
                for name in TRAINING_WEIGHT
            },
            "phrasebook": {"texts": len(phrases)},
        },
        "figures": {
            "cross_validated": cross_validated,
            "held_out": {
                name: evaluate(
                    model,
                    [text for text, held in zip(c.texts, c.held, strict=True) if held],
                    c.classes[c.held],
                )
                for name, c in corpora.items()
            },
            "never_trained_on": {
                name: evaluate(model, c.texts, c.classes)
                for name in EVALUATION_ONLY
                for c in [read_corpus(data_folder, name)]
            },
        },
    }
    out_folder.mkdir(parents=True, exist_ok=True)
    (out_folder / WEIGHTS).write_bytes(blob)
    (out_folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    (out_folder / "CARD.md").write_text(render_card(manifest, HELD_OUT_BYTES))
    return manifest


def main(arguments: Sequence[str]) -> int:
    """Run the training from the command line and return the exit code."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m hybrid_tui.llm.training DATA_FOLDER OUT_FOLDER\n")
        return 2
    try:
        manifest = train(Path(arguments[0]), Path(arguments[1]))
    except HybridError as error:
        sys.stderr.write(error.render() + "\n")
        return error.exit_code
    sys.stdout.write(json.dumps(manifest["figures"], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
