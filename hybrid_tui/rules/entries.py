"""Entries: what is bought of what is confirmed, how much, and why the rest is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hybrid_tui.config import RiskConfig
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.domain.state import DeskState
from hybrid_tui.rules.checks import EntryRules, entry_checks, is_taken
from hybrid_tui.rules.guardian import (
    Cut,
    sector_gross,
    sector_open_entries,
    under_loss_budget,
    under_sector_cap,
)
from hybrid_tui.rules.risk import size_factor
from hybrid_tui.rules.sizing import shares_at_decision

SIZE = "size"
NO_TARGET = f"{SIZE} (target position 0)"
MOST_ENTRIES = "max_entries"


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
    """Why a technically confirmed symbol is not bought: the first ``check`` that fails, and how."""

    symbol: str
    reason: str
    check: str


def decide_entries(
    state: DeskState,
    now: datetime,
    *,
    equity: float,
    confirmed: Iterable[str],
    stale: Collection[str],
    halted: Mapping[str, str] | None = None,
    in_overnight_window: bool,
    setup: EntryRules,
    volatility_of: Callable[[str], float | None] = lambda _: None,
) -> tuple[list[EntryDecision], list[Refusal]]:
    """Return the entries decided at ``now`` in their order, and what was refused.

    ``equity`` is that of ``now``, dollars. ``confirmed`` are the symbols with technical
    confirmation on a bar ending now; ``stale`` those without a recent quote, ``halted`` says why
    nothing may be bought in a symbol now; ``volatility_of`` gives a symbol's volatility of a day,
    where a loss budget asks for it. Order: higher buy probability first, then symbol.
    """
    entries: list[EntryDecision] = []
    refusals: list[Refusal] = []
    factor = size_factor(state, now, setup.risk)
    for symbol in sorted(confirmed):
        if is_taken(state, symbol):
            continue
        prediction = state.prediction(symbol, now) if setup.use_ml else None
        checks = entry_checks(
            state,
            symbol,
            now,
            stale=stale,
            halted=halted,
            in_overnight_window=in_overnight_window,
            setup=setup,
        )
        failed = next((check for check in checks if check.reason is not None), None)
        name, reason = (failed.name, failed.reason) if failed is not None else (SIZE, None)
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
                if prediction is not None and prediction.target_position == 0:
                    name = NO_TARGET
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
            refusals.append(Refusal(symbol=symbol, reason=reason, check=name))
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
        refusals += [
            Refusal(symbol=late.symbol, reason=said, check=MOST_ENTRIES) for late in entries[room:]
        ]
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
            refusals.append(Refusal(symbol=entry.symbol, reason=reason, check="sector cap"))
            continue
        taken[sector] += cut.quantity * close
        note = "; ".join(filter(None, (entry.note, cut.reason)))
        kept.append(replace(entry, quantity=cut.quantity, note=note))
    return kept
