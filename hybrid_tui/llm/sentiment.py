"""The headline sentiment model: hashed features, multinomial logistic regression, NumPy only."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hybrid_tui.errors import ModelError
from hybrid_tui.llm.features import SLOTS, VERSION, feature_row

Label = Literal["negative", "neutral", "positive"]

LABELS: Final[tuple[Label, ...]] = ("negative", "neutral", "positive")
MODEL_NAME: Final = "sentiment-1"
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
MAX_BYTES: Final = 5_000_000
_HINT: Final = "reinstall hybrid-tui, or train the model again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """How a headline reads.

    ``score`` is the probability of positive less that of negative, -1..1; ``confidence`` is the
    calibrated probability that ``label`` is right, 0..1. No text: neutral, 0, 0.
    """

    score: float
    label: Label
    confidence: float


NOTHING_SAID: Final = Sentiment(score=0.0, label="neutral", confidence=0.0)


def models_folder() -> Path:
    """Return the folder of shipped models: inside the wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_models"
    return inside if inside.is_dir() else package.parent / "models"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentimentModel:
    """Weights (SLOTS x 3, float32), biases (3) and the temperature of the calibration."""

    model_id: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float

    @classmethod
    def load(cls, folder: Path | None = None) -> SentimentModel:
        """Read a model folder, by default the shipped one.

        Raises ModelError, naming the file, where one is missing, malformed, or not the one whose
        sha256 the manifest gives.
        """
        folder = models_folder() / MODEL_NAME if folder is None else folder
        manifest = _manifest(folder / MANIFEST)
        path = folder / WEIGHTS
        data = _read(path)
        if hashlib.sha256(data).hexdigest() != manifest["files"][WEIGHTS]:
            raise ModelError(f"{path}: not the file its manifest describes", hint=_HINT)
        weights, bias = _tensors(path, data)
        return cls(
            model_id=manifest["id"],
            weights=weights,
            bias=bias,
            temperature=float(manifest["temperature"]),
        )

    def probabilities(self, headline: str) -> NDArray[np.float64] | None:
        """Return the calibrated probabilities in the order of LABELS; None: nothing to read."""
        slots, values = feature_row(headline)
        if not len(slots):
            return None
        rows = self.weights[slots].astype(np.float64)
        logits = (np.sum(rows * values[:, None], axis=0) + self.bias) / self.temperature
        shifted = np.exp(logits - logits.max())
        return cast("NDArray[np.float64]", shifted / shifted.sum())

    def score(self, headline: str | None) -> Sentiment:
        """Return the sentiment of one headline; it depends on nothing but its text."""
        probabilities = self.probabilities(headline) if headline else None
        if probabilities is None:
            return NOTHING_SAID
        best = int(np.argmax(probabilities))
        return Sentiment(
            score=round(float(probabilities[2] - probabilities[0]), 6),
            label=LABELS[best],
            confidence=round(float(probabilities[best]), 6),
        )

    def score_all(self, headlines: Iterable[str | None]) -> list[Sentiment]:
        """Return the sentiment of each headline, in their order."""
        return [self.score(headline) for headline in headlines]


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path}: larger than {MAX_BYTES:,} bytes", hint=_HINT)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})", hint=_HINT) from error


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(path).decode())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON ({error})", hint=_HINT) from error
    problem = _problem(manifest)
    if problem:
        raise ModelError(f"{path}: {problem}", hint=_HINT)
    return cast("dict[str, Any]", manifest)


def _problem(manifest: object) -> str:
    """Return what is wrong with a manifest, or an empty string."""
    if not isinstance(manifest, dict):
        return "not an object"
    if not isinstance(manifest.get("id"), str):
        return "`id` is not text"
    if manifest.get("kind") != "sentiment":
        return f"`kind` is {manifest.get('kind')!r}, not 'sentiment'"
    if manifest.get("features") != {"version": VERSION, "slots": SLOTS}:
        return f"`features` are {manifest.get('features')!r}: made for another version"
    if manifest.get("labels") != list(LABELS):
        return f"`labels` are {manifest.get('labels')!r}, not {list(LABELS)}"
    temperature = manifest.get("temperature")
    if (
        isinstance(temperature, bool)
        or not isinstance(temperature, int | float)
        or not (math.isfinite(temperature) and temperature > 0)
    ):
        return f"`temperature` is {temperature!r}, not a positive number"
    files = manifest.get("files")
    if not isinstance(files, dict) or not isinstance(files.get(WEIGHTS), str):
        return f"`files` gives no sha256 of {WEIGHTS}"
    return ""


def _tensors(path: Path, data: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{path}: not a safetensors file ({error})", hint=_HINT) from error
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != {"weights": (SLOTS, len(LABELS)), "bias": (len(LABELS),)}:
        raise ModelError(f"{path}: holds {found}, not the weights and biases", hint=_HINT)
    weights = tensors["weights"].astype(np.float32)
    bias = tensors["bias"].astype(np.float32)
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise ModelError(f"{path}: a weight is not a finite number", hint=_HINT)
    weights.setflags(write=False)
    bias.setflags(write=False)
    return weights, bias
