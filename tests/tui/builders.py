"""A desk with fixed times on a screen: what its tests start from; engine and journal are fakes."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, cast

from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar, NewsItem
from hybrid_tui.domain.orders import Fill, Lock, Order, Side
from hybrid_tui.domain.signals import (
    Abstention,
    Direction,
    Interval,
    MLPrediction,
    RiskLevel,
    StrategySignal,
    Thesis,
)
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui.app import DeskApp
from hybrid_tui.tui.connection import Connection
from hybrid_tui.tui.history import History
from tests.tui.fakes import FakeConnection as FakeConnection
from tests.tui.fakes import FakeEngines as FakeEngines
from tests.tui.fakes import FakeHistory as FakeHistory
from tests.tui.fakes import Wall as Wall

OPEN = datetime(2026, 3, 20, 13, 30, tzinfo=UTC)
CLOSE = datetime(2026, 3, 20, 20, 0, tzinfo=UTC)
WATCHLIST = ("AMD", "META", "NVDA", "SOXL", "TSLA", "XLK")
PRICES = {
    "AMD": 131.2, "META": 606.12, "NVDA": 178.56, "SOXL": 41.3, "TSLA": 240.5, "XLK": 135.6,
    "AAPL": 252.3, "MSFT": 418.75, "AMZN": 214.9, "GOOG": 301.44, "AVGO": 342.1, "JPM": 291.05,
}  # fmt: skip
Made = TypeVar("Made", bound=ev.Event)


def at(clock: str) -> datetime:
    """Return an instant of the builder's day by its New York time (HH:MM or HH:MM:SS)."""
    hour, minute, *second = map(int, clock.split(":"))
    seconds = second[0] if second else 0
    return OPEN + timedelta(hours=hour - 9, minutes=minute - 30, seconds=seconds)


class Story:
    """Makes events with rising ids and folds them."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.state = DeskState()
        self._ids = count(1)

    def tell(
        self, kind: type[Made], clock: str, cause: ev.Event | None = None, **fields: Any
    ) -> Made:
        """Add an event at a New York time."""
        event = kind(id=next(self._ids), at=at(clock), cause=cause.id if cause else None, **fields)
        self.events.append(event)
        self.state.apply(event)
        return event


def started(story: Story, *, mode: str = "sim", speed: float = 60.0, clock: str = "9:25") -> None:
    """Begin a run."""
    story.tell(
        ev.EngineStarted,
        clock,
        run="sim-seed7-1",
        mode=mode,
        hybrid="hierarchical",
        tiers=("llm", "ml", "rules"),
        policy="ask",
        watchlist=WATCHLIST,
        cash=100_000.0,
        resumed=False,
        speed=speed,
        sources={
            "market": "simulated market",
            "broker": "paper broker",
            "llm": "local analyst, no LLM",
        },
        settings={
            "min_buy_probability": 0.7,
            "min_confidence": 0.7,
            "monthly_cap_usd": 1.5,
            "entry": "rsi_macd",
        },
    )


def prediction(symbol: str, clock: str, p: float, **fields: Any) -> MLPrediction:
    """Return a prediction of a symbol."""
    made, price = at(clock), PRICES[symbol]
    given: dict[str, Any] = {
        "id": f"{clock}-{symbol}",
        "at": made,
        "expires_at": made + timedelta(minutes=10),
        "symbol": symbol,
        "buy_probability": p,
        "confidence": 0.74,
        "price_forecast_1h": price * (1 + (p - 0.5) / 50),
        "volatility_forecast": 0.006,
        "target_position": 0.12 if p >= 0.7 else 0.0,
        "model_id": "lstm-sim-1",
        "members": {"lstm": p + 0.02, "gru": p, "logistic": 0.5},
        "familiar": True,
        "strategy_id": None,
        "reference_price": price,
        "reference_bar": made - timedelta(minutes=1),
        "horizon_end": made + timedelta(hours=1),
        "threshold_bps": 2.0,
        "interval": Interval(level=0.9, low=price * 0.991, high=price * 1.018),
        "trained_until": datetime(2025, 11, 13, 21, tzinfo=UTC),
    }
    return MLPrediction(**{**given, **fields})


def signal(session: str, **fields: Any) -> StrategySignal:
    """Return a proposed strategy of a session."""
    given: dict[str, Any] = {
        "id": f"20260320-{session.replace(':', '')}",
        "at": at(session),
        "expires_at": OPEN + timedelta(days=3, hours=1),
        "session": session,
        "direction": Direction.BULLISH,
        "sectors": ("technology",),
        "focus_stocks": ("NVDA", "AMD", "META"),
        "sentiment_scores": {"NVDA": 0.8, "AMD": 0.35, "META": -0.55},
        "risk_level": RiskLevel.MODERATE,
        "overnight_target": 0.6,
        "theses": (
            Thesis(
                symbol="NVDA",
                claim="NVDA: record data-centre revenue, guide raised",
                invalid_if="drawdown > 0.03",
            ),
        ),
        "reasoning": (
            "The morning's releases favour semiconductors: NVDA beat on revenue and raised its"
            " guide (h3, h9). Weakness in META follows the capital-expenditure headline (h7);"
            " it is unconfirmed. [bold red]Not markup[/] \x1b[31mnor colour."
        ),
        "source": "gpt-6-luna",
        "cost_usd": 0.0006,
        "cited": ("h3", "h7", "h9"),
        "flags": ("one number not in the input",),
    }
    return StrategySignal(**{**given, **fields})


def news(name: str, clock: str, symbol: str, headline: str) -> NewsItem:
    """Return a headline."""
    return NewsItem(
        id=name, received_at=at(clock), symbols=(symbol,), headline=headline, source="Wire"
    )


def bars(scale: float = 1.0) -> dict[str, Bar]:
    """Return a bar of each symbol at the builder's prices."""
    return {
        symbol: Bar(price * scale, price * scale, price * scale, price * scale, 1000.0)
        for symbol, price in PRICES.items()
    }


