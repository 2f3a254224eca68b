"""The risk guardian: its figures by hand, and that it only ever reduces."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.rules.guardian import (
    forecast_day_volatility,
    night_variance,
    realised_day_volatility,
    under_loss_budget,
    under_sector_cap,
)
from tests.semantics.desk import (
    Outcome,
    Row,
    at,
    bars,
    calendar,
    daily,
    prediction,
    run_desk,
    series_of,
)
from tests.semantics.warm import BAND, warm

SECTORS = {"sectors": {"AAA": "chips", "BBB": "chips", "CCC": "oil"}}


def nights(*gaps: float) -> BarSeries:
    """Return a bar at the open of each session from 2 September on: a gap before all but one."""
    session = calendar().session_on(date(2025, 9, 2))
    rows: list[Row] = []
    for gap in (0.0, *gaps):
        assert session is not None
        rows += bars("09:30", (100.0 * math.exp(gap), 130.0, 70.0, 100.0), day=session.day)
        session = calendar().session_after(session)
    return series_of("AAA", rows, 60)


def test_a_forecast_is_scaled_by_the_square_root_of_time_and_a_night_comes_to_it() -> None:
    # 1 % over one hour; 6.5 hours: 0.01 x sqrt(6.5) = 0.025495, and five nights of 3 %.
    forecast = prediction("AAA", at("10:00"))
    found = forecast_day_volatility(forecast, nights(0.03, -0.03, 0.03, 0.03, -0.03), calendar())
    assert found == pytest.approx(math.sqrt(0.0254951**2 + 0.03**2), abs=1e-7)


def test_below_five_nights_a_night_counts_as_a_session() -> None:
    forecast = prediction("AAA", at("10:00"))
    for few in (None, nights(0.0, 0.0, 0.0, 0.0)):
        found = forecast_day_volatility(forecast, few, calendar())
        assert found == pytest.approx(0.0254951 * math.sqrt(2), abs=1e-7)


def test_only_the_last_twenty_nights_count() -> None:
    found = night_variance(nights(0.5, *[0.02, -0.02] * 10), calendar(), 1.0)
    assert found == pytest.approx(0.02**2)


def test_realised_volatility_of_daily_bars_is_the_root_mean_square_return() -> None:
    # Closes go up and down by a factor of e^0.02 in turns: every return is +-0.02.
    closes = [100.0 * math.exp(0.02 * (n % 2)) for n in range(25)]
    series = series_of("AAA", daily(date(2025, 9, 2), *closes), 86_400)
    assert realised_day_volatility(series, calendar()) == pytest.approx(0.02)


def test_a_session_under_way_counts_by_the_part_that_is_over() -> None:
    # 39 minutes of 390 with returns of +-0.001: 38 x 1e-6 / 0.1 sessions = 0.00038. No night is
    # known: it counts as much again.
    prices = [100.0 * math.exp(0.001 * (n % 2)) for n in range(39)]
    series = series_of("AAA", bars("09:30", *prices), 60)
    found = realised_day_volatility(series, calendar())
    assert found == pytest.approx(math.sqrt(2 * 38e-6 / 0.1))


def test_fifteen_returns_are_needed() -> None:
    closes = [100.0 + n % 2 for n in range(16)]
    rows = daily(date(2025, 9, 2), *closes)
    assert realised_day_volatility(series_of("AAA", rows[:15], 86_400), calendar()) is None
    assert realised_day_volatility(series_of("AAA", rows, 86_400), calendar()) is not None
    assert realised_day_volatility(None, calendar()) is None


def test_prices_that_stand_still_have_no_volatility() -> None:
    rows = daily(date(2025, 9, 2), *[100.0] * 30)
    assert realised_day_volatility(series_of("AAA", rows, 86_400), calendar()) is None


def with_forecast(figures: dict[str, object]) -> Outcome:
    """Buy AAA under a forecast of 1 % for an hour, equity 100,000, close 100: 200 shares."""
    return run_desk(
        {"AAA": [*warm(), *bars("09:52", 100.0, 100.0)]},
        BAND | figures,
        tiers=("rules", "ml"),
        predictions=[prediction("AAA", at("09:50"))],
    )


def test_a_loss_budget_cuts_an_entry_and_says_why() -> None:
    # A session moves by 0.0254951 and a night that nobody knows as much: a day and night lose
    # 1.644854 x 0.0254951 x sqrt(2) = 5.93062 % one time in 20. 0.5 % of 100,000 is 500 dollars:
    # 500 / (0.0593062 x 100) = 84.3 shares.
    out = with_forecast({"risk.loss_budget": 0.005})
    assert out.bought() == [("AAA", at("09:52"), 100.0, 84)]
    (intended,) = out.of(ev.OrderIntended)
    assert intended.order.note == (
        "loss budget 0.50%: a day loses 5.9% one time in 20; 200 -> 84 shares"
    )


def test_a_loss_budget_that_is_met_cuts_nothing() -> None:
    out = with_forecast({"risk.loss_budget": 0.012})
    assert [fill.quantity for fill in out.buys] == [200]
    assert out.of(ev.OrderIntended)[0].order.note == ""


def test_a_loss_budget_that_leaves_less_than_the_smallest_position_refuses() -> None:
    # 0.02 % of 100,000 is 20 dollars: 3 shares, 300 dollars; the smallest position is 1,000.
    out = with_forecast({"risk.loss_budget": 0.0002})
    assert out.buys == []
    assert out.of(ev.EntryRefused)[0].reason.endswith("200 -> 3 shares")


def test_without_tier_two_the_symbols_own_bars_say_it() -> None:
    # warm() is 22 minutes of 390: 20 closes at 100, then 95, then 100: two returns of ln(0.95); a
    # night that nobody knows counts as a session.
    variance = 2 * 2 * math.log(0.95) ** 2 / (22 / 390)
    shares = math.floor(0.02 * 100_000 / (1.6448536 * math.sqrt(variance) * 100))
    rows = {"AAA": [*warm("09:52"), *bars("09:52", 100.0)]}
    out = run_desk(rows, BAND | {"risk.loss_budget": 0.02})
    assert [fill.quantity for fill in out.buys] == [shares] == [28]


def test_without_any_volatility_nothing_is_bought_under_a_loss_budget() -> None:
    # A forecast of 0 says nothing, and one bar of AAA is not a history.
    silent = under_loss_budget(200, volatility=None, close=100.0, equity=1e5, budget=0.01)
    assert silent.quantity == 0
    assert silent.reason == "loss budget: the volatility of a day is not known"


def sectors_of(cap: float, **opens: float) -> Outcome:
    """Confirm AAA, BBB (chips), CCC (oil) and DDD (no sector) at 09:52: 20 % of equity each."""
    rows: dict[str, list[Row]] = {
        name: [*warm(), *bars("09:52", opens.get(name, 100.0), 100.0)]
        for name in ("AAA", "BBB", "CCC", "DDD")
    }
    return run_desk(rows, BAND | {"risk.max_sector": cap, "sectors": SECTORS["sectors"]})


def test_a_sector_cap_cuts_the_later_entry_of_an_instant_and_says_why() -> None:
    # 30 % of 100,000 for chips: AAA 200 shares, BBB what is left, 100. The others are untouched.
    out = sectors_of(0.30)
    assert [(f.symbol, f.quantity) for f in out.buys] == [
        ("AAA", 200), ("BBB", 100), ("CCC", 200), ("DDD", 200),
    ]  # fmt: skip
    notes = {e.order.symbol: e.order.note for e in out.of(ev.OrderIntended)}
    assert notes["BBB"] == "sector chips: 20% of 30% is taken; 200 -> 100 shares"
    assert notes["AAA"] == notes["DDD"] == ""


def test_a_full_sector_refuses_with_the_reason() -> None:
    out = sectors_of(0.20)
    assert [f.symbol for f in out.buys] == ["AAA", "CCC", "DDD"]
    refused = {e.symbol: e.reason for e in out.of(ev.EntryRefused)}
    assert refused["BBB"] == "sector chips: 20% of 20% is taken; 200 -> 0 shares"


def test_a_sector_cap_holds_at_the_fill_too() -> None:
    # AAA costs 22,000 and counts at its last known close, 20,000; equity is 98,000. 30 % of it are
    # 29,400: 9,400 are left for BBB at 110 a share, 85 shares where 100 were decided.
    out = sectors_of(0.30, AAA=110.0, BBB=110.0)
    bought = {f.symbol: f for f in out.buys}
    held_after = (20_000 + bought["BBB"].quantity * 110.0) / 98_000
    assert bought["BBB"].quantity == math.floor((0.30 * 98_000 - 20_000) / 110.0) == 85
    assert held_after <= 0.30


POSITIVE = st.floats(min_value=1e-6, max_value=1e6)


@settings(max_examples=300, deadline=None)
@given(
    quantity=st.integers(0, 10**7),
    volatility=st.none() | st.floats(min_value=1e-9, max_value=10),
    close=POSITIVE,
    equity=st.floats(min_value=-1e6, max_value=1e9),
    budget=st.floats(min_value=1e-6, max_value=0.99),
)
def test_a_loss_budget_only_reduces(
    quantity: int, volatility: float | None, close: float, equity: float, budget: float
) -> None:
    cut = under_loss_budget(
        quantity, volatility=volatility, close=close, equity=equity, budget=budget
    )
    assert 0 <= cut.quantity <= quantity
    assert (cut.quantity == quantity) or cut.reason
    if volatility is not None and cut.quantity:
        loss = 1.6448536269514722 * volatility * cut.quantity * close
        assert loss <= budget * equity * (1 + 1e-9)


@settings(max_examples=300, deadline=None)
@given(
    quantity=st.integers(0, 10**7),
    sector=st.none() | st.just("chips"),
    gross=st.floats(min_value=0, max_value=1e9),
    close=POSITIVE,
    equity=st.floats(min_value=1, max_value=1e9),
    cap=st.floats(min_value=0.01, max_value=1.0),
)
def test_a_sector_cap_only_reduces(
    quantity: int, sector: str | None, gross: float, close: float, equity: float, cap: float
) -> None:
    cut = under_sector_cap(
        quantity, sector=sector, gross=gross, close=close, equity=equity, max_sector=cap
    )
    assert 0 <= cut.quantity <= quantity
    assert (cut.quantity == quantity) or cut.reason
    if sector is not None and cut.quantity:
        assert gross + cut.quantity * close <= cap * equity * (1 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(
    moves=st.lists(st.floats(min_value=-0.03, max_value=0.03), min_size=40, max_size=40),
    budget=st.sampled_from([0.001, 0.005, 0.02]),
    cap=st.sampled_from([0.1, 0.25, 1.0]),
)
def test_the_first_entries_are_never_larger_with_the_guardian_on(
    moves: list[float], budget: float, cap: float
) -> None:
    # Only the first instant's entries: later ones start from different money.
    prices = (100 * np.exp(np.cumsum(moves))).tolist()
    rows = {name: [*warm(), *bars("09:52", *prices)] for name in ("AAA", "BBB", "CCC")}
    plain = run_desk(rows, BAND)
    figures = {"risk.loss_budget": budget, "risk.max_sector": cap, "sectors": SECTORS["sectors"]}
    guarded = run_desk(rows, BAND | figures)
    first = {f.symbol: f.quantity for f in plain.buys if f.at == at("09:52")}
    for fill in guarded.buys:
        if fill.at == at("09:52"):
            assert fill.quantity <= first[fill.symbol]


def test_the_realised_figure_knows_only_the_bars_it_is_given() -> None:
    rows = daily(date(2025, 9, 2), *[100.0 + n % 3 for n in range(30)])
    whole = series_of("AAA", rows, 86_400)
    then = datetime(2025, 10, 1, 20, tzinfo=UTC)
    known = whole.known_by(int(then.timestamp()))
    assert 15 < len(known) < len(whole)
    later = series_of("AAA", [*rows[: len(known)], *daily(date(2025, 10, 2), 500.0)], 86_400)
    before = realised_day_volatility(known, calendar())
    after = realised_day_volatility(
        later.known_by(int((then + timedelta(hours=1)).timestamp())), calendar()
    )
    assert before == after
