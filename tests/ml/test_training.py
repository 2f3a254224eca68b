from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.ml.calibrating import member_weights
from hybrid_tui.ml.card import render_card
from hybrid_tui.ml.dataset import EMBARGO_SESSIONS, SPANS, Dataset, build_dataset, split
from hybrid_tui.ml.fitting import fit_member, raw_outputs
from hybrid_tui.ml.heldout import volatility_gain
from hybrid_tui.ml.inference import outlooks
from hybrid_tui.ml.metrics import auc
from hybrid_tui.ml.progress import Progress
from hybrid_tui.ml.recipe import MEMBERS, Recipe
from hybrid_tui.ml.train import TrainedModel, standardisation_of, train_ensemble
from tests.ml.builders import random_walk
from tests.ml.conftest import SYMBOLS


def train(
    data: Dataset, *, seed: int = 3, epochs: int = 2, members: tuple[str, ...] = tuple(MEMBERS)
) -> TrainedModel:
    return train_ensemble(
        data,
        Recipe(model_id="small", market="real", seed=seed, max_epochs=epochs, members=members),
        description="random walks",
        symbols=SYMBOLS,
        fingerprint="0" * 64,
        now=datetime(2026, 3, 1, tzinfo=UTC),
    )


@given(st.lists(st.integers(0, 400), min_size=12, max_size=120, unique=True), st.booleans())
def test_spans_follow_each_other_with_a_session_between_them(
    days: list[int], held_out: bool
) -> None:
    day = np.repeat(np.array(days), 3)
    spans = split(day, held_out=held_out)
    ordered = sorted(days)
    names = SPANS if held_out else SPANS[:-1]
    assert list(spans) == list(names)
    inside = [np.unique(day[spans[name]]) for name in names]
    assert inside[-1][-1] == ordered[-1]
    assert all(len(span) for span in inside)
    for before, after in pairwise(inside):
        gap = ordered.index(after[0]) - ordered.index(before[-1]) - 1
        assert gap == EMBARGO_SESSIONS
    assert sum(len(span) for span in inside) == len(ordered) - (len(names) - 1) * EMBARGO_SESSIONS


def test_no_outcome_of_a_span_reaches_into_the_next(small_data: Dataset) -> None:
    spans = split(small_data.day)
    for before, after in pairwise(SPANS):
        ends = small_data.horizon_end[spans[before]].max()
        assert ends + 3600 <= small_data.at[spans[after]].min()


def test_too_few_sessions_are_an_error() -> None:
    with pytest.raises(DataError, match="11 sessions"):
        split(np.arange(11))


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(
    small_data: Dataset, trained: TrainedModel
) -> None:
    again = train(small_data)
    assert again.files == trained.files
    assert again.model.manifest == trained.model.manifest
    assert train(small_data, seed=4, epochs=1).files != trained.files


def test_the_held_out_span_changes_figures_and_nothing_else(
    small_data: Dataset, trained: TrainedModel
) -> None:
    held_out = split(small_data.day)["test"]
    values = small_data.values.copy()
    values[held_out] *= -1
    other = replace(
        small_data, values=values, is_up=np.where(held_out, ~small_data.is_up, small_data.is_up)
    )
    again = train(other)
    assert again.files == trained.files
    measured: dict[str, object] = {
        "metrics": {},
        "held_out": (),
        "uncalibrated": (),
        "reliability": (),
    }
    same = again.model.manifest.model_copy(update=measured)
    assert same == trained.model.manifest.model_copy(update=measured)
    assert again.model.manifest.metrics != trained.model.manifest.metrics


def test_trained_until_covers_calibration_and_not_the_held_out_span(
    small_data: Dataset, trained: TrainedModel
) -> None:
    spans = split(small_data.day)
    until = trained.model.manifest.trained_until.timestamp()
    assert until == small_data.horizon_end[spans["calibration"]].max()
    assert until < small_data.at[spans["test"]].min()


def test_an_outcome_teaches_by_its_weight(small_data: Dataset) -> None:
    """Half of the outcomes follow the last bar's RSI, half its opposite: the heavier half wins."""
    rises = small_data.values[:, -1, 1] > 0
    follows = np.random.default_rng(2).random(len(small_data)) < 0.5
    planted = replace(small_data, is_up=np.where(follows, rises, ~rises))
    areas = []
    for weights in ((1.0, 1e-3), (1e-3, 1.0)):
        data = replace(planted, weight=np.where(follows, *weights))
        mean, scale = standardisation_of(data)
        fitted = fit_member("logistic", {}, data, data, mean, scale, seed=1, max_epochs=8)
        areas.append(auc(raw_outputs(fitted.network, data, mean, scale)[:, 0], rises))
    assert areas[0] > 0.9
    assert areas[1] < 0.1


def test_a_span_of_sessions_is_a_view_and_not_a_copy(small_data: Dataset) -> None:
    spans = split(small_data.day)
    for name in SPANS:
        assert np.shares_memory(small_data.take(spans[name]).values, small_data.values)
    holes = small_data.take(spans["train"] | spans["test"])
    assert len(holes) == (spans["train"] | spans["test"]).sum()
    assert (np.diff(small_data.at) >= 0).all()


