"""Entries: every condition beside technical confirmation, and the size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from hybrid_tui.config import RiskConfig, RulesConfig
from hybrid_tui.domain.signals import Direction, Hybrid, MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.guardian import (
    Cut,
    sector_gross,
    sector_open_entries,
    under_loss_budget,
    under_sector_cap,
)
from hybrid_tui.rules.risk import size_factor
from hybrid_tui.rules.sizing import shares_at_decision

PROBABILITY_WEIGHT, SENTIMENT_WEIGHT = 0.6, 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDecision:
    """Shares to buy at the next open; ``priority`` orders the entries of one instant.

    ``note`` says what the risk guardian cut, and why.
    """

    symbol: str
    quantity: int
    priority: float
    prediction: MLPrediction | None
    strategy_id: str | None
    note: str = ""


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
    sectors: Mapping[str, str] = field(default_factory=dict)

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
    volatility_of: Callable[[str], float | None] = lambda _: None,
) -> tuple[list[EntryDecision], list[Refusal]]:
    """Return the entries decided at ``now`` in their order, and what was refused.

    ``confirmed`` are the symbols with technical confirmation on a bar ending now; ``stale`` those
    without a recent quote, ``halted`` says why nothing may be bought in a symbol now;
    ``volatility_of`` gives a symbol's volatility of a day, where a loss budget asks for it. Order:
    higher buy probability first, then symbol.
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
        quantity, note = 0, ""
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
            elif setup.risk.loss_budget:
                cut = under_loss_budget(
                    quantity,
                    volatility=volatility_of(symbol),
                    close=state.closes[symbol],
                    equity=equity,
                    budget=setup.risk.loss_budget,
                )
                quantity, note = cut.quantity, cut.reason
                reason = _too_little(cut, state.closes[symbol], equity, setup.risk)
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
                note=note,
            )
        )
    entries.sort(key=lambda entry: (-entry.priority, entry.symbol))
    if setup.risk.max_sector:
        entries = _within_sectors(state, entries, equity, setup, refusals)
    if "max_entries" in setup.risk.protections and "max_entries" not in state.lifted:
        room = max(0, setup.risk.max_entries - state.entries_today)
        said = f"{setup.risk.max_entries} entries today"
        refusals += [Refusal(symbol=late.symbol, reason=said) for late in entries[room:]]
        del entries[room:]
    return entries, refusals


def _too_little(cut: Cut, close: float, equity: float, risk: RiskConfig) -> str | None:
    """Return why what a cut leaves is no entry, or None where it is one."""
    is_too_small = cut.quantity < 1 or cut.quantity * close < risk.min_position * equity
    return cut.reason if cut.reason and is_too_small else None


def _within_sectors(
    state: DeskState,
    entries: list[EntryDecision],
    equity: float,
    setup: EntryRules,
    refusals: list[Refusal],
) -> list[EntryDecision]:
    """Cut entries, in their order, to what their sectors have room for."""
    kept: list[EntryDecision] = []
    taken: dict[str | None, float] = {}
    for entry in entries:
        sector, close = setup.sectors.get(entry.symbol), state.closes[entry.symbol]
        if sector not in taken:
            taken[sector] = sector_gross(state, sector, setup.sectors) + sector_open_entries(
                state, sector, setup.sectors
            )
        cut = under_sector_cap(
            entry.quantity,
            sector=sector,
            gross=taken[sector],
            close=close,
            equity=equity,
            max_sector=setup.risk.max_sector,
        )
        reason = _too_little(cut, close, equity, setup.risk)
        if reason is not None:
            refusals.append(Refusal(symbol=entry.symbol, reason=reason))
            continue
        taken[sector] += cut.quantity * close
        note = "; ".join(filter(None, (entry.note, cut.reason)))
        kept.append(replace(entry, quantity=cut.quantity, note=note))
    return kept


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
    if state.flattening is not None:
        return "everything is being sold"
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