def bought(story: Story, symbol: str, quantity: float, price: float, clock: str) -> None:
    """Buy on the 9:50 strategy, with the stop that follows."""
    order = Order(
        id=f"buy-{symbol}",
        at=at(clock),
        symbol=symbol,
        side=Side.BUY,
        quantity=quantity,
        reason="rsi_macd",
        equity=100_000.0,
        priority=0.71,
        prediction_id=f"10:00-{symbol}",
        strategy_id="20260320-0950",
    )
    intent = story.tell(ev.OrderIntended, clock, order=order)
    fill = Fill(
        order_id=order.id, at=at(clock), symbol=symbol, side=Side.BUY, quantity=quantity,
        price=price, commission=0.0, slippage=quantity * price * 4e-5, reason="rsi_macd",
    )  # fmt: skip
    filled = story.tell(ev.OrderFilled, clock, cause=intent, fill=fill)
    story.tell(
        ev.StopMoved, clock, cause=filled, symbol=symbol, level=price * 0.9, high=price,
        level_from="hard_stop",
    )  # fmt: skip


def sold(story: Story, symbol: str, price: float, clock: str, reason: str) -> None:
    """Sell a whole position by its stop."""
    held = story.state.positions[symbol]
    fill = Fill(
        order_id=f"stop-{symbol}", at=at(clock), symbol=symbol, side=Side.SELL,
        quantity=held.quantity, price=price, commission=0.0, slippage=1.2, reason=reason,
    )  # fmt: skip
    filled = story.tell(ev.OrderFilled, clock, fill=fill)
    lock = Lock(
        name="cooldown", symbol=symbol, start=at(clock), until=at(clock) + timedelta(minutes=30),
        reason="stopped out",
    )  # fmt: skip
    story.tell(ev.LockSet, clock, cause=filled, lock=lock)


