"""``hybrid-tui ml``: train, list and ask the models of tier 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import CliState, iso, parse_bound, print_json, state_of
from hybrid_tui.commands.ml_champion import promote, rollback
from hybrid_tui.commands.ml_data import (
    AsJson,
    Data,
    End,
    MoreData,
    Start,
    Symbols,
    bars_for,
    between,
    symbols_of,
)
from hybrid_tui.commands.ml_evaluate import evaluate
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries, NewsItem
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.signals import Abstention, MLPrediction
    from hybrid_tui.ml.model_files import Manifest, Market
    from hybrid_tui.ml.predictor import Score
    from hybrid_tui.ml.progress import Progress
    from hybrid_tui.ml.sentiment import SentimentEvents

SIM = "sim"
# Simulated training days and seeds lie apart from those of the desk's own simulated market.
SIM_FIRST, SIM_LAST = date(2025, 9, 2), date(2025, 11, 24)
SIM_SEEDS = 1000
MOST_WINDOWS = 200_000

app = typer.Typer(help="Tier 2: train, list and ask the models.", no_args_is_help=True)
app.command()(evaluate)
app.command()(promote)
app.command()(rollback)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a model is trained on."""

    market: Market
    description: str
    series: Mapping[str, BarSeries]
    sentiment: Mapping[str, SentimentEvents]


@app.command()
def train(
    context: typer.Context,
    data: Annotated[
        list[str], typer.Option("--data", help="file or folder of bars, store, or sim; again")
    ],
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    epochs: Annotated[int, typer.Option(min=1, max=200, help="at most")] = 20,
    walk_forward: Annotated[
        int, typer.Option(min=1, max=8, help="steps of the card's table; 1: none")
    ] = 3,
    model_id: Annotated[str | None, typer.Option("--id", help="the new model's name")] = None,
    note: Annotated[str | None, typer.Option(help="what the data are, for the card")] = None,
    more_data: MoreData = None,
    as_json: AsJson = False,
) -> None:
    """Train an ensemble and write it, with its card, to the models folder."""
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.dataset import build_dataset
    from hybrid_tui.ml.storing import check_free, save_model
    from hybrid_tui.ml.train import Recipe, train_ensemble

    state = state_of(context)
    calendar = state.calendar()
    chosen = symbols_of(symbols)
    if model_id is not None:
        check_free(state.paths.models, _name(model_id))
    first, last = (
        parse_bound(start, "--start", is_end=False),
        parse_bound(end, "--end", is_end=True),
    )
    if data == [SIM]:
        source = _simulated(calendar, chosen, first, last, seed)
    else:
        source = _recorded(state, calendar, [*data, *(more_data or [])], chosen, first, last)
    dataset = build_dataset(
        source.series,
        calendar,
        symbols=tuple(chosen) if chosen else None,
        sentiment=source.sentiment,
        max_windows=MOST_WINDOWS,
    )
    newest = datetime.fromtimestamp(int(dataset.horizon_end.max()), UTC)
    name = model_id or f"ensemble-{'sim' if data == [SIM] else 'real'}-{newest:%Y%m%d}-{seed}"
    trained = train_ensemble(
        dataset,
        Recipe(
            model_id=name,
            market=source.market,
            seed=seed,
            max_epochs=epochs,
            walk_forward_steps=walk_forward,
        ),
        description=note or source.description,
        symbols=tuple(chosen or sorted(source.series)),
        fingerprint=fingerprint(source.series),
        now=datetime.now(UTC).replace(microsecond=0),
        on_progress=_progress(),
    )
    folder = save_model(trained, state.paths.models)
    manifest = trained.model.manifest
    if as_json:
        print_json({**_summary(manifest), "folder": str(folder), "metrics": manifest.metrics})
    else:
        typer.echo((folder / "CARD.md").read_text(encoding="utf-8"))
        typer.echo(f"{folder}; to use it: --set ml.model={manifest.id}", err=True)


