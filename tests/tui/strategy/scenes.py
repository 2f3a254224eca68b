"""A desk with sessions of two days: decided, undone, abstained, asked for, sold by a thesis."""

from __future__ import annotations

from datetime import date, timedelta

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.orders import Fill, Order, Side
from hybrid_tui.domain.signals import Direction, RiskLevel, Thesis
from tests.tui.builders import (
    CLOSE,
    OPEN,
    PRICES,
    Story,
    at,
    bars,
    bought,
    news,
    signal,
    started,
)

MARKDOWN = """## Semiconductors lead

The morning's releases favour **NVDA** (h3, h9): it *raised* its guide.

- META: capital expenditure (h7), unconfirmed
- `rsi(14)` of AMD is 31

1. first the beat
2. then the guide <b>not bold</b> [bold red]not red[/]
"""
CHINESE = "英伟达上调了业绩预期(h3),芯片股普遍上涨;**苹果面临诉讼**,谨慎对待。" * 14


def days() -> Story:
    """Return a desk in its second day of sessions."""
    story = Story()
    started(story, clock="-14:30")
    _yesterday(story)
    _morning(story)
    _noon(story)
    return story


def _yesterday(story: Story) -> None:
    tell = story.tell
    for number, clock in enumerate(("-14:00", "-12:00", "-9:00")):
        tell(
            ev.SignalProposed,
            clock,
            signal=signal(
                ("10:00", "12:00", "15:00")[number],
                id=f"20260319-{number}",
                at=at(clock),
                expires_at=at("10:30"),
                direction=(Direction.NEUTRAL, Direction.BEARISH, Direction.BULLISH)[number],
                focus_stocks=("NVDA", "XLK"),
                sentiment_scores={"NVDA": 0.2 + 0.1 * number, "XLK": -0.1},
                source="local",
                cost_usd=0.0,
                reasoning=f"Session {number} of yesterday.",
                theses=(),
                flags=(),
                cited=(),
            ),
            pending_until=at(clock) + timedelta(minutes=30),
        )
    decided = (("-8:58", "vetoed", "too late in the day"), ("-8:57", "approved", ""))
    tell(ev.SignalDecided, "-8:59", signal_id="20260319-1", symbols=("NVDA", "XLK"),
         decision="expired", by="clock", whole=True)  # fmt: skip
    for name, (clock, decision, reason) in zip(("20260319-2", "20260319-0"), decided, strict=True):
        tell(ev.SignalDecided, clock, signal_id=name, symbols=("NVDA", "XLK"), decision=decision,
             by="person", reason=reason, whole=True)  # fmt: skip
    text = "20260319-0 approved: neutral, SPY +0.40 % until it expired."
    lesson = Lesson(id="l1", known_at=at("9:26"), signal_id="20260319-0", text=text)
    tell(ev.LessonLearnt, "9:26", lesson=lesson)


def _morning(story: Story) -> None:
    tell = story.tell
    tell(ev.SessionOpened, "9:30", day=date(2026, 3, 20), open=OPEN, close=CLOSE)
    tell(ev.BarsClosed, "9:31", start=OPEN, bars=bars(0.99))
    for name, symbol, headline in (
        ("h3", "NVDA", "Nvidia posts record data-centre revenue, raises guide"),
        ("h7", "META", "Meta lifts capital-expenditure plan <b>again</b>"),
        ("h9", "NVDA", "Suppliers: orders of AI servers run ahead of plan"),
    ):
        tell(ev.NewsArrived, "9:40", item=news(name, "9:40", symbol, headline), score=0.5)
    first = signal("9:50", id="20260320-0950", focus_stocks=("NVDA", "META", "XLK"))
    proposed = tell(ev.SignalProposed, "9:50", signal=first, pending_until=at("10:20"))
    tell(ev.SignalDecided, "9:57", proposed, signal_id=first.id, symbols=first.focus_stocks,
         decision="approved", by="person", whole=True)  # fmt: skip
    bought(story, "XLK", 140, 135.55, "10:05")
    bought(story, "NVDA", 110, 176.61, "10:30:05")
    tell(ev.BarsClosed, "10:40", start=at("10:39"), bars=bars())
    for tier in ("rules", "ml", "llm"):
        tell(ev.Heartbeat, "10:40", tier=tier, health="ok")


def _noon(story: Story) -> None:
    tell = story.tell
    proposal = signal(
        "12:00",
        id="20260320-1200",
        at=at("10:41:30"),
        direction=Direction.NEUTRAL,
        risk_level=RiskLevel.CONSERVATIVE,
        overnight_target=0.4,
        focus_stocks=("NVDA", "AMD", "XLK"),
        sentiment_scores={"NVDA": 0.6, "AMD": 0.35, "TSLA": -0.2},
        theses=(
            Thesis(symbol="NVDA", claim="the guide holds", invalid_if="close < sma(20)"),
            Thesis(symbol="AMD", claim="follows NVDA", invalid_if="when the moon is full"),
            Thesis(symbol="XLK", claim="breadth", invalid_if="drawdown > 0.02"),
        ),
        reasoning=MARKDOWN,
        flags=("one number not in the input: 42", "says up, scores down: TSLA"),
    )
    asked = tell(ev.SessionAsked, "10:41:20", session="12:00", reason="NVDA moved 4 sigma",
                 by="event", decision=proposal.id)  # fmt: skip
    proposed = tell(ev.SignalProposed, "10:41:30", asked, signal=proposal,
                    pending_until=at("11:11"))  # fmt: skip
    tell(ev.ThesisUnchecked, "10:41:30", proposed, signal_id=proposal.id, symbol="AMD",
         invalid_if="when the moon is full", reason="unexpected 'when' at 1")  # fmt: skip
    tell(ev.SignalDecided, "10:42:10", proposed, signal_id=proposal.id, symbols=("NVDA", "XLK"),
         decision="approved", by="person", replaces="20260320-0950")  # fmt: skip
    vetoed = tell(ev.SignalDecided, "10:42:20", proposed, signal_id=proposal.id, symbols=("AMD",),
                  decision="vetoed", by="person", reason="no moon in it")  # fmt: skip
    tell(ev.DecisionUndone, "10:42:30", vetoed, signal_id=proposal.id, symbols=("AMD",),
         whole=False, by="person")  # fmt: skip
    tell(ev.SignalDecided, "10:42:40", proposed, signal_id=proposal.id, symbols=("AMD",),
         decision="vetoed", by="person", reason="not before its figures")  # fmt: skip
    sell_by_thesis(story, "XLK", "10:44")
    tell(ev.SignalAbstained, "10:45", session="10:45", reason="the model refused to answer")


def sell_by_thesis(story: Story, symbol: str, clock: str) -> None:
    """Sell a position because its thesis came true."""
    held = story.state.positions[symbol]
    order = Order(
        id=f"sell-{symbol}", at=at(clock), symbol=symbol, side=Side.SELL, quantity=held.quantity,
        reason="thesis_invalidated",
    )  # fmt: skip
    story.tell(ev.OrderIntended, clock, order=order)
    fill = Fill(
        order_id=order.id, at=at(clock), symbol=symbol, side=Side.SELL, quantity=held.quantity,
        price=PRICES[symbol] * 0.98, commission=0.0, slippage=0.4, reason="thesis_invalidated",
    )  # fmt: skip
    story.tell(ev.OrderFilled, clock, fill=fill)
