"""From a run over history to CONTRACT's document, its warnings and its depth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hybrid_tui.commands.backtest_data import held_through
from hybrid_tui.commands.compose import NO_LEVEL, seldom_fresh
from hybrid_tui.commands.context import iso
from hybrid_tui.domain.models import UNREACHABLE
from hybrid_tui.domain.signals import Hybrid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hybrid_tui.commands.backtest_data import History
    from hybrid_tui.commands.backtest_run import Outcome
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import NewsItem
    from hybrid_tui.engine.backtest import Ledger

TIERS = ("rules", "ml", "llm")
INDEX = "SPY"
LOCAL = "local"
MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a backtest was asked for beside its configuration."""

    start: datetime | None
    end: datetime | None
    seed: int
    every_bar: bool
    llm: str
    news: Sequence[NewsItem]


def document_of(
    config: Config, history: History, outcome: Outcome, asked: Asked, *, seconds: float
) -> dict[str, Any]:
    """Return CONTRACT's document; ``seconds`` is how long it took to make."""
    from hybrid_tui.analysis.backtest_document import (
        code_version,
        equity_of,
        summary_of,
        trades_of,
    )

    ledger, desk, tiers = outcome.ledger, outcome.desk, outcome.tiers
    summary = summary_of(ledger, desk, held_through(history), seed=asked.seed, seconds=seconds)
    rows = trades_of(ledger, desk)
    return {
        "settings": {
            **config.figures(),
            "tiers": [tier for tier in TIERS if tier in tiers],
            "hybrid": config.app.hybrid.value,
            "cash": config.broker.cash,
            "slippage_bps": config.broker.slippage_bps,
            "commission": config.broker.commission,
            "approval": config.approval.policy,
            "symbols": sorted(history.traded),
            "interval": history.interval,
            "start": iso(asked.start) if asked.start else None,
            "end": iso(asked.end) if asked.end else None,
            "first_bar": iso(history.first_start),
            "last_bar_known_at": iso(history.ends_at),
            "data_fingerprint": history.fingerprint,
            "feed": history.feed,
            "model_ids": [outcome.model_id] if outcome.model_id else [],
            "llm": _held_by(outcome),
            "path": outcome.path,
            "seed": asked.seed,
            "code_version": code_version(),
        },
        "summary": summary,
        "trades": rows,
        "equity": equity_of(ledger, every_bar=asked.every_bar),
        "warnings": [
            *history.warnings,
            *_cautions(config, history, outcome, summary, rows),
            *_tier_warnings(config, outcome, asked),
        ],
    }


def depth_of(history: History, outcome: Outcome, document: dict[str, Any]) -> dict[str, Any]:
    """Return what the document leaves out: intervals, breakdowns, costs and benchmarks."""
    from hybrid_tui.analysis.backtest_document import held
    from hybrid_tui.analysis.depth import depth_of as depth
    from hybrid_tui.domain.bars import DAY_SECONDS

    ledger = outcome.ledger
    through = held_through(history)
    benchmarks = {}
    if INDEX in through:
        benchmarks[INDEX] = held([at for at, _ in ledger.daily], {INDEX: through[INDEX]})
    return depth(
        rows=document["trades"],
        daily=ledger.daily,
        starting=outcome.desk.starting_cash,
        summary=document["summary"],
        traded=ledger.turnover,
        seed=document["settings"]["seed"],
        is_daily=history.interval >= DAY_SECONDS,
        benchmarks=benchmarks,
    )


def daily_path(outcome: Outcome) -> list[float]:
    """Return the cash at the start, then equity at session closes, dollars."""
    return [outcome.desk.starting_cash, *(equity for _, equity in outcome.ledger.daily)]


def html_of(
    history: History, outcome: Outcome, document: dict[str, Any], depth: dict[str, Any]
) -> str:
    """Return the run as one HTML page."""
    from hybrid_tui.analysis.backtest_document import held_levels
    from hybrid_tui.analysis.html_report import Page, html_page

    closes = [at for at, _ in outcome.ledger.daily]
    levels = held_levels(closes, held_through(history)).tolist()
    cash = outcome.desk.starting_cash
    symbols = document["settings"]["symbols"]
    more = f" and {len(symbols) - 1} more" if len(symbols) > 1 else ""
    return html_page(
        Page(
            title=f"Backtest of {symbols[0]}{more}",
            document=document,
            depth=depth,
            daily=daily_path(outcome),
            closes=[f"{at:%Y-%m-%d}" for at in closes],
            held=[cash, *(cash * level for level in levels)],
        )
    )


