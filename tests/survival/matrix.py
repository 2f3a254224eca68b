"""Steps at which the engine is killed, faults beside them, and what has to be true afterwards."""

from __future__ import annotations

import queue
import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hybrid_tui.broker.lane_book import own_id
from hybrid_tui.broker.lanes import RAISE_EVERY_S, Role
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import Side
from hybrid_tui.journal.reader import open_read_only, read_events, read_state, runs
from tests.servers.trading.virtual import VirtualTrading
from tests.survival.forge import Forge
from tests.survival.script import END_S, HALF_SPREAD, STILL_S, Script, at

LONGEST_BARE_S = 5.0
MOST_LIVES = 6
CENT = Decimal("0.01")


def _requests(name: str, method: str, skip: int) -> dict[str, list[tuple[Any, ...]]]:
    return {
        f"{name}, {text}": [("request", kind, method, skip)]
        for kind, text in (
            ("kill_before", "request lost"),
            ("kill_after", "answer lost"),
            ("kill_answered", "answered"),
        )
    }


def _commits(name: str, kind: str, skip: int = 0) -> dict[str, list[tuple[Any, ...]]]:
    return {
        f"{name}, {when} its commit": [("journal", when, kind, skip)]
        for when in ("before", "after")
    }


# Each life's end: ("journal", before or after, kind of event, skip), ("event", kind, skip) or
# ("request", kind, method, skip).
STEPS: Mapping[str, Sequence[tuple[Any, ...]]] = {
    **_commits("entry intended", "OrderIntended/buy"),
    **_requests("entry sent", "POST", 0),
    "entry accepted, told": [("event", "kill_sent", 0)],
    "entry filled, not told": [("event", "kill", 2)],
    "entry filled, told": [("event", "kill_sent", 2)],
    **_commits("entry booked", "OrderFilled/buy"),
    **_requests("stop sent", "POST", 1),
    "stop working, not told": [("event", "kill", 4)],
    "stop working, told": [("event", "kill_sent", 4)],
    **_commits("stop confirmed", "StopConfirmed"),
    **_commits("stop's level raised", "StopMoved", 2),
    **_requests("stop raised", "PATCH", 0),
    "stop raised again, answer lost": [("request", "kill_after", "PATCH", 1)],
    **_commits("exit intended", "OrderIntended/sell"),
    **_requests("stop cancelled", "DELETE", 0),
    **_requests("exit sent", "POST", 2),
    **_commits("exit booked", "OrderFilled/sell"),
    **_commits("account observed", "AccountObserved"),
    "reconciling, fills read": [("request", "kill_answered", "GET", 4)],
    "reconciling a minute later": [("request", "kill_answered", "GET", 12)],
    "entry sent, and again while recovering": [
        ("request", "kill_after", "POST", 0),
        ("request", "kill_answered", "GET", 3),
    ],
    "stop sent, and again while recovering": [
        ("request", "kill_after", "POST", 1),
        ("request", "kill_answered", "GET", 2),
        ("request", "kill_after", "POST", 0),
    ],
    "exit sent, and again while recovering": [
        ("request", "kill_after", "POST", 2),
        ("request", "kill_answered", "GET", 3),
    ],
}

