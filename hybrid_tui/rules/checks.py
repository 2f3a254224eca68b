"""What an entry needs beside technical confirmation and size, check by check, in fixed order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from hybrid_tui.config import Config, RiskConfig, RulesConfig
from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.signals import Direction, Hybrid, MLPrediction
from hybrid_tui.domain.state import DeskState

PROBABILITY_WEIGHT, SENTIMENT_WEIGHT = 0.6, 0.4


class Check(NamedTuple):
    """One thing that an entry needs, why it is not so (None: it is so), and the figure judged."""

    name: str
    reason: str | None
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """What is switched on, and the figures that entries depend on.

    ``min_probability`` is needed where the desk knows of no level of the model's own.
    """

    rules: RulesConfig
    risk: RiskConfig
    hybrid: Hybrid
    use_ml: bool
    use_llm: bool
    min_probability: float
    sectors: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(config: Config, tiers: Collection[str], min_probability: float) -> EntryRules:
        """Return the rules of a configuration with the tiers that are on."""
        return EntryRules(
            rules=config.rules,
            risk=config.risk,
            hybrid=Hybrid(config.app.hybrid),
            use_ml="ml" in tiers,
            use_llm="llm" in tiers,
            min_probability=min_probability,
            sectors=config.sectors,
        )

    @property
    def needs_approval(self) -> bool:
        """Whether only symbols of an approved focus list may be bought."""
        return self.use_llm and self.hybrid is not Hybrid.SEQUENTIAL


def entry_checks(
    state: DeskState,
    symbol: str,
    now: datetime,
    *,
    stale: Collection[str],
    halted: Mapping[str, str] | None,
    in_overnight_window: bool,
    setup: EntryRules,
) -> Iterator[Check]:
    """Yield what an entry in ``symbol`` needs at ``now``; the first that fails is the refusal.

    What cannot be asked (a focus list without a strategy) is left out. A tier that is switched off
    drops its own conditions only.
    """
    yield Check("not halted", halted.get(symbol) if halted else None)
    yield Check("not paused", "entries are paused" if state.paused else None)
    yield Check(
        "not flattening", "everything is being sold" if state.flattening is not None else None
    )
    lock = state.lock_on(symbol, now)
    yield Check("no lock", f"locked by {lock.name}: {lock.reason}" if lock is not None else None)
    yield Check(
        "fresh quote",
        f"no quote for {setup.rules.max_quote_age_s:g} s" if symbol in stale else None,
    )
    if setup.use_llm:
        begun = "the overnight window has begun" if in_overnight_window else None
        yield Check("before the overnight window", begun)
    if setup.needs_approval:
        yield from _strategy_checks(state, symbol, now)
    if setup.use_ml:
        yield from _prediction_checks(state, symbol, now, setup)


def _strategy_checks(state: DeskState, symbol: str, now: datetime) -> Iterator[Check]:
    strategy = state.strategy(now)
    yield Check("strategy in force", "no strategy in force" if strategy is None else None)
    if strategy is None:
        return
    is_bearish = strategy.signal.direction is Direction.BEARISH
    yield Check("not bearish", "the strategy in force is bearish" if is_bearish else None)
    is_approved = symbol in strategy.approved()
    yield Check("approved", None if is_approved else "not on the approved focus list")


def _prediction_checks(
    state: DeskState, symbol: str, now: datetime, setup: EntryRules
) -> Iterator[Check]:
    prediction = state.prediction(symbol, now)
    yield Check("fresh prediction", "no fresh prediction" if prediction is None else None)
    if prediction is None:
        return
    yield Check("familiar inputs", None if prediction.familiar else "unfamiliar inputs")
    name, score = "buy probability", prediction.buy_probability
    if setup.hybrid is Hybrid.PARALLEL:
        name, score = "score", _parallel_score(state, symbol, now, prediction)
    needed = state.models.entry_level(prediction.model_id, setup.min_probability)
    yield _at_least(name, score, needed)
    yield _at_least("confidence", prediction.confidence, setup.rules.min_confidence)


def prediction_check_names(setup: EntryRules) -> tuple[str, str, str, str]:
    """Return the names of the checks of a prediction, in their order."""
    score = "score" if setup.hybrid is Hybrid.PARALLEL else "buy probability"
    return "fresh prediction", "familiar inputs", score, "confidence"


def first_failed(
    probability: FloatArray, confidence: FloatArray, familiar: BoolArray, setup: EntryRules
) -> IntArray:
    """Return the place, from 1 on, of the first check that fresh predictions fail (0: none), (n,).

    The limits and their order are those of :func:`entry_checks` where tier 3 is off: without a
    strategy the score is the probability.
    """
    failed = [~familiar, probability < setup.min_probability]
    failed.append(confidence < setup.rules.min_confidence)
    return np.select(failed, [2, 3, 4], default=0)


def _at_least(name: str, value: float, limit: float) -> Check:
    reason = f"{name} {value:.2f} < {limit:.2f}" if value < limit else None
    return Check(name, reason, value)


def _parallel_score(
    state: DeskState, symbol: str, now: datetime, prediction: MLPrediction
) -> float:
    strategy = state.strategy(now)
    sentiment = strategy.signal.sentiment_scores.get(symbol) if strategy else None
    if sentiment is None:
        return prediction.buy_probability
    return PROBABILITY_WEIGHT * prediction.buy_probability + SENTIMENT_WEIGHT * (1 + sentiment) / 2


def is_taken(state: DeskState, symbol: str) -> bool:
    """Whether a symbol is held, or has an open order: nothing more is bought in it."""
    return symbol in state.positions or state.has_order(symbol)


def stale_symbols(
    state: DeskState, symbols: Iterable[str], now: datetime, rules: RulesConfig
) -> set[str]:
    """Return the symbols without a quote younger than ``max_quote_age_s`` at ``now``."""
    oldest = now - timedelta(seconds=rules.max_quote_age_s)
    quoted = state.quoted_at
    return {symbol for symbol in symbols if symbol not in quoted or quoted[symbol] <= oldest}
