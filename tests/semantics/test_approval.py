"""Approval: what a person decides on, what follows, and what may happen without them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack, Approve, Command, Undo, Veto
from hybrid_tui.domain.signals import StrategySignal
from hybrid_tui.engine.briefing import brief_of
from hybrid_tui.llm.prompt import build_prompt
from hybrid_tui.market.view import KnownMarket

from .desk import Outcome, Row, at, bars, calendar, run_desk, signal
from .warm import BAND, warm

NEXT = date(2025, 10, 2)
ASK = BAND | {"approval.policy": "ask"}


def asked(
    signals: Sequence[StrategySignal],
    commands: Mapping[str, Command],
    *after: float | tuple[float, float, float, float],
    symbols: Sequence[str] = ("AAA",),
) -> Outcome:
    """Run tiers 1 and 3 under the policy ``ask``; ``commands`` are by New York time."""
    rows: dict[str, list[Row]] = {
        name: [*warm(), *bars("09:52", *(after or (100.0, 100.0)))] for name in symbols
    }
    script = {at(clock): [command] for clock, command in commands.items()}
    return run_desk(rows, ASK, tiers=("rules", "llm"), signals=signals, commands=script)


def test_silence_expires_into_no_entries() -> None:
    out = asked([signal("s", at("09:40"), "AAA")], {})
    assert out.decided() == []
    assert [(e.at, e.decision) for e in out.of(ev.SignalDecided)] == [(at("10:10"), "expired")]


def test_an_approved_symbol_is_bought() -> None:
    out = asked([signal("s", at("09:40"), "AAA")], {"09:45": Approve(signal_id="s")})
    assert out.bought() == [("AAA", at("09:52"), 100.0, 200)]


def test_an_approval_at_the_instant_of_the_decision_counts() -> None:
    # Commands come before entries at one instant.
    out = asked([signal("s", at("09:40"), "AAA")], {"09:52": Approve(signal_id="s")})
    assert out.bought() == [("AAA", at("09:52"), 100.0, 200)]


def test_only_the_approved_symbols_are_bought_and_later_approvals_add() -> None:
    # BBB is approved at 09:52:30 and bought a bar later than AAA.
    out = asked(
        [signal("s", at("09:40"), "AAA", "BBB")],
        {
            "09:45": Approve(signal_id="s", symbols=("AAA",)),
            "09:52:30": Approve(signal_id="s", symbols=("BBB",)),
        },
        symbols=("AAA", "BBB"),
    )
    assert [(f.symbol, f.at) for f in out.buys] == [("AAA", at("09:52")), ("BBB", at("09:53"))]


@pytest.mark.parametrize(("clock", "ok"), [("10:09:59", True), ("10:10", False)])
def test_pending_lasts_for_thirty_minutes_the_last_excluded(clock: str, ok: bool) -> None:
    out = asked([signal("s", at("09:40"), "AAA")], {clock: Approve(signal_id="s")})
    assert [ack.ok for ack in out.acks] == [ok]


def test_a_vetoed_signal_buys_nothing_and_cannot_be_approved_after() -> None:
    out = asked(
        [signal("s", at("09:40"), "AAA")],
        {"09:45": Veto(signal_id="s", reason="no"), "09:46": Approve(signal_id="s")},
    )
    assert [ack.ok for ack in out.acks] == [True, False]
    assert out.decided() == []


def test_a_vetoed_symbol_is_not_bought_while_the_rest_is() -> None:
    out = asked(
        [signal("s", at("09:40"), "AAA", "BBB")],
        {"09:45": Veto(signal_id="s", symbols=("AAA",)), "09:46": Approve(signal_id="s")},
        symbols=("AAA", "BBB"),
    )
    assert [fill.symbol for fill in out.buys] == ["BBB"]


def test_a_vetos_reason_is_in_the_next_prompt_beside_its_symbols() -> None:
    names = ("AAA", "BBB", "CCC")
    long = "too dear for what it earns, and every one of these words is worth the paper " * 3
    out = asked(
        [signal("old", at("09:40"), *names), signal("new", at("09:50"), "AAA")],
        {
            "09:45": Veto(signal_id="old", symbols=("AAA",), reason="earnings tonight"),
            "09:46": Veto(signal_id="old", symbols=("BBB",), reason=long),
            "09:47": Approve(signal_id="old", symbols=("CCC",)),
            "09:51": Veto(signal_id="new"),
        },
        symbols=names,
    )
    view = KnownMarket(names, 60, "test").view(at("12:00"))
    prompt = build_prompt(brief_of(out.state, view, calendar(), names))
    sections = prompt.messages[1]["content"].split("\n\n")
    _heading, *lines = next(part for part in sections if part.startswith("VETOES")).split("\n")
    said = [json.loads(line) for line in lines]
    assert said[0] == {"strategy": "new", "vetoed": ["AAA"]}
    assert said[1].pop("reason") == long[:160]
    assert said[1:] == [
        {"strategy": "old", "vetoed": ["BBB"]},
        {"strategy": "old", "vetoed": ["AAA"], "reason": "earnings tonight"},
    ]


def test_sectors_bind_nothing() -> None:
    proposed = replace(signal("s", at("09:40"), "AAA"), sectors=("Energy",))
    out = asked([proposed], {"09:45": Approve(signal_id="s")})
    assert out.bought() == [("AAA", at("09:52"), 100.0, 200)]


def test_the_first_approval_puts_the_new_strategy_in_place_of_the_old() -> None:
    # The old list had AAA, the new one has BBB: only BBB is bought.
    out = asked(
        [signal("old", at("09:40"), "AAA"), signal("new", at("09:45"), "BBB")],
        {"09:41": Approve(signal_id="old"), "09:46": Approve(signal_id="new")},
        symbols=("AAA", "BBB"),
    )
    assert [fill.symbol for fill in out.buys] == ["BBB"]
    assert [(e.signal_id, e.at) for e in out.of(ev.StrategyEnded)] == [("old", at("09:46"))]


def test_vetoing_all_of_the_new_leaves_the_old_in_force() -> None:
    out = asked(
        [signal("old", at("09:40"), "AAA"), signal("new", at("09:45"), "BBB")],
        {"09:41": Approve(signal_id="old"), "09:46": Veto(signal_id="new")},
        symbols=("AAA", "BBB"),
    )
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_a_pending_signal_leaves_the_old_in_force() -> None:
    out = asked(
        [signal("old", at("09:40"), "AAA"), signal("new", at("09:45"), "BBB")],
        {"09:41": Approve(signal_id="old")},
        symbols=("AAA", "BBB"),
    )
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_a_pending_stricter_risk_level_binds_unasked() -> None:
    # Moderate in force, conservative pending from 09:45: half the size (100) and a level of 93.
    out = asked(
        [
            signal("old", at("09:40"), "AAA"),
            signal("new", at("09:45"), "AAA", risk="conservative"),
        ],
        {"09:41": Approve(signal_id="old")},
    )
    assert out.bought() == [("AAA", at("09:52"), 100.0, 100)]
    assert out.levels("AAA") == [(93.0, "hard_stop")]


def test_a_pending_looser_risk_level_binds_nobody() -> None:
    # Conservative in force, aggressive pending: 100 shares, level 93.
    out = asked(
        [
            signal("old", at("09:40"), "AAA", risk="conservative"),
            signal("new", at("09:45"), "AAA", risk="aggressive"),
        ],
        {"09:41": Approve(signal_id="old")},
    )
    assert out.bought() == [("AAA", at("09:52"), 100.0, 100)]
    assert out.levels("AAA") == [(93.0, "hard_stop")]


def test_bad_sentiment_of_a_pending_signal_tightens_the_trail_of_a_held_symbol() -> None:
    # Held from 09:52; pending from 09:52:30 with -0.6: high 120 x 0.97 = 116.4.
    out = asked(
        [
            signal("old", at("09:40"), "AAA"),
            signal("new", at("09:52:30"), "BBB", sentiment={"AAA": -0.6}),
        ],
        {"09:41": Approve(signal_id="old")},
        100.0,
        (100.0, 120.0, 100.0, 119.0),
    )
    assert out.levels("AAA")[-1] == (116.4, "trailing_stop")


def test_a_veto_ends_what_a_pending_signal_tightened_and_raised_levels_stay() -> None:
    # Pending with -0.6 during the bar of high 110 (106.7 = 110 x 0.97); vetoed at 09:54:30: the
    # high of 112 gives 112 x 0.95 = 106.4, below 106.7, which stays; 114 gives 108.3.
    out = asked(
        [
            signal("old", at("09:40"), "AAA"),
            signal("new", at("09:52:30"), "BBB", sentiment={"AAA": -0.6}),
        ],
        {"09:41": Approve(signal_id="old"), "09:54:30": Veto(signal_id="new")},
        100.0,
        (100.0, 110.0, 100.0, 109.0),
        (109.0, 112.0, 109.0, 111.0),
        (111.0, 114.0, 111.0, 113.0),
    )
    levels = [level for level, _ in out.levels("AAA")]
    assert levels == [90.0, 106.7, 108.3]


def test_what_a_pending_signal_tightened_ends_when_it_expires() -> None:
    # Conservative pending from 09:30 to 10:00; the entry at 10:05 is moderate again: 200, level 90.
    rows = {"AAA": [*bars("09:30", 100.0), *warm("10:05"), *bars("10:05", 100.0)]}
    signals = [
        signal("new", at("09:30:30"), "BBB", risk="conservative"),
        signal("old", at("09:31"), "AAA"),
    ]
    out = run_desk(
        rows,
        ASK,
        tiers=("rules", "llm"),
        signals=signals,
        commands={at("09:32"): [Approve(signal_id="old")]},
    )
    assert out.bought() == [("AAA", at("10:05"), 100.0, 200)]
    assert out.levels("AAA") == [(90.0, "hard_stop")]


@pytest.mark.parametrize(("until", "buys"), [("10:29", True), ("10:30", False)])
def test_a_strategy_expires_at_half_past_ten_of_the_next_session(until: str, buys: bool) -> None:
    # Approved on 1 October; on the 2nd AAA confirms at 10:29 or 10:30. The instant is excluded.
    rows = [*bars("15:59", 100.0), *warm(until, day=NEXT), *bars(until, 100.0, day=NEXT)]
    proposed = signal("s", at("15:59:30"), "AAA")
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "llm"), signals=[proposed])
    assert bool(out.decided()) is buys


def test_exits_wait_for_nobody() -> None:
    # The stop sells under an approved strategy, with a new signal waiting.
    out = asked(
        [signal("old", at("09:40"), "AAA"), signal("new", at("09:52:30"), "AAA")],
        {"09:41": Approve(signal_id="old")},
        100.0,
        (95.0, 95.0, 89.0, 90.0),
    )
    assert out.sold() == [("AAA", at("09:53"), 90.0, "hard_stop")]


def test_the_policy_auto_approves_at_once() -> None:
    rows = {"AAA": [*warm(), *bars("09:52", 100.0)]}
    out = run_desk(rows, BAND, tiers=("rules", "llm"), signals=[signal("s", at("09:52"), "AAA")])
    assert out.bought() == [("AAA", at("09:52"), 100.0, 200)]
    assert [e.by for e in out.of(ev.SignalDecided)] == ["policy"]


def test_an_approval_that_is_taken_back_buys_nothing_and_can_be_given_again() -> None:
    commands: dict[str, Command] = {"09:45": Approve(signal_id="s"), "09:46": Undo(signal_id="s")}
    proposed = [signal("s", at("09:40"), "AAA")]
    out = asked(proposed, commands)
    assert out.decided() == []
    assert out.acks[-1].message == "undone: AAA waits again; no strategy is in force"
    out = asked(proposed, {**commands, "09:47": Approve(signal_id="s")})
    assert out.bought() == [("AAA", at("09:52"), 100.0, 200)]


def test_undoing_the_first_approval_puts_the_old_strategy_in_force_again() -> None:
    out = asked(
        [signal("old", at("09:40"), "AAA"), signal("new", at("09:45"), "BBB")],
        {
            "09:41": Approve(signal_id="old"),
            "09:46": Approve(signal_id="new"),
            "09:47": Undo(signal_id="new"),
        },
        symbols=("AAA", "BBB"),
    )
    assert out.acks[-1].message == "undone: BBB waits again; old is in force again"
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_what_was_acted_on_is_not_undone_and_the_rest_is() -> None:
    # AAA is bought at 09:52; BBB would confirm at 10:05 and is taken back before.
    rows = {
        "AAA": [*warm(), *bars("09:52", *[100.0] * 14)],
        "BBB": [*bars("09:30", 100.0), *warm("10:05"), *bars("10:05", 100.0)],
    }
    script: dict[str, Command] = {
        "09:45": Approve(signal_id="s"),
        "09:55": Undo(signal_id="s"),
        "09:56": Veto(signal_id="s", symbols=("BBB",)),
    }
    out = run_desk(
        rows,
        ASK,
        tiers=("rules", "llm"),
        signals=[signal("s", at("09:40"), "AAA", "BBB")],
        commands={at(clock): [command] for clock, command in script.items()},
    )
    assert [ack.ok for ack in out.acks] == [True, True, True]
    assert out.acks[1].message == "undone: BBB waits again; acted on already: AAA"
    assert [fill.symbol for fill in out.buys] == ["AAA"]
    assert out.of(ev.StrategyEnded) == []


def test_a_bought_symbol_cannot_be_taken_back() -> None:
    out = asked(
        [signal("s", at("09:40"), "AAA")],
        {"09:45": Approve(signal_id="s"), "09:52:30": Undo(signal_id="s")},
    )
    assert out.acks[-1] == Ack(ok=False, message="acted on already: AAA; x closes a position")


def test_a_veto_can_be_taken_back_while_the_list_may_be_decided_on() -> None:
    proposed = [signal("s", at("09:40"), "AAA")]
    late: dict[str, Command] = {
        "09:45": Veto(signal_id="s", reason="no"),
        "10:10": Undo(signal_id="s"),
    }
    assert [ack.ok for ack in asked(proposed, late).acks] == [True, False]
    early: dict[str, Command] = {
        "09:45": Veto(signal_id="s", reason="no"),
        "09:46": Undo(signal_id="s"),
        "09:47": Approve(signal_id="s"),
    }
    assert asked(proposed, early).bought() == [("AAA", at("09:52"), 100.0, 200)]


def test_an_approval_taken_back_after_the_time_to_decide_expires() -> None:
    rows = {"AAA": [*bars("09:30", 100.0), *warm("10:25"), *bars("10:25", 100.0)]}
    out = run_desk(
        rows,
        ASK,
        tiers=("rules", "llm"),
        signals=[signal("s", at("09:40"), "AAA")],
        commands={at("09:45"): [Approve(signal_id="s")], at("10:15"): [Undo(signal_id="s")]},
    )
    assert out.acks[-1].message.startswith("undone: AAA expired")
    assert out.decided() == []


@pytest.mark.parametrize("name", ["s", "unknown"])
def test_nothing_decided_cannot_be_undone(name: str) -> None:
    out = asked([signal("s", at("09:40"), "AAA")], {"09:45": Undo(signal_id=name)})
    assert out.acks == [Ack(ok=False, message=f"nothing was decided on {name!r}")]