@app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the installed models and say which is used where."""
    from hybrid_tui.ml.model_files import (
        CHAMPION,
        find_model,
        model_folders,
        read_champions,
        read_manifest,
        shipped_models,
    )

    folders = [state_of(context).paths.models, shipped_models()]
    markets: list[Market] = ["real", "simulated"]
    named = {market for folder in folders for market in read_champions(folder)}
    champions = {find_model(CHAMPION, folders, m).name for m in markets if m in named}
    models = [
        {**_summary(manifest), "champion": manifest.id in champions}
        for manifest in map(read_manifest, model_folders(folders))
    ]
    if as_json:
        print_json({"models": models})
        return
    for model in models:
        mark = "*" if model["champion"] else " "
        auc = "-" if model["auc"] is None else f"{model['auc']:.3f}"
        typer.echo(
            f"{mark} {model['id']:<24} {model['market']:<10} until {model['trained_until'][:10]}"
            f"  held-out AUC {auc}  {', '.join(model['members'])}"
        )


@app.command()
def predict(
    context: typer.Context,
    data: Data,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    news: Annotated[list[Path] | None, typer.Option(help="headlines, JSON lines")] = None,
    model: Annotated[str | None, typer.Option(help="an id (default: ml.model)")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE; again")] = None,
    more_data: MoreData = None,
    as_json: AsJson = False,
) -> None:
    """Say what tier 2 would have said every ml.interval_minutes, as JSON lines or as text."""
    from hybrid_tui.domain.signals import Abstention
    from hybrid_tui.ml.live import recalibrated_history
    from hybrid_tui.ml.model_files import find_model, load_model, shipped_models
    from hybrid_tui.ml.predictor import predict_history

    state = state_of(context)
    config = state.config(settings or ())
    name = model or config.ml.model
    loaded = load_model(find_model(name, [state.paths.models, shipped_models()], "real"))
    calendar = state.calendar()
    chosen = symbols_of(symbols)
    bars = bars_for(state, calendar, [*data, *(more_data or [])], chosen)
    headlines: list[NewsItem] = []
    score: Score | None = None
    if news:
        from hybrid_tui.commands.compose import labelled
        from hybrid_tui.llm.local import LocalAnalyst
        from hybrid_tui.market.news import read_news

        headlines = read_news(news, symbols=chosen or sorted(bars.series))
        score = labelled(state, LocalAnalyst()).score
    raw = predict_history(
        loaded,
        bars.series,
        calendar,
        parse_bound(start, "--start", is_end=False),
        parse_bound(end, "--end", is_end=True),
        symbols=chosen or sorted(bars.series),
        news=headlines,
        score=score,
        actions=bars.actions,
        every_minutes=config.ml.interval_minutes,
    )
    for answer in recalibrated_history(raw, bars.series):
        row = _abstention(answer) if isinstance(answer, Abstention) else _prediction(answer)
        text = json.dumps(row, ensure_ascii=False, allow_nan=False) if as_json else _text(row)
        sys.stdout.write(text + "\n")


def _name(text: str) -> str:
    if not text or not all(c.isalnum() or c in "._-" for c in text) or not text[0].isalnum():
        raise ConfigError(f"--id {text!r} is not a name", hint="use letters, digits, '.', '_', '-'")
    return text


def _recorded(
    state: CliState,
    calendar: TradingCalendar,
    data: list[str],
    symbols: list[str] | None,
    first: datetime | None,
    last: datetime | None,
) -> TrainingData:
    # Features and outcomes are ratios: a split of later on tells them nothing once it is worked in.
    series = bars_for(state, calendar, data, symbols).split_adjusted()
    if first is not None or last is not None:
        series = {symbol: between(bars, first, last) for symbol, bars in series.items()}
    return TrainingData(
        market="real",
        description="one-minute bars given by the user, without headlines",
        series=series,
        sentiment={},
    )


def _simulated(
    calendar: TradingCalendar,
    symbols: list[str] | None,
    first: datetime | None,
    last: datetime | None,
    seed: int,
) -> TrainingData:
    from hybrid_tui.domain.calendar import NEW_YORK
    from hybrid_tui.llm.local import LocalAnalyst
    from hybrid_tui.market.sim_profiles import SimulatedConfig
    from hybrid_tui.market.simulated import SimulatedMarket
    from hybrid_tui.ml.predictor import score_news
    from hybrid_tui.ml.sentiment import sentiment_events

    first_day = first.astimezone(NEW_YORK).date() if first else SIM_FIRST
    days = [
        session.day
        for session in calendar.sessions
        if first_day <= session.day
        and (session.open < last if last is not None else session.day <= SIM_LAST)
    ]
    config = SimulatedConfig(seed=SIM_SEEDS + seed)
    unknown = sorted(set(symbols or ()) - set(config.symbols))
    if unknown:
        raise DataError(
            f"the simulated market has no {unknown[0]}",
            hint=f"it has {', '.join(config.symbols)}",
        )
    if not days:
        raise DataError("no session lies between --start and --end")
    series, news = SimulatedMarket(config, calendar).history(days[0], len(days))
    return TrainingData(
        market="simulated",
        description=f"the simulated market, seed {config.seed}, {len(days)} sessions, with a "
        f"planted edge of {config.edge:g} bp and its {len(news):,} headlines as the local analyst "
        "scores them",
        series=series,
        sentiment=sentiment_events(news, score_news(news, LocalAnalyst().score)),
    )


def _progress() -> Callable[[Progress], None] | None:
    """Return a printer of one line that rewrites itself, where stderr is a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(progress: Progress) -> None:
        left = (
            "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
        )
        line = f"{progress.share:4.0%} {progress.stage}{left}  {progress.note}"
        sys.stderr.write(f"\r{line:<100}" + ("\n" if progress.share >= 1 else ""))
        sys.stderr.flush()

    return show


