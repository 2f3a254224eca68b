"""``hybrid-tui ml evaluate``: a model judged on bars that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import iso, parse_bound, print_json, state_of
from hybrid_tui.commands.ml_data import (
    AsJson,
    Data,
    End,
    MoreData,
    News,
    Start,
    Symbols,
    bars_for,
    between,
    headlines_of,
    scored,
    symbols_of,
)

if TYPE_CHECKING:
    from hybrid_tui.ml.sentiment import SentimentEvents

MOST_WINDOWS = 100_000
ANSWERS = {True: "yes", False: "no", None: "too few days to tell"}


def evaluate(
    context: typer.Context,
    data: Data,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    news: News = None,
    model: Annotated[str | None, typer.Option(help="an id (default: ml.model)")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 1,
    more_data: MoreData = None,
    as_json: AsJson = False,
) -> None:
    """Judge a model on bars: members and ensemble against the base rate, with intervals."""
    from hybrid_tui.ml.dataset import build_dataset
    from hybrid_tui.ml.evaluation import evaluation
    from hybrid_tui.ml.model_files import find_model, load_model, shipped_models

    state = state_of(context)
    name = model or state.config().ml.model
    loaded = load_model(find_model(name, [state.paths.models, shipped_models()], "real"))
    calendar = state.calendar()
    chosen = symbols_of(symbols)
    first = parse_bound(start, "--start", is_end=False)
    last = parse_bound(end, "--end", is_end=True)
    bars = bars_for(state, calendar, [*data, *(more_data or [])], chosen).split_adjusted()
    series = {symbol: between(found, None, last) for symbol, found in bars.items()}
    until = loaded.manifest.trained_until
    asked = tuple(chosen or sorted(series))
    variants: dict[str, dict[str, SentimentEvents]] = {"without_sentiment": {}}
    if news:
        variants["with_sentiment"] = scored(state, headlines_of(state, news, asked))
    document: dict[str, Any] = {
        "model_id": loaded.id,
        "trained_until": iso(until),
        "threshold_bps": loaded.manifest.threshold_bps,
    }
    for variant, sentiment in variants.items():
        dataset = build_dataset(
            series,
            calendar,
            symbols=asked,
            sentiment=sentiment,
            threshold_bps=loaded.manifest.threshold_bps,
            max_windows=MOST_WINDOWS,
            after=None if first is None else int(first.timestamp()),
        )
        minutes = (dataset.at - calendar.open_seconds[dataset.day]) / 60.0
        names = [symbol for symbol in asked if len(series[symbol])]
        found = evaluation(loaded, dataset, names, minutes, seed=seed)
        found["seen_in_training"] = int((dataset.at <= until.timestamp()).sum())
        document[variant] = found
    seen = document["without_sentiment"]["seen_in_training"]
    if seen:
        text = f"{seen} windows lie before trained_until: the model has seen them"
        typer.echo(f"warning: {text}; --start leaves them out", err=True)
    if as_json:
        print_json(document)
        return
    for variant in variants:
        typer.echo("\n".join(_lines(variant, document[variant])))


def _lines(variant: str, found: dict[str, Any]) -> list[str]:
    words = variant.replace("_", " ")
    lines = [
        f"{found['windows']:,} windows on {found['days']} days, {words}; "
        f"{found['reached_0.70']} reached 0.70",
        f"{'':<22}{'AUC':<24}{'Brier':<24}{'ECE':<24}{'log loss gained':<26}IC",
    ]
    own = {f"{name}, by itself": figures for name, figures in found["uncalibrated"].items()}
    rows = {**found["forecasters"], **own, **found["by_time_of_day"], **found["by_regime"]}
    rows |= found["by_symbol"]
    keys = ("auc", "brier", "ece", "log_loss_gain", "information_coefficient")
    for name, figures in rows.items():
        cells = "  ".join(_cell(figures[key]) for key in keys)
        lines.append(f"{name:<20}  {cells}")
    level = f"{found['interval_level']:.0%}"
    lines.append(
        f"coverage of the {level} interval as the desk says it:"
        f" {_cell(found['interval_coverage']).strip()}; of the model's own, fixed:"
        f" {_cell(found['interval_coverage_fixed']).strip()}"
    )
    said = {
        "brier_not_worse": "Brier score not significantly worse than the constant forecast's",
        "ece_not_worse": "calibration error not significantly worse than the constant forecast's",
        "coverage_as_said": f"interval of the coverage contains {level}",
    }
    for key, words in said.items():
        lines.append(f"{words}: {ANSWERS[found['holds'][key]]}")
    return lines


def _cell(figure: dict[str, float | None]) -> str:
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None:
        return f"{'not defined':<22}"
    if low is None or high is None:
        return f"{value:<22.4f}"
    return f"{f'{value:.4f} ({low:.3f}..{high:.3f})':<22}"
