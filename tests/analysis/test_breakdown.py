"""Where a result came from: every breakdown adds up to the whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hybrid_tui.analysis import breakdown

from .builders import row

ROWS = [
    row("A", 30.0),
    row("A", -10.0, minute=60, reason="hard_stop"),
    row("B", 5.0, minute=150),
    row("B", 7.0, minute=200, is_open=True),
]


def test_symbols_reasons_and_hours_add_up() -> None:
    for groups in (
        breakdown.by_symbol(ROWS),
        breakdown.by_exit_reason(ROWS),
        breakdown.by_hour(ROWS),
    ):
        assert sum(group["pnl"] for group in groups) == pytest.approx(32.0)
        assert sum(group["trades"] for group in groups) == 4
    best, other = breakdown.by_symbol(ROWS)
    assert (best["symbol"], best["pnl"], best["win_rate"]) == ("A", 20.0, 0.5)
    # The open position has a result, and neither won nor lost yet.
    assert (other["symbol"], other["pnl"], other["win_rate"]) == ("B", 12.0, 1.0)
    reasons = {group["exit_reason"]: group["pnl"] for group in breakdown.by_exit_reason(ROWS)}
    assert reasons == {"hard_stop": -10.0, "open": 7.0, "signal_exit": 35.0}


def test_hours_are_new_yorks_on_both_sides_of_the_clock_change() -> None:
    # 14:30 UTC is 9:30 in winter; two weeks later, on daylight time, it is 10:30.
    hours = [group["hour"] for group in breakdown.by_hour([row(), row(day=14)])]
    assert hours == [9, 10]


def test_months_compound_to_the_whole() -> None:
    closes = [datetime(2026, month, day, 21, tzinfo=UTC) for month, day in
              ((1, 30), (2, 2), (2, 27), (3, 31))]  # fmt: skip
    equity = [101.0, 99.0, 110.0, 104.5]
    months = breakdown.by_month(list(zip(closes, equity, strict=True)), 100.0)
    assert [month["month"] for month in months] == ["2026-01", "2026-02", "2026-03"]
    assert [round(month["return"], 4) for month in months] == [0.01, 0.0891, -0.05]
    whole = 1.0
    for month in months:
        whole *= 1 + month["return"]
    assert whole == pytest.approx(1.045)


def test_the_break_even_leaves_nothing() -> None:
    # 10 dollars are left after 2 of slippage on 8,000 traded: at 15 bp, 12 dollars, nothing is.
    found = breakdown.costs([row(pnl=10.0)], traded=8_000.0, slippage=2.0, fees=1.0)
    assert found["break_even_bps"] == pytest.approx(15.0)
    assert found["pnl_before_costs"] == pytest.approx(13.0)
    assert found["share_of_profit"] == pytest.approx(3 / 13)
    losing = breakdown.costs([row(pnl=-10.0)], traded=8_000.0, slippage=2.0, fees=0.0)
    assert losing["break_even_bps"] == pytest.approx(-10.0)
    assert losing["share_of_profit"] is None
    assert breakdown.costs([], traded=0.0, slippage=0.0, fees=0.0)["break_even_bps"] is None


def test_exposure_adjusts_both_sides() -> None:
    found = breakdown.exposure_adjusted(0.02, 0.1, 0.3)
    assert found["return_per_exposure"] == pytest.approx(0.2)
    assert found["benchmark_at_same_exposure"] == pytest.approx(0.03)
    idle = breakdown.exposure_adjusted(0.0, 0.0, 0.3)
    assert idle == {"return_per_exposure": None, "benchmark_at_same_exposure": 0.0}