def normal(
    *, mode: str = "sim", speed: float = 60.0, proposal: StrategySignal | None = None
) -> Story:
    """Return a morning: three positions, one stopped out, a list that waits for a decision."""
    story = Story()
    tell = story.tell
    started(story, mode=mode, speed=speed)
    tell(ev.SessionOpened, "9:30", day=date(2026, 3, 20), open=OPEN, close=CLOSE)
    tell(ev.BarsClosed, "9:31", start=OPEN, bars=bars(0.99))
    tell(ev.NewsArrived, "9:40", item=news("h3", "9:40", "NVDA", "Nvidia posts record data-centre"
         " revenue, raises guide"), score=0.91)  # fmt: skip
    tell(ev.NewsArrived, "9:41", item=news("h7", "9:41", "META", "Meta lifts capital-expenditure"
         " plan <b>again</b>"), score=-0.61)  # fmt: skip
    tell(ev.NewsArrived, "9:42", item=news("h9", "9:42", "NVDA", "Suppliers: orders of AI servers"
         " run ahead of plan"), score=0.4)  # fmt: skip
    first = signal("9:50", id="20260320-0950", focus_stocks=("NVDA", "META", "XLK", "TSLA"))
    proposed = tell(ev.SignalProposed, "9:50", signal=first, pending_until=at("10:20"))
    tell(ev.SignalDecided, "9:57", cause=proposed, signal_id=first.id,
         symbols=first.focus_stocks, decision="approved", by="person", whole=True)  # fmt: skip
    bought(story, "TSLA", 60, 238.0, "10:01")
    bought(story, "META", 31, 608.85, "10:03")
    bought(story, "XLK", 140, 135.55, "10:05")
    for step in range(12):
        scale = 0.995 + step * 0.0005 * (-1) ** step
        start = at("10:05") + timedelta(minutes=step)
        tell(ev.BarsClosed, f"10:{6 + step:02d}", start=start, bars=bars(scale))
    sold(story, "TSLA", 236.4, "10:20", "trailing_stop")
    bought(story, "NVDA", 110, 176.61, "10:30:05")
    tell(ev.StopMoved, "10:36", symbol="NVDA", level=177.1, high=181.0, level_from="trailing_stop")
    tell(ev.EntryRefused, "10:38", symbol="AMD", reason="confidence 0.61 < 0.70")
    tell(ev.PredictionsMade, "10:40", predictions=(
        prediction("NVDA", "10:40", 0.71),
        prediction("AMD", "10:40", 0.66, confidence=0.61),
        prediction("META", "10:40", 0.48),
        prediction("XLK", "10:40", 0.31),
        prediction("TSLA", "10:40", 0.55, familiar=False),
    ), abstentions=(
        Abstention(at=at("10:40"), symbol="SOXL", reason="no bar for 15 minutes",
                   model_id="lstm-sim-1"),
    ))  # fmt: skip
    tell(ev.Heartbeat, "10:40", tier="ml", health="ok", next_at=at("10:45"))
    tell(ev.LlmCharged, "10:41", call_id="c1", model="gpt-6-luna", reserved_usd=0.01,
         settled_usd=0.0006, today_usd=0.0006, month_usd=0.0006)  # fmt: skip
    tell(ev.SignalProposed, "10:41", signal=proposal or signal("10:41"), pending_until=at("11:11"))
    tell(ev.Heartbeat, "10:41", tier="llm", health="ok", reason="10:41 done", next_at=at("12:00"))
    tell(ev.BarsClosed, "10:42", start=at("10:41"), bars=bars())
    tell(ev.Heartbeat, "10:42", tier="rules", health="ok")
    quotes = {symbol: (price - 0.01, price + 0.01) for symbol, price in PRICES.items()}
    tell(ev.Ticked, "10:42:07", quotes=quotes)
    return story


def doubtful() -> Story:
    """Return a live morning in which NVDA is halted and XLK was quoted 70 seconds ago."""
    story = normal(mode="paper", speed=1.0)
    story.tell(ev.HaltsChanged, "10:42:07", halted={"NVDA": "trading is halted: LULD"})
    old = {"XLK": (PRICES["XLK"] - 0.01, PRICES["XLK"] + 0.01)}
    story.tell(ev.Ticked, "10:42:07", quotes=old, ages={"XLK": 67.0})
    return story


