"""Random markets and random people: the real engine against an independent account of the rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import CorporateAction, Quote
from hybrid_tui.domain.commands import (
    Approve,
    ClosePosition,
    Command,
    Flatten,
    LiftLock,
    Pause,
    Resume,
    Veto,
)
from hybrid_tui.domain.signals import MLPrediction, StrategySignal, Thesis
from tests.engine.invariants import Account
from tests.semantics.desk import (
    MINUTE,
    Outcome,
    Row,
    at,
    calendar,
    config_of,
    prediction,
    run_desk,
    signal,
)
from tests.semantics.warm import warm

DAY, NEXT = date(2025, 10, 1), date(2025, 10, 2)
HALF_DAY = date(2025, 11, 28)
NAMES = ("AAA", "BBB", "CCC", "DDD")
LOCKS = ("cooldown", "stop_guard", "daily_loss", "max_drawdown", "max_entries", "hard_daily_loss")
CONDITIONS = ("drawdown > 0.05", "rsi_1m(14) > 60", "after 2025-10-01", "nonsense", "close_5m < 97")
MINUTES = 55
happened: Counter[str] = Counter()


def path(dice: np.random.Generator, day: date, price: float, minutes: int, first: str) -> list[Row]:
    """Return a random session: noise, jumps, missing bars and halts, above a dollar."""
    rows: list[Row] = []
    begin = at(first, day)
    halted_from = int(dice.integers(0, 2 * minutes))
    halted_to = halted_from + int(dice.integers(3, 15))
    wild = float(dice.choice([0.002, 0.008, 0.02]))
    for minute in range(minutes):
        jump = float(dice.normal(0, 0.08)) if dice.random() < 0.03 else 0.0
        opened = max(1.0, price * float(np.exp(dice.normal(0, wild / 4) + jump)))
        price = max(1.0, opened * float(np.exp(dice.normal(0, wild))))
        high = max(opened, price) * (1 + abs(float(dice.normal(0, wild / 2))))
        low = min(opened, price) * (1 - min(0.5, abs(float(dice.normal(0, wild / 2)))))
        if halted_from <= minute < halted_to or dice.random() < 0.08:
            continue
        rows.append((begin + minute * MINUTE, opened, high, low, price))
    return rows


def world(seed: int) -> dict[str, Any]:
    """Return all but the commands: bars, splits, predictions, proposals, quotes, settings."""
    dice = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {}
    actions: list[CorporateAction] = []
    session = calendar().session_on(NEXT)
    assert session is not None
    for name in NAMES[: int(dice.integers(1, 5))]:
        today = path(dice, DAY, 100.0, MINUTES, "09:52")
        if dice.random() < 0.5:
            today += path(dice, DAY, today[-1][4] if today else 100.0, 20, "15:40")
        last = today[-1][4] if today else 100.0
        if dice.random() < 0.4:
            ratio = float(dice.choice([2.0, 4.0, 0.5, 0.1, 1.5, 1 / 3]))
            actions.append(
                CorporateAction(symbol=name, ex_at=session.open, ratio=ratio, amount=0.1)
            )
            last = max(1.0, last / ratio)
        rows[name] = [*warm(), *today, *path(dice, NEXT, last, 30, "09:30")]
        if dice.random() < 0.3:
            rows[name] += path(dice, NEXT, last, 20, "15:40")
    instants = [at("09:50") + 5 * n * MINUTE for n in range(12)]
    instants += [at("15:45"), at("15:50")]
    instants += [session.open + 5 * n * MINUTE for n in range(1, 8)]
    predictions: list[MLPrediction] = [
        prediction(
            name,
            instant,
            float(dice.choice([0.2, 0.5, 0.72, 0.9])),
            target=float(dice.uniform(0, 0.6)),
            familiar=bool(dice.random() < 0.9),
            confidence=float(dice.choice([0.6, 0.9])),
        )
        for name in rows
        for instant in instants
        if dice.random() < 0.8
    ]
    signals: list[StrategySignal] = []
    for index, clock in enumerate(("09:40", "10:00", "10:20")):
        made = signal(
            f"s{index}",
            at(clock),
            *rows,
            direction=str(dice.choice(["bullish", "bullish", "neutral", "bearish"])),
            risk=str(dice.choice(["conservative", "moderate", "aggressive"])),
            overnight=float(dice.choice([0.0, 0.3, 1.0])),
            sentiment={name: float(dice.uniform(-1, 1)) for name in rows},
            expires_at=at("10:35") if dice.random() < 0.3 else None,
        )
        theses = tuple(
            Thesis(symbol=name, claim="-", invalid_if=str(dice.choice(CONDITIONS)))
            for name in rows
            if dice.random() < 0.3
        )
        signals.append(replace(made, theses=theses))
    quotes: dict[datetime, list[Quote]] = {}
    for name, found in rows.items():
        for row in found:
            instant = row[0] + MINUTE
            # Also where it stays empty: it takes the place of the recorded market's own quotes.
            there = quotes.setdefault(instant, [])
            if dice.random() < 0.8:
                there.append(Quote(symbol=name, bid=row[4], ask=row[4], at=instant - _age(dice)))
    figures: dict[str, Any] = {
        "rules.entry": "bollinger",
        "rules.rsi_exit": float(dice.choice([0, 70])),
        "approval.policy": str(dice.choice(["ask", "auto"])),
        "risk.protections": list(LOCKS[:5]),
        "risk.max_entries": int(dice.integers(1, 6)),
        "risk.max_position": float(dice.choice([0.2, 0.5, 1.0])),
        "risk.max_gross": float(dice.choice([0.4, 1.0])),
        "risk.flatten_at_daily_loss": float(dice.choice([0.0, 0.04])),
        "risk.loss_budget": float(dice.choice([0.0, 0.01])),
        "broker.slippage_bps": float(dice.choice([0.0, 20.0])),
        "broker.commission": float(dice.choice([0.0, 1.0])),
    }
    if dice.random() < 0.5:
        figures |= {"risk.max_sector": 0.3, "sectors": {"AAA": "x", "BBB": "x", "CCC": "y"}}
    tiers = [("rules",), ("rules", "ml"), ("rules", "llm"), ("rules", "ml", "llm")]
    return {
        "rows": rows,
        "settings": figures,
        "tiers": tiers[int(dice.integers(0, 4))],
        "predictions": predictions,
        "signals": signals,
        "actions": actions,
        "quotes": quotes,
        "participation": None if dice.random() < 0.5 else 0.05,
        "halted": {"DDD": "trading is halted"} if dice.random() < 0.3 else {},
    }


def _age(dice: np.random.Generator) -> timedelta:
    return timedelta(seconds=float(dice.choice([0, 5, 29, 45])))


def commands_of(picks: list[tuple[int, int, int]]) -> dict[datetime, list[Command]]:
    """Return commands at random seconds of the first morning and of the next."""
    script: dict[datetime, list[Command]] = {}
    for second, kind, which in picks:
        day = DAY if second < 3_000 else NEXT
        instant = at("09:50", day) + timedelta(seconds=second % 3_000, milliseconds=1)
        name, signal_id = NAMES[which % 4], f"s{which % 3}"
        choices: list[Command] = [
            Pause(),
            Resume(),
            Approve(signal_id=signal_id),
            Approve(signal_id=signal_id, symbols=(name,)),
            Veto(signal_id=signal_id, symbols=(name,)),
            ClosePosition(symbol=name),
            Flatten(),
            LiftLock(name=LOCKS[which % 6], symbol=name if which % 6 == 0 else None),
            Approve(signal_id="s0"),
            Approve(signal_id="s1"),
        ]
        script.setdefault(instant, []).append(choices[kind % len(choices)])
    return script


def check(seed: int, picks: list[tuple[int, int, int]]) -> None:
    """Run a world under commands, and have an independent account agree with all of it."""
    made = world(seed)
    rows, quotes = made.pop("rows"), made["quotes"]
    out: Outcome = run_desk(rows, commands=commands_of(picks), **made)
    quoted: dict[str, list[datetime]] = {name: [] for name in rows}
    for found in quotes.values():
        for quote in found:
            quoted[quote.symbol].append(quote.at)
    account = Account(
        config=config_of(made["settings"], made["tiers"]),
        use_ml="ml" in made["tiers"],
        use_llm="llm" in made["tiers"],
        quoted=quoted,
        halted=made["halted"],
        is_partial=made["participation"] is not None,
    )
    account.replay(out.events)
    happened.update(account.counts)
    held = {symbol: found.quantity for symbol, found in account.held.items()}
    assert out.state.cash == pytest.approx(account.cash, abs=0.005)
    assert out.broker.cash == pytest.approx(account.cash, abs=0.005)
    assert {s: p.quantity for s, p in out.state.positions.items()} == held
    assert out.broker.quantities == held
    assert set(out.state.orders) == set(out.broker.orders) == set(account.orders)
    intents = Counter(event.order.id for event in out.of(ev.OrderIntended))
    assert not intents or max(intents.values()) == 1, "an order was intended twice"


WANTED = (
    "entry", "flatten", "veto", "lift", "split held", "exit in parts", "stop in parts",
    "lock cooldown", "lock hard_daily_loss", "exit thesis_invalidated", "exit signal_exit",
    "exit overnight",
    "exit daily_loss", "exit manual", "exit flatten", "sold hard_stop", "sold trailing_stop",
)  # fmt: skip
PICKS = st.lists(
    st.tuples(st.integers(0, 4_500), st.integers(0, 9), st.integers(0, 11)), max_size=14
)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(seed=st.integers(0, 2**32 - 1), picks=PICKS)
def test_no_rule_is_broken_whatever_happens(seed: int, picks: list[tuple[int, int, int]]) -> None:
    check(seed, picks)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_no_rule_is_broken_in_thousands_of_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    happened.clear()

    @settings(max_examples=4_000, deadline=None, suppress_health_check=QUIET, database=None)
    @given(seed=st.integers(0, 2**32 - 1), picks=PICKS)
    def long(seed: int, picks: list[tuple[int, int, int]]) -> None:
        check(seed, picks)

    long()
    with capsys.disabled():
        print(f"\n{dict(sorted(happened.items()))}")  # noqa: T201
    # What never happened was not tested.
    for what in WANTED:
        assert happened[what] > 0, what
