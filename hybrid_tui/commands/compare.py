"""``hybrid-tui compare``: the same data with the tiers on and off and in the hybrid modes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands import options as opt
from hybrid_tui.commands.backtest import headlines_of
from hybrid_tui.commands.backtest_data import check_spreads, load_history
from hybrid_tui.commands.backtest_document import Asked, document_of
from hybrid_tui.commands.backtest_output import Progress
from hybrid_tui.commands.common import split_symbols, stoppable, tell
from hybrid_tui.commands.context import CliState, parse_bound, print_json, state_of
from hybrid_tui.commands.talib_alone import import_talib_alone
from hybrid_tui.errors import HybridError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hybrid_tui.commands.backtest_data import History
    from hybrid_tui.commands.backtest_run import Outcome
    from hybrid_tui.config import Config

ALL = ("rules", "ml", "llm")
SHARED = (
    "cash", "slippage_bps", "commission", "symbols", "interval", "start", "end", "first_bar",
    "last_bar_known_at", "data_fingerprint", "feed", "seed", "code_version",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row of the comparison: which tiers, in which mode."""

    tiers: tuple[str, ...]
    hybrid: str = "hierarchical"

    @property
    def name(self) -> str:
        """The tiers, or the mode where all are on."""
        return self.hybrid if self.tiers == ALL else ",".join(self.tiers)


VARIANTS = (
    Variant(tiers=("rules",)),
    Variant(tiers=("rules", "ml")),
    Variant(tiers=("rules", "llm")),
    *(Variant(tiers=ALL, hybrid=mode) for mode in ("hierarchical", "sequential", "parallel", "rl")),
)


def compare(
    context: typer.Context,
    data: opt.Data = None,
    symbols: opt.Symbols = None,
    start: opt.Start = None,
    end: opt.End = None,
    interval: opt.Interval = None,
    cash: opt.Cash = None,
    slippage_bps: opt.SlippageBps = None,
    commission: opt.Commission = None,
    settings: opt.Settings = None,
    news: opt.News = None,
    received_from: opt.ReceivedFrom = None,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
    tz: opt.TimeZone = "America/New_York",
    more_data: opt.MoreData = None,
    as_json: opt.AsJson = False,
) -> None:
    """Backtest the same data with rules, ml and llm on and off and in the hybrid modes."""
    import_talib_alone()
    state = state_of(context)
    forced = opt.money(cash, slippage_bps, commission)
    base = _config(state, VARIANTS[0], settings or (), forced)
    check_spreads(base, None)
    since = parse_bound(start, "--start", is_end=False)
    until = parse_bound(end, "--end", is_end=True)
    with stoppable(lambda: "while loading", "no row was done"):
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
        headlines = headlines_of(news or [], tuple(history.traded), received_from)
    asked = Asked(start=since, end=until, seed=seed, every_bar=False, llm="local", news=headlines)
    rows: list[dict[str, Any]] = []
    first: tuple[dict[str, Any], Outcome] | None = None
    for variant in VARIANTS:
        begun = time.perf_counter()
        try:
            config = base if not rows else _config(state, variant, settings or (), forced)
            outcome = _run(state, config, history, asked, variant.name, len(rows))
        except HybridError as error:
            # What cannot run is a row with its reason; without the first there is no comparison.
            if first is None or isinstance(error, Interrupted):
                raise
            rows.append({"name": variant.name, "available": False, "reason": error.render()})
            continue
        taken = time.perf_counter() - begun
        with stoppable(lambda: "between two rows", _dropped(len(rows))):
            document = document_of(config, history, outcome, asked, seconds=taken)
            first = first or (document, outcome)
            rows.append(_row(variant, history, document, outcome, first, seed))
    assert first is not None
    _print(rows, history, first[0], as_json)


def _config(
    state: CliState, variant: Variant, settings: Sequence[str], forced: dict[str, object]
) -> Config:
    from hybrid_tui.commands.backtest_run import OVER_HISTORY

    return state.config(
        overrides=(
            *settings,
            f"app.tiers={','.join(variant.tiers)}",
            f"app.hybrid={variant.hybrid}",
        ),
        forced={**forced, **OVER_HISTORY},
    )


def _run(
    state: CliState, config: Config, history: History, asked: Asked, name: str, done: int
) -> Outcome:
    from hybrid_tui.commands.backtest_run import run_history
    from hybrid_tui.commands.compose import check_hybrid

    check_hybrid(config)
    followed = Progress(history.begins_at, history.ends_at, name)
    with (
        stoppable(lambda: f"in {name} {followed.reached}", _dropped(done)),
        followed as progress,
    ):
        return run_history(state, config, history, asked.news, progress, making=followed.predicting)


def _dropped(done: int) -> str:
    return f"{done} of {len(VARIANTS)} rows were done, and dropped"


def _row(
    variant: Variant,
    history: History,
    document: dict[str, Any],
    outcome: Outcome,
    first: tuple[dict[str, Any], Outcome],
    seed: int,
) -> dict[str, Any]:
    from hybrid_tui.analysis.bootstrap import intervals
    from hybrid_tui.analysis.comparison import differences_to
    from hybrid_tui.analysis.statistics import daily_returns

    cash = outcome.desk.starting_cash
    returns, reference = (
        daily_returns([equity for _, equity in run.ledger.daily], cash)
        for run in (outcome, first[1])
    )
    found = intervals(returns, seed)
    return {
        "name": variant.name,
        "tiers": list(variant.tiers),
        "hybrid": variant.hybrid,
        "available": True,
        "model_ids": document["settings"]["model_ids"],
        "llm": document["settings"]["llm"],
        "summary": document["summary"],
        "intervals": {name: list(pair) if pair else None for name, pair in found.items()},
        "difference": None
        if outcome is first[1]
        else differences_to(document["summary"], returns, first[0]["summary"], reference, seed),
        "warnings": [text for text in document["warnings"] if text not in history.warnings],
    }


def _print(
    rows: list[dict[str, Any]], history: History, first: dict[str, Any], as_json: bool
) -> None:
    from hybrid_tui.analysis.comparison import comparison_lines

    benchmark = first["summary"]["benchmark"]
    if as_json:
        print_json(
            {
                "settings": {name: first["settings"][name] for name in SHARED},
                "rows": rows,
                "benchmark": benchmark,
                "warnings": list(history.warnings),
            }
        )
        return
    for line in comparison_lines(rows, benchmark):
        typer.echo(line)
    tell([f"warning: {text}" for text in history.warnings])
    said: dict[str, list[str]] = {}
    for row in rows:
        for text in row.get("warnings", ()):
            said.setdefault(text, []).append(row["name"])
    tell([f"warning: {', '.join(names)}: {text}" for text, names in said.items()])
