"""``hybrid-tui backtest``: the engine over history."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hybrid_tui.commands.backtest_data import held_through, load_history
from hybrid_tui.commands.backtest_output import Progress, print_summary
from hybrid_tui.commands.common import split_symbols
from hybrid_tui.commands.context import iso, parse_bound, print_json, state_of
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.commands.backtest_data import History
    from hybrid_tui.commands.backtest_run import Outcome
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import NewsItem

TIERS = ("rules", "ml", "llm")


def backtest(
    context: typer.Context,
    data: Annotated[list[str] | None, typer.Option("--data", help="PATH... or store")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,...; default: all in the data")] = None,
    start: Annotated[str | None, typer.Option(help="New York date or instant, included")] = None,
    end: Annotated[str | None, typer.Option(help="New York date (included) or instant")] = None,
    interval: Annotated[
        str | None, typer.Option(help="1m, 5m, 1h, 1d; default: the data's")
    ] = None,
    tiers: Annotated[str, typer.Option(help="rules[,ml][,llm]")] = "rules",
    hybrid: Annotated[str | None, typer.Option(help="hierarchical, sequential, parallel")] = None,
    cash: Annotated[float | None, typer.Option(help="starting cash, dollars")] = None,
    slippage_bps: Annotated[float | None, typer.Option(help="against you on each fill")] = None,
    commission: Annotated[float | None, typer.Option(help="dollars a fill")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE")] = None,
    news: Annotated[list[Path] | None, typer.Option(help="JSON lines")] = None,
    llm: Annotated[str, typer.Option(help="local, recorded or off")] = "local",
    path: Annotated[str, typer.Option(help="event")] = "event",
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
    equity: Annotated[str, typer.Option(help="daily or bars")] = "daily",
    tz: Annotated[str, typer.Option(help="of naive times in the data")] = "America/New_York",
    more_data: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Run the desk's engine over history and report what it would have done."""
    from hybrid_tui.commands.backtest_run import run_history
    from hybrid_tui.commands.compose import check_hybrid

    state = state_of(context)
    chosen = _tiers(tiers)
    _one_of("--llm", llm, ("local", "recorded", "off"))
    _one_of("--equity", equity, ("daily", "bars"))
    _one_of("--path", path, ("event",))
    if llm == "off":
        chosen = tuple(tier for tier in chosen if tier != "llm")
    forced: dict[str, object] = {
        "app.mode": "recorded",
        "app.tiers": list(chosen),
        "approval.policy": "auto",
    }
    given = {
        "app.hybrid": hybrid,
        "broker.cash": cash,
        "broker.slippage_bps": slippage_bps,
        "broker.commission": commission,
    }
    forced |= {key: value for key, value in given.items() if value is not None}
    config = state.config(overrides=settings or (), forced=forced)
    begun = time.perf_counter()
    check_hybrid(config)
    since = parse_bound(start, "--start", is_end=False)
    until = parse_bound(end, "--end", is_end=True)
    history = load_history(
        state,
        state.calendar(),
        [*(data or []), *(more_data or [])],
        split_symbols(symbols),
        start=since,
        end=until,
        interval=interval,
        tz=tz,
    )
    headlines = _headlines(news or [])
    with Progress(history.begins_at, history.ends_at) as progress:
        outcome = run_history(state, config, history, headlines, progress)
    document = _document(
        config,
        history,
        outcome,
        start=since,
        end=until,
        seed=seed,
        every_bar=equity == "bars",
        warnings=_warnings(outcome, llm, headlines),
        begun=begun,
    )
    if as_json:
        print_json(document)
    else:
        print_summary(document)


def _document(
    config: Config,
    history: History,
    outcome: Outcome,
    *,
    start: datetime | None,
    end: datetime | None,
    seed: int,
    every_bar: bool,
    warnings: list[str],
    begun: float,
) -> dict[str, Any]:
    from hybrid_tui.analysis.backtest_document import (
        code_version,
        equity_of,
        summary_of,
        trades_of,
    )

    ledger, desk, tiers = outcome.ledger, outcome.desk, outcome.tiers
    return {
        "settings": {
            **config.flat(),
            "tiers": [tier for tier in TIERS if tier in tiers],
            "hybrid": config.app.hybrid.value,
            "cash": config.broker.cash,
            "slippage_bps": config.broker.slippage_bps,
            "commission": config.broker.commission,
            "approval": config.approval.policy,
            "symbols": sorted(history.traded),
            "interval": history.interval,
            "start": iso(start) if start else None,
            "end": iso(end) if end else None,
            "first_bar": iso(history.first_start),
            "last_bar_known_at": iso(history.ends_at),
            "data_fingerprint": history.fingerprint,
            "feed": history.feed,
            "model_ids": [outcome.model_id] if outcome.model_id else [],
            "llm": outcome.llm_source or "off",
            "path": "event",
            "seed": seed,
            "code_version": code_version(),
        },
        "summary": summary_of(
            ledger, desk, held_through(history), seed=seed, seconds=time.perf_counter() - begun
        ),
        "trades": trades_of(ledger, desk),
        "equity": equity_of(ledger, every_bar=every_bar),
        "warnings": [
            *history.warnings,
            *_in_sample(outcome.trained_until, history.begins_at),
            *warnings,
        ],
    }


def _headlines(paths: list[Path]) -> list[NewsItem]:
    if not paths:
        return []
    from hybrid_tui.market.news import read_news

    return read_news(paths, received_from=None)


def _tiers(text: str) -> tuple[Literal["rules", "ml", "llm"], ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in TIERS]
    if unknown or "rules" not in words:
        wrong = f"unknown tier {unknown[0]!r}" if unknown else "tier 'rules' is missing"
        raise ConfigError(f"--tiers {text!r}: {wrong}", hint="rules[,ml][,llm]")
    return tuple(tier for tier in TIERS if tier in words)  # type: ignore[misc]


def _one_of(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(
            f"{option} {value!r} is not a choice", hint="one of " + ", ".join(choices)
        )


def _in_sample(trained_until: datetime | None, begins_at: datetime) -> list[str]:
    if trained_until is None or trained_until <= begins_at:
        return []
    return [
        f"in-sample: tier 2's model has seen data up to {iso(trained_until)}, after the start of"
        " this test; what it earns until then says nothing"
    ]


def _warnings(outcome: Outcome, llm: str, news: list[NewsItem]) -> list[str]:
    ledger, tiers, threshold = outcome.ledger, outcome.tiers, outcome.ledger.threshold
    warnings = []
    if "ml" in tiers and ledger.predictions:
        warnings.append(
            f"{ledger.reached} of {ledger.predictions} predictions reached {threshold:.2f}"
        )
    if "llm" in tiers:
        warnings.append("tier 3 is the local analyst, no LLM")
        if llm == "recorded":
            warnings.append("no recorded LLM answers: the local analyst ran instead")
        if not news:
            warnings.append("no news was given: tier 3 knew only the predictions")
        if ledger.abstained:
            count = sum(ledger.abstained.values())
            reason = max(ledger.abstained, key=lambda text: ledger.abstained[text])
            warnings.append(f"{count} sessions of tier 3 ended without a signal, e.g.: {reason}")
    if len(ledger.trades) < 30:
        warnings.append(f"only {len(ledger.trades)} closed trades: too few to conclude from")
    return warnings
