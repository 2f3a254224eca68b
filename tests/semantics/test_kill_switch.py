"""Pause, flatten and the hard daily loss: nothing new is bought, everything is sold, once.

Positions are entered at the open of the 09:52 bar: 200 shares at 100 each.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import ClosePosition, Flatten, LiftLock, Pause, Resume
from hybrid_tui.domain.orders import Side

from .desk import Row, Script, at, bars, run_desk
from .test_protections import falling, only
from .warm import BAND, warm

NEXT = date(2025, 10, 2)
WIDE = {"risk.levels.moderate": [0.5, 0.4, 1.0]}
HARD = {"risk.flatten_at_daily_loss": 0.04, **WIDE}


def held(*names: str) -> dict[str, list[Row]]:
    """Return rows in which every symbol is bought at 09:52 and has a bar each minute to 10:10."""
    return {name: [*warm(), *bars("09:52", *[100.0] * 18)] for name in names}


def test_flatten_sells_everything_once_at_the_next_open() -> None:
    # Asked for twice within the bar of 09:55: one sale each, at the open of 09:56.
    commands: Script = {at("09:55:10"): [Flatten()], at("09:55:40"): [Flatten()]}
    out = run_desk(held("AAA", "BBB"), BAND, commands=commands)
    assert out.sold() == [
        ("AAA", at("09:56"), 100.0, "flatten"),
        ("BBB", at("09:56"), 100.0, "flatten"),
    ]
    assert len(out.decided(Side.SELL)) == 2
    assert out.state.paused
    assert out.state.flattening is None
    assert len(out.of(ev.FlattenBegan)) == len(out.of(ev.FlattenEnded)) == 1


def test_flatten_cancels_an_entry_that_waits() -> None:
    # BBB is decided at 10:00 and has no bar until 10:05; cancelled at 10:01:30, it is never bought.
    rows = held("AAA")
    rows["BBB"] = [*warm("10:00"), *bars("10:05", 100.0)]
    out = run_desk(rows, BAND, commands={at("10:01:30"): [Flatten()]})
    assert [fill.symbol for fill in out.buys] == ["AAA"]
    (cancelled,) = out.of(ev.OrderCancelled)
    assert (cancelled.symbol, cancelled.reason) == ("BBB", "flatten")


class SlowBroker(PaperBroker):
    """A broker that an entry's cancellation reaches too late: it fills first."""

    def cancel(self, order_id: str) -> bool:
        order = self.orders.get(order_id)
        if order is not None and order.side is Side.BUY and self._left[order_id] > 0:
            return False
        return super().cancel(order_id)


def test_flatten_sells_an_entry_that_fills_before_its_cancellation_is_confirmed() -> None:
    # BBB is decided at 10:00; the flatten of 10:01:30 comes too late, it fills at 10:05 and is
    # sold at the next open. While its entry was open nothing else was sent in BBB.
    rows = held("AAA")
    rows["BBB"] = [*warm("10:00"), *bars("10:05", 100.0, 101.0)]
    out = run_desk(rows, BAND, commands={at("10:01:30"): [Flatten()]}, broker_kind=SlowBroker)
    assert out.sold() == [
        ("AAA", at("10:02"), 100.0, "flatten"),
        ("BBB", at("10:06"), 101.0, "flatten"),
    ]
    assert out.of(ev.OrderCancelled) == []
    assert out.state.flattening is None


def test_flatten_waits_for_a_symbol_without_bars_and_sells_it_then() -> None:
    rows = held("AAA")
    rows["BBB"] = [*warm(), *bars("09:52", 100.0, 100.0), *bars("11:00", 99.0)]
    out = run_desk(rows, BAND, commands={at("09:55:30"): [Flatten()]})
    assert out.sold() == [
        ("AAA", at("09:56"), 100.0, "flatten"),
        ("BBB", at("11:00"), 99.0, "flatten"),
    ]
    assert [event.at for event in out.of(ev.FlattenEnded)] == [at("11:01")]


def test_a_stop_that_fills_first_takes_the_place_of_the_flatten() -> None:
    # The next bar opens at 80, below the level of 90: one sale of 200 shares, not two.
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, 100.0), *bars("10:30", 80.0, 80.0)]}
    out = run_desk(rows, BAND, commands={at("09:55:30"): [Flatten()]})
    assert [(fill.quantity, fill.price) for fill in out.sells] == [(200.0, 80.0)]
    assert out.state.positions == {}
    assert out.state.orders == {}


def test_flatten_through_a_thin_market_sells_every_share_once() -> None:
    # A tenth of a bar's volume may be ours: 200 of 2,000 bought at 09:52; 50, 70 and the last 80
    # sold in the bars from 09:56 on, by one order.
    out = run_desk(
        held("AAA"),
        BAND,
        commands={at("09:55:30"): [Flatten()]},
        participation=0.1,
        volumes={at("09:52"): 2_000.0, at("09:56"): 500.0, at("09:57"): 700.0},
    )
    assert [fill.quantity for fill in out.buys] == [200.0]
    assert [(fill.at, fill.quantity) for fill in out.sells] == [
        (at("09:56"), 50.0),
        (at("09:57"), 70.0),
        (at("09:58"), 80.0),
    ]
    assert len(out.decided(Side.SELL)) == 1


