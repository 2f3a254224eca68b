"""The desk against the oracle: two readings of one text must trade alike, to the share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from .desk import Outcome, calendar, config_of, run_desk, series_of
from .markets import Case, cases
from .oracle import Oracle

# A failing case is small enough to read as it is; shrinking markets takes minutes.
settings.register_profile(
    "markets",
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
QUICK = settings(settings.get_profile("markets"), max_examples=25, derandomize=True)
LONG = settings(settings.get_profile("markets"), max_examples=600)


def oracle_of(case: Case) -> Oracle:
    """Return the oracle's run of a case."""
    known: dict[str, list[dict[str, float]]] = {}
    for symbol, rows in case.rows.items():
        everything = [*case.before.get(symbol, []), *rows]
        series = series_of(symbol, everything, case.interval)
        known[symbol] = [
            {"start": s, "known": k, "open": o, "high": h, "low": low, "close": c}
            for (_, o, h, low, c), s, k in zip(
                everything, series.start.tolist(), series.known_at.tolist(), strict=True
            )
        ]
    last = max(bars[-1]["known"] for bars in known.values())
    opens, closes = calendar().open_seconds.tolist(), calendar().close_seconds.tolist()
    first = min(int(rows[0][0].timestamp()) for rows in case.rows.values())
    pairs = zip(opens, closes, strict=True)
    sessions = [(o, c) for o, c in pairs if first - 864_000 < o < last + 864_000]
    predictions = [
        {
            "at": p.at.timestamp(),
            "until": p.expires_at.timestamp(),
            "symbol": p.symbol,
            "probability": p.buy_probability,
            "confidence": p.confidence,
            "target": p.target_position,
            "familiar": p.familiar,
        }
        for p in case.predictions
    ]
    strategies = [
        {
            "start": s.at.timestamp(),
            "until": s.expires_at.timestamp(),
            "symbols": s.focus_stocks,
            "direction": s.direction.value,
            "risk_level": s.risk_level.value,
            "overnight_target": s.overnight_target,
            "sentiment": dict(s.sentiment_scores),
        }
        for s in case.signals
    ]
    figures = config_of(case.settings, case.tiers).flat() | {"interval": case.interval}
    return Oracle(
        known,
        sessions,
        figures,
        tiers=case.tiers,
        predictions=predictions,
        strategies=strategies,
        first=first,
    ).run()


def trades_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the desk's trades as the oracle writes them."""
    closed: list[dict[str, Any]] = [
        {
            "symbol": t.symbol,
            "quantity": t.quantity,
            "entry_at": t.entry_at.timestamp(),
            "entry_price": t.entry_price,
            "exit_at": t.exit_at.timestamp(),
            "exit_price": t.exit_price,
            "exit_reason": str(t.exit_reason),
            "pnl": t.pnl,
        }
        for t in outcome.trades
    ]
    held = [
        {
            "symbol": p.symbol,
            "quantity": p.quantity,
            "entry_at": p.entry_at.timestamp(),
            "entry_price": p.entry_price,
            "exit_at": None,
            "exit_price": None,
            "exit_reason": None,
            "pnl": (outcome.state.closes[p.symbol] - p.entry_price) * p.quantity - p.entry_fees,
        }
        for p in outcome.state.positions.values()
    ]
    return sorted([*closed, *held], key=lambda t: (t["entry_at"], t["symbol"]))


def same(ours: Any, theirs: Any) -> bool:
    """Whether two figures of a trade agree: numbers to 1e-9 of their size, all else exactly."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == pytest.approx(theirs, rel=1e-9, abs=1e-7)
    return bool(ours == theirs)


def check(case: Case) -> int:
    """Compare one run with the oracle's; return how many trades there were."""
    outcome = run_desk(
        case.rows,
        case.settings,
        tiers=case.tiers,
        predictions=case.predictions,
        signals=case.signals,
        before=case.before,
        interval=case.interval,
    )
    oracle, trades = oracle_of(case), trades_of(outcome)
    for ours, theirs in zip(trades, oracle.trades, strict=False):
        assert all(same(ours[key], theirs[key]) for key in theirs), (ours, theirs)
    assert len(trades) == len(oracle.trades), trades[-3:] + oracle.trades[-3:]
    points = [(instant.timestamp(), worth) for instant, worth in outcome.equity]
    assert [instant for instant, _ in points] == [instant for instant, _ in oracle.equity]
    for (_, ours_worth), (instant, worth) in zip(points, oracle.equity, strict=True):
        assert ours_worth == pytest.approx(worth, abs=1e-6), instant
    assert outcome.state.cash >= 0
    return len(trades)


@QUICK
@given(cases())
def test_rules_trade_as_the_oracle_does(case: Case) -> None:
    check(case)


@QUICK
@given(cases(tiers=("rules", "ml")))
def test_rules_and_ml_trade_as_the_oracle_does(case: Case) -> None:
    check(case)


@QUICK
@given(cases(tiers=("rules", "ml", "llm")))
def test_all_three_tiers_trade_as_the_oracle_does(case: Case) -> None:
    check(case)


@pytest.mark.full
@LONG
@given(cases())
def test_rules_trade_as_the_oracle_does_in_many_markets(case: Case) -> None:
    check(case)


@pytest.mark.full
@LONG
@given(cases(tiers=("rules", "ml", "llm")))
def test_all_three_tiers_trade_as_the_oracle_does_in_many_markets(case: Case) -> None:
    check(case)