def test_members_without_skill_weigh_nothing() -> None:
    found = {"lstm": 1.2, "logistic": 0.4}
    losses = {"lstm": 0.68, "logistic": 0.70}
    assert member_weights(losses, 0.69, found) == {"lstm": 1.0, "logistic": 0.0}
    losses = {"lstm": 0.67, "logistic": 0.68}
    assert member_weights(losses, 0.69, found)["lstm"] == pytest.approx(2 / 3)
    # Early stopping flatters on the validation span; the calibration span has to agree.
    denied = {"lstm": 0.0, "logistic": 0.4}
    assert member_weights(losses, 0.69, denied) == {"lstm": 0.0, "logistic": 1.0}
    losses = {"lstm": 0.70, "logistic": 0.71}
    assert member_weights(losses, 0.69, found) == {"lstm": 0.0, "logistic": 0.0}


def test_without_a_members_vote_only_the_hurdle_speaks(small_data: Dataset) -> None:
    # Labels drawn by nobody's rule, seen upside down where skill is to be confirmed.
    spans = split(small_data.day)
    rises = small_data.values[:, -1, 1] > 0
    upside_down = replace(small_data, is_up=np.where(spans["calibration"], ~rises, rises))
    model = train(upside_down, epochs=2, members=("logistic",)).model
    (member,) = model.manifest.members
    loss, constant = (
        model.manifest.metrics[f"validation_{name}_log_loss"] for name in ("logistic", "constant")
    )
    assert loss is not None
    assert constant is not None
    assert loss < constant
    assert member.weight == 0.0
    found = outlooks(model, small_data.take(spans["test"]).windows)
    assert {outlook.confidence for outlook in found} == {0.0}
    assert {outlook.target_position for outlook in found} == {0.0}
    assert {outlook.log_return for outlook in found} == {0.0}
    assert all(outlook.low < 0 < outlook.high for outlook in found)
    (row,) = (row for row in model.manifest.held_out if row.name == "logistic")
    (own,) = model.manifest.uncalibrated
    areas = [row.figures["auc"][0] or 0.0, own.figures["auc"][0] or 0.0]
    assert areas[1] > 0.7, "by itself it knows the test span's rule"
    assert areas[0] < 0.6, "what the desk hears of it is the hurdle's"
    card = render_card(model.manifest)
    assert "logistic (weight 0.00)" in card
    assert "No member did: all have weight 0" in card


def test_a_planted_rule_is_learned_and_calibrated(small_data: Dataset) -> None:
    # The label follows the last bar's RSI, whatever the walk did.
    rng = np.random.default_rng(0)
    chance = 1 / (1 + np.exp(-12 * small_data.values[:, -1, 1].astype(np.float64)))
    planted = replace(small_data, is_up=rng.random(len(small_data)) < chance)
    metrics = train(planted, epochs=12, members=("gru", "logistic")).model.manifest.metrics
    area, gain = metrics["auc"], metrics["log_loss_gain"]
    assert area is not None
    assert area > 0.75
    assert gain is not None
    assert gain > 0
    reached, right = metrics["at_or_above_0.70"], metrics["at_or_above_0.70_right"]
    assert reached
    assert right is not None
    assert right > 0.7


def test_a_random_walk_is_not_claimed_to_be_predictable(trained: TrainedModel) -> None:
    manifest = trained.model.manifest
    card = render_card(manifest)
    assert "It beat the base rate" not in card
    assert "too few to tell" in card
    assert f"**0 of {manifest.metrics['windows']:,} predictions reached 0.70**" in card
    assert "Blind to" in card
    coverage = manifest.metrics["interval_coverage"]
    assert coverage == pytest.approx(0.9, abs=0.07)


def test_a_card_of_the_simulated_market_says_so_first(trained: TrainedModel) -> None:
    card = render_card(trained.model.manifest.model_copy(update={"market": "simulated"}))
    assert card.splitlines()[2].startswith("> **Trained on a made-up market.**")


def test_the_true_volatility_gains_and_a_wrong_one_loses(small_data: Dataset) -> None:
    rng = np.random.default_rng(8)
    plain = small_data.sigma * np.sqrt(small_data.horizon_minutes)
    true = plain * np.exp(rng.normal(0, 0.5, len(plain)))
    data = replace(small_data, log_return=true * rng.standard_normal(len(plain)))
    assert volatility_gain(data, true).mean() > 0.1
    assert volatility_gain(data, 3 * true).mean() < 0


def test_progress_rises_to_the_end(small_data: Dataset) -> None:
    heard: list[Progress] = []
    few = small_data.take(np.arange(0, len(small_data), 4))
    train_ensemble(
        few,
        Recipe(model_id="small", market="real", max_epochs=1),
        description="",
        symbols=SYMBOLS,
        fingerprint="",
        now=datetime(2026, 3, 1, tzinfo=UTC),
        on_progress=heard.append,
    )
    shares = [progress.share for progress in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert heard[-1].seconds_left == 0.0


def test_a_cap_on_windows_thins_them_evenly(calendar: TradingCalendar) -> None:
    series = {"NVDA": random_walk(calendar, sessions=14)}
    whole = build_dataset(series, calendar)
    some = build_dataset(series, calendar, max_windows=len(whole) // 3)
    assert len(whole) / 5 < len(some) <= len(whole) / 3
    assert set(some.day) == set(whole.day)


def test_data_without_a_whole_window_is_an_error(calendar: TradingCalendar) -> None:
    short = random_walk(calendar).slice(0, 200)
    with pytest.raises(DataError, match="no window"):
        build_dataset({"NVDA": short}, calendar)
