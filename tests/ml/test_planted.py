"""Skill that is there is found, and skill that is not is not claimed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.llm.local import LocalAnalyst
from hybrid_tui.market.sim_profiles import SimulatedConfig
from hybrid_tui.market.simulated import SimulatedMarket
from hybrid_tui.ml.dataset import build_dataset
from hybrid_tui.ml.model_files import Manifest
from hybrid_tui.ml.predictor import score_news
from hybrid_tui.ml.recipe import Recipe
from hybrid_tui.ml.sentiment import sentiment_events
from hybrid_tui.ml.train import train_ensemble

SYMBOLS = ("NVDA", "TSLA")
SESSIONS = 60


def trained(calendar: TradingCalendar, edge: float, swing_bps: float) -> Manifest:
    """Return what is measured of a model of a simulated market with so much to be learned."""
    config = SimulatedConfig(seed=77, symbols=SYMBOLS, edge=edge, swing_bps=swing_bps)
    series, news = SimulatedMarket(config, calendar).history(date(2025, 9, 2), SESSIONS)
    sentiment = sentiment_events(news, score_news(news, LocalAnalyst().score))
    return train_ensemble(
        build_dataset(series, calendar, sentiment=sentiment, max_windows=9_000),
        Recipe(
            model_id="planted",
            market="simulated",
            seed=1,
            max_epochs=6,
            walk_forward_steps=2,
            members=("logistic",),
        ),
        description="",
        symbols=SYMBOLS,
        fingerprint="",
        now=datetime(2026, 3, 1, tzinfo=UTC),
    ).model.manifest


@pytest.fixture(scope="module")
def with_edge(calendar: TradingCalendar) -> Manifest:
    return trained(calendar, SimulatedConfig().edge, SimulatedConfig().swing_bps)


@pytest.fixture(scope="module")
def without_edge(calendar: TradingCalendar) -> Manifest:
    """A random walk whose headlines say nothing: no drift after them, no swings around a value."""
    return trained(calendar, 0.0, 0.0)


def area(manifest: Manifest) -> tuple[float, float]:
    (row,) = (row for row in manifest.walk_forward if row.name == "ensemble")
    _, low, high = row.figures["auc"]
    assert low is not None
    assert high is not None
    return low, high


def test_a_planted_edge_is_found(with_edge: Manifest) -> None:
    low, _ = area(with_edge)
    assert low > 0.5


def test_noise_is_not_taken_for_an_edge(without_edge: Manifest) -> None:
    low, high = area(without_edge)
    assert low < 0.5 < high
    assert without_edge.gate is not None
    assert not without_edge.gate.is_promoted


def test_the_variant_with_sentiment_wins_where_headlines_move_prices(
    with_edge: Manifest, without_edge: Manifest
) -> None:
    gains = {}
    for manifest in (with_edge, without_edge):
        assert manifest.gate is not None
        (gain,) = (g for g in manifest.gate.gains if g.rival == "its variant without sentiment")
        gains[manifest is with_edge] = gain
    assert with_edge.gate is not None
    assert with_edge.gate.is_promoted
    assert gains[True].low > 0
    assert not gains[False].low > 0
