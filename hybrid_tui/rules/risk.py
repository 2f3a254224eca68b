"""How much risk is allowed now: the risk level in force, stop widths and the size factor."""

from __future__ import annotations

from datetime import datetime

from hybrid_tui.config import RiskConfig
from hybrid_tui.domain.signals import Direction, RiskLevel
from hybrid_tui.domain.state import DeskState

BAD_SENTIMENT = -0.5
BAD_SENTIMENT_TRAIL = 0.03


def risk_level(state: DeskState, now: datetime) -> RiskLevel:
    """Return the level of the strategy in force (none: moderate), or a stricter pending one."""
    strategy = state.strategy(now)
    level = strategy.signal.risk_level if strategy else RiskLevel.MODERATE
    for proposed in state.signals.values():
        if proposed.status == "pending" and now < proposed.pending_until:
            level = min(level, proposed.signal.risk_level, key=lambda found: found.rank)
    return level


def has_bad_sentiment(state: DeskState, symbol: str, now: datetime) -> bool:
    """Whether the strategy in force, or a pending signal, scores the symbol at -0.5 or less."""
    strategy = state.strategy(now)
    for found in state.signals.values():
        waiting = found.status == "pending" and now < found.pending_until
        if not waiting and found is not strategy:
            continue
        if found.symbols.get(symbol) == "vetoed":
            continue
        score = found.signal.sentiment_scores.get(symbol)
        if score is not None and score <= BAD_SENTIMENT:
            return True
    return False


def stop_widths(
    state: DeskState, symbol: str, now: datetime, risk: RiskConfig
) -> tuple[float, float]:
    """Return the hard and trailing stop distances of a symbol as fractions."""
    hard, trail, _ = risk.levels.of(risk_level(state, now))
    if has_bad_sentiment(state, symbol, now):
        trail = min(trail, BAD_SENTIMENT_TRAIL)
    return hard, trail


def size_factor(state: DeskState, now: datetime, risk: RiskConfig) -> float:
    """Return the factor on position size: by risk level, halved when the direction is neutral."""
    factor = risk.levels.of(risk_level(state, now))[2]
    strategy = state.strategy(now)
    if strategy is not None and strategy.signal.direction is Direction.NEUTRAL:
        factor /= 2
    return factor
