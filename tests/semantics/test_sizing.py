"""Sizing, sentence by sentence. Cash is 100,000 and prices 100 unless a case says otherwise."""

from __future__ import annotations

import pytest

from hybrid_tui.domain import events as ev

from .desk import Outcome, Row, at, bars, prediction, run_desk, signal
from .warm import BAND, warm


def bought(rows: list[Row], **figures: object) -> list[float]:
    """Return the quantities bought of AAA on tier 1 alone."""
    return [fill.quantity for fill in run_desk({"AAA": rows}, BAND | figures).buys]


def desk_of(
    targets: dict[str, float],
    *,
    risk: str = "moderate",
    direction: str = "bullish",
    probabilities: dict[str, float] | None = None,
    figures: dict[str, float] | None = None,
) -> Outcome:
    """Run all three tiers with symbols that confirm at 09:52 and target positions for them."""
    script = [
        prediction(name, at("09:50"), (probabilities or {}).get(name, 0.8), target=target)
        for name, target in targets.items()
    ]
    return run_desk(
        {name: [*warm(), *bars("09:52", 100.0)] for name in targets},
        BAND | (figures or {}),
        tiers=("rules", "ml", "llm"),
        predictions=script,
        signals=[signal("s", at("09:40"), *targets, risk=risk, direction=direction)],
    )


def test_without_tier_two_the_target_is_the_largest_position() -> None:
    # floor(0.20 x 1.0 x 100,000 / 100) = 200.
    assert bought([*warm(), *bars("09:52", 100.0)]) == [200]


def test_the_quantity_is_rounded_down_to_whole_shares() -> None:
    # floor(0.20 x 100,000 / 77.7) = floor(257.4) = 257.
    assert bought([*warm(price=77.7), *bars("09:52", 77.7)]) == [257]


def test_the_quantity_counts_from_the_close_of_the_decision_not_from_the_fill() -> None:
    # The open is 110: still 200 shares, 22,000 dollars; the 20 % is a limit at the decision only.
    assert bought([*warm(), *bars("09:52", 110.0)]) == [200]


@pytest.mark.parametrize(
    ("risk", "quantity"), [("conservative", 50), ("moderate", 100), ("aggressive", 125)]
)
def test_the_size_follows_the_risk_level(risk: str, quantity: int) -> None:
    # 0.10 x (0.5 | 1.0 | 1.25) x 100,000 / 100.
    assert desk_of({"AAA": 0.10}, risk=risk).buys[0].quantity == quantity


@pytest.mark.parametrize(
    ("risk", "quantity"), [("conservative", 25), ("moderate", 50), ("aggressive", 62)]
)
def test_a_neutral_direction_halves_the_factor(risk: str, quantity: int) -> None:
    # 0.10 x (0.25 | 0.5 | 0.625) x 1,000 = 25, 50, floor(62.5).
    out = desk_of({"AAA": 0.10}, risk=risk, direction="neutral")
    assert out.buys[0].quantity == quantity


def test_a_position_is_at_most_the_largest_position() -> None:
    # 0.20 x 1.25 = 0.25 of equity would be 250; max_position 0.20 allows 200.
    assert desk_of({"AAA": 0.20}, risk="aggressive").buys[0].quantity == 200


def test_a_target_of_nothing_buys_nothing() -> None:
    assert desk_of({"AAA": 0.0}).decided() == []


def test_less_than_one_share_is_not_decided() -> None:
    # 0.20 x 100 / 100 = 0.2 shares.
    assert bought([*warm(), *bars("09:52", 100.0)], **{"broker.cash": 100.0}) == []


def test_entries_of_one_instant_each_use_the_equity_of_that_instant() -> None:
    # All three are decided at 200 although the first two will have used 40,000.
    out = desk_of({"AAA": 0.2, "BBB": 0.2, "CCC": 0.2})
    assert [quantity for _, _, quantity in out.decided()] == [200, 200, 200]
    assert [fill.quantity for fill in out.buys] == [200, 200, 200]


def test_higher_buy_probability_fills_first_and_cash_cuts_the_last() -> None:
    # Target 0.45 each: 450 shares, 45,000 dollars. CCC (0.9), AAA (0.8), then BBB (0.75) with the
    # 10,000 left: 100 shares.
    out = desk_of(
        {"AAA": 0.45, "BBB": 0.45, "CCC": 0.45},
        probabilities={"AAA": 0.8, "BBB": 0.75, "CCC": 0.9},
        figures={"risk.max_position": 0.45},
    )
    assert [(f.symbol, f.quantity) for f in out.buys] == [("CCC", 450), ("AAA", 450), ("BBB", 100)]


def test_equal_probabilities_fill_in_alphabetical_order() -> None:
    out = desk_of({"BBB": 0.6, "AAA": 0.6}, figures={"risk.max_position": 0.6})
    assert [(f.symbol, f.quantity) for f in out.buys] == [("AAA", 600), ("BBB", 400)]


def test_cash_caps_at_the_fill_price() -> None:
    # All of the equity: 1,000 shares at the close of 100; at the open of 125 cash buys 800.
    rows = [*warm(), *bars("09:52", 125.0)]
    assert bought(rows, **{"risk.max_position": 1.0}) == [800]


def test_commission_and_slippage_count_against_cash() -> None:
    # 100 bp: 101 a share; (100,000 - 50) / 101 = 989.6.
    rows = [*warm(), *bars("09:52", 100.0)]
    figures = {"risk.max_position": 1.0, "broker.slippage_bps": 100.0, "broker.commission": 50.0}
    assert bought(rows, **figures) == [989]


def test_gross_exposure_caps_at_the_fill() -> None:
    # max_gross 0.30: AAA takes 20,000, 10,000 are left for BBB: 100 shares.
    out = desk_of({"AAA": 0.2, "BBB": 0.2}, figures={"risk.max_gross": 0.30})
    assert [(f.symbol, f.quantity) for f in out.buys] == [("AAA", 200), ("BBB", 100)]


def test_an_entry_cut_below_one_share_is_cancelled() -> None:
    out = desk_of({"AAA": 0.2, "BBB": 0.2}, figures={"risk.max_gross": 0.20})
    assert [f.symbol for f in out.buys] == ["AAA"]
    assert [e.symbol for e in out.of(ev.OrderCancelled) if e.at == at("09:53")] == ["BBB"]


@pytest.mark.parametrize(("room", "quantity"), [(0.21, 10.0), (0.2099, None)])
def test_an_entry_cut_below_the_smallest_position_is_cancelled(
    room: float, quantity: float | None
) -> None:
    # min_position 0.01 x 100,000 = 1,000 dollars. 21 % leaves 1,000 = 10 shares for BBB, which is
    # not below; 20.99 % leaves 990 = 9 shares, which is.
    out = desk_of({"AAA": 0.2, "BBB": 0.2}, figures={"risk.max_gross": room})
    rest = [f.quantity for f in out.buys if f.symbol == "BBB"]
    assert rest == ([] if quantity is None else [quantity])
