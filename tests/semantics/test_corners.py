"""Corners where a sentence is easily broken: daily bars, commands inside a bar, the last cent."""

from __future__ import annotations

from datetime import date

import pytest

from hybrid_tui.domain.bars import CorporateAction
from hybrid_tui.domain.commands import Approve, ClosePosition, LiftLock

from .desk import Row, at, bars, calendar, daily, run_desk, signal
from .test_protections import WIDE, falling, only
from .test_time import NEXT, hourly_warm
from .warm import BAND, warm

FIRST = date(2025, 9, 2)  # 22 sessions up to 1 October, whose close confirms


def test_daily_loss_works_on_daily_bars() -> None:
    # AAA is bought on 2 October and closes at 80 on the 3rd: 80,000 + 200 x 80 = 96,000 <= 97 % of
    # the 100,000 at the close of the 2nd. BBB confirms at that very close and is not bought.
    rows = {
        "AAA": daily(FIRST, *[100.0] * 20, 95.0, 100.0, 100.0, 80.0, 80.0),
        "BBB": daily(FIRST, *[100.0] * 22, 95.0, 100.0, 100.0),
    }
    out = run_desk(rows, only("daily_loss", **WIDE), interval=86_400)
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_a_cancelled_daily_entry_makes_no_room_for_more_than_max_entries() -> None:
    # One a day. AAA's entry of 1 October finds no bar on the 2nd; BBB and CCC confirm at that
    # close: one of them is bought, not both.
    rows = {
        "AAA": [*daily(FIRST, *[100.0] * 20, 95.0, 100.0), *daily(date(2025, 10, 3), 94.0)],
        "BBB": daily(FIRST, *[100.0] * 21, 95.0, 100.0, 100.0),
        "CCC": daily(FIRST, *[100.0] * 21, 95.0, 100.0, 100.0),
    }
    out = run_desk(rows, only("max_entries", **{"risk.max_entries": 1}), interval=86_400)
    assert [fill.symbol for fill in out.buys] == ["BBB"]


def test_a_command_within_a_bar_fills_at_the_next_bars_open() -> None:
    # Bought at 09:52; `close` at 09:54:30, in the bar of 09:54 that opened at 105. The next open
    # is 102, at 09:55: nothing can fill before it was asked for.
    rows = [*warm(), *bars("09:52", 100.0, 100.0, (105.0, 105.0, 100.0, 101.0), 102.0)]
    commands = {at("09:54:30"): [ClosePosition(symbol="AAA")]}
    out = run_desk({"AAA": rows}, BAND, commands=commands)
    assert out.sold() == [("AAA", at("09:55"), 102.0, "manual")]


def test_the_first_level_is_of_the_strategy_in_force_at_the_fill() -> None:
    # Hour bars: decided and filled at 12:00 under a conservative strategy that expires at 12:30.
    # The first level is 93, and the low of 92 in that bar sells there.
    rows = [*hourly_warm(), *bars("12:00", (100.0, 100.0, 92.0, 95.0), day=NEXT, minutes=60)]
    proposed = signal(
        "s", at("11:30", NEXT), "AAA", risk="conservative", expires_at=at("12:30", NEXT)
    )
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "llm"), signals=[proposed], interval=3600)
    assert out.sold() == [("AAA", at("12:00", NEXT), 93.0, "hard_stop")]


def test_the_first_level_knows_no_signal_that_came_after_the_fill() -> None:
    # Filled at 12:00 under a moderate strategy (90); a conservative signal of 12:40 may raise the
    # level at the bar's end, 13:00, but cannot sell at 93 on the low of 92 in the bar before.
    rows = [*hourly_warm(), *bars("12:00", (100.0, 100.0, 92.0, 95.0), day=NEXT, minutes=60)]
    out = run_desk(
        {"AAA": rows},
        BAND | {"approval.policy": "ask"},
        tiers=("rules", "llm"),
        interval=3600,
        signals=[
            signal("a", at("11:00", NEXT), "AAA"),
            signal("b", at("12:40", NEXT), "AAA", risk="conservative"),
        ],
        commands={at("11:05", NEXT): [Approve(signal_id="a")]},
    )
    assert out.sold() == []
    assert out.levels("AAA") == [(90.0, "hard_stop"), (93.0, "hard_stop")]


def test_buying_with_the_last_cent_does_not_fail() -> None:
    # 2,904 / 8.8 rounds to 330 shares, and 330 x 8.8 to more than 2,904: 329 shares are bought.
    settings = BAND | {"broker.cash": 2_904.0, "risk.max_position": 1.0}
    out = run_desk({"AAA": [*warm(price=8.8), *bars("09:52", 8.8, 8.8)]}, settings)
    assert out.buys[0].quantity in (329, 330)
    assert out.state.cash >= 0


def test_a_lifted_daily_loss_stays_lifted() -> None:
    # Locked at 10:01, lifted at 10:05:30; BBB confirms at 10:10 and is bought.
    commands = {at("10:05:30"): [LiftLock(name="daily_loss")]}
    out = run_desk(falling(85.0), only("daily_loss", **WIDE), commands=commands)
    assert "BBB" in [fill.symbol for fill in out.buys]


def test_a_lifted_max_entries_stays_lifted() -> None:
    rows: dict[str, list[Row]] = {
        "AAA": [*warm(), *bars("09:52", *[100.0] * 20)],
        "BBB": [*warm("10:10"), *bars("10:10", 100.0)],
    }
    commands = {at("10:05:30"): [LiftLock(name="max_entries")]}
    settings = only("max_entries", **{"risk.max_entries": 1})
    out = run_desk(rows, settings, commands=commands)
    assert "BBB" in [fill.symbol for fill in out.buys]


@pytest.mark.parametrize(("ratio", "opened", "quantity"), [(4.0, 25.0, 800), (0.1, 1000.0, 20)])
def test_a_split_adjusts_an_entry_already_decided(
    ratio: float, opened: float, quantity: float
) -> None:
    # 200 at 100 decided at the close of 1 October; the split on the 2nd makes it 800 at 25 or 20
    # at 1,000, 20 % of equity either way.
    session = calendar().session_on(NEXT)
    assert session is not None
    split = CorporateAction(symbol="AAA", ex_at=session.open, ratio=ratio)
    rows = daily(FIRST, *[100.0] * 20, 95.0, 100.0, opened)
    out = run_desk({"AAA": rows}, BAND, actions=[split], interval=86_400)
    assert out.buys[0].quantity == quantity


@pytest.mark.parametrize(("quantity", "ratio"), [(200, 1 / 3), (70, 0.1)])
def test_a_split_of_an_exit_that_waits_leaves_no_part_of_a_share(
    quantity: int, ratio: float
) -> None:
    # Closed by hand after the last bar of the day; on the next the split comes first, and the whole
    # position is sold at that open.
    session = calendar().session_on(NEXT)
    assert session is not None
    split = CorporateAction(symbol="AAA", ex_at=session.open, ratio=ratio)
    rows = [*warm(), *bars("09:52", 100.0), *bars("09:30", 100.0 / ratio, day=NEXT)]
    settings = BAND | {"risk.max_position": quantity / 1000, "risk.min_position": 0.0}
    commands = {at("09:55"): [ClosePosition(symbol="AAA")]}
    out = run_desk({"AAA": rows}, settings, commands=commands, actions=[split])
    assert [fill.quantity for fill in out.buys] == [quantity]
    assert [fill.quantity for fill in out.sells] == [quantity * ratio]
    assert out.state.positions == {}
    assert out.broker.quantities == {}