FAULTS: Mapping[str, Sequence[dict[str, Any]]] = {
    "none": (),
    "request lost": ({"where": "request", "kind": "lost_before", "method": "POST"},),
    "answer lost": ({"where": "request", "kind": "lost_after", "method": "POST", "times": 2},),
    "504, yet done": (
        {"where": "request", "kind": "error_after", "status": 504, "method": "POST", "skip": 1},
    ),
    "5xx storm": ({"where": "request", "kind": "error", "status": 503, "times": 3, "skip": 6},),
    "429 storm": (
        {"where": "request", "kind": "error", "status": 429, "method": "POST", "times": 3},
    ),
    "late answers": ({"where": "request", "kind": "late", "seconds": 1.5, "times": 3, "skip": 5},),
    "cut-off JSON": ({"where": "request", "kind": "truncated", "times": 2, "skip": 7},),
    "request twice": ({"where": "request", "kind": "twice", "method": "POST", "times": 3},),
    "cancel lost": ({"where": "request", "kind": "lost_after", "method": "DELETE"},),
    "events dropped": ({"where": "event", "kind": "drop", "times": 4},),
    "events twice": ({"where": "event", "kind": "twice", "times": 8},),
    "events late": ({"where": "event", "kind": "late", "seconds": 2.0, "times": 5},),
    "events swapped": ({"where": "event", "kind": "swap", "times": 3},),
    "stream cut": (
        {"where": "event", "kind": "cut", "skip": 1},
        {"where": "connect", "kind": "refuse", "status": 503},
    ),
    "garbled events": ({"where": "event", "kind": "garbage", "times": 3},),
    "entry filled in part": (
        {"where": "order", "kind": "partial", "quantity": 40.0, "side": "buy"},
    ),
    "exit filled in parts": (
        {"where": "order", "kind": "partial", "quantity": 70.0, "side": "sell", "times": 3},
    ),
    "entry rejected": ({"where": "order", "kind": "reject", "side": "buy"},),
    "stop rejected": ({"where": "order", "kind": "reject", "type": "stop"},),
    "stop rejected late, message lost": (
        {"where": "order", "kind": "reject_late", "type": "stop", "seconds": 0.8},
        {"where": "event", "kind": "drop", "event": "rejected", "type": "stop"},
    ),
    "cancel slow": ({"where": "cancel", "kind": "slow", "seconds": 1.5},),
    "fill beats cancel": ({"where": "cancel", "kind": "fills_first"},),
    "cancel refused": ({"where": "cancel", "kind": "rejected"},),
    "replace slow": ({"where": "replace", "kind": "slow", "seconds": 1.5},),
    "fill beats replace": ({"where": "replace", "kind": "fills_first"},),
    "replace refused": ({"where": "replace", "kind": "rejected"},),
    "halted": (),
    "clocks apart": (),
}


SOLD_BY_ORDER = ("signal", "close", "flatten")
"""The exits of a script in which the engine sells, and not the stop."""

Combination = tuple[str, str, int]


def combinations() -> list[Combination]:
    """Return every step with every fault, each with a seed whose script gets as far as the step."""
    made = []
    for step in STEPS:
        for fault in FAULTS:
            seed = random.Random(f"{step}/{fault}").randrange(1_000_000)
            while not _reaches(step, Script.of(seed).exit):
                seed += 1
            made.append((step, fault, seed))
    return made


def _reaches(step: str, way: str) -> bool:
    if "raised" in step:
        return way != "stop"
    return way in SOLD_BY_ORDER if "exit" in step or "cancelled" in step else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one combination; ``problems`` is empty where every invariant held."""

    step: str
    fault: str
    seed: int
    lives: int
    longest_bare_s: float
    problems: tuple[str, ...]
    trades: int = 0


@dataclass(slots=True)
class Lived:
    """When lives began and how long the server saw them, in its own time."""

    begun: list[datetime] = field(default_factory=list)
    killed: list[datetime] = field(default_factory=list)


def run_all(
    calendar: TradingCalendar,
    folder: Path,
    wanted: Sequence[Combination],
    workers: int,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Live through combinations, ``workers`` at a time; a life that fails is a violation."""
    left: queue.SimpleQueue[Combination] = queue.SimpleQueue()
    for one in wanted:
        left.put(one)
    outcomes: list[Outcome] = []

    def work(number: int) -> None:
        place = folder / f"worker{number}"
        place.mkdir(parents=True)
        with Forge(place) as forge:
            while True:
                try:
                    step, fault, seed = left.get_nowait()
                except queue.Empty:
                    return
                try:
                    outcome = run_one(forge, calendar, place / "home", step, fault, seed)
                except AssertionError as error:
                    outcome = Outcome(
                        step=step,
                        fault=fault,
                        seed=seed,
                        lives=0,
                        longest_bare_s=0.0,
                        problems=(str(error),),
                    )
                outcomes.append(outcome)
                tell(outcome)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    return outcomes


def overrides(server: VirtualTrading, script: Script) -> list[str]:
    """Return the settings of the engine: the paper account at the local server, rules only."""
    return [
        "app.mode=paper",
        f"app.watchlist={','.join(script.symbols)}",
        "app.tiers=rules",
        "broker.kind=alpaca",
        f"broker.trading_url={server.url}",
        f"broker.stream_url={server.stream_url}",
        "rules.entry=bollinger",
        f"rules.rsi_exit={70 if script.exit == 'signal' else 0}",
        "risk.levels.moderate=[0.10,0.01,1.0]",
        'risk.protections=["cooldown","stop_guard","daily_loss","max_entries"]',
        f"risk.max_entries={3 * len(script.symbols)}",
    ]