def test_close_and_flatten_of_one_symbol_sell_it_once() -> None:
    commands: Script = {at("09:55:10"): [ClosePosition(symbol="AAA")], at("09:55:20"): [Flatten()]}
    out = run_desk(held("AAA"), BAND, commands=commands)
    assert [(fill.quantity, str(fill.reason)) for fill in out.sells] == [(200.0, "manual")]


def test_pause_lets_exits_go_on() -> None:
    rows = {"AAA": [*warm(), *bars("09:52", 100.0, 100.0, (100.0, 100.0, 85.0, 100.0))]}
    out = run_desk(rows, BAND, commands={at("09:53:30"): [Pause()]})
    assert out.sold() == [("AAA", at("09:54"), 90.0, "hard_stop")]


@pytest.mark.parametrize(("close", "flattens"), [(80.0, True), (80.1, False)])
def test_a_hard_daily_loss_sells_everything(close: float, flattens: bool) -> None:
    # 80,000 + 200 x 80 = 96,000 = 96 % of 100,000 at 10:01; sold at the open of 10:01.
    out = run_desk(falling(close), BAND | HARD | {"risk.protections": []})
    expected = [("AAA", at("10:01"), close, "daily_loss")] if flattens else []
    assert [row for row in out.sold() if row[0] == "AAA"] == expected
    locks = [("hard_daily_loss", None, at("10:01"), at("09:30", NEXT))] if flattens else []
    assert out.locked() == locks
    assert ("BBB" in [fill.symbol for fill in out.buys]) is not flattens


def test_a_hard_daily_loss_cancels_an_entry_already_decided() -> None:
    # BBB is decided at 10:00 and has no bar before 10:05: cancelled at 10:01, unlike by daily_loss.
    rows = falling(80.0, confirms="10:00")
    rows["BBB"] = [*[row for row in rows["BBB"] if row[0] < at("10:00")], *bars("10:05", 100.0)]
    out = run_desk(rows, BAND | HARD | {"risk.protections": []})
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_a_lifted_hard_daily_loss_does_not_come_again_on_its_day() -> None:
    # Lifted at 10:05:30: BBB may be bought at 10:10, though equity is still 4 % down.
    commands: Script = {at("10:05:30"): [LiftLock(name="hard_daily_loss")]}
    out = run_desk(falling(80.0), BAND | HARD | {"risk.protections": []}, commands=commands)
    assert "BBB" in [fill.symbol for fill in out.buys]
    assert [str(fill.reason) for fill in out.sells] == ["daily_loss"]


def test_a_hard_daily_loss_is_off_by_default() -> None:
    assert run_desk(falling(80.0), only("daily_loss", **WIDE)).sold() == []


def test_resume_ends_a_flatten_that_waits() -> None:
    # BBB waits for its bar of 11:00 and is still sold there; entries are allowed again before.
    rows = held("AAA")
    rows["BBB"] = [*warm(), *bars("09:52", 100.0, 100.0), *bars("11:00", 99.0)]
    rows["CCC"] = [*warm("10:30"), *bars("10:30", 100.0)]
    commands: Script = {at("09:55:30"): [Flatten()], at("10:20:30"): [Resume()]}
    out = run_desk(rows, BAND, commands=commands)
    assert ("CCC", at("10:30"), 100.0, 200) in out.bought()
    assert ("BBB", at("11:00"), 99.0, "flatten") in out.sold()


def test_nobody_for_too_long_pauses_entries_and_exits_go_on() -> None:
    # Nobody says anything from 09:52 on: at 10:52 entries are paused, the stop still sells.
    rows = {"AAA": [*warm(), *bars("09:52", *[100.0] * 70), *bars("11:02", 40.0, 40.0)]}
    out = run_desk(rows, {**BAND, "broker.dead_man_hours": 1.0, **WIDE})
    (paused,) = out.of(ev.EntriesPaused)
    assert paused.by == "dead man: nobody for 1 hours"
    assert out.state.paused
    assert [reason for *_, reason in out.sold()] == ["hard_stop"]


def test_a_persons_word_counts_and_a_policys_does_not() -> None:
    rows = held("AAA")
    settings = {**BAND, "broker.dead_man_hours": 0.5, **WIDE}

    def paused_at(by: str) -> list[datetime]:
        out = run_desk(rows, settings, commands={at("09:54"): [Resume(by=by)]})
        return [event.at for event in out.of(ev.EntriesPaused)]

    (alone,) = paused_at("policy")
    later = paused_at("person")
    assert alone < at("10:01")
    assert all(instant >= at("10:24") for instant in later)


def test_no_dead_man_unless_asked_for() -> None:
    assert run_desk(held("AAA"), BAND).of(ev.EntriesPaused) == []
