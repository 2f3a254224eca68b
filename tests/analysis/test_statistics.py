"""Statistics agree with empyrical on any path; intervals are seeded, ordered and honest."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.analysis.bootstrap import STATISTICS, differences, intervals
from hybrid_tui.analysis.statistics import (
    BOOTSTRAP_ROUNDS,
    block_indices,
    daily_returns,
    performance,
    sharpe_interval,
)

PATHS = st.lists(st.floats(1.0, 1e9), min_size=1, max_size=80)


@given(PATHS, st.floats(1.0, 1e9))
def test_every_figure_is_empyricals(equity: list[float], starting: float) -> None:
    returns = daily_returns(equity, starting)
    found = performance(returns)
    assert found.total_return == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9)
    assert found.max_drawdown == pytest.approx(empyrical.max_drawdown(returns), abs=1e-12)
    assert found.max_drawdown is not None
    assert -1 <= found.max_drawdown <= 0
    with np.errstate(all="ignore"):
        oracle = {
            "cagr": empyrical.cagr(returns),
            "sharpe": empyrical.sharpe_ratio(returns),
            "sortino": empyrical.sortino_ratio(returns),
            "volatility": empyrical.annual_volatility(returns),
        }
    for name, expected in oracle.items():
        value = getattr(found, name)
        if value is not None:
            assert value == pytest.approx(expected, rel=1e-6, abs=1e-9), name
        elif math.isfinite(expected):
            # What is next to nothing over next to nothing is undefined here.
            assert name == "sharpe"
            assert float(returns.max()) == float(returns.min())


def test_what_is_undefined_is_none() -> None:
    nothing = performance(np.array([]))
    assert nothing.total_return is None
    assert nothing.sharpe is None
    one = performance(np.array([0.01]))
    assert one.total_return == pytest.approx(0.01)
    assert one.sharpe is one.volatility is one.sortino is None
    flat = performance(np.zeros(5))
    assert flat.sharpe is flat.sortino is None
    assert flat.max_drawdown == 0
    assert performance(np.array([-1.0, 0.0])).cagr == -1.0


@settings(max_examples=25)
@given(st.lists(st.floats(-0.2, 0.2), min_size=10, max_size=60), st.integers(0, 2**32))
def test_intervals_are_ordered_bounded_and_their_seeds_own(values: list[float], seed: int) -> None:
    returns = np.array(values)
    found = intervals(returns, seed)
    assert found == intervals(returns, seed)
    assert set(found) == set(STATISTICS)
    for pair in found.values():
        assert pair is None or pair[0] <= pair[1]
    drawdown = found["max_drawdown"]
    assert drawdown is not None
    assert -1 <= drawdown[0] <= drawdown[1] <= 0
    assert found["sharpe"] == sharpe_interval(returns, seed)
    same = differences(returns, returns, seed)
    assert same["total_return"] == (0.0, 0.0)


def test_too_few_days_give_no_interval() -> None:
    assert set(intervals(np.full(9, 0.01), 0).values()) == {None}
    assert set(differences(np.full(9, 0.01), np.zeros(9), 0).values()) == {None}


def test_blocks_have_the_mean_length_and_wrap_around() -> None:
    (index,) = list(block_indices(125, np.random.default_rng(3)))
    assert index.shape == (BOOTSTRAP_ROUNDS, 125)
    assert index.min() == 0
    assert index.max() == 124
    follows = (index[:, 1:] - index[:, :-1]) % 125 == 1
    # Mean block 125^(1/3) = 5: a day follows the day before in 4 of 5, or by chance in 1 of 125.
    assert follows.mean() == pytest.approx(0.8 + 0.2 / 125, abs=0.005)
    assert ((index[:, :-1] == 124) & (index[:, 1:] == 0)).any()


def test_a_long_history_is_drawn_in_parts() -> None:
    parts = list(block_indices(5000, np.random.default_rng(3)))
    assert len(parts) == 10
    assert sum(len(part) for part in parts) == BOOTSTRAP_ROUNDS


def test_intervals_cover_what_they_should() -> None:
    """Of 200 years of noise, about 95 % have a total return's interval that holds the truth."""
    generator = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        returns = generator.normal(0.0, 0.01, 252)
        low, high = intervals(returns, seed)["sharpe"] or (0.0, 0.0)
        covered += low <= 0 <= high
    assert 180 <= covered <= 198


def test_pairs_share_their_market() -> None:
    """The same market with a small edge: apart, both are uncertain; their difference is not."""
    generator = np.random.default_rng(5)
    market = generator.normal(0.0, 0.01, 250)
    better = market + 0.0005 + generator.normal(0.0, 0.0005, 250)
    apart = intervals(better, 0)["sharpe"]
    paired = differences(better, market, 0)["sharpe"]
    assert apart is not None
    assert paired is not None
    assert paired[0] > 0
    assert paired[1] - paired[0] < (apart[1] - apart[0]) / 4
