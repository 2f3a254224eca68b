"""Writing a trained model's folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hybrid_tui.errors import ModelError
from hybrid_tui.ml.card import render_card
from hybrid_tui.ml.model_files import CARD, MANIFEST
from hybrid_tui.ml.train import TrainedModel


def check_free(models: Path, model_id: str) -> Path:
    """Return the folder that a new model would have. Raises ModelError where the id is taken."""
    folder = models / model_id
    if folder.exists():
        raise ModelError(f"{folder} exists already", hint="choose another --id, or remove it")
    return folder


def save_model(trained: TrainedModel, models: Path) -> Path:
    """Write `<models>/<id>/` and return it. Raises ModelError where the id is taken."""
    manifest = trained.model.manifest
    folder = check_free(models, manifest.id)
    partial = models / f".{manifest.id}.{os.getpid()}"
    try:
        partial.mkdir(parents=True)
        for name, content in trained.files.items():
            (partial / name).write_bytes(content)
        (partial / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (partial / CARD).write_text(render_card(manifest), encoding="utf-8")
        partial.rename(folder)
    except OSError as error:
        raise ModelError(f"{folder} cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder
