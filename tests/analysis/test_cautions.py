"""Each caution speaks up for its own fault, in one line, and is silent on a clean case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hybrid_tui.analysis import cautions
from hybrid_tui.domain.bars import CorporateAction

from .builders import OPENS, row, series

NIGHT = timedelta(days=1)


def test_too_few_trades() -> None:
    assert cautions.too_few_trades([row()] * 30) is None
    said = cautions.too_few_trades([row()] * 29 + [row(is_open=True)])
    assert said is not None
    assert "29" in said


def test_profit_of_one_symbol() -> None:
    even = [row("A", 10.0), row("B", 9.0), row("C", 8.0)]
    assert cautions.single_symbol_profit(even, "ABC") is None
    lucky = [row("A", 100.0), row("B", -9.0), row("C", 8.0)]
    said = cautions.single_symbol_profit(lucky, "ABC")
    assert said is not None
    assert "A made 101%" in said
    assert "-1 dollars" in said
    # Of two symbols one always makes half; of a loss nobody makes a share.
    assert cautions.single_symbol_profit(lucky, "AB") is None
    assert cautions.single_symbol_profit([row("A", 1.0), row("B", -5.0)], "ABC") is None
    assert cautions.single_symbol_profit([], "ABC") is None


def test_one_exit_reason() -> None:
    assert cautions.single_exit_reason([row()] * 9) is None
    assert cautions.single_exit_reason([*[row()] * 10, row(reason="hard_stop")]) is None
    said = cautions.single_exit_reason([*[row()] * 10, row(is_open=True)])
    assert said == "all 10 exits are signal_exit: the others were never tested"


def test_costs() -> None:
    spent = {"share_of_profit": 0.51, "pnl_before_costs": 1_000.0}
    said = cautions.costs_eat_profit(spent, 210.4)
    assert said is not None
    assert "51%" in said
    assert "210 times" in said
    assert cautions.costs_eat_profit({**spent, "share_of_profit": 0.5}, 1.0) is None
    assert cautions.costs_eat_profit({**spent, "share_of_profit": None}, None) is None


def test_a_model_that_has_seen_the_test() -> None:
    assert cautions.in_sample(OPENS, OPENS) is None
    assert cautions.in_sample(None, OPENS) is None
    assert "in-sample" in (cautions.in_sample(OPENS + NIGHT, OPENS) or "")


def test_an_llm_that_may_know_what_came() -> None:
    assert cautions.contaminated("gpt", date(2026, 3, 1), OPENS) is None
    assert "2026-03-02" in (cautions.contaminated("gpt", date(2026, 3, 2), OPENS) or "")
    assert "not known" in (cautions.contaminated("gpt", None, OPENS) or "")


def test_fills_beyond_a_hundredth_of_the_volume() -> None:
    bars = {"A": series(volume=1_000)}
    assert cautions.large_fills([row(quantity=10)], bars) is None
    said = cautions.large_fills([row(quantity=11), row(quantity=5, day=1)], bars)
    assert said is not None
    assert said.startswith("2 of 4 fills")
    # Two parts of one entry are one fill of the sum.
    parts = [row(quantity=6, held=timedelta(minutes=n)) for n in (5, 7)]
    assert (cautions.large_fills(parts, bars) or "").startswith("1 of 3 fills")
    silent = {"A": series(volume=0)}
    assert "without volume" in (cautions.large_fills([row()], silent) or "")


def test_fills_across_a_split_count_the_shares_of_their_time() -> None:
    split = CorporateAction(symbol="A", ex_at=OPENS + timedelta(minutes=10), ratio=10.0)
    # One share was bought for the ten that were sold: 1 % of 1,000 is met at both ends.
    found = row(quantity=10)
    volume = series(volume=1_000)
    thin = volume.volume.copy()
    thin[0] = 100
    bars = {"A": replace(volume, volume=thin)}
    assert cautions.large_fills([found], bars, [split]) is None
    assert cautions.large_fills([found], bars) is not None


def test_survivors() -> None:
    year = 400 * 24
    alive = {name: series(name, year, step=3600) for name in "ABC"}
    said = cautions.survivorship(alive)
    assert said is not None
    assert "all 3 symbols" in said
    assert cautions.survivorship({name: alive[name] for name in "AB"}) is None
    assert cautions.survivorship({**alive, "D": series("D", year - 24 * 8, step=3600)}) is None
    assert cautions.survivorship({name: series(name) for name in "ABC"}) is None


def test_nights_without_actions() -> None:
    rows = [row(), row(held=NIGHT), row(is_open=True)]
    said = cautions.overnight_without_actions(rows, knows_actions=False)
    assert said is not None
    assert said.startswith("1 of 3 trades")
    assert cautions.overnight_without_actions(rows, knows_actions=True) is None
    assert cautions.overnight_without_actions([row()], knows_actions=False) is None


def test_seams_and_false_volumes_are_a_line_each() -> None:
    at = datetime(2026, 1, 22, 14, 30, tzinfo=UTC)
    assert cautions.feed_seams({}) is None
    said = cautions.feed_seams({"B": at, "A": at, "C": at + NIGHT})
    assert said is not None
    assert said.startswith("3 symbols change feed on the way (A first, at 2026-01-22T14:30:00Z)")
    assert (cautions.feed_seams({"B": at}) or "").startswith("1 symbol changes")
    assert cautions.false_volumes({}) is None
    assert "47 volumes of 2 symbols" in (cautions.false_volumes({"A": 40, "B": 7}) or "")


def test_fills_without_a_spread() -> None:
    rows = [row(), row(minute=90, is_open=True)]

    def in_the_first_hour(_symbol: str, at: datetime) -> float | None:
        return 0.001 if at < OPENS + timedelta(hours=1) else None

    assert (cautions.fills_without_spread(rows, in_the_first_hour) or "").startswith("1 of 3 fills")
    assert cautions.fills_without_spread(rows, lambda _s, _a: 0.0) is None
