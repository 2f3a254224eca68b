"""An engine that is killed at any moment goes on where its journal ends."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hybrid_tui.domain.events import OrderFilled, OrderIntended, PriceMoved, SessionAsked
from hybrid_tui.domain.orders import Side
from hybrid_tui.journal.reader import fingerprint, open_read_only, read_events, read_state, runs
from tests.desk import environment
from tests.forked import Forked

SETTINGS = (
    "app.tiers=rules,llm",
    "approval.policy=auto",
    "broker.commission=0.35",
    "llm.event_sessions=true",
    "events.move_sigma=4",
    "events.volume_times=3",
)


def run_with_kills(home: Path, *, seed: int, kills: int, until: str) -> int:
    """Run the simulated market to a day's end under random kills; return how many there were."""
    done = Forked(
        [str(seed), str(kills), until, *SETTINGS],
        environment=environment(home),
        program="tests.engine.crash_runner",
    ).wait(600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def check_money(home: Path) -> int:
    """Reconcile cash and positions with the fills to the cent; return the number of fills."""
    connection = open_read_only(home / "journal.db")
    (run,) = [info.run for info in runs(connection)]
    state = read_state(connection, run)
    events = list(read_events(connection, run))
    intents = Counter(event.order.id for event in events if isinstance(event, OrderIntended))
    assert max(intents.values()) == 1, "an order was intended twice"
    fills = [event.fill for event in events if isinstance(event, OrderFilled)]
    finals = Counter(fill.order_id for fill in fills)
    assert max(finals.values()) == 1, "an order was filled twice"
    cash = 100_000.0
    held: dict[str, float] = {}
    for fill in fills:
        sign = 1 if fill.side is Side.BUY else -1
        cash -= sign * fill.quantity * fill.price + fill.commission
        held[fill.symbol] = held.get(fill.symbol, 0.0) + sign * fill.quantity
    assert state.cash == pytest.approx(cash, abs=0.005)
    assert {s: q for s, q in held.items() if q} == {
        symbol: position.quantity for symbol, position in state.positions.items()
    }
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    connection.close()
    return len(fills)


def fingerprint_of(home: Path) -> str:
    connection = open_read_only(home / "journal.db")
    (run,) = [info.run for info in runs(connection)]
    found = fingerprint(connection, run)
    connection.close()
    return found


def test_kills_lose_and_double_nothing_and_change_no_decision_and_no_price_event(
    tmp_path: Path,
) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    assert run_with_kills(calm, seed=1, kills=0, until="2026-01-05") == 0
    kills = run_with_kills(rough, seed=2, kills=25, until="2026-01-05")
    assert kills > 10
    assert check_money(rough) == check_money(calm) > 5
    assert fingerprint_of(rough) == fingerprint_of(calm)
    told = [price_events(home) for home in (calm, rough)]
    assert told[0] == told[1]
    assert {name for name, *_ in told[0]} == {"PriceMoved", "SessionAsked"}


@pytest.mark.full
def test_hundreds_of_kills_over_a_simulated_week(tmp_path: Path) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    run_with_kills(calm, seed=1, kills=0, until="2026-01-09")
    kills = run_with_kills(rough, seed=3, kills=400, until="2026-01-09")
    print(f"{kills} kills, {check_money(rough)} fills")  # noqa: T201
    assert fingerprint_of(rough) == fingerprint_of(calm)


def price_events(home: Path) -> list[tuple[str, str, str]]:
    connection = open_read_only(home / "journal.db")
    (run,) = [info.run for info in runs(connection)]
    found = [
        (type(event).__name__, str(event.at), str(getattr(event, "size", "")))
        for event in read_events(connection, run)
        if isinstance(event, (PriceMoved, SessionAsked))
    ]
    connection.close()
    return found
