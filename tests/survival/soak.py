"""A simulated week of trading against the faulty server; invariants after every event."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import BarSlice, Quote
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.orders import Side
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.domain.state import DeskState
from hybrid_tui.market.live import LiveFeed
from tests.servers.trading.virtual import VirtualTrading
from tests.survival.forge import Forge
from tests.survival.loop import VirtualTime
from tests.survival.week import BAR_S, STEP_S, Week, spread

CENT = Decimal("0.01")
BEFORE = timedelta(minutes=2)
SETTLED = timedelta(seconds=110)
KINDS = ("request", "order", "cancel", "replace", "event", "connect/refuse")
SLACK = 0.005


class WeekSource:
    """Delivers the week, sleeps through the nights, and checks what the engine says."""

    def __init__(self, week: Week, clock: VirtualTime, home: Path) -> None:
        self.week = week
        self.clock = clock
        self.home = home
        self.desk: Any = None
        self._levels: dict[str, float] = {}

    def feed(self) -> LiveFeed:
        """Return the feed of a life that begins now."""
        symbols = tuple(self.week.symbols)
        return LiveFeed(symbols, BAR_S, history={s: self.week.history(s) for s in symbols})

    async def run(
        self, put: Callable[[MarketUpdate], None], on_status: Callable[[str, bool], None]
    ) -> None:
        """Deliver until it is over."""
        on_status("the week begins", True)
        self.desk.publisher.listen(self._check)
        for session in self.week.sessions():
            if self.clock.now() < session.open - BEFORE:
                self.clock.jump(session.open - BEFORE)
            now = session.open
            end = self.week.end_of(session)
            while now <= end:
                await asyncio.sleep(max((now - self.clock.now()).total_seconds(), 0.0))
                bars: tuple[BarSlice, ...] = ()
                start = now - timedelta(seconds=BAR_S)
                if start >= session.open and (now - session.open).total_seconds() % BAR_S == 0:
                    ended = {symbol: self.week.bar(symbol, start) for symbol in self.week.symbols}
                    bars = (BarSlice(start=start, known_at=now, bars=ended),)
                put(
                    MarketUpdate(
                        bars=bars, quotes=tuple(self._quote(s, now) for s in self.week.symbols)
                    )
                )
                now += timedelta(seconds=STEP_S)
            await asyncio.sleep((end + SETTLED - self.clock.now()).total_seconds())
            self._note_day(str(session.day))
        self.desk.runtime.stop("the week is over")

    def _quote(self, symbol: str, now: Any) -> Quote:
        price, (half, places) = self.week.price(symbol, now), spread(symbol)
        return Quote(
            symbol=symbol, at=now, bid=round(price - half, places), ask=round(price + half, places)
        )

    def _check(self, event: ev.Event) -> None:
        for problem in broken(event, self.desk.state, self._levels):
            with (self.home / "broken.txt").open("a") as file:
                file.write(f"{event.at} {type(event).__name__}: {problem}\n")

    def _note_day(self, day: str) -> None:
        state: DeskState = self.desk.state
        note = {
            "day": day,
            "rss_mb": rss_mb(),
            "cash": state.cash,
            "positions": {s: held.quantity for s, held in state.positions.items()},
            "orders": sorted(state.orders),
            "trades": state.trades_closed,
            "events": state.last_id,
        }
        with (self.home / "days.jsonl").open("a") as file:
            file.write(json.dumps(note) + "\n")


def broken(event: ev.Event, state: DeskState, levels: dict[str, float]) -> list[str]:
    """Return what is not so after an event and always has to be; ``levels`` is kept between."""
    problems = []
    if state.cash < -SLACK:
        problems.append(f"cash is {state.cash:.4f}")
    for symbol, held in state.positions.items():
        if held.quantity <= 0:
            problems.append(f"{symbol}: {held.quantity:g} shares are held")
        if held.level < levels.get(held.entry_order_id, 0.0):
            problems.append(f"{symbol}: its stop's level fell to {held.level}")
        levels[held.entry_order_id] = held.level
    open_orders = Counter((order.symbol, order.side) for order in state.orders.values())
    problems += [f"{key}: {count} open" for key, count in open_orders.items() if count > 1]
    if isinstance(event, ev.OrderFilled) and event.fill.side is Side.BUY:
        order = state.orders.get(event.fill.order_id)
        if order is not None and state.filled.get(order.id, 0.0) > order.quantity:
            problems.append(f"{order.id}: more bought than decided")
    return problems


def rss_mb() -> float:
    """Return this process's resident memory, megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096 / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What became of a soak: the engine's notes of each day, and everything that was wrong."""

    days: list[dict[str, Any]]
    problems: list[str]
    longest_bare_s: float
    fills: int
    orders: int
    requests: int
    faults: Counter[str]

    def table(self) -> str:
        """Return the days and the sums as a person reads them."""
        lines = [f"{'day':12} {'RSS MB':>8} {'trades':>7} {'events':>8} {'held':>5}"]
        lines += [
            f"{d['day']:12} {d['rss_mb']:8.1f} {d['trades']:7} {d['events']:8}"
            f" {len(d['positions']):5}"
            for d in self.days
        ]
        lines.append(
            f"{self.fills} fills, {self.orders} orders, {self.requests} requests,"
            f" {sum(self.faults.values())} faults of {len(self.faults)} kinds,"
            f" longest without a stop {self.longest_bare_s:.2f} s, {len(self.problems)} violations"
        )
        return "\n".join(lines)


def soak(
    forge: Forge,
    calendar: TradingCalendar,
    home: Path,
    *,
    seed: int,
    days: int,
    minutes: int,
    fault_rate: float,
    longest_bare_s: float = 5.0,
) -> Soaked:
    """Trade for so many days, and compare."""
    home.mkdir(parents=True)
    week = Week(calendar, seed, days, minutes)
    sessions = week.sessions()
    server = VirtualTrading(
        calendar,
        forge.time,
        sessions[0].open - BEFORE,
        seed=seed,
        fault_rate=fault_rate,
        only=KINDS,
        is_open=None,
        latency_s=0.05,
    )
    seen: list[tuple[str, Decimal, dict[str, Decimal]]] = []
    problems: list[str] = []

    def trade(now: Any, end: Any) -> None:
        for symbol in week.symbols:
            price, (half, places) = week.price(symbol, now), spread(symbol)
            server.set_price(
                symbol, price, bid=round(price - half, places), ask=round(price + half, places)
            )
        if now < end:
            following = now + timedelta(seconds=STEP_S)
            wait = max((following - server.clock.now()).total_seconds(), 0.0)
            server.book.later(wait, lambda: trade(following, end))

    def look(day: str) -> None:
        ledger = server.book.account.ledger()
        seen.append((day, ledger.cash, ledger.positions))

    publish = server.updates.publish

    def publish_and_check(data: dict[str, Any]) -> None:
        account = server.book.account
        if account.cash < 0:
            problems.append(f"the account's cash is {account.cash}")
        try:
            account.check()
        except AssertionError as error:
            problems.append(str(error))
        publish(data)

    server.book.publish = publish_and_check
    for session in sessions:
        begins = (session.open - server.clock.now()).total_seconds()
        end = week.end_of(session)
        length = (end - session.open).total_seconds()
        server.book.later(max(begins, 0.0), lambda o=session.open, e=end: trade(o, e))  # type: ignore[misc]
        for number, symbol in enumerate(week.symbols):
            halt = begins + length * (number + 1) / (len(week.symbols) + 1)
            server.book.later(halt, lambda s=symbol: server.halt(s))  # type: ignore[misc]
            server.book.later(halt + 45, lambda s=symbol: server.resume(s))  # type: ignore[misc]
        after = begins + length + SETTLED.total_seconds()
        server.book.later(after, lambda d=str(session.day): look(d))  # type: ignore[misc]
    for symbol in week.symbols:
        server.set_price(symbol, week.price(symbol, sessions[0].open))
    server.later(length / 2, "deposit", amount=5_000)
    server.pass_time(0)
    server.start()
    try:
        job = {"home": str(home), "overrides": settings(server), "seed": seed, "days": days}
        code = forge.run({**job, "minutes": minutes}, server.victim)
        if code != 0:
            said = (home / "said.txt").read_text()
            problems.append(f"the engine ended with {code}: {said[-3_000:]}")
        server.check()
        notes = (home / "days.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in notes]
        problems += compare(lines, seen)
        if (home / "broken.txt").exists():
            problems += (home / "broken.txt").read_text().splitlines()
        gaps = server.unprotected()
        problems += [f"bare for too long: {g}" for g in gaps if g.seconds > longest_bare_s]
        return Soaked(
            days=lines,
            problems=problems,
            longest_bare_s=max((gap.seconds for gap in gaps), default=0.0),
            fills=len(server.ledger().fills),
            orders=len(server.orders()),
            requests=len(server.asked()),
            faults=Counter(f"{where}/{kind}" for where, kind, _ in server.made()),
        )
    finally:
        server.stop()


def compare(
    notes: list[dict[str, Any]], seen: list[tuple[str, Decimal, dict[str, Decimal]]]
) -> list[str]:
    """Return where the engine's books and the account differed at the end of a day."""
    problems = []
    if len(notes) != len(seen):
        problems.append(f"{len(notes)} days noted, {len(seen)} traded")
    for note, (day, cash, positions) in zip(notes, seen, strict=False):
        ours = {symbol: Decimal(str(shares)) for symbol, shares in note["positions"].items()}
        if abs(Decimal(str(round(note["cash"], 6))) - cash) >= CENT or ours != positions:
            problems.append(f"{day}: {note['cash']:.4f} and {ours}, not {cash} and {positions}")
    return problems


def settings(server: VirtualTrading) -> list[str]:
    """Return the settings of the engine: the paper account, rules only, trading a lot."""
    return [
        "app.mode=paper",
        f"app.watchlist={','.join(sorted(server.book.quotes))}",
        "app.tiers=rules",
        "broker.kind=alpaca",
        f"broker.trading_url={server.url}",
        f"broker.stream_url={server.stream_url}",
        "rules.entry=bollinger",
        "rules.rsi_exit=62",
        "risk.levels.moderate=[0.02,0.006,1.0]",
        'risk.protections=["daily_loss"]',
    ]
