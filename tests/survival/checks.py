"""What has to be true of journal and account, however often the engine died."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hybrid_tui.broker.lane_book import own_id
from hybrid_tui.broker.lanes import RAISE_EVERY_S, Role
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import Side
from hybrid_tui.journal.reader import open_read_only, read_events, read_state, runs
from tests.servers.trading.virtual import VirtualTrading

LONGEST_BARE_S = 5.0
CENT = Decimal("0.01")


@dataclass(slots=True)
class Lived:
    """When lives began and how long the server saw them, in its own time."""

    begun: list[datetime] = field(default_factory=list)
    killed: list[datetime] = field(default_factory=list)


def check(server: VirtualTrading, path: Path, lived: Lived) -> tuple[list[str], float]:
    """Return what is wrong between journal and account, and the longest time without a stop."""
    connection = open_read_only(path)
    (run,) = [info.run for info in runs(connection)]
    state = read_state(connection, run)
    events = list(read_events(connection, run))
    connection.close()
    ledger = server.ledger()
    server.check()
    problems: list[str] = []
    if state.positions or ledger.positions:
        problems.append(f"still held: {sorted(state.positions)}, {ledger.positions}")
    if state.orders:
        problems.append(f"still open: {sorted(state.orders)}")
    if abs(Decimal(str(round(state.cash, 6))) - ledger.cash) >= CENT:
        problems.append(f"cash {state.cash:.4f}, the account has {ledger.cash}")
    problems += lost_or_doubled(events, ledger.fills)
    problems += double_orders(events, server)
    problems += oversold(server)
    problems += loosened(server, lived)
    bare, late = longest_bare(server, lived)
    problems += late
    return problems, bare


def lost_or_doubled(events: Sequence[ev.Event], fills: Sequence[Any]) -> list[str]:
    """Compare the booked fills with the account's, order by order: shares and dollars."""
    ours: dict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(0), Decimal(0)))
    theirs = dict(ours)
    theirs = defaultdict(lambda: (Decimal(0), Decimal(0)), theirs)
    for event in events:
        if isinstance(event, ev.OrderFilled):
            fill = event.fill
            shares, value = ours[fill.venue_order]
            quantity = Decimal(str(fill.quantity))
            ours[fill.venue_order] = (
                shares + quantity,
                value + quantity * Decimal(str(fill.price)),
            )
    for execution in fills:
        shares, value = theirs[execution.client_order_id]
        theirs[execution.client_order_id] = (
            shares + execution.qty,
            value + execution.qty * execution.price,
        )
    problems = []
    for key in sorted(ours.keys() | theirs.keys()):
        mine, real = ours[key], theirs[key]
        if mine[0] != real[0] or abs(mine[1] - real[1]) >= CENT:
            problems.append(
                f"{key}: booked {mine[0]} for {mine[1]:.4f}, traded {real[0]} for {real[1]:.4f}"
            )
    return problems


def double_orders(events: Sequence[ev.Event], server: VirtualTrading) -> list[str]:
    """Return decisions made twice, bought for twice, or more than was decided."""
    problems = []
    intents = [e.order for e in events if isinstance(e, ev.OrderIntended)]
    if len({order.id for order in intents}) != len(intents):
        problems.append("a decision was made twice")
    wanted = {order.id: order.quantity for order in intents if order.side is Side.BUY}
    bought: dict[str, Decimal] = defaultdict(Decimal)
    for row in server.orders():
        mine = own_id(row["client_order_id"])
        if row["side"] == "buy" and mine is not None:
            bought[mine.order_id] += Decimal(row["filled_qty"])
    for order_id, shares in bought.items():
        if order_id not in wanted:
            problems.append(f"{order_id}: bought without an intent on disk")
        elif shares > Decimal(str(wanted[order_id])):
            problems.append(f"{order_id}: {shares} bought, {wanted[order_id]} decided")
    return problems


def oversold(server: VirtualTrading) -> list[str]:
    """Return sells that were asked for beyond what was held: only the broker stopped a short."""
    return [
        f"a sell beyond what is held was tried ({asked.refusal}): {asked.body}"
        for asked in server.asked()
        if asked.method == "POST"
        and asked.body.get("side") == "sell"
        and any(words in asked.refusal for words in ("insufficient qty", "intent", "to short"))
    ]


def loosened(server: VirtualTrading, lived: Lived) -> list[str]:
    """Return stops that fell, or were replaced too soon after one another in one life."""
    problems = []
    by_base: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in server.orders():
        mine = own_id(row["client_order_id"])
        if mine is not None and mine.role is Role.STOP and row["stop_price"]:
            by_base[mine.order_id].append(row)
    for base, rows in by_base.items():
        prices = [Decimal(row["stop_price"]) for row in rows]
        if prices != sorted(prices):
            problems.append(f"{base}: its stop fell: {prices}")
    symbols = {row["id"]: row["symbol"] for row in server.orders()}
    patched: dict[str, datetime] = {}
    for asked in server.asked():
        if asked.method == "PATCH" and asked.status == 200:
            symbol = symbols[asked.path.rsplit("/", 1)[-1]]
            before = patched.get(symbol)
            patched[symbol] = asked.at
            if before is None or any(before <= begun <= asked.at for begun in lived.begun):
                continue
            if (asked.at - before).total_seconds() < RAISE_EVERY_S:
                problems.append(f"{symbol}: its stop was replaced again after {asked.at - before}")
    return problems


def longest_bare(server: VirtualTrading, lived: Lived) -> tuple[float, list[str]]:
    """Return the longest time that a position stood without a stop while the engine lived."""
    longest, problems = 0.0, []
    for gap in server.unprotected():
        end = gap.end or server.clock.now()
        for begun, dead in zip(lived.begun, [*lived.killed, server.clock.now()], strict=True):
            seconds = (min(end, dead) - max(gap.start, begun)).total_seconds()
            longest = max(longest, seconds)
            if seconds > LONGEST_BARE_S:
                problems.append(f"{gap.symbol} stood bare for {seconds:.1f} s from {gap.start}")
    return longest, problems
