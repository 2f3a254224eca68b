"""The engine lives through a step and a fault, and what came of all of them."""

from __future__ import annotations

import queue
import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.trading.virtual import VirtualTrading
from tests.survival.checks import Lived, check
from tests.survival.forge import Forge
from tests.survival.script import END_S, HALF_SPREAD, STILL_S, Script, at
from tests.survival.steps import FAULTS, STEPS, Combination

MOST_LIVES = 6


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
