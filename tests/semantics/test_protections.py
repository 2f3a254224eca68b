"""Protections: locks with a reason, from when, until when, and what they leave alone.

A symbol that confirms again after its stop shows where its lock ends: the warm-up's dip and
recovery are put right before the instant in question.
"""

from __future__ import annotations

from datetime import date

import pytest

from hybrid_tui.domain.commands import LiftLock

from .desk import Row, at, bars, daily, run_desk
from .warm import BAND, warm

NEXT = date(2025, 10, 2)
NONE = BAND | {"risk.protections": []}
STOPPED = (100.0, 100.0, 85.0, 100.0)


def stopped_then(until: str) -> list[Row]:
    """Buy at 09:52, be stopped in that bar (low 85, level 90), and confirm again at ``until``."""
    return [*warm(), *bars("09:52", STOPPED), *warm(until), *bars(until, 100.0)]


def only(*names: str, **figures: object) -> dict[str, object]:
    """Return settings with the protections named and nothing else on."""
    return BAND | {"risk.protections": list(names)} | figures


@pytest.mark.parametrize(("until", "buys"), [("10:21", False), ("10:22", True)])
def test_cooldown_locks_a_symbol_for_thirty_minutes_from_the_fill(until: str, buys: bool) -> None:
    # The stop filled in the 09:52 bar: its instant is 09:52, the lock is [09:52, 10:22).
    out = run_desk({"AAA": stopped_then(until)}, only("cooldown"))
    assert out.locked()[0] == ("cooldown", "AAA", at("09:52"), at("10:22"))
    assert (at(until) in [fill.at for fill in out.buys]) is buys


def test_cooldown_locks_its_symbol_only() -> None:
    # AAA is locked from 09:52 on, BBB confirms at 10:00 and is bought.
    rows = {"AAA": [*warm(), *bars("09:52", STOPPED)], "BBB": [*warm("10:00"), *bars("10:00", 50)]}
    out = run_desk(rows, only("cooldown"))
    assert [(f.symbol, f.at) for f in out.buys] == [("AAA", at("09:52")), ("BBB", at("10:00"))]


def test_without_cooldown_a_stopped_symbol_may_be_bought_again_at_once() -> None:
    # Still confirmed at 09:53 (bollinger is a state): bought again at that open.
    out = run_desk({"AAA": [*warm(), *bars("09:52", STOPPED, 100.0)]}, NONE)
    assert [fill.at for fill in out.buys] == [at("09:52"), at("09:53")]


def test_a_decided_exit_sets_no_cooldown() -> None:
    rows = [*warm(), *bars("09:52", *[100.0 + step for step in range(12)])]
    out = run_desk({"AAA": rows}, BAND | {"rules.rsi_exit": 70})
    assert out.sells[0].reason == "signal_exit"
    assert out.locked() == []


def three_stops(third: str, confirms: str) -> dict[str, list[Row]]:
    """AAA stops at 09:52, BBB at 09:52, CCC at ``third``; DDD confirms at ``confirms``."""
    return {
        "AAA": [*warm(), *bars("09:52", STOPPED)],
        "BBB": [*warm(), *bars("09:52", STOPPED)],
        "CCC": [*warm(), *bars("09:52", 100.0), *bars(third, STOPPED)],
        "DDD": [*warm(confirms), *bars(confirms, 100.0)],
    }


@pytest.mark.parametrize(("third", "locks"), [("10:52", True), ("10:53", False)])
def test_stop_guard_counts_sixty_minutes_with_both_ends(third: str, locks: bool) -> None:
    # 09:52 + 60 min = 10:52 is included.
    out = run_desk(three_stops(third, "12:00"), only("stop_guard"))
    expected = [("stop_guard", None, at(third), at("11:52"))] if locks else []
    assert out.locked() == expected


