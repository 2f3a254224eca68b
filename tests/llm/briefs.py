"""Briefs, headlines and answers for tests of what is said to a model and of what comes back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.briefing import (
    EarningsDue,
    Holding,
    Lesson,
    PastStrategy,
    SymbolFacts,
    TrackRecord,
    Vetoed,
)
from hybrid_tui.domain.ports import StrategistBrief

NOW = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
WATCHED = ("SPY", "NVDA", "AAPL", "TSLA")


def headline(
    number: int,
    text: str,
    *symbols: str,
    minutes: float = 30,
    source: str = "Wire",
) -> NewsItem:
    """Return a headline that was received some minutes before NOW."""
    return NewsItem(
        id=f"feed-{number}",
        received_at=NOW - timedelta(minutes=minutes),
        symbols=symbols,
        headline=text,
        source=source,
    )


def news() -> tuple[NewsItem, ...]:
    """Return four stories of two sources, one of them told twice."""
    return (
        headline(1, "Nvidia raises its forecast on data center demand", "NVDA", minutes=20),
        headline(2, "Nvidia raises forecast on data center demand", "NVDA", minutes=10),
        headline(3, "Apple faces a lawsuit over app store fees", "AAPL", minutes=50, source="Post"),
        headline(4, "Chip makers rally after Nvidia outlook", "NVDA", minutes=5, source="Post"),
        headline(5, "Tesla recalls 12,400 cars over brakes", "TSLA", minutes=90),
    )


def past(
    *, in_force: bool = True, minutes: float = 1_200, target: float = 0.2, **scores: float
) -> PastStrategy:
    """Return an earlier proposal."""
    return PastStrategy(
        id="20260319-1000",
        at=NOW - timedelta(minutes=minutes),
        session="10:00",
        source="model",
        direction="bullish",
        risk_level="moderate",
        overnight_target=target,
        focus=("NVDA",),
        scores=scores,
        status="approved",
        in_force=in_force,
        approved=("NVDA",),
        vetoes=(Vetoed(symbols=("TSLA",), reason="too expensive before the recall"),),
        returns={"NVDA": 0.012},
        market=0.003,
    )


def brief(**changes: Any) -> StrategistBrief:
    """Return the brief of a morning with everything in it."""
    fields: dict[str, Any] = {
        "id": "20260320-1000",
        "session": "10:00",
        "now": NOW,
        "expires_at": NOW + timedelta(days=3),
        "watchlist": WATCHED,
        "news": news(),
        "scores": {"feed-1": 0.8, "feed-4": 0.6, "feed-3": -0.7},
        "equity": 101_250.0,
        "cash": 80_000.0,
        "facts": {
            "NVDA": SymbolFacts(
                symbol="NVDA",
                price=181.325,
                changes={"1h": 0.0123, "1d": -0.004},
                indicators={"rsi14_1m": 61.234},
            )
        },
        "holdings": (
            Holding(
                symbol="NVDA",
                quantity=100,
                entry_at=NOW - timedelta(days=1),
                entry_price=180.0,
                price=181.325,
                level=171.0,
                pnl=132.5,
            ),
        ),
        "past": (past(NVDA=0.3),),
        "lessons": (
            Lesson(
                id="one",
                known_at=NOW - timedelta(hours=18),
                signal_id="20260318-1000",
                text="NVDA +0.60: wrong side, -1.2 % against +0.4 %",
            ),
        ),
        "earnings": (EarningsDue(symbol="NVDA", dates=(date(2026, 5, 20),)),),
        "track_record": TrackRecord(outcomes=240, claimed=0.55, came_true=0.51, error=0.04),
    }
    return StrategistBrief(**(fields | changes))


def answer(**changes: Any) -> dict[str, Any]:
    """Return an answer that is whole and valid for :func:`brief`."""
    document: dict[str, Any] = {
        "reasoning": "Nvidia raised its forecast (n1) and chip makers rally (n2).",
        "direction": "bullish",
        "risk_level": "moderate",
        "sectors": ["technology"],
        "focus_stocks": ["NVDA"],
        "scores": [{"symbol": "NVDA", "score_pct": 60, "cited": ["n1", "n2"]}],
        "overnight_target_pct": 40,
        "theses": [
            {"symbol": "NVDA", "claim": "Demand carries it", "invalid_if": "drawdown > 0.04"}
        ],
    }
    return document | changes
