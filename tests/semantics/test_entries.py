"""What an entry needs, condition by condition. Technical confirmation stands at 09:52."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import talib

from hybrid_tui.domain.commands import Pause, Resume
from hybrid_tui.domain.signals import StrategySignal

from .desk import Outcome, Row, Script, at, bars, prediction, run_desk, signal
from .warm import BAND, warm

NEXT = date(2025, 10, 2)
ALL = ("rules", "ml", "llm")
FILLED = [("AAA", at("09:52"), 100.0, 200)]


def rows_of(*after: float) -> dict[str, list[Row]]:
    """Return AAA's warm-up with the bars from 09:52 on."""
    return {"AAA": [*warm(), *bars("09:52", *(after or (100.0,)))]}


def with_prediction(tiers: tuple[str, ...] = ("rules", "ml"), **fields: object) -> Outcome:
    """Run tier 2 on one prediction of 09:50 with some fields changed."""
    script = [prediction("AAA", at("09:50"), **fields)]  # type: ignore[arg-type]
    return run_desk(rows_of(), BAND, tiers=tiers, predictions=script)


def with_signal(*symbols: str, policy: str = "auto", **fields: object) -> Outcome:
    """Run all three tiers on a good prediction and one proposal of 09:40."""
    return run_desk(
        rows_of(),
        BAND | {"approval.policy": policy},
        tiers=ALL,
        predictions=[prediction("AAA", at("09:50"))],
        signals=[signal("s", at("09:40"), *symbols, **fields)],  # type: ignore[arg-type]
    )


def test_all_conditions_together_buy() -> None:
    assert with_signal("AAA").bought() == FILLED


def test_no_strategy_no_entry() -> None:
    script = [prediction("AAA", at("09:50"))]
    assert run_desk(rows_of(), BAND, tiers=ALL, predictions=script).decided() == []


def test_a_strategy_that_waits_for_approval_buys_nothing() -> None:
    assert with_signal("AAA", policy="ask").decided() == []


def test_a_bearish_strategy_buys_nothing() -> None:
    assert with_signal("AAA", direction="bearish").decided() == []


def test_a_neutral_strategy_buys() -> None:
    # Halved: 100 of 200 shares.
    assert with_signal("AAA", direction="neutral").bought() == [("AAA", at("09:52"), 100.0, 100)]


def test_a_symbol_off_the_focus_list_is_not_bought() -> None:
    assert with_signal("BBB").decided() == []


@pytest.mark.parametrize(("probability", "buys"), [(0.70, True), (0.699, False)])
def test_the_buy_probability_has_to_reach_its_threshold(probability: float, buys: bool) -> None:
    assert bool(with_prediction(probability=probability).decided()) is buys


@pytest.mark.parametrize(("confidence", "buys"), [(0.70, True), (0.699, False)])
def test_the_confidence_has_to_reach_its_threshold(confidence: float, buys: bool) -> None:
    assert bool(with_prediction(confidence=confidence).decided()) is buys


def test_an_unfamiliar_prediction_buys_nothing() -> None:
    assert with_prediction(familiar=False).decided() == []


def test_no_prediction_no_entry() -> None:
    assert run_desk(rows_of(), BAND, tiers=("rules", "ml")).decided() == []


@pytest.mark.parametrize(("clock", "buys"), [("09:45", True), ("09:40", False)])
def test_a_prediction_is_fresh_for_ten_minutes(clock: str, buys: bool) -> None:
    # Of 09:45 it holds until 09:55; of 09:40 it is over at 09:50.
    out = run_desk(
        rows_of(), BAND, tiers=("rules", "ml"), predictions=[prediction("AAA", at(clock))]
    )
    assert bool(out.decided()) is buys


def test_a_tier_that_is_off_drops_its_own_conditions_only() -> None:
    # Tier 2 off: list and direction still bind. Tier 3 off: the prediction still binds.
    listed = [signal("s", at("09:40"), "AAA")]
    other = [signal("s", at("09:40"), "BBB")]
    tiers = ("rules", "llm")
    assert run_desk(rows_of(), BAND, tiers=tiers, signals=listed).bought() == FILLED
    assert run_desk(rows_of(), BAND, tiers=tiers, signals=other).decided() == []
    assert with_prediction().bought() == FILLED
    assert with_prediction(probability=0.5).decided() == []


def test_paused_entries_are_not_decided_and_resume_takes_the_state_as_it_is() -> None:
    # bollinger is a state: after Resume at 09:55 it still holds and buys at the next bar's end.
    commands: Script = {at("09:50"): [Pause()], at("09:54:30"): [Resume()]}
    out = run_desk(rows_of(*[100.0] * 6), BAND, commands=commands)
    assert out.bought() == [("AAA", at("09:55"), 100.0, 200)]


def test_a_held_symbol_is_not_added_to() -> None:
    # Confirmation holds until 10:00 at least; one entry is all.
    assert len(run_desk(rows_of(*[100.0] * 10), BAND).decided()) == 1