@pytest.mark.parametrize(("confirms", "buys"), [("11:19", False), ("11:20", True)])
def test_stop_guard_locks_all_entries_for_sixty_minutes(confirms: str, buys: bool) -> None:
    # The third stop fills at 10:20: locked in [10:20, 11:20).
    out = run_desk(three_stops("10:20", confirms), only("stop_guard"))
    assert ("DDD" in [fill.symbol for fill in out.buys]) is buys


def test_two_stops_are_not_three() -> None:
    rows = three_stops("10:20", "10:30")
    del rows["BBB"]
    out = run_desk(rows, only("stop_guard"))
    assert out.locked() == []
    assert "DDD" in [fill.symbol for fill in out.buys]


def falling(close: float, *after: float, confirms: str = "10:10") -> dict[str, list[Row]]:
    """Hold 200 AAA from 100; it closes at ``close`` from 10:00 on. BBB confirms at ``confirms``."""
    return {
        "AAA": [*warm(), *bars("09:52", 100.0), *bars("10:00", *[close] * 10, *after)],
        "BBB": [*warm(confirms), *bars(confirms, 100.0, 100.0, 100.0)],
    }


WIDE = {"risk.levels.moderate": [0.5, 0.4, 1.0]}


@pytest.mark.parametrize(("close", "locks"), [(85.0, True), (85.1, False)])
def test_daily_loss_locks_at_three_per_cent_below_the_starting_cash(
    close: float, locks: bool
) -> None:
    # First day: 80,000 + 200 x 85 = 97,000 = 97 % of 100,000; 85.1 leaves 97,020.
    out = run_desk(falling(close), only("daily_loss", **WIDE))
    assert ("BBB" not in [fill.symbol for fill in out.buys]) is locks
    expected = [("daily_loss", None, at("10:01"), at("09:30", NEXT))] if locks else []
    assert out.locked() == expected


def test_daily_loss_counts_from_the_equity_of_the_last_close() -> None:
    # Day one closes at 110: 102,000; 97 % is 98,940. On day two 94.7 is exactly 98,940: locked.
    rows = {
        "AAA": [*warm(), *bars("09:52", 100.0, 110.0), *bars("09:30", *[94.7] * 40, day=NEXT)],
        "BBB": [*warm("10:10", day=NEXT), *bars("10:10", 100.0, day=NEXT)],
    }
    out = run_desk(rows, only("daily_loss", **WIDE))
    assert [(name, start) for name, _, start, _ in out.locked()] == [
        ("daily_loss", at("09:31", NEXT))
    ]
    assert "BBB" not in [fill.symbol for fill in out.buys]


def test_daily_loss_lasts_until_the_next_session_even_if_equity_recovers() -> None:
    # Back at 100 by 10:10, still locked. On the next day the dip of 10:08 is still among BBB's last
    # ten bars when its first bar ends at 09:49: bought there.
    rows = falling(85.0, 100.0, 100.0)
    rows["BBB"] += [*warm("10:10", day=NEXT), *bars("10:10", 100.0, day=NEXT)]
    rows["AAA"] += bars("09:30", *[100.0] * 40, day=NEXT)
    out = run_desk(rows, only("daily_loss", **WIDE))
    assert [f.at for f in out.buys if f.symbol == "BBB"] == [at("09:49", NEXT)]


def test_daily_loss_sells_nothing() -> None:
    assert run_desk(falling(85.0), only("daily_loss", **WIDE)).sold() == []


def test_an_entry_already_decided_stands() -> None:
    # BBB is decided at 10:00 on equity of 100,000. The bar of 10:00 takes AAA to 85 (97,000 at
    # 10:01), yet BBB fills at the open of 10:00; with a bar only at 10:05 it still does.
    rows = falling(85.0, confirms="10:00")
    late = [row for row in rows["BBB"] if row[0] < at("10:00")]
    rows["BBB"] = [*late, *bars("10:05", 100.0)]
    out = run_desk(rows, only("daily_loss", **WIDE))
    assert out.locked()[0][2] == at("10:01")
    assert ("BBB", at("10:05"), 100.0, 200) in out.bought()


