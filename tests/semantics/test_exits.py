"""Decided exits, sentence by sentence. Positions are entered at the open of the 09:52 bar."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import talib

from hybrid_tui.domain.orders import Side

from .desk import Outcome, Row, at, bars, prediction, run_desk, signal
from .warm import BAND, warm

NEXT = date(2025, 10, 2)
HALF_DAY = date(2025, 11, 28)
MINUTE = timedelta(minutes=1)
RISING = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0]


def with_ml(rows: list[Row], *later: tuple[str, float], **figures: object) -> Outcome:
    """Run AAA under tier 2: bought on 0.80 at 09:50, then the probabilities given."""
    script = [prediction("AAA", at("09:50"))]
    script += [prediction("AAA", at(clock), probability) for clock, probability in later]
    return run_desk({"AAA": rows}, BAND | figures, tiers=("rules", "ml"), predictions=script)


def test_an_rsi_above_the_limit_sells_at_the_next_open() -> None:
    # The closes climb from 100 by 1 a minute; the first RSI(14) above 70 decides, the next open
    # (the price of the next row) fills.
    rows = [*warm(), *bars("09:52", *RISING)]
    rsi = talib.RSI(np.array([row[4] for row in rows]), 14)
    first = int(np.argmax(rsi > 70.0))
    assert 22 < first < len(rows) - 1
    out = run_desk({"AAA": rows}, BAND | {"rules.rsi_exit": 70})
    assert out.sold() == [("AAA", rows[first + 1][0], rows[first + 1][1], "signal_exit")]
    assert out.decided(Side.SELL)[0][1] == rows[first][0] + MINUTE


def test_an_rsi_exit_that_is_turned_off_sells_nothing() -> None:
    out = run_desk({"AAA": [*warm(), *bars("09:52", *RISING)]}, BAND | {"rules.rsi_exit": 0})
    assert out.sold() == []


@pytest.mark.parametrize(("probability", "sells"), [(0.39, True), (0.40, False)])
def test_a_fresh_probability_below_the_limit_sells(probability: float, sells: bool) -> None:
    # Predicted at 09:55, decided at 09:55, filled at the open of the 09:55 bar.
    out = with_ml([*warm(), *bars("09:52", *[100.0] * 6)], ("09:55", probability))
    assert out.sold() == ([("AAA", at("09:55"), 100.0, "signal_exit")] if sells else [])


def test_a_probability_exit_that_is_turned_off_sells_nothing() -> None:
    rows = [*warm(), *bars("09:52", *[100.0] * 6)]
    assert with_ml(rows, ("09:55", 0.1), **{"rules.exit_probability": 0}).sold() == []


@pytest.mark.parametrize(("start", "sells"), [("10:03", True), ("10:04", False)])
def test_a_prediction_holds_for_ten_minutes_the_last_excluded(start: str, sells: bool) -> None:
    # Low at 09:55, no newer one: it counts at the bar's end at 10:04 and no more at 10:05.
    rows = [*warm(), *bars("09:52", 100.0, 100.0), *bars(start, 100.0, 100.0)]
    out = with_ml(rows, ("09:55", 0.1))
    assert bool(out.sold()) is sells


def test_an_exit_needs_a_bar_of_its_symbol() -> None:
    # At 09:55 only BBB has a bar; AAA's exit is decided at the end of its own bar at 09:58.
    rows = {
        "AAA": [*warm(), *bars("09:52", 100.0, 100.0), *bars("09:57", 100.0, 99.0)],
        "BBB": bars("09:30", *[50.0] * 30),
    }
    script = [prediction("AAA", at("09:50")), prediction("AAA", at("09:55"), 0.1)]
    out = run_desk(rows, BAND, tiers=("rules", "ml"), predictions=script)
    assert out.decided(Side.SELL)[0][1] == at("09:58")
    assert out.sold() == [("AAA", at("09:58"), 99.0, "signal_exit")]


def test_an_exit_is_decided_once_while_it_waits() -> None:
    out = with_ml([*warm(), *bars("09:52", *[100.0] * 3), *bars("10:30", 98.0)], ("09:55", 0.1))
    assert len(out.decided(Side.SELL)) == 1
    assert out.sold() == [("AAA", at("10:30"), 98.0, "signal_exit")]


def overnight(
    target: float,
    probabilities: dict[str, float],
    *,
    low: dict[str, float] | None = None,
    close: str = "15:44",
) -> Outcome:
    """Hold 200 of AAA, BBB, CCC at 100 each (20 % of equity a piece) into 15:45 and later."""
    names = ("AAA", "BBB", "CCC")
    rows = {name: [*warm(), *bars("09:52", 100.0), *bars(close, *[100.0] * 4)] for name in names}
    script = [prediction(name, at("09:50")) for name in names]
    script += [prediction(name, at("15:45"), p) for name, p in probabilities.items()]
    return run_desk(
        rows,
        BAND | {"rules.exit_probability": 0.40},
        tiers=("rules", "ml", "llm"),
        predictions=script,
        signals=[signal("s", at("09:40"), *names, overnight=target)],
    )


def test_overnight_sells_the_lowest_probability_first_until_the_target_is_met() -> None:
    # Gross 60 % at 15:45, target 25 %: BBB (0.5) leaves 40 %, CCC (0.6) leaves 20 %, AAA stays.
    out = overnight(0.25, {"AAA": 0.7, "BBB": 0.5, "CCC": 0.6})
    assert out.sold() == [
        ("BBB", at("15:45"), 100.0, "overnight"),
        ("CCC", at("15:45"), 100.0, "overnight"),
    ]


def test_overnight_sells_positions_without_a_fresh_prediction_first() -> None:
    # Target 40 %: one has to go, and CCC has no prediction, though AAA's is the lowest.
    out = overnight(0.40, {"AAA": 0.45, "BBB": 0.9})
    assert out.sold() == [("CCC", at("15:45"), 100.0, "overnight")]


def test_overnight_breaks_ties_by_symbol() -> None:
    out = overnight(0.40, {"AAA": 0.5, "BBB": 0.5, "CCC": 0.5})
    assert out.sold() == [("AAA", at("15:45"), 100.0, "overnight")]


def test_overnight_counts_decided_exits_as_sold() -> None:
    # CCC goes by its probability of 0.1: 40 % stay, which the target of 40 % allows.
    out = overnight(0.40, {"AAA": 0.5, "BBB": 0.6, "CCC": 0.1})
    assert out.sold() == [("CCC", at("15:45"), 100.0, "signal_exit")]


def test_overnight_sells_whole_positions_only() -> None:
    # Target 59 % of 60 %: one whole position of 20 % goes.
    out = overnight(0.59, {"AAA": 0.7, "BBB": 0.8, "CCC": 0.9})
    assert [(fill.symbol, fill.quantity) for fill in out.sells] == [("AAA", 200)]


def test_exposure_just_at_the_target_stays() -> None:
    assert overnight(0.60, {"AAA": 0.7, "BBB": 0.8, "CCC": 0.9}).sold() == []


def test_overnight_begins_fifteen_minutes_before_the_close() -> None:
    # Bars end at 15:44 and 15:45: nothing is decided at the first.
    out = overnight(0.0, {}, close="15:43")
    assert {instant for _, instant, _ in out.decided(Side.SELL)} == {at("15:45")}


def test_overnight_follows_the_close_of_a_half_day() -> None:
    # 28 November closes at 13:00: decided at 12:45.
    rows = [
        *warm(day=HALF_DAY),
        *bars("09:52", 100.0, day=HALF_DAY),
        *bars("12:43", *[100.0] * 4, day=HALF_DAY),
    ]
    out = run_desk(
        {"AAA": rows},
        BAND,
        tiers=("rules", "llm"),
        signals=[signal("s", at("09:40", HALF_DAY), "AAA", overnight=0.0)],
    )
    assert out.sold() == [("AAA", at("12:45", HALF_DAY), 100.0, "overnight")]


def test_overnight_needs_a_strategy_in_force() -> None:
    # The strategy of 09:40 expires at 15:00 here: nothing is sold, and nothing is bought either.
    proposed = signal("s", at("09:40"), "AAA", overnight=0.0, expires_at=at("15:00"))
    rows = [*warm(), *bars("09:52", 100.0), *bars("15:44", *[100.0] * 4)]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "llm"), signals=[proposed])
    assert out.sold() == []


def test_no_entries_in_the_overnight_window() -> None:
    # Confirmed at 15:45, the first instant of the window.
    proposed = signal("s", at("15:30"), "AAA", overnight=1.0)
    rows = [*warm("15:45"), *bars("15:45", 100.0, 100.0)]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "llm"), signals=[proposed])
    assert out.decided() == []


def test_entries_are_decided_until_the_overnight_window() -> None:
    proposed = signal("s", at("15:30"), "AAA", overnight=1.0)
    rows = [*warm("15:44"), *bars("15:44", 100.0, 100.0)]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "llm"), signals=[proposed])
    assert out.bought() == [("AAA", at("15:44"), 100.0, 200)]


def test_without_tier_three_there_is_no_overnight_window() -> None:
    rows = [*warm("15:50"), *bars("15:50", 100.0, 100.0), *bars("09:30", 100.0, day=NEXT)]
    out = run_desk({"AAA": rows}, BAND)
    assert out.bought() == [("AAA", at("15:50"), 100.0, 200)]
    assert out.sold() == []