def test_a_symbol_with_an_open_order_is_not_ordered_again() -> None:
    # With predictions at 09:50 and 09:55 and confirmation all along, the order of 09:52 waits for
    # a bar of AAA; the exit decided at 09:56 waits too, and no entry is decided beside it.
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, 100.0, 100.0, 100.0), *bars("10:30", 100.0)]}
    script = [prediction("AAA", at("09:50")), prediction("AAA", at("09:55"), 0.2)]
    out = run_desk(rows, BAND, tiers=("rules", "ml"), predictions=script)
    assert len(out.decided()) == 1
    assert len(out.sells) == 1


def test_the_close_has_to_be_back_above_the_band() -> None:
    # The last close, 95, is below the lower band of 97.57.
    rows = warm()[:-1]
    assert run_desk({"AAA": [*rows, *bars("09:51", 95.0)]}, BAND).decided() == []


@pytest.mark.parametrize(("quiet", "buys"), [(9, True), (10, False)])
def test_bollinger_looks_at_ten_closed_bars_the_last_included(quiet: int, buys: bool) -> None:
    # The entry is held back (paused) until the low close is `quiet` bars old: nine bars after it,
    # it is the first of the last ten; ten bars after it, it is out.
    resume = at(f"09:{50 + quiet}:30") if quiet < 10 else at("10:00:30")
    commands: Script = {at("09:40"): [Pause()], resume: [Resume()]}
    out = run_desk(rows_of(*[100.0] * 9), BAND, commands=commands)
    assert bool(out.decided()) is buys


def test_a_condition_whose_indicator_has_no_value_is_not_met() -> None:
    # Eighteen flat bars and the dip: 20 bars have no band at the dip's bar before the twentieth.
    rows = [*bars("09:30", *[100.0] * 17), *bars("09:47", 95.0, 100.0)]
    assert len(rows) == 19
    assert run_desk({"AAA": rows}, BAND).decided() == []


def dip_and_recovery() -> list[float]:
    """Thirty closes around 100, twelve falling by 0.5, eleven rising by 0.3."""
    closes = [100.5 if index % 2 else 100.0 for index in range(30)]
    closes += [100 - 0.5 * step for step in range(1, 13)]
    return closes + [94.0 + 0.3 * step for step in range(1, 12)]


def crossings(closes: list[float]) -> list[int]:
    """Return the bars at which MACD crossed above its signal."""
    macd, line, _ = talib.MACD(np.array(closes), 12, 26, 9)
    return [i for i in range(34, len(closes)) if macd[i] > line[i] and macd[i - 1] <= line[i - 1]]


MACD = {"rules.rsi_exit": 0}


def test_rsi_macd_needs_the_crossing_and_a_low_rsi_among_the_last_ten() -> None:
    # MACD crosses at bar 47 (10:17, known 10:18). RSI(14) is 40.3 there and was 34.1 two bars ago.
    closes = dip_and_recovery()
    assert crossings(closes)[-1] == 47
    rsi = talib.RSI(np.array(closes), 14)
    assert (rsi[45] < 35, rsi[46] < 35, rsi[47] < 35) == (True, False, False)
    rows = {"AAA": bars("09:30", *closes)}
    assert [order[1] for order in run_desk(rows, MACD).decided()] == [at("10:18")]


@pytest.mark.parametrize(("lookback", "buys"), [(3, True), (2, False)])
def test_the_rsi_lookback_includes_the_last_bar(lookback: int, buys: bool) -> None:
    # Three bars back from 47 are 45, 46, 47: 34.1 is among them; two bars are 46, 47.
    rows = {"AAA": bars("09:30", *dip_and_recovery())}
    assert bool(run_desk(rows, MACD | {"rules.rsi_lookback": lookback}).decided()) is buys


def test_rsi_macd_strict_looks_at_the_last_bar_only() -> None:
    rows = {"AAA": bars("09:30", *dip_and_recovery())}
    strict = MACD | {"rules.entry": "rsi_macd_strict"}
    assert run_desk(rows, strict).decided() == []
    assert len(run_desk(rows, strict | {"rules.rsi_below": 41}).decided()) == 1


def test_the_lookback_reaches_into_the_session_before() -> None:
    # Bars 0 to 45 end at the close; 46 and 47 are the first two of the next day: bought at 09:32.
    closes = dip_and_recovery()
    before = bars("15:14", *closes[:46])
    after = bars("09:30", *closes[46:], day=NEXT)
    out = run_desk({"AAA": [*before, *after]}, MACD)
    assert [order[1] for order in out.decided()] == [at("09:32", NEXT)]


def test_entries_are_reported_under_the_name_of_their_rule_set() -> None:
    out = run_desk({"AAA": bars("09:30", *dip_and_recovery())}, MACD)
    assert out.state.positions["AAA"].entry_reason == "rsi_macd"


def test_the_strategy_is_read_at_the_instant_of_the_decision() -> None:
    # Bullish until 09:51:30, bearish from then on: nothing is bought at 09:52.
    signals: list[StrategySignal] = [
        signal("a", at("09:40"), "AAA"),
        signal("b", at("09:51:30"), "AAA", direction="bearish"),
    ]
    out = run_desk(rows_of(), BAND, tiers=("rules", "llm"), signals=signals)
    assert out.decided() == []