def test_max_drawdown_locks_until_it_is_lifted() -> None:
    # Peak 100,000; 15 % below is 85,000: AAA with all the money at 85.
    figures = {"risk.max_position": 0.9, **WIDE}
    rows = falling(80.0)
    rows["BBB"] += [*warm("10:10", day=NEXT), *bars("10:10", 100.0, day=NEXT)]
    out = run_desk(rows, only("max_drawdown", **figures))
    assert out.locked() == [("max_drawdown", None, at("10:01"), None)]
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_a_lifted_max_drawdown_lets_entries_through() -> None:
    # 90 % in AAA at 80: 10,000 + 900 x 80 = 82,000; lifted at 10:05, BBB is bought at 10:10.
    commands = {at("10:05:30"): [LiftLock(name="max_drawdown")]}
    settings = only("max_drawdown", **{"risk.max_position": 0.9, **WIDE})
    out = run_desk(falling(80.0), settings, commands=commands)
    assert "BBB" in [fill.symbol for fill in out.buys]


def test_max_drawdown_is_measured_from_the_peak() -> None:
    # 80,000 + 200 x 150 = 110,000 at the peak; 85 % is 93,500: 67.5 a share.
    rows = {
        "AAA": [*warm(), *bars("09:52", 100.0, 150.0, 67.6, 67.5)],
    }
    out = run_desk(rows, only("max_drawdown", **{"risk.levels.moderate": [0.9, 0.9, 1.0]}))
    assert [start for _, _, start, _ in out.locked()] == [at("09:56")]


def test_max_entries_lets_so_many_through_a_day() -> None:
    # Two a day: AAA and BBB at 09:52; CCC, of the same instant, and DDD at 10:10 are not bought.
    # On the next day DDD's dip is still among its last ten bars at 09:49.
    rows: dict[str, list[Row]] = {
        name: [*warm(), *bars("09:52", 100.0)] for name in ("AAA", "BBB", "CCC")
    }
    rows["DDD"] = [*warm("10:10"), *bars("10:10", 100.0)]
    rows["AAA"] += bars("09:30", 100.0, day=NEXT)
    rows["DDD"] += [*warm("10:10", day=NEXT), *bars("10:10", 100.0, day=NEXT)]
    out = run_desk(rows, only("max_entries", **{"risk.max_entries": 2}))
    assert [(f.symbol, f.at) for f in out.buys] == [
        ("AAA", at("09:52")),
        ("BBB", at("09:52")),
        ("DDD", at("09:49", NEXT)),
    ]


def test_a_lock_can_be_lifted_by_hand() -> None:
    # Stopped at 09:52, lifted at 09:57:30, bought at the next end of a bar, 09:58.
    rows = [*warm(), *bars("09:52", STOPPED, *[100.0] * 8)]
    commands = {at("09:57:30"): [LiftLock(name="cooldown", symbol="AAA")]}
    out = run_desk({"AAA": rows}, only("cooldown"), commands=commands)
    assert [fill.at for fill in out.buys] == [at("09:52"), at("09:58")]


def test_protections_can_all_be_off() -> None:
    out = run_desk(three_stops("10:20", "10:30"), NONE)
    assert out.locked() == []


def test_a_daily_bars_stop_is_of_its_start() -> None:
    # The fill's instant is midnight, so its cooldown of 30 minutes is over by the close.
    closes = [100.0] * 20 + [95.0, 100.0]
    rows = daily(date(2025, 9, 2), *closes, STOPPED, 100.0)
    out = run_desk({"AAA": rows}, only("cooldown"), interval=86_400)
    assert out.locked()[0][2:] == (at("00:00", NEXT), at("00:30", NEXT))
    assert [fill.at for fill in out.buys] == [at("00:00", NEXT), at("00:00", date(2025, 10, 3))]
