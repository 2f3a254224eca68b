"""After a close: what each strategy whose time is over claimed, against what happened.

A lesson is made of figures alone, nothing of what was written goes into it: text from outside would
come back as if it were experience. It carries the instant from which it may be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.briefing import Lesson
from hybrid_tui.domain.ports import MarketView
from hybrid_tui.domain.signals import Direction, StrategySignal
from hybrid_tui.domain.tiers import SignalState
from hybrid_tui.engine.briefing import BENCHMARK, market_return, return_of
from hybrid_tui.engine.recorder import Recorder

MOST_NAMED: Final = 6
FLAT: Final = 0.001
"""A return, or a difference to the market's, below this is neither right nor wrong."""


def learn(now: datetime, recorder: Recorder, view: MarketView, watchlist: Sequence[str]) -> None:
    """Note a lesson of every proposal whose time is over and of which there is none yet."""
    known = {lesson.signal_id for lesson in recorder.state.lessons}
    for found in list(recorder.state.signals.values()):
        signal = found.signal
        if signal.expires_at > now or signal.id in known:
            continue
        text = lesson_text(found, view, watchlist)
        if text:
            recorder.emit(
                ev.LessonLearnt,
                now,
                cause=found.event_id,
                lesson=Lesson(id=signal.id, known_at=now, signal_id=signal.id, text=text),
            )


def lesson_text(found: SignalState, view: MarketView, watchlist: Sequence[str]) -> str:
    """Return a proposal's claims and outcomes over its whole time; empty without prices.

    A score is right where the symbol did better (worse, below zero) than the market.
    """
    signal = found.signal
    market = market_return(view, watchlist, signal.at, signal.expires_at)
    if market is None:
        return ""
    name = BENCHMARK if BENCHMARK in watchlist else "the watchlist"
    said = [
        f"{signal.id} {found.status}: {signal.direction.value}, {name} {_pct(market)}"
        f" until it expired: {_direction(signal.direction, market)}."
    ]
    said += [
        f"{symbol} {score * 100:+.0f}: {_pct(change)}, {_score(score, change - market)}."
        for symbol, score, change in _claims(signal, view)
    ]
    picked = [r for s in signal.focus_stocks if (r := _change(signal, view, s)) is not None]
    if picked:
        mean = sum(picked) / len(picked)
        said.append(f"Focus list on average {_pct(mean)}, {_pct(mean - market)} against {name}.")
    return " ".join(said)


def _claims(signal: StrategySignal, view: MarketView) -> list[tuple[str, float, float]]:
    """Return the strongest scores with the symbols' returns."""
    ordered = sorted(signal.sentiment_scores.items(), key=lambda one: (-abs(one[1]), one[0]))
    changes = [(symbol, score, _change(signal, view, symbol)) for symbol, score in ordered]
    return [(s, score, change) for s, score, change in changes if change is not None][:MOST_NAMED]


def _change(signal: StrategySignal, view: MarketView, symbol: str) -> float | None:
    return return_of(view, symbol, signal.at, signal.expires_at)


def _direction(direction: Direction, market: float) -> str:
    if direction is Direction.NEUTRAL or abs(market) < FLAT:
        return "neither right nor wrong"
    return "right" if (direction is Direction.BULLISH) == (market > 0) else "wrong"


def _score(score: float, against: float) -> str:
    if score == 0 or abs(against) < FLAT:
        return "no difference to the market"
    return "right" if (score > 0) == (against > 0) else "wrong"


def _pct(fraction: float) -> str:
    return f"{fraction * 100:+.2f} %"
