"""Selling everything, whatever is in the way: open orders, parts, halts, outages, a slow broker."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.journal.reader import open_read_only, read_events, runs
from tests.servers.trading.virtual import VirtualTrading
from tests.survival.checks import check
from tests.survival.forge import Forge
from tests.survival.matrix import live_through, prepare
from tests.survival.script import PLANNED_S, Script, at

OUTAGE_S = 12.0
TWO_SYMBOLS = 4
"""A seed whose script holds two symbols and is flattened."""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with Forge(tmp_path_factory.mktemp("forge")) as made:
        yield made


def halted(server: VirtualTrading) -> None:
    server.later(PLANNED_S - 2, "halt", symbol="AAPL")
    server.later(PLANNED_S + 35, "resume", symbol="AAPL")


def in_parts(server: VirtualTrading) -> None:
    server.fault(where="order", kind="partial", quantity=70.0, side="sell", type="market", times=2)


def out_of_reach(server: VirtualTrading) -> None:
    server.later(PLANNED_S + 0.5, "outage", on=True)
    server.later(PLANNED_S + 0.5 + OUTAGE_S, "outage", on=False)


def slow(server: VirtualTrading) -> None:
    server.latency_s = 1.2


def entry_open(server: VirtualTrading) -> None:
    server.fault(where="order", kind="slow", seconds=60.0, symbol="MSFT", side="buy")


def refused(server: VirtualTrading) -> None:
    server.fault(where="order", kind="reject", side="sell", type="market", times=3)


def everything(server: VirtualTrading) -> None:
    for one in (halted, in_parts, out_of_reach, slow, entry_open):
        one(server)


WAYS: list[Callable[[VirtualTrading], None]] = [
    halted, in_parts, out_of_reach, slow, entry_open, refused, everything
]  # fmt: skip


def lived(
    forge: Forge,
    calendar: TradingCalendar,
    home: Path,
    way: Callable[[VirtualTrading], None],
    seed: int,
    *more: str,
) -> tuple[list[ev.Event], list[str]]:
    """Run a script's one life; return its events and what was wrong, bare times in outages left."""
    home.mkdir()
    script = Script.of(seed)
    server = VirtualTrading(calendar, forge.time, at(0), seed=seed, latency_s=0.05)
    prepare(server, script, "none", random.Random(seed))
    way(server)
    server.start()
    try:
        done = live_through(forge, server, script, home, (), seed, random.Random(seed), more)
        problems, _ = check(server, home / "journal.db", done)
    finally:
        server.stop()
    connection = open_read_only(home / "journal.db")
    (run,) = [info.run for info in runs(connection)]
    events = list(read_events(connection, run))
    connection.close()
    return events, problems


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_everything_is_sold_in_the_end_and_what_waits_is_named(
    forge: Forge,
    calendar: TradingCalendar,
    tmp_path: Path,
    way: Callable[[VirtualTrading], None],
) -> None:
    script = Script.of(TWO_SYMBOLS)
    assert (script.exit, len(script.symbols)) == ("flatten", 2)
    events, problems = lived(forge, calendar, tmp_path / "home", way, TWO_SYMBOLS)
    if way in (out_of_reach, everything):
        # While nobody can be reached nobody can place a stop.
        problems = [text for text in problems if "stood bare" not in text]
    assert problems == []
    begun = [event for event in events if isinstance(event, ev.FlattenBegan)]
    ended = [event for event in events if isinstance(event, ev.FlattenEnded)]
    assert [event.by for event in begun] == ["person"]
    assert [event.by for event in ended] == ["all sold"]
    sold = {
        event.fill.reason
        for event in events
        if isinstance(event, ev.OrderFilled)
        and event.fill.side == "sell"
        and event.at > begun[0].at
    }
    assert sold == {ExitReason.FLATTEN}
    entries = [e for e in events if isinstance(e, ev.OrderIntended) and e.order.side == "buy"]
    assert all(event.at <= begun[0].at for event in entries)
    alerts = [event.text for event in events if isinstance(event, ev.Alert)]
    if way in (halted, everything):
        assert any("not sold yet" in text and "AAPL" in text for text in alerts)


def test_the_days_loss_sells_by_the_same_way_through_a_halt(
    forge: Forge, calendar: TradingCalendar, tmp_path: Path
) -> None:
    seed = next(n for n in range(100) if Script.of(n).exit == "stop")
    # The stop is far, so that the loss comes first: 20 % of the equity falls by 3 % and more.
    settings = ("risk.levels.moderate=[0.30,0.10,1.0]", "risk.flatten_at_daily_loss=0.006")

    def halts(server: VirtualTrading) -> None:
        server.later(61, "halt", symbol="AAPL")
        server.later(100, "resume", symbol="AAPL")

    events, problems = lived(forge, calendar, tmp_path / "home", halts, seed, *settings)
    assert problems == []
    (begun,) = [event for event in events if isinstance(event, ev.FlattenBegan)]
    assert (begun.by, begun.reason) == ("risk", ExitReason.DAILY_LOSS)
    fills = [event.fill for event in events if isinstance(event, ev.OrderFilled)]
    assert fills[-1].reason == ExitReason.DAILY_LOSS
    assert any(isinstance(e, ev.Alert) and "AAPL" in e.text for e in events)
