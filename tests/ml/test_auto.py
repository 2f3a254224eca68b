"""What `rules.min_buy_probability = auto` comes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid_tui.commands.compose import minimum_probability
from hybrid_tui.config import Config
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.models import UNREACHABLE
from hybrid_tui.errors import ConfigError
from hybrid_tui.ml.measured_figures import ThresholdFigures
from hybrid_tui.ml.model_files import Manifest, Model
from tests.desk import hybrid_tui
from tests.ml.builders import random_walk
from tests.ml.test_command import write_csv


def auto(tiers: list[str]) -> Config:
    return Config.model_validate(
        {"app": {"tiers": tiers}, "rules": {"min_buy_probability": "auto"}}
    )


def carrying(model: Model, level: float | None) -> Callable[[], Manifest]:
    threshold = ThresholdFigures(level=level, confidence=0.9, outcomes=400, days=9)
    return lambda: model.manifest.model_copy(update={"threshold": threshold})


def test_auto_is_the_models_own_level(model: Model) -> None:
    assert minimum_probability(auto(["rules", "ml"]), carrying(model, 0.57)) == 0.57


def test_no_level_is_above_every_probability(model: Model) -> None:
    found = minimum_probability(auto(["rules", "ml"]), carrying(model, None))
    assert found == UNREACHABLE > 1.0


def test_a_model_that_was_never_asked_for_one_is_refused(model: Model) -> None:
    bare = model.manifest.model_copy(update={"threshold": None})
    with pytest.raises(ConfigError, match=bare.id):
        minimum_probability(auto(["rules", "ml"]), lambda: bare)


def test_a_figure_needs_no_model_and_neither_do_the_rules_alone() -> None:
    def never() -> Manifest:
        raise AssertionError("the model was asked")

    assert minimum_probability(Config(), never) == 0.70
    assert minimum_probability(auto(["rules"]), never) == UNREACHABLE


def test_a_backtest_without_a_level_says_so_and_enters_nothing(
    tmp_path: Path, calendar: TradingCalendar
) -> None:
    write_csv(tmp_path, random_walk(calendar, "NVDA", sessions=2))
    done = hybrid_tui(
        tmp_path / "home", "backtest", "--data", str(tmp_path), "--tiers", "rules,ml",
        "--set", "rules.min_buy_probability=auto", "--set", "rules.min_confidence=0", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["trades"] == []
    assert any("auto" in text and "nothing is entered" in text for text in document["warnings"])
