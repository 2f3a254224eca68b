"""``hybrid-tui ml``: train, list and ask the models of tier 2."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import iso, parse_bound, print_json, state_of
from hybrid_tui.commands.ml_champion import promote, retrain, rollback
from hybrid_tui.commands.ml_data import (
    AsJson,
    Data,
    End,
    MoreData,
    News,
    Start,
    Symbols,
    bars_for,
    headlines_of,
    scorer,
    summary,
    symbols_of,
)
from hybrid_tui.commands.ml_evaluate import evaluate
from hybrid_tui.commands.ml_judge import judge
from hybrid_tui.commands.ml_reference import reference
from hybrid_tui.commands.ml_refit import refit
from hybrid_tui.commands.ml_train import train
from hybrid_tui.commands.model_life import desk_story, told_of

if TYPE_CHECKING:
    from hybrid_tui.domain.signals import Abstention, MLPrediction
    from hybrid_tui.ml.model_files import Market

app = typer.Typer(help="Tier 2: train, list and ask the models.", no_args_is_help=True)
app.command()(train)
app.command()(evaluate)
app.command()(promote)
app.command()(rollback)
app.command()(judge)
app.command()(refit)
app.command()(reference)
app.command()(retrain)


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
    story = desk_story(state_of(context))
    models = [
        {
            **summary(manifest),
            "champion": manifest.id in champions,
            "data_until": iso(manifest.data.last),
            "desk": story.get(manifest.id),
        }
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
            f"  held-out AUC {auc}{_of_another(model)}  {', '.join(model['members'])}"
        )
        if model["desk"] is not None:
            typer.echo(f"    {told_of(model['desk'])}")


def _of_another(model: dict[str, Any]) -> str:
    measured = model["measured_on"]
    return "" if measured == model["id"] else f" (of {measured})"


@app.command()
def predict(
    context: typer.Context,
    data: Data,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    news: News = None,
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
    headlines = headlines_of(state, news or [], chosen or sorted(bars.series))
    score = scorer(state).score if headlines else None
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
