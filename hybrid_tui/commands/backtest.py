"""``hybrid-tui backtest``: the engine over history."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybrid_tui.commands import options as opt
from hybrid_tui.commands.backtest_data import check_spreads, load_history
from hybrid_tui.commands.backtest_document import (
    TIERS,
    Asked,
    daily_path,
    depth_of,
    document_of,
    html_of,
)
from hybrid_tui.commands.backtest_files import check_folder, write_page, write_results
from hybrid_tui.commands.backtest_output import Progress, print_summary, print_walk, run_log
from hybrid_tui.commands.common import progress, split_symbols, stoppable, tell
from hybrid_tui.commands.context import parse_bound, print_json, state_of
from hybrid_tui.commands.talib_alone import import_talib_alone
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import NewsItem

NOTHING = "no result, nothing was written"
DROPPED = "the backtest was done, its result is dropped; nothing was written"

if TYPE_CHECKING:
    from hybrid_tui.commands.walk_forward import Fold


def backtest(
    context: typer.Context,
    data: opt.Data = None,
    symbols: opt.Symbols = None,
    start: opt.Start = None,
    end: opt.End = None,
    interval: opt.Interval = None,
    tiers: opt.Tiers = "rules",
    hybrid: Annotated[str | None, typer.Option(help="hierarchical, sequential, parallel")] = None,
    cash: opt.Cash = None,
    slippage_bps: opt.SlippageBps = None,
    commission: opt.Commission = None,
    settings: opt.Settings = None,
    news: opt.News = None,
    received_from: opt.ReceivedFrom = None,
    quotes: Annotated[
        list[Path] | None, typer.Option(help="bids and asks, for half_spread")
    ] = None,
    llm: Annotated[str, typer.Option(help="local, recorded or off")] = "local",
    path: Annotated[str, typer.Option(help="fast, event (bar by bar) or both")] = "fast",
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
    equity: Annotated[str, typer.Option(help="daily or bars")] = "daily",
    causality: Annotated[
        str | None,
        typer.Option("--check-causality", help="N instants, all (also without a value) or off"),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--walk-forward", min=1, help="N folds: choose on the past, test on the next"),
    ] = None,
    sweep_set: Annotated[
        list[str] | None,
        typer.Option("--sweep-set", help="KEY=LOW:HIGH:STEP, KEY=x|y|z: for --walk-forward"),
    ] = None,
    tz: opt.TimeZone = "America/New_York",
    more_data: opt.MoreData = None,
    out: Annotated[
        Path | None, typer.Option(help="a folder for trades, equity, settings and a log")
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="write backtest.html, into --out or here")
    ] = False,
    depth: Annotated[
        bool, typer.Option("--depth", help="intervals and breakdowns in the JSON, too")
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Run the desk's engine over history and report what it would have done."""
    import_talib_alone()
    from hybrid_tui.commands.backtest_both import run_both
    from hybrid_tui.commands.backtest_causality import (
        Run,
        causality_warnings,
        check_causality,
        how_much,
    )
    from hybrid_tui.commands.backtest_run import OVER_HISTORY, run_history
    from hybrid_tui.commands.compose import check_hybrid
    from hybrid_tui.commands.walk_forward import WalkForward, plan_walk, walk_forward

    state = state_of(context)
    chosen = parse_tiers(tiers)
    _one_of("--llm", llm, ("local", "recorded", "off"))
    _one_of("--equity", equity, ("daily", "bars"))
    _one_of("--path", path, ("fast", "event", "both"))
    checks = how_much(causality)
    if sweep_set and folds is None:
        raise ConfigError("--sweep-set has no use alone", hint="--walk-forward N chooses by it")
    if llm == "off":
        chosen = tuple(tier for tier in chosen if tier != "llm")
    forced: dict[str, object] = {**OVER_HISTORY, "app.tiers": list(chosen)}
    if hybrid is not None:
        forced["app.hybrid"] = hybrid
    forced |= opt.money(cash, slippage_bps, commission)
    config = state.config(overrides=settings or (), forced=forced)
    if config.app.mode != "recorded":
        raise ConfigError(
            f"app.mode {config.app.mode!r}: a backtest runs over recorded bars",
            hint="leave it out",
        )
    begun, begun_at = time.perf_counter(), datetime.now(UTC)
    check_hybrid(config)
    check_folder(out, html)
    check_spreads(config, quotes or ())
    since = parse_bound(start, "--start", is_end=False)
    until = parse_bound(end, "--end", is_end=True)
    with stoppable(lambda: "while loading", NOTHING):
        history = load_history(
            state,
            state.calendar(),
            [*(data or []), *(more_data or [])],
            split_symbols(symbols),
            start=since,
            end=until,
            interval=interval,
            tz=tz,
            quotes=quotes or (),
        )
        headlines = headlines_of(news or [], tuple(history.traded), received_from)
    walk = None
    if folds is not None:
        walk = WalkForward(
            state=state,
            config_of=lambda more: state.config((*(settings or ()), *more), forced),
            history=history,
            headlines=tuple(headlines),
            folds=folds,
            space=tuple(sweep_set or ()),
            seed=seed,
        )
        plan_walk(walk)
    asked = Asked(
        start=since,
        end=until,
        seed=seed,
        every_bar=equity == "bars",
        llm=llm,
        news=headlines,
    )
    followed = Progress(history.begins_at, history.ends_at)
    with stoppable(lambda: followed.reached, NOTHING), followed as advance:
        step = partial(
            run_history,
            state,
            config,
            history,
            headlines,
            advance,
            llm=llm,
            making=followed.predicting,
        )
        if path == "both":
            every_bar = replace(asked, every_bar=True)
            outcome = run_both(
                lambda one: step(path=one),
                lambda found: document_of(config, history, found, every_bar, seconds=0.0),
            )
        else:
            outcome = step(path="event" if path == "event" else "fast")
    run = Run(
        state=state,
        config=config,
        history=history,
        headlines=headlines,
        outcome=outcome,
        seed=seed,
    )
    with stoppable(lambda: "in the causality check", DROPPED):
        found = check_causality(run, checks, _tracked)
    document = document_of(config, history, outcome, asked, seconds=time.perf_counter() - begun)
    document["causality"] = found
    document["warnings"] += causality_warnings(found)
    failed = not found.get("ok", True)
    if walk is not None:
        done: list[Fold] = []
        with stoppable(lambda: f"in the walk-forward, {len(done)} of {folds} folds done", DROPPED):
            rows, chained = walk_forward(walk, partial(_folded, done))
        document["walk_forward"], document["walk_forward_summary"] = rows, chained
    if as_json and not (out or html or depth):
        print_json(document)
        raise typer.Exit(int(failed))
    deep = depth_of(history, outcome, document)
    page = html_of(history, outcome, document, deep) if html else None
    if out is not None:
        write_results(
            out,
            document,
            deep,
            outcome.ledger,
            outcome.desk.starting_cash,
            log=run_log(document, begun_at),
            html=page,
        )
        tell([f"written to {out}"])
    elif page is not None:
        tell([f"written: {write_page(Path.cwd(), page)}"])
    if as_json:
        print_json({**document, "depth": deep} if depth else document)
    else:
        print_summary(document, deep, daily_path(outcome))
        print_walk(document)
    raise typer.Exit(int(failed))


def _tracked(instants: Sequence[datetime]) -> Iterator[datetime]:
    with progress("causality", len(instants)) as track:
        yield from track(instants)


def headlines_of(
    paths: list[Path], symbols: tuple[str, ...], received_from: str | None
) -> list[NewsItem]:
    """Return the headlines of files; raises DataError or ConfigError."""
    if not paths:
        return []
    from hybrid_tui.market.news import read_news

    return read_news(paths, received_from=received_from, symbols=symbols)


def _folded(done: list[Fold], folds: Sequence[Fold]) -> Iterator[Fold]:
    with progress("walk forward", len(folds)) as track:
        for fold in track(folds):
            yield fold
            done.append(fold)


def parse_tiers(text: str) -> tuple[Literal["rules", "ml", "llm"], ...]:
    """Return the tiers of a ``--tiers`` option, in their order; raises ConfigError."""
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
