"""Every driver comes to the same trades and the same equity, whatever the market and settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hybrid_tui.domain.bars import CorporateAction, NewsItem
from tests.semantics.desk import at, series_of
from tests.semantics.markets import _sessions, random_walk, settings_of

from .drivers import Case, by_bar, by_skipping, check_same, live

settings.register_profile(
    "parity", deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
QUICK = settings(settings.get_profile("parity"), max_examples=17, derandomize=True)
LONG = settings(settings.get_profile("parity"), max_examples=167)


@st.composite
def cases(draw: st.DrawFn, *, tiers: tuple[str, ...]) -> Case:
    """Return a random market with holes, late and early symbols, headlines and actions."""
    intervals = [60, 60, 300, 3600, 86_400] if tiers == ("rules",) else [60, 300]
    interval = draw(st.sampled_from(intervals))
    count = {60: 3, 300: 3, 3600: 30, 86_400: 150}[interval]
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed + 7)
    rows = random_walk(
        seed,
        draw(st.integers(2, 4)),
        count,
        interval,
        draw(st.sampled_from([0.0, 0.0, 0.1, 0.6])),
        draw(st.sampled_from([0.002, 0.006, 0.015])),
    )
    shapes = draw(st.lists(st.sampled_from(["late", "early", "whole"]), min_size=4, max_size=4))
    for (symbol, found), shape in zip(list(rows.items())[1:], shapes, strict=False):
        part = int(len(found) * rng.uniform(0.2, 0.8))
        rows[symbol] = (
            found[part:] if shape == "late" else found[:part] if shape == "early" else found
        )
    sessions = _sessions(count)
    cut = rows["AAA"][draw(st.sampled_from([0, 40]))][0]
    if "llm" in tiers:
        cut = sessions[draw(st.integers(0, 1))].open
    symbols = sorted(rows)
    actions: list[CorporateAction] = []
    if draw(st.booleans()):
        for session in sessions[1:]:
            symbol = str(rng.choice(symbols))
            midnight = at("00:00", session.day)
            if rng.random() < 0.6:
                ratio, amount = float(rng.choice([1.0, 2.0, 3.0, 0.1])), float(rng.choice([0, 0.5]))
                actions.append(
                    CorporateAction(symbol=symbol, ex_at=midnight, ratio=ratio, amount=amount)
                )
    news = tuple(
        NewsItem(
            id=f"n{number}",
            received_at=session.open + timedelta(seconds=float(rng.integers(-9_000, 30_000))),
            symbols=(str(rng.choice(symbols)),),
            headline="something happened",
        )
        for number, session in enumerate(sessions[:3])
    )
    choice: dict[str, Any] = draw(settings_of()) | {
        "approval.policy": "auto",
        "rules.entry": draw(st.sampled_from(["bollinger", "rsi_macd", "rsi_macd_strict"])),
        "rules.rsi_below": draw(st.sampled_from([60.0, 60.0, 35.0])),
        "broker.cash": draw(st.sampled_from([100_000.0, 100_000.0, 3_000.0])),
    }
    unusual: dict[str, Any] = {
        "broker.participation": 0.05,
        "risk.flatten_at_daily_loss": 0.01,
        "risk.loss_budget": 0.02,
        "rules.exit": "bollinger",
    }
    if draw(st.booleans()):
        choice |= {key: value for key, value in unusual.items() if draw(st.booleans())}
    if len(tiers) > 1:
        choice["ml.interval_minutes"] = draw(st.sampled_from([5, 5, 1, 7, 15, 60]))
        choice["app.hybrid"] = draw(st.sampled_from(["hierarchical", "sequential", "parallel"]))
    before = {s: [r for r in found if r[0] < cut] for s, found in rows.items()}
    after = {s: [r for r in found if r[0] >= cut] for s, found in rows.items()}
    return Case(
        traded={s: series_of(s, found, interval) for s, found in after.items() if found},
        before={s: series_of(s, found, interval) for s, found in before.items() if found},
        interval=interval,
        settings=choice,
        tiers=tiers,
        seed=seed,
        news=news,
        actions=tuple(actions),
    )


def check(case: Case) -> None:
    event = by_bar(case)
    check_same(event, by_skipping(case))
    check_same(event, live(case))
    row = case.traded[max(case.traded)].known_at
    cut = datetime.fromtimestamp(int(row[len(row) // 2]), UTC)
    short = replace(case, cut_at=cut)
    cut_off = by_bar(short)
    check_same(cut_off, by_skipping(short))
    if "llm" not in case.tiers:
        check_same(event, by_skipping(case, foretold=True))
        check_same(cut_off, by_skipping(short, foretold=True))


TIERS = [("rules",), ("rules", "ml"), ("rules", "ml", "llm")]


@QUICK
@given(cases(tiers=("rules",)))
def test_rules_come_to_the_same(case: Case) -> None:
    check(case)


@QUICK
@given(cases(tiers=("rules", "ml")))
def test_rules_and_ml_come_to_the_same(case: Case) -> None:
    check(case)


@QUICK
@given(cases(tiers=("rules", "ml", "llm")))
def test_all_three_tiers_come_to_the_same(case: Case) -> None:
    check(case)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("tiers", TIERS)
def test_hundreds_of_markets_come_to_the_same(tiers: tuple[str, ...]) -> None:
    LONG(given(cases(tiers=tiers))(check))()
