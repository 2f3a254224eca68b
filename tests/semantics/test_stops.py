"""The protective stop, sentence by sentence. An entry fills at the open of the 09:52 bar."""

from __future__ import annotations

import math

import pytest

from hybrid_tui.domain.commands import TightenStop

from .desk import Outcome, at, bars, run_desk, signal
from .warm import BAND, warm

Ohlc = tuple[float, float, float, float]


def held(*after: float | Ohlc, price: float = 100.0, **figures: object) -> Outcome:
    """Run the desk through the warm-up and the bars from 09:52 on, the first of which is bought."""
    return run_desk({"AAA": [*warm(price=price), *bars("09:52", *after)]}, BAND | figures)


def with_strategy(*after: float | Ohlc, risk: str, sentiment: float | None = None) -> Outcome:
    """The same under an approved strategy of a risk level."""
    scores = {} if sentiment is None else {"AAA": sentiment}
    proposed = signal("s", at("09:40"), "AAA", risk=risk, sentiment=scores)
    rows = {"AAA": [*warm(), *bars("09:52", *after)]}
    return run_desk(rows, BAND, tiers=("rules", "llm"), signals=[proposed])


def test_the_first_level_is_the_entry_less_the_hard_stop() -> None:
    # Bought at 100, moderate without a strategy: 100 x (1 - 0.10) = 90.
    assert held(100.0).levels("AAA") == [(90.0, "hard_stop")]


def test_the_first_level_counts_from_the_fill_price_with_its_slippage() -> None:
    # 100 x 1.01 (100 bp) = 101 paid; 101 x 0.90 = 90.9.
    assert held(100.0, **{"broker.slippage_bps": 100.0}).levels("AAA") == [(90.9, "hard_stop")]


def test_a_low_below_the_level_sells_at_the_level() -> None:
    out = held(100.0, (95.0, 96.0, 89.0, 94.0))
    assert out.sold() == [("AAA", at("09:53"), 90.0, "hard_stop")]


def test_a_low_just_at_the_level_sells() -> None:
    out = held(100.0, (95.0, 96.0, 90.0, 94.0))
    assert out.sold() == [("AAA", at("09:53"), 90.0, "hard_stop")]


def test_a_low_just_above_the_level_does_not_sell() -> None:
    assert held(100.0, (95.0, 96.0, 90.01, 94.0)).sold() == []


def test_gap_through_the_stop_fills_at_the_open() -> None:
    out = held(100.0, (85.0, 99.0, 80.0, 99.0))
    assert out.sold() == [("AAA", at("09:53"), 85.0, "hard_stop")]


def test_an_open_just_at_the_level_fills_at_the_open() -> None:
    out = held(100.0, (90.0, 99.0, 80.0, 99.0))
    assert out.sold() == [("AAA", at("09:53"), 90.0, "hard_stop")]


def test_the_stop_works_in_the_bar_of_the_entry() -> None:
    # Bought at the open of 100, the low of 89 is through 90 in the same bar.
    out = held((100.0, 101.0, 89.0, 95.0))
    assert out.sold()[0] == ("AAA", at("09:52"), 90.0, "hard_stop")
    assert out.trades[0].entry_at == out.trades[0].exit_at == at("09:52")


def test_the_trail_is_not_armed_below_the_entry() -> None:
    # High 105: 105 x 0.95 = 99.75 < 100, so the level stays at 90.
    assert held(100.0, (100.0, 105.0, 100.0, 100.0)).levels("AAA") == [(90.0, "hard_stop")]


def test_the_trail_is_armed_when_it_is_just_at_the_entry() -> None:
    # Bought at 95; high 100: 100 x 0.95 = 95 >= 95.
    out = held(95.0, (95.0, 100.0, 95.5, 96.0), price=95.0)
    assert out.levels("AAA") == [(85.5, "hard_stop"), (95.0, "trailing_stop")]


def test_the_trail_sells_for_the_reason_trailing_stop() -> None:
    # High 120: 120 x 0.95 = 114; the next low of 113 is through it.
    out = held(100.0, (100.0, 120.0, 100.0, 119.0), (118.0, 119.0, 113.0, 113.0))
    assert out.sold() == [("AAA", at("09:54"), 114.0, "trailing_stop")]


def test_a_high_moves_the_level_only_at_the_end_of_its_bar() -> None:
    # High 120 and low 101 within one bar: 114 applies from the next bar on, not here.
    out = held(100.0, (100.0, 120.0, 101.0, 119.0), 119.0)
    assert out.sold() == []
    assert out.levels("AAA")[-1] == (114.0, "trailing_stop")


def test_the_high_of_the_entry_bar_is_taken_in() -> None:
    # Entry bar's high 110: 110 x 0.95 = 104.5 from 09:53 on.
    out = held((100.0, 110.0, 100.0, 109.0), (108.0, 108.0, 104.0, 107.0))
    assert out.sold()[0] == ("AAA", at("09:53"), 104.5, "trailing_stop")


def test_highs_before_the_entry_do_not_count() -> None:
    # The bar before the entry reached 150; high starts at the fill price.
    rows = warm()
    rows[-1] = (rows[-1][0], 100.0, 150.0, 100.0, 100.0)
    out = run_desk({"AAA": [*rows, *bars("09:52", 100.0, 100.0)]}, BAND)
    assert out.levels("AAA") == [(90.0, "hard_stop")]


def test_a_level_never_falls() -> None:
    # 114 after the high of 120; the highs of 115 after it (109.25) leave it there.
    lower = (114.5, 115.0, 114.5, 115.0)
    out = held(100.0, (100.0, 120.0, 100.0, 119.0), lower, lower)
    assert out.levels("AAA") == [(90.0, "hard_stop"), (114.0, "trailing_stop")]


