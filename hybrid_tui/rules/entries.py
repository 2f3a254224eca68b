"""Entries: every condition beside technical confirmation, and the size."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.config import RiskConfig, RulesConfig
from hybrid_tui.domain.signals import Direction, Hybrid, MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.risk import size_factor
from hybrid_tui.rules.sizing import shares_at_decision

PROBABILITY_WEIGHT, SENTIMENT_WEIGHT = 0.6, 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDecision:
    """Shares to buy at the next open; ``priority`` orders the entries of one instant."""

    symbol: str
    quantity: int
    priority: float
    prediction: MLPrediction | None
    strategy_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a technically confirmed symbol is not bought."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """What is switched on, and the figures that entries depend on."""

    rules: RulesConfig
    risk: RiskConfig
    hybrid: Hybrid
    use_ml: bool
    use_llm: bool
    min_probability: float

    @property
    def needs_approval(self) -> bool:
        """Whether only symbols of an approved focus list may be bought."""
        return self.use_llm and self.hybrid is not Hybrid.SEQUENTIAL


def decide_entries(
    state: DeskState,
    now: datetime,
    *,
    confirmed: Iterable[str],
    stale: Collection[str],
    halted: Mapping[str, str] | None = None,
    in_overnight_window: bool,
    setup: EntryRules,
) -> tuple[list[EntryDecision], list[Refusal]]:
    """Return the entries decided at ``now`` in their order, and what was refused.

    ``confirmed`` are the symbols with technical confirmation on a bar ending now; ``stale`` those
    without a recent quote, ``halted`` says why nothing may be bought in a symbol now. Order: higher
    buy probability first, then symbol.
    """
    entries: list[EntryDecision] = []
    refusals: list[Refusal] = []
    factor, equity = size_factor(state, now, setup.risk), state.equity()
    for symbol in sorted(confirmed):
        if symbol in state.positions or state.has_order(symbol):
            continue
        prediction = state.prediction(symbol, now) if setup.use_ml else None
        reason = halted.get(symbol) if halted else None
        reason = reason or _refused(
            state, symbol, now, prediction, stale, in_overnight_window, setup
        )
        quantity = 0
        if reason is None:
            quantity = shares_at_decision(
                target=prediction.target_position if prediction else setup.risk.max_position,
                factor=factor,
                max_position=setup.risk.max_position,
                equity=equity,
                close=state.closes[symbol],
            )
            if quantity < 1:
                reason = "too small for one share"
        if reason is not None:
            refusals.append(Refusal(symbol=symbol, reason=reason))
            continue
        strategy = state.strategy(now) if setup.use_llm else None
        entries.append(
            EntryDecision(
                symbol=symbol,
                quantity=quantity,
                priority=prediction.buy_probability if prediction else 0.0,
                prediction=prediction,
                strategy_id=strategy.signal.id if strategy else None,
            )
        )
    entries.sort(key=lambda entry: (-entry.priority, entry.symbol))
    if "max_entries" in setup.risk.protections and "max_entries" not in state.lifted:
        room = max(0, setup.risk.max_entries - state.entries_today)
        said = f"{setup.risk.max_entries} entries today"
        refusals += [Refusal(symbol=late.symbol, reason=said) for late in entries[room:]]
        del entries[room:]
    return entries, refusals


def _refused(
    state: DeskState,
    symbol: str,
    now: datetime,
    prediction: MLPrediction | None,
    stale: Collection[str],
    in_overnight_window: bool,
    setup: EntryRules,
) -> str | None:
    if state.paused:
        return "entries are paused"
    lock = state.lock_on(symbol, now)
    if lock is not None:
        return f"locked by {lock.name}: {lock.reason}"
    if symbol in stale:
        return f"no quote for {setup.rules.max_quote_age_s:g} s"
    if in_overnight_window and setup.use_llm:
        return "the overnight window has begun"
    if setup.needs_approval:
        strategy = state.strategy(now)
        if strategy is None:
            return "no strategy in force"
        if strategy.signal.direction is Direction.BEARISH:
            return "the strategy in force is bearish"
        if symbol not in strategy.approved():
            return "not on the approved focus list"
    if setup.use_ml:
        return _refused_by_ml(state, symbol, now, prediction, setup)
    return None


def _refused_by_ml(
    state: DeskState,
    symbol: str,
    now: datetime,
    prediction: MLPrediction | None,
    setup: EntryRules,
) -> str | None:
    if prediction is None:
        return "no fresh prediction"
    if not prediction.familiar:
        return "unfamiliar inputs"
    name, score = "buy probability", prediction.buy_probability
    if setup.hybrid is Hybrid.PARALLEL:
        name, score = "score", _parallel_score(state, symbol, now, prediction)
    if score < setup.min_probability:
        return f"{name} {score:.2f} < {setup.min_probability:.2f}"
    if prediction.confidence < setup.rules.min_confidence:
        return f"confidence {prediction.confidence:.2f} < {setup.rules.min_confidence:.2f}"
    return None


def _parallel_score(
    state: DeskState, symbol: str, now: datetime, prediction: MLPrediction
) -> float:
    strategy = state.strategy(now)
    sentiment = strategy.signal.sentiment_scores.get(symbol) if strategy else None
    if sentiment is None:
        return prediction.buy_probability
    return PROBABILITY_WEIGHT * prediction.buy_probability + SENTIMENT_WEIGHT * (1 + sentiment) / 2