def run_one(
    forge: Forge, calendar: TradingCalendar, folder: Path, step: str, fault: str, seed: int
) -> Outcome:
    """Live through one combination; ``folder`` is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    script, dice = Script.of(seed), random.Random(f"{step}/{fault}/{seed}")
    server = VirtualTrading(
        calendar, forge.time, at(0), seed=seed, latency_s=dice.uniform(0.02, 0.12)
    )
    prepare(server, script, fault, dice)
    server.start()
    try:
        lived = live_through(forge, server, script, folder, STEPS[step], seed, dice)
        problems, bare = check(server, folder / "journal.db", lived)
        trades = sum(fill.side == "sell" for fill in server.ledger().fills)
    finally:
        server.stop()
    return Outcome(
        step=step,
        fault=fault,
        seed=seed,
        lives=len(lived.begun),
        longest_bare_s=bare,
        problems=tuple(problems),
        trades=trades,
    )


def prepare(server: VirtualTrading, script: Script, fault: str, dice: random.Random) -> None:
    """Order the fault, and let the prices come when they are due."""
    for one in FAULTS[fault]:
        server.fault(**one)
    if fault == "clocks apart":
        server.skew(dice.choice((-1, 1)) * 3_600.0)
    for symbol in script.symbols:
        for second in (*range(STILL_S), *range(STILL_S, END_S, 5)):
            price = script.price(symbol, second)
            sides = {"bid": round(price - HALF_SPREAD, 2), "ask": round(price + HALF_SPREAD, 2)}
            server.later(second, "set_price", symbol=symbol, last=price, **sides)
    if fault == "halted":
        begins = dice.choice((36, 60, 92))
        server.later(begins, "halt", symbol="AAPL")
        server.later(begins + 20, "resume", symbol="AAPL")
    server.pass_time(0)


def live_through(
    forge: Forge,
    server: VirtualTrading,
    script: Script,
    folder: Path,
    ends: Sequence[tuple[Any, ...]],
    seed: int,
    dice: random.Random,
    more: Sequence[str] = (),
) -> Lived:
    """Live, die where it is said, stay away for a while, until a life ends by itself."""
    lived = Lived()
    job: dict[str, Any] = {
        "home": str(folder),
        "overrides": [*overrides(server, script), *more],
        "seed": seed,
    }
    job["many"] = len(script.symbols) if len(script.symbols) > 2 else 0
    for number in range(MOST_LIVES):
        where = ends[number] if number < len(ends) else None
        dies_at = where[1:] if where is not None and where[0] == "journal" else None
        if where is not None and where[0] == "request":
            server.fault(where="request", kind=where[1], method=where[2], skip=where[3])
        elif where is not None and where[0] == "event":
            server.fault(where="event", kind=where[1], skip=where[2])
        lived.begun.append(server.clock.now())
        code = forge.run({**job, "dies_at": dies_at}, server.victim)
        if code == 0:
            return lived
        if code != -9:
            said = (folder / "said.txt").read_text()
            raise AssertionError(f"a life ended with {code}:\n{said[-3_000:]}")
        lived.killed.append(server.clock.now())
        server.pass_time(dice.uniform(0.5, 20.0))
    raise AssertionError(f"it did not end in {MOST_LIVES} lives")


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


def table(outcomes: Sequence[Outcome]) -> str:
    """Return faults x steps: runs and violations, and the longest time without a stop."""
    steps, faults = list(STEPS), list(FAULTS)
    lines = [f"{'step':44} {'runs':>5} {'lives':>6} {'bare s':>7} {'wrong':>6}"]
    for name in steps:
        rows = [one for one in outcomes if one.step == name]
        lines.append(_row(name, rows))
    lines.append("")
    lines.append(f"{'fault':44} {'runs':>5} {'lives':>6} {'bare s':>7} {'wrong':>6}")
    lines += [_row(name, [one for one in outcomes if one.fault == name]) for name in faults]
    lines += ["", _row("all", list(outcomes))]
    return "\n".join(lines)


def _row(name: str, rows: Sequence[Outcome]) -> str:
    lives = sum(one.lives for one in rows)
    bare = max((one.longest_bare_s for one in rows), default=0.0)
    wrong = sum(bool(one.problems) for one in rows)
    return f"{name:44} {len(rows):5} {lives:6} {bare:7.2f} {wrong:6}"
