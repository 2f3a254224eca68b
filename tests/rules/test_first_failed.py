"""Predictions judged many at once fail the check that each one, by itself, fails first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.config import Config
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.fast.forecasts import SymbolForecasts
from hybrid_tui.rules.checks import (
    EntryRules,
    entry_checks,
    first_failed,
    prediction_check_names,
)
from tests.semantics.desk import prediction

NOW = datetime(2025, 11, 26, 15, 0, tzinfo=UTC)
SHARES = st.sampled_from([0.0, 0.3, np.nextafter(0.7, 0), 0.7, np.nextafter(0.7, 1), 1.0])


@given(
    st.lists(st.tuples(SHARES, SHARES, st.booleans()), min_size=1, max_size=8),
    SHARES,
    SHARES,
    st.sampled_from(["hierarchical", "sequential", "parallel"]),
)
def test_many_fail_the_check_that_one_fails(
    said: list[tuple[float, float, bool]], floor: float, sure: float, hybrid: str
) -> None:
    config = Config.model_validate({"app": {"hybrid": hybrid}, "rules": {"min_confidence": sure}})
    setup = EntryRules.of(config, {"rules", "ml"}, floor)
    found = first_failed(
        np.array([one[0] for one in said]),
        np.array([one[1] for one in said]),
        np.array([one[2] for one in said]),
        setup,
    )
    names = (None, *prediction_check_names(setup))
    assert [names[place] for place in found] == [_failed(*one, setup) for one in said]


def _failed(probability: float, confidence: float, familiar: bool, setup: EntryRules) -> str | None:
    made = prediction("AAA", NOW, probability, confidence=confidence, familiar=familiar)
    checks = entry_checks(
        DeskState(predictions={"AAA": made}),
        "AAA",
        NOW,
        stale=(),
        halted=None,
        in_overnight_window=False,
        setup=setup,
    )
    return next((check.name for check in checks if check.reason is not None), None)


@given(
    st.sets(st.integers(0, 30), max_size=6),
    st.lists(st.integers(-100, 3_000), min_size=1, max_size=20),
)
def test_the_prediction_that_holds_is_the_last_one_while_it_is_fresh(
    ticks: set[int], seconds: list[int]
) -> None:
    at = np.array(sorted(300 * tick // 3 for tick in ticks), dtype=np.int64)
    said = SymbolForecasts(
        at=at,
        probability=np.full(len(at), 0.5),
        confidence=np.full(len(at), 0.5),
        target=np.full(len(at), 0.5),
        familiar=np.ones(len(at), dtype=np.bool_),
    )
    instants = np.array(sorted(seconds), dtype=np.int64)
    held: dict[int, MLPrediction] = {}
    for row, second in enumerate(at.tolist()):
        held[row] = prediction("AAA", NOW + timedelta(seconds=second), lasts=timedelta(minutes=10))
    expected = []
    for second in instants.tolist():
        last = int(np.count_nonzero(at <= second)) - 1
        fresh = last >= 0 and held[last].is_fresh(NOW + timedelta(seconds=second))
        expected.append(last if fresh else -1)
    assert said.fresh_at(instants, 600).tolist() == expected
