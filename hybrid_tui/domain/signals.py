"""What passes between the tiers: strategies, predictions and the state of execution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hybrid_tui.errors import DataError

PREDICTION_EXPIRY = timedelta(minutes=10)
"""How long a prediction is fresh."""
BAD_SENTIMENT = -0.5
"""A held symbol with this sentiment, or a worse one, has a tighter trail, asked or not."""


class Direction(StrEnum):
    """The strategist's view of the market."""

    BULLISH = "bullish"
    NEUTRAL = "neutral"
    BEARISH = "bearish"


class RiskLevel(StrEnum):
    """How much risk a strategy asks for, from the strictest to the loosest."""

    CONSERVATIVE = "conservative"
    MODERATE = "moderate"
    AGGRESSIVE = "aggressive"

    @property
    def rank(self) -> int:
        """0 for the strictest level, 2 for the loosest."""
        return tuple(RiskLevel).index(self)


class Hybrid(StrEnum):
    """How the three tiers are combined."""

    HIERARCHICAL = "hierarchical"
    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"
    RL = "rl"


MOST_DOLLARS = 1e300


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise DataError(f"{name} is {value!r}, outside {low:g}..{high:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thesis:
    """A claim about a symbol and the condition that would make it wrong."""

    symbol: str
    claim: str
    invalid_if: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySignal:
    """The strategist's proposal. A symbol it did not score is absent, never 0.0.

    ``expires_at`` is exclusive. Nothing in it trades until a person (or the policy ``auto``)
    approves it.
    """

    id: str
    at: datetime
    expires_at: datetime
    session: str
    direction: Direction
    sectors: tuple[str, ...] = ()
    focus_stocks: tuple[str, ...] = ()
    sentiment_scores: Mapping[str, float] = field(default_factory=dict)
    risk_level: RiskLevel = RiskLevel.MODERATE
    overnight_target: float = 0.0
    theses: tuple[Thesis, ...] = ()
    reasoning: str = ""
    source: str = "local"
    cost_usd: float = 0.0
    cited: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_range("overnight_target", self.overnight_target, 0.0, 1.0)
        _check_range("cost_usd", self.cost_usd, 0.0, 1e6)
        for symbol, score in self.sentiment_scores.items():
            _check_range(f"sentiment of {symbol}", score, -1.0, 1.0)
        if len(set(self.focus_stocks)) != len(self.focus_stocks):
            raise DataError("a focus list names a symbol twice")

    @property
    def symbols(self) -> tuple[str, ...]:
        """What a person can decide on: the focus list."""
        return self.focus_stocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A prediction interval of the price at the horizon, in dollars."""

    level: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPrediction:
    """Tier 2's view of one symbol at one instant.

    ``buy_probability`` is calibrated: the chance that the close at ``horizon_end`` beats
    ``reference_price`` by more than ``threshold_bps``. ``volatility_forecast`` is the standard
    deviation of the log return to the horizon, not annualised. ``expires_at`` is exclusive.
    """

    id: str
    at: datetime
    expires_at: datetime
    symbol: str
    buy_probability: float
    confidence: float
    price_forecast_1h: float
    volatility_forecast: float
    target_position: float
    model_id: str
    members: Mapping[str, float]
    familiar: bool
    strategy_id: str | None
    reference_price: float
    reference_bar: datetime
    horizon_end: datetime
    threshold_bps: float
    interval: Interval
    trained_until: datetime

    def __post_init__(self) -> None:
        _check_range("buy_probability", self.buy_probability, 0.0, 1.0)
        _check_range("confidence", self.confidence, 0.0, 1.0)
        _check_range("target_position", self.target_position, 0.0, 1.0)
        _check_range("volatility_forecast", self.volatility_forecast, 0.0, 1e3)
        for name in ("reference_price", "price_forecast_1h"):
            _check_range(name, getattr(self, name), 0.0, MOST_DOLLARS)
        _check_range("interval.low", self.interval.low, 0.0, MOST_DOLLARS)
        _check_range("interval.high", self.interval.high, self.interval.low, MOST_DOLLARS)

    def is_fresh(self, now: datetime) -> bool:
        """Whether the prediction holds at ``now``."""
        return self.at <= now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """Tier 2 gives no figure for a symbol, and says why."""

    at: datetime
    symbol: str
    reason: str
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStatus:
    """Tier 1's account of itself, for the other tiers and the screen."""

    at: datetime
    current_positions: Mapping[str, float]
    current_pnl: float
    recent_trades: tuple[str, ...]
    risk_alerts: tuple[str, ...]
    locks: tuple[str, ...]
    heartbeats: Mapping[str, str]