def _cautions(
    config: Config,
    history: History,
    outcome: Outcome,
    summary: dict[str, Any],
    rows: list[dict[str, Any]],
) -> list[str]:
    from hybrid_tui.analysis import cautions
    from hybrid_tui.analysis.breakdown import costs

    spent = costs(
        rows,
        traded=outcome.ledger.turnover,
        slippage=summary["slippage_cost"],
        fees=summary["fees"],
    )
    models = dict.fromkeys(
        (*(outcome.recorded.models if outcome.recorded else ()), *outcome.labels)
    )
    # The key is about the configured model; what another one knows nobody has said.
    known = {config.llm.model: config.llm.training_cutoff}
    found = (
        *(cautions.contaminated(llm, known.get(llm), history.begins_at) for llm in models),
        cautions.in_sample(outcome.trained_until, history.begins_at),
        cautions.survivorship(history.traded),
        cautions.overnight_without_actions(rows, knows_actions=history.knows_actions),
        cautions.fills_without_spread(rows, history.spreads.half) if history.spreads else None,
        cautions.large_fills(rows, history.traded, history.actions),
        cautions.costs_eat_profit(spent, summary["turnover"]),
        cautions.single_symbol_profit(rows, history.traded),
        cautions.single_exit_reason(rows),
        cautions.too_few_trades(rows),
    )
    return [text for text in found if text is not None]


def _held_by(outcome: Outcome) -> str:
    if outcome.recorded is not None and not outcome.recorded.models:
        return LOCAL
    return outcome.llm_source or "off"


def _session_warnings(outcome: Outcome) -> list[str]:
    """Say who held tier 3's sessions, and who scored the headlines."""
    recorded = outcome.recorded
    if recorded is None or not recorded.models:
        said = ["tier 3 is the local analyst, no LLM"]
        if recorded is not None:
            said.append("no recorded LLM answers: the local analyst ran instead")
    else:
        models = ", ".join(f"{count} by {model}" for model, count in recorded.models.items())
        said = [f"tier 3 had recorded answers, applied as they arrived: {models}"]
        if recorded.missing:
            more = len(recorded.missing) - MOST_NAMED
            named = ", ".join(recorded.missing[:MOST_NAMED])
            said.append(
                f"{len(recorded.missing)} sessions had no recorded answer, the local analyst took"
                f" them: {named}{f' and {more} more' if more > 0 else ''}"
            )
    said += [
        f"{count} headlines are scored by labels of {source}"
        for source, count in outcome.labels.items()
    ]
    return said


def _judged(ledger: Ledger, entry: str) -> str:
    """Say what became of the confirmed entries: the first check that each refused one failed."""
    decided, refused = ledger.entries_decided, ledger.entries_refused
    if decided + refused.total() == 0:
        return f"no entry was confirmed by rules.entry {entry}"
    ranked = sorted(refused.items(), key=lambda found: (-found[1], found[0]))
    failed = ", ".join(f"{check} {count}" for check, count in ranked)
    return (
        f"{_entries(decided + refused.total())} confirmed, {decided} decided"
        f"{f'; the check that failed first: {failed}' if failed else ''}"
    )


def _entries(count: int) -> str:
    return "1 entry was" if count == 1 else f"{count} entries were"


def _tier_warnings(config: Config, outcome: Outcome, asked: Asked) -> list[str]:
    ledger, tiers, threshold = outcome.ledger, outcome.tiers, outcome.ledger.threshold
    stale = seldom_fresh(config)
    warnings = [stale] if stale is not None else []
    if "ml" in tiers and threshold == UNREACHABLE:
        warnings.append(NO_LEVEL)
    elif "ml" in tiers and ledger.predictions:
        said = f"{ledger.reached} of {ledger.predictions} predictions reached {threshold:.2f}"
        if config.app.hybrid is Hybrid.PARALLEL:
            said += " by probability alone; the score decides in parallel"
        warnings.append(said)
    if tiers != {"rules"}:
        warnings.append(_judged(ledger, config.rules.entry))
    if "llm" in tiers:
        warnings += _session_warnings(outcome)
        if not asked.news:
            warnings.append("no news was given: tier 3 knew only the predictions")
        if ledger.abstained:
            count = sum(ledger.abstained.values())
            reason = max(ledger.abstained, key=lambda text: ledger.abstained[text])
            warnings.append(f"{count} sessions of tier 3 ended without a signal, e.g.: {reason}")
    return warnings
