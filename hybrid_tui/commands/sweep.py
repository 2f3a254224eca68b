"""``hybrid-tui sweep``: search settings, and say how much of the best is the search's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hybrid_tui.commands import options as opt
from hybrid_tui.commands.common import progress, split_symbols, stoppable, tell
from hybrid_tui.commands.context import parse_bound, print_json, state_of
from hybrid_tui.errors import ConfigError

SHOWN = 10
DEFAULT_TRIALS = 50


def sweep(
    context: typer.Context,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=LOW:HIGH:STEP, KEY=LOW:HIGH:log, KEY=x|y|z, KEY=VALUE"),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="in all, earlier ones included; default 50")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="sharpe, sortino, total_return, cagr or max_drawdown")
    ] = "sharpe",
    holdout: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="share of the sessions, the last, kept back")
    ] = 0.3,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes; default: one a core")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="a Dask scheduler, tcp://host:8786 (extra cluster)")
    ] = None,
    data: opt.Data = None,
    symbols: opt.Symbols = None,
    start: opt.Start = None,
    end: opt.End = None,
    interval: opt.Interval = None,
    tiers: opt.Tiers = "rules",
    news: opt.News = None,
    tz: opt.TimeZone = "America/New_York",
    seed: Annotated[int, typer.Option(min=0, help="of the search")] = 0,
    as_json: opt.AsJson = False,
) -> None:
    """Search settings for the best objective; the same command again goes on where it was."""
    import os

    from hybrid_tui.commands.backtest import parse_tiers
    from hybrid_tui.commands.search import Search
    from hybrid_tui.commands.search_space import parse_space
    from hybrid_tui.commands.trials import OBJECTIVES, Source

    state = state_of(context)
    if objective not in OBJECTIVES:
        raise ConfigError(f"--objective {objective!r}", hint="one of " + ", ".join(OBJECTIVES))
    space, fixed = parse_space(settings or [])
    if not space:
        raise ConfigError(
            "there is nothing to search", hint="such as --set rules.rsi_below=25:45:5"
        )
    chosen = split_symbols(symbols)
    source = Source(
        profile=state.profile,
        overrides=(*state.overrides, *fixed),
        data=tuple(_absolute(data or [])),
        symbols=tuple(chosen) if chosen is not None else None,
        start=parse_bound(start, "--start", is_end=False),
        end=parse_bound(end, "--end", is_end=True),
        interval=interval,
        tz=tz,
        tiers=parse_tiers(tiers),
        news=tuple(str(path.absolute()) for path in news or []),
    )
    with stoppable(lambda: "while loading", "no trial was run"):
        search = Search(
            source,
            space,
            objective=objective,
            holdout=holdout,
            folder=state.paths.journal.parent / "sweeps",
            seed=seed,
        )
    wanted = search.plan(trials or DEFAULT_TRIALS)
    earlier = len(search.finished())
    left = f"kept in {search.file}; the same command goes on"
    with stoppable(lambda: f"after {len(search.finished())} of {wanted} trials", left):
        with progress("trials", max(wanted - earlier, 0)) as track:
            for _ in track(search.run(wanted, workers or os.cpu_count() or 1, cluster)):
                pass
        document = search.document(SHOWN, earlier=earlier)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _absolute(data: list[str]) -> list[str]:
    """Return the data's places as other processes find them."""
    from hybrid_tui.commands.bars import STORE

    return data if data == [STORE] else [str(Path(place).absolute()) for place in data]


def _show(document: dict[str, Any]) -> None:
    held = document["holdout"]
    typer.echo(
        f"{document['trials']} trials ({document['distinct']} different, {document['earlier']} from"
        f" before) of {document['objective']} on {document['days']} days;"
        f" held back: {held['days'] if held else 0} days"
    )
    typer.echo(f"{'in sample':>10} {'held back':>10} {'trades':>7}  settings")
    for row in document["best"]:
        outside = row["out_of_sample"]
        typer.echo(
            f"{_text(row['in_sample'][document['objective']]):>10}"
            f" {_text(outside[document['objective']] if outside else None):>10}"
            f" {row['trades']:>7}  {', '.join(row['settings'])}"
        )
    for line in document["conclusions"]:
        typer.echo(line)
    tell([f"warning: {text}" for text in document["warnings"]])
    tell([f"kept in {document['file']}"])


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