def _summary(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "market": manifest.market,
        "members": {member.name: member.weight for member in manifest.members},
        "trained_until": iso(manifest.trained_until),
        "created_at": iso(manifest.created_at),
        "symbols": list(manifest.data.symbols),
        "base_rate": manifest.base_rate,
        "threshold_bps": manifest.threshold_bps,
        "auc": manifest.metrics.get("auc"),
        "log_loss_gain": manifest.metrics.get("log_loss_gain"),
        "at_or_above_0.70": manifest.metrics.get("at_or_above_0.70"),
        "windows": manifest.metrics.get("windows"),
    }


def _prediction(prediction: MLPrediction) -> dict[str, Any]:
    return {
        "at": iso(prediction.at),
        "symbol": prediction.symbol,
        "reference_price": prediction.reference_price,
        "reference_bar": iso(prediction.reference_bar),
        "horizon_end": iso(prediction.horizon_end),
        "threshold_bps": prediction.threshold_bps,
        "buy_probability": prediction.buy_probability,
        "confidence": prediction.confidence,
        "price_forecast_1h": prediction.price_forecast_1h,
        "volatility_forecast": prediction.volatility_forecast,
        "target_position": prediction.target_position,
        "interval": {
            "level": prediction.interval.level,
            "low": prediction.interval.low,
            "high": prediction.interval.high,
        },
        "familiar": prediction.familiar,
        "members": dict(prediction.members),
        "model_id": prediction.model_id,
        "trained_until": iso(prediction.trained_until),
        "strategy_id": prediction.strategy_id,
    }


def _abstention(abstention: Abstention) -> dict[str, Any]:
    return {
        "at": iso(abstention.at),
        "symbol": abstention.symbol,
        "abstained": abstention.reason,
        "model_id": abstention.model_id,
    }


def _text(row: dict[str, Any]) -> str:
    if "abstained" in row:
        return f"{row['at']}  {row['symbol']:<6} {row['abstained']}"
    interval = row["interval"]
    odd = "" if row["familiar"] else "  unfamiliar input"
    return (
        f"{row['at']}  {row['symbol']:<6} p {row['buy_probability']:.3f}  confidence "
        f"{row['confidence']:.2f}  {row['reference_price']:.2f} -> {row['price_forecast_1h']:.2f}"
        f"  [{interval['low']:.2f}, {interval['high']:.2f}]{odd}"
    )
