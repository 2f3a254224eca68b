"""The hybrid modes `parallel` and `sequential`: what they change of an entry, what they keep."""

from __future__ import annotations

import pytest

from .desk import Outcome, Row, at, bars, prediction, run_desk, signal
from .warm import BAND, warm

ALL = ("rules", "ml", "llm")


def run_mode(
    mode: str,
    probability: float,
    *symbols: str,
    sentiment: float | None = None,
    rows: list[Row] | None = None,
) -> Outcome:
    """Run AAA in a mode with one prediction and, where symbols are named, one approved signal."""
    scores = {} if sentiment is None else {"AAA": sentiment}
    return run_desk(
        {"AAA": rows or [*warm(), *bars("09:52", 100.0)]},
        BAND | {"app.hybrid": mode},
        tiers=ALL,
        predictions=[prediction("AAA", at("09:50"), probability)],
        signals=[signal("s", at("09:40"), *symbols, sentiment=scores)] if symbols else [],
    )


@pytest.mark.parametrize(
    ("probability", "sentiment", "buys"),
    [
        (0.60, 0.90, True),  # 0.36 + 0.4 x 0.95 = 0.74
        (0.50, 1.00, True),  # 0.30 + 0.40 = 0.70
        (0.75, -0.20, False),  # 0.45 + 0.4 x 0.40 = 0.61
        (0.70, None, True),  # absent sentiment: the probability alone
        (0.69, None, False),
    ],
)
def test_parallel_enters_on_the_weighted_score(
    probability: float, sentiment: float | None, buys: bool
) -> None:
    out = run_mode("parallel", probability, "AAA", sentiment=sentiment)
    assert bool(out.decided()) is buys


def test_parallel_needs_approval_as_hierarchical_does() -> None:
    assert run_mode("parallel", 0.9).decided() == []
    assert run_mode("parallel", 0.9, "BBB", sentiment=0.9).decided() == []


@pytest.mark.parametrize(("probability", "buys"), [(0.70, True), (0.69, False)])
def test_sequential_has_no_list_to_approve(probability: float, buys: bool) -> None:
    assert bool(run_mode("sequential", probability).decided()) is buys


def test_sequential_does_not_weigh_sentiment() -> None:
    # 0.65 with the best of sentiment stays below 0.70.
    assert run_mode("sequential", 0.65, "AAA", sentiment=1.0).decided() == []


def test_sequential_keeps_technical_confirmation() -> None:
    flat = bars("09:30", *[100.0] * 24)
    flat[21] = (flat[21][0], 100.0, 100.0, 95.0, 95.0)
    rows = flat[:22]  # the dip alone: the close is not back above the band
    assert run_mode("sequential", 0.9, rows=rows).decided() == []


def test_hierarchical_does_not_add_sentiment_to_the_score() -> None:
    assert run_mode("hierarchical", 0.65, "AAA", sentiment=1.0).decided() == []