def empty() -> Story:
    """Return a desk that has just begun."""
    story = Story()
    started(story)
    story.tell(ev.Heartbeat, "9:25", tier="rules", health="ok")
    story.tell(ev.Heartbeat, "9:25", tier="ml", health="waiting", next_at=at("9:35"))
    story.tell(ev.Heartbeat, "9:25", tier="llm", health="waiting", next_at=at("10:00"))
    return story


def tier_failed() -> Story:
    """Return a desk without tier 2."""
    story = empty()
    story.tell(ev.SessionOpened, "9:30", day=date(2026, 3, 20), open=OPEN, close=CLOSE)
    story.tell(ev.BarsClosed, "9:35", start=at("9:34"), bars=bars())
    reason = "model champion expired 2 days ago (hybrid-tui ml train)"
    story.tell(ev.Heartbeat, "9:35", tier="ml", health="failed", reason=reason,
               next_at=at("9:40"))  # fmt: skip
    story.tell(ev.Heartbeat, "9:35", tier="rules", health="ok")
    return story


def crowded() -> Story:
    """Return a desk that holds 300 positions, of which one is beside it in the account."""
    story = normal()
    for number in range(300):
        symbol = f"S{number:03d}"
        bought(story, symbol, 10 + number, 20.0 + number, "10:43")
    story.tell(
        ev.ExternalsObserved, "10:43", positions={"GLD": 12.0}, orders=("GLD sell 12 limit",)
    )
    return story


def broker_down() -> Story:
    """Return a desk at a broker that does not answer: a stop that is not confirmed."""
    story = normal(mode="paper", speed=1.0)
    story.tell(ev.Alert, "10:43", text="Alpaca does not answer (503): orders wait, stops rest")
    story.tell(ev.StopMoved, "10:43", symbol="XLK", level=0.0, high=135.6, level_from="hard_stop")
    listed = story.state.started.watchlist if story.state.started is not None else ()
    story.tell(ev.HaltsChanged, "10:43", halted=dict.fromkeys(listed, "the broker does not answer"))
    story.tell(ev.Heartbeat, "10:43", tier="rules", health="ok")
    return story


def chinese() -> Story:
    """Return a desk on which a long reasoning in double-width characters waits."""
    text = "英伟达上调了业绩预期(h3),芯片股普遍上涨;苹果面临诉讼,谨慎对待。" * 12
    return normal(proposal=signal("10:41", reasoning=text))


def desk_app(
    story: Story,
    *engines: Connection | Exception,
    wall: Wall | None = None,
    history: History | None = None,
    **options: Any,
) -> tuple[DeskApp, FakeConnection, Wall]:
    """Return the screen on a story, its (first) engine and its clock."""
    connection = FakeConnection(story.state)
    clock = wall or Wall()
    app = DeskApp(
        FakeEngines(*(engines or (connection,))),
        history or FakeHistory(list(story.events)),
        wall=clock,
        zone=UTC,
        **options,
    )
    return app, connection, clock


async def settled(pilot: Pilot[str]) -> None:
    """Wait until snapshot, tape and focus are painted."""
    app = cast(DeskApp, pilot.app)
    for _ in range(3):
        await pilot.pause(0.01)
    for _ in range(8):
        before = app.page.looks()
        app.paint()
        # What was painted may change the panes' sizes, and those what is painted.
        await pilot.pause(0.01)
        if app.page.looks() == before:
            break
    app.paint()
    await pilot.pause(0)


async def press(pilot: Pilot[str], key: str) -> None:
    """Press a key and wait until it is handled; the pilot's own press waits for an idle process."""
    pilot.app.post_message(Key(key, key_to_character(key)))
    # A key's handler posts messages (a button was pressed, the focus moved) that must come first.
    for _ in range(4):
        await pilot.pause(0)
        await asyncio.sleep(0.005)
