"""A small trained ensemble that tier 2's tests share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.dataset import Dataset, build_dataset
from hybrid_tui.ml.model_files import Model, PlattFigures, load_model
from hybrid_tui.ml.recipe import Recipe
from hybrid_tui.ml.storing import save_model
from hybrid_tui.ml.train import TrainedModel, train_ensemble
from tests.ml.builders import random_walk

SYMBOLS = ("NVDA", "SPY")


@pytest.fixture(scope="session")
def small_data(calendar: TradingCalendar) -> Dataset:
    """Two random walks over 14 sessions."""
    return build_dataset(
        {symbol: random_walk(calendar, symbol, sessions=14) for symbol in SYMBOLS}, calendar
    )


@pytest.fixture(scope="session")
def trained(small_data: Dataset) -> TrainedModel:
    """An ensemble after two epochs on random walks."""
    return train_ensemble(
        small_data,
        Recipe(model_id="small", market="real", seed=3, max_epochs=2),
        description="random walks",
        symbols=SYMBOLS,
        fingerprint="0" * 64,
        now=datetime(2026, 3, 1, tzinfo=UTC),
    )


@pytest.fixture(scope="session")
def saved(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small ensemble's folder; tests that damage it copy it first."""
    return save_model(trained, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def model(saved: Path) -> Model:
    """The small ensemble as loaded, made outspoken: every member, feature and output has a say.

    What it learned of random walks calibrates to silence, which would hide differences.
    """
    quiet = load_model(saved)
    loud = PlattFigures(slope=1.0, offset=0.0, hurdle_slope=-3.0)
    manifest = quiet.manifest.model_copy(
        update={
            "members": tuple(
                member.model_copy(update={"weight": 0.5, "platt": loud})
                for member in quiet.manifest.members
            ),
            "calibration": quiet.manifest.calibration.model_copy(
                update={"ensemble": loud, "return_slope": 1.0}
            ),
        }
    )
    scale = np.where(quiet.scale == 0, np.float32(1), quiet.scale)
    return replace(quiet, manifest=manifest, scale=scale)