def test_a_bar_is_tested_against_the_level_at_its_start() -> None:
    # Level 114 rests; the bar opens at 116, makes a high of 130 (123.5 later) and a low of 115.
    out = held(100.0, (100.0, 120.0, 100.0, 119.0), (116.0, 130.0, 115.0, 129.0))
    assert out.sold() == []
    assert out.levels("AAA")[-1] == (123.5, "trailing_stop")


@pytest.mark.parametrize(
    ("risk", "hard", "trailed"),
    [("conservative", 93.0, 115.2), ("moderate", 90.0, 114.0), ("aggressive", 90.0, 111.6)],
)
def test_hard_and_trail_follow_the_risk_level(risk: str, hard: float, trailed: float) -> None:
    # 100 x (1 - 0.07 | 0.10 | 0.10), then 120 x (1 - 0.04 | 0.05 | 0.07).
    out = with_strategy(100.0, (100.0, 120.0, 100.0, 119.0), risk=risk)
    assert out.levels("AAA") == [(hard, "hard_stop"), (trailed, "trailing_stop")]


@pytest.mark.parametrize(("score", "trailed"), [(-0.5, 116.4), (-0.49, 114.0), (None, 114.0)])
def test_bad_sentiment_on_a_held_symbol_trails_at_three_per_cent(
    score: float | None, trailed: float
) -> None:
    # 120 x 0.97 = 116.4 from -0.5 on, else 120 x 0.95 = 114.
    out = with_strategy(100.0, (100.0, 120.0, 100.0, 119.0), risk="moderate", sentiment=score)
    assert out.levels("AAA")[-1] == (trailed, "trailing_stop")


def test_a_level_stays_when_the_risk_level_is_loosened() -> None:
    # Conservative at the entry (93); aggressive from 09:53 on would be 90: the level stays at 93.
    signals = [
        signal("a", at("09:40"), "AAA", risk="conservative"),
        signal("b", at("09:53"), "AAA", risk="aggressive"),
    ]
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, 100.0, (95.0, 96.0, 92.0, 95.0))]}
    out = run_desk(rows, BAND, tiers=("rules", "llm"), signals=signals)
    assert out.levels("AAA") == [(93.0, "hard_stop")]
    assert out.sold() == [("AAA", at("09:54"), 93.0, "hard_stop")]


def test_a_stricter_strategy_raises_the_level_at_the_next_bars_end() -> None:
    # Moderate at the entry (90); conservative from 09:53 on: 93 at 09:54, after that bar traded.
    signals = [
        signal("a", at("09:40"), "AAA"),
        signal("b", at("09:53"), "AAA", risk="conservative"),
    ]
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, (95.0, 96.0, 92.0, 95.0), 95.0)]}
    out = run_desk(rows, BAND, tiers=("rules", "llm"), signals=signals)
    assert out.sold() == []
    assert out.levels("AAA") == [(90.0, "hard_stop"), (93.0, "hard_stop")]


def test_a_stop_waits_for_the_symbols_own_bar() -> None:
    # No bars from 09:53 to 10:29: nothing can fill; the next open of 80 is below 90.
    rows = [*warm(), *bars("09:52", 100.0), *bars("10:30", (80.0, 82.0, 79.0, 81.0))]
    out = run_desk({"AAA": rows, "BBB": bars("09:30", *[50.0] * 90)}, BAND)
    assert out.sold() == [("AAA", at("10:30"), 80.0, "hard_stop")]


def tightened(*levels: float, after: tuple[Ohlc, ...] = ()) -> Outcome:
    """Raise the stop of what was bought at 100 by hand, at 09:53:30 and a second apart."""
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, *after)]}
    script = {
        at(f"09:53:{30 + n}"): [TightenStop(symbol="AAA", level=level)]
        for n, level in enumerate(levels)
    }
    return run_desk(rows, BAND, commands=script)


def test_a_stop_that_was_tightened_by_hand_sells_at_its_level() -> None:
    out = tightened(96.0, after=((100.0, 101.0, 95.0, 97.0),))
    assert [ack.message for ack in out.acks] == ["the stop of AAA is raised to 96.00"]
    assert out.sold() == [("AAA", at("09:53"), 96.0, "tightened_stop")]


def test_a_tightened_stop_is_never_loosened_and_the_trail_goes_on_from_it() -> None:
    # 96, not back to 95; a high of 110 trails to 104.5.
    out = tightened(96.0, 95.0, 96.0, after=((100.0, 110.0, 99.0, 109.0),))
    assert [ack.ok for ack in out.acks] == [True, False, False]
    assert "never loosened" in out.acks[1].message
    assert out.levels("AAA") == [
        (90.0, "hard_stop"),
        (96.0, "tightened_stop"),
        (104.5, "trailing_stop"),
    ]


@pytest.mark.parametrize("level", [100.0, 120.0, math.nan, math.inf])
def test_a_stop_at_or_above_the_price_is_refused(level: float) -> None:
    out = tightened(level, after=((100.0, 101.0, 99.0, 100.0),))
    assert [ack.ok for ack in out.acks] == [False]
    assert out.sold() == []


def test_the_stop_of_what_is_not_held_cannot_be_tightened() -> None:
    script = {at("09:53:30"): [TightenStop(symbol="BBB", level=1.0)]}
    out = run_desk({"AAA": [*warm(), *bars("09:52", 100.0)]}, BAND, commands=script)
    assert out.acks[0].message == "BBB is not held; held: AAA"
