"""The champion gate: skill passes, noise seldom does, and every rival has to be beaten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.challenge import beside_champion
from hybrid_tui.ml.dataset import Dataset, build_dataset, split
from hybrid_tui.ml.gate import LEAST_DAYS, LEAST_OUTCOMES, judge
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.model_files import Market, Model
from hybrid_tui.ml.recipe import Recipe
from hybrid_tui.ml.train import train_ensemble
from tests.ml.builders import random_walk

DAYS, A_DAY = 20, 100


def outcomes(seed: int) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return true chances, outcomes and days."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.3, 0.7, DAYS * A_DAY)
    return chance, rng.random(len(chance)) < chance, np.repeat(np.arange(DAYS), A_DAY)


def test_skill_is_promoted() -> None:
    chance, is_up, day = outcomes(1)
    flat = np.full(len(is_up), 0.5)
    verdict = judge(chance, {"the champion": flat, "the base rate": flat}, is_up, day, seed=1)
    assert verdict.is_promoted
    assert all(gain.low > 0 for gain in verdict.gains)


def test_one_rival_that_is_not_beaten_keeps_it_out() -> None:
    chance, is_up, day = outcomes(1)
    flat = np.full(len(is_up), 0.5)
    rivals = {"the base rate": flat, "the champion": chance}
    verdict = judge(chance, rivals, is_up, day, seed=1)
    assert not verdict.is_promoted
    assert "the champion" in verdict.reason


@pytest.mark.parametrize("kept", [slice(0, 499), slice(0, 4 * A_DAY)])
def test_too_little_is_never_enough(kept: slice) -> None:
    chance, is_up, day = outcomes(1)
    rivals = {"the base rate": np.full(len(is_up[kept]), 0.5)}
    verdict = judge(chance[kept], rivals, is_up[kept], day[kept], seed=1)
    assert not verdict.is_promoted
    assert "too few" in verdict.reason


def test_noise_is_promoted_at_most_one_time_in_twenty() -> None:
    promoted = 0
    for seed in range(100):
        _, is_up, day = outcomes(seed)
        rng = np.random.default_rng([seed, 1])
        noise = 0.5 + rng.normal(0, 0.005, len(is_up))
        rivals = {"the base rate": np.full(len(is_up), 0.5)}
        promoted += judge(noise, rivals, is_up, day, seed=seed).is_promoted
    assert promoted <= 5


@pytest.fixture(scope="module")
def walks(calendar: TradingCalendar) -> Dataset:
    """About 5,000 windows of a random walk; its test span has seven days."""
    return build_dataset({"A": random_walk(calendar, "A", sessions=70)}, calendar)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_challenger_of_shuffled_labels_is_promoted_at_most_5_times_in_100(
    walks: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = split(walks.day)
    held_out = rows["test"]
    assert held_out.sum() >= LEAST_OUTCOMES
    assert len(np.unique(walks.day[held_out])) >= LEAST_DAYS
    promoted = 0
    for seed in range(100):
        # What it is judged on is as it came; only what it learns from is shuffled.
        learned = np.flatnonzero(~held_out)
        is_up = walks.is_up.copy()
        is_up[learned] = np.random.default_rng(seed).permutation(is_up[learned])
        shuffled = replace(walks, is_up=is_up)
        challenger = train_ensemble(
            shuffled,
            Recipe(
                model_id="shuffled", market="real", seed=seed, max_epochs=4, members=("logistic",)
            ),
            description="",
            symbols=("A",),
            fingerprint="",
            now=datetime(2026, 3, 1, tzinfo=UTC),
        ).model
        test = shuffled.take(held_out)
        said = np.array([outlook.probability for outlook in outlooks(challenger, test.windows)])
        rivals = {"the base rate": np.full(len(said), challenger.manifest.base_rate)}
        promoted += judge(said, rivals, test.is_up, test.day, seed=seed).is_promoted
    with capsys.disabled():
        print(f"\npromoted {promoted} of 100")  # noqa: T201
    assert promoted <= 5


def test_dates_that_another_simulated_market_shares_were_not_seen(
    model: Model, small_data: Dataset
) -> None:
    def told(market: Market, rivals: str) -> str:
        """Return what is said of it beside a champion that has seen all dates of its own data."""
        own = model.manifest.model_copy(update={"market": market})
        figures = own.data.model_copy(update={"fingerprint": rivals})
        rival = own.model_copy(update={"data": figures, "trained_until": own.data.last})
        champion = replace(model, manifest=rival)
        return beside_champion(small_data, replace(model, manifest=own), champion).reason

    nothing = "0 outcomes on 0 days"
    assert nothing in told("real", "1" * 64)
    assert nothing in told("simulated", model.manifest.data.fingerprint)
    assert "on 1 days" in told("simulated", "1" * 64)
