"""The search's own share of a result: deflated Sharpe ratio and probability of overfitting."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from hybrid_tui.analysis.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    overfitting_probability,
)
from hybrid_tui.domain.bars import FloatArray


def test_the_papers_own_example_comes_out() -> None:
    """Bailey and Lopez de Prado 2014, "A numerical example": 100 trials, 5 years of days.

    An annual ratio of 2.5 with variance 1/2 among the annual ratios of 100 trials, skewness -3,
    kurtosis 10, 1,250 days: the expected best is 0.1132 a day, the DSR about 0.9004.
    """
    expected = expected_best_sharpe(100, 0.5 / 250)
    assert expected == pytest.approx(0.1132, abs=2e-4)
    ratio = 2.5 / math.sqrt(250)
    spread = math.sqrt(1 + 3 * ratio + (10 - 1) / 4 * ratio**2)
    score = (ratio - expected) * math.sqrt(1249) / spread
    assert stats.norm.cdf(score) == pytest.approx(0.9004, abs=1e-3)


def test_deflation_is_the_formula_on_the_returns_own_moments() -> None:
    rng = np.random.default_rng(1)
    returns = rng.standard_t(4, 500) * 0.01 + 0.001
    trials = rng.normal(0.0, 0.05, 40).tolist()
    found = deflated_sharpe(returns, trials)
    assert found is not None
    ratio = returns.mean() / returns.std(ddof=1)
    spread = (
        1 - stats.skew(returns) * ratio + (stats.kurtosis(returns, fisher=False) - 1) / 4 * ratio**2
    )
    best = np.sqrt(np.var(trials, ddof=1)) * (
        (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / 40)
        + np.euler_gamma * stats.norm.ppf(1 - 1 / (40 * np.e))
    )
    assert found.expected_best == pytest.approx(best)
    expected = stats.norm.cdf((ratio - best) * np.sqrt(499) / np.sqrt(spread))
    assert found.probability == pytest.approx(expected)


def test_the_expected_best_is_what_worthless_trials_show() -> None:
    rng = np.random.default_rng(2)
    best = rng.normal(0.0, 0.3, (20_000, 50)).max(axis=1).mean()
    assert expected_best_sharpe(50, 0.09) == pytest.approx(best, rel=0.02)  # extreme-value limit


def test_more_trials_deflate_more_and_one_trial_not_at_all() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 300)
    ratio = float(returns.mean() / returns.std(ddof=1))
    alone = deflated_sharpe(returns, [ratio])
    few = deflated_sharpe(returns, [ratio, 0.0, -ratio])
    many = deflated_sharpe(returns, [ratio, 0.0, -ratio] * 50)
    assert alone is not None
    assert few is not None
    assert many is not None
    assert alone.expected_best == 0
    assert alone.probability > few.probability > many.probability
    assert deflated_sharpe(np.zeros(100), [0.0]) is None
    assert deflated_sharpe(returns[:2], [0.0]) is None


def slow_overfitting(returns: FloatArray, blocks: int) -> float:
    """The paper's algorithm, step by step."""
    parts = np.array_split(returns, blocks)
    logits = []
    for chosen in combinations(range(blocks), blocks // 2):
        seen = np.concatenate([parts[i] for i in chosen])
        unseen = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        best = int(np.argmax(seen.mean(axis=0) / seen.std(axis=0)))
        after = unseen.mean(axis=0) / unseen.std(axis=0)
        rank = stats.rankdata(after)[best] / (returns.shape[1] + 1)
        logits.append(math.log(rank / (1 - rank)))
    return float(np.mean(np.array(logits) <= 0))


@pytest.mark.parametrize(("rows", "trials", "blocks"), [(80, 7, 8), (120, 20, 10), (64, 2, 4)])
def test_the_vectorised_form_is_the_papers_algorithm(rows: int, trials: int, blocks: int) -> None:
    returns = np.random.default_rng(rows).normal(0, 0.01, (rows, trials))
    found = overfitting_probability(returns, blocks)
    assert found is not None
    assert found.splits == math.comb(blocks, blocks // 2)
    assert found.probability == pytest.approx(slow_overfitting(returns, blocks))


def test_noise_overfits_and_a_real_edge_does_not() -> None:
    rng = np.random.default_rng(4)
    noise = [
        found.probability
        for _ in range(20)
        if (found := overfitting_probability(rng.normal(0, 0.01, (250, 30)), 10)) is not None
    ]
    assert 0.35 < np.mean(noise) < 0.75
    edge = rng.normal(0, 0.01, (250, 30))
    edge[:, 3] += 0.003
    found = overfitting_probability(edge)
    assert found is not None
    assert found.probability < 0.05
    assert found.loss < 0.05


def test_too_little_to_tell_is_none_and_twins_are_undecided() -> None:
    rng = np.random.default_rng(5)
    assert overfitting_probability(rng.normal(0, 1, (100, 1))) is None
    assert overfitting_probability(rng.normal(0, 1, (7, 5))) is None
    assert overfitting_probability(np.zeros((100, 3))) is not None
    few = overfitting_probability(rng.normal(0, 1, (41, 5)))
    assert few is not None
    assert few.blocks == 10
    twins = np.repeat(rng.normal(0, 1, (100, 1)), 4, axis=1)
    same = overfitting_probability(twins)
    assert same is not None
    assert same.probability == 1.0
