"""How much risk is allowed now: the risk level in force, stop widths and the size factor."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import NamedTuple

from hybrid_tui.config import RiskConfig
from hybrid_tui.domain.signals import BAD_SENTIMENT, Direction, RiskLevel
from hybrid_tui.domain.state import DeskState

BAD_SENTIMENT_TRAIL = 0.03


def risk_level(state: DeskState, now: datetime) -> RiskLevel:
    """Return the level of the strategy in force (none: moderate), or a stricter pending one."""
    if not state.signals:
        return RiskLevel.MODERATE
    strategy = state.strategy(now)
    level = strategy.signal.risk_level if strategy else RiskLevel.MODERATE
    for proposed in state.signals.values():
        if proposed.status == "pending" and now < proposed.pending_until:
            level = min(level, proposed.signal.risk_level, key=lambda found: found.rank)
    return level


def badly_spoken_of(state: DeskState, now: datetime) -> set[str]:
    """Return the symbols that the strategy in force, or a pending signal, scores <= -0.5."""
    found: set[str] = set()
    if not state.signals:
        return found
    strategy = state.strategy(now)
    for proposed in state.signals.values():
        waiting = proposed.status == "pending" and now < proposed.pending_until
        if waiting or proposed is strategy:
            for symbol, score in proposed.signal.sentiment_scores.items():
                if score <= BAD_SENTIMENT and proposed.symbols.get(symbol) != "vetoed":
                    found.add(symbol)
    return found


class StopWidths(NamedTuple):
    """The hard and trailing stop distances of an instant, as fractions.

    ``tight`` are those of ``bad``, the symbols with a bad sentiment; ``usual`` all others'.
    """

    usual: tuple[float, float]
    tight: tuple[float, float]
    bad: Set[str]


def stop_widths_now(state: DeskState, now: datetime, risk: RiskConfig) -> StopWidths:
    """Return the stop distances of all symbols at ``now``."""
    hard, trail, _ = risk.levels.of(risk_level(state, now))
    return StopWidths(
        usual=(hard, trail),
        tight=(hard, min(trail, BAD_SENTIMENT_TRAIL)),
        bad=badly_spoken_of(state, now),
    )


def stop_widths(
    state: DeskState, symbol: str, now: datetime, risk: RiskConfig
) -> tuple[float, float]:
    """Return the hard and trailing stop distances of a symbol as fractions."""
    widths = stop_widths_now(state, now, risk)
    return widths.tight if symbol in widths.bad else widths.usual


def size_factor(state: DeskState, now: datetime, risk: RiskConfig) -> float:
    """Return the factor on position size: by risk level, halved when the direction is neutral."""
    factor = risk.levels.of(risk_level(state, now))[2]
    strategy = state.strategy(now)
    if strategy is not None and strategy.signal.direction is Direction.NEUTRAL:
        factor /= 2
    return factor
