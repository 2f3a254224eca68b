"""``hybrid-tui ml train``: an ensemble from bars, resumable, written with its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.common import stoppable
from hybrid_tui.commands.context import CliState, parse_bound, print_json, state_of
from hybrid_tui.commands.ml_data import (
    AsJson,
    End,
    MoreData,
    News,
    Start,
    Symbols,
    age_words,
    bars_for,
    between,
    headlines_of,
    scored,
    summary,
    symbols_of,
)
from hybrid_tui.commands.ml_watched import Watched
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.ml.dataset import Dataset
    from hybrid_tui.ml.model_files import Manifest, Market
    from hybrid_tui.ml.recipe import Recipe
    from hybrid_tui.ml.sentiment import SentimentEvents

SIM = "sim"
# Simulated training days and seeds lie apart from those of the desk's own simulated market.
SIM_FIRST, SIM_LAST = date(2025, 9, 2), date(2025, 11, 24)
SIM_SEEDS = 1000
MOST_WINDOWS = 200_000
LONGEST_NAME = 64
GOES_ON = "the same command goes on after the last whole epoch"


class Device(StrEnum):
    """Where to train: networks this small gain nothing elsewhere, and bits have to repeat."""

    CPU = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a model is trained on."""

    market: Market
    description: str
    series: Mapping[str, BarSeries]
    sentiment: Mapping[str, SentimentEvents]

    def symbols(self, chosen: Sequence[str] | None) -> tuple[str, ...]:
        """Return the symbols (of those chosen) that have bars, sorted."""
        wanted = set(self.series if chosen is None else chosen)
        return tuple(s for s in sorted(self.series) if s in wanted and len(self.series[s]))

    def windows(
        self,
        calendar: TradingCalendar,
        chosen: Sequence[str] | None,
        *,
        threshold_bps: float | None = None,
        on_symbol: Callable[[int, int], None] | None = None,
    ) -> Dataset:
        """Return the windows of the symbols chosen (default: all), as ``build_dataset`` does."""
        from hybrid_tui.ml.dataset import build_dataset
        from hybrid_tui.ml.labels import THRESHOLD_BPS

        return build_dataset(
            self.series,
            calendar,
            symbols=tuple(chosen) if chosen else None,
            sentiment=self.sentiment,
            threshold_bps=THRESHOLD_BPS if threshold_bps is None else threshold_bps,
            max_windows=MOST_WINDOWS,
            on_symbol=on_symbol,
        )


def train(
    context: typer.Context,
    data: Annotated[
        list[str], typer.Option("--data", help="file or folder of bars, store, or sim; again")
    ],
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    news: News = None,
    members: Annotated[
        str, typer.Option(help="which, with commas")
    ] = "lstm,gru,transformer,logistic",
    seed: Annotated[int, typer.Option(min=0)] = 1,
    epochs: Annotated[int, typer.Option(min=1, max=200, help="at most")] = 20,
    walk_forward: Annotated[
        int, typer.Option(min=1, max=8, help="steps of the card's table; 1: none")
    ] = 3,
    no_walk_forward: Annotated[
        bool, typer.Option("--no-walk-forward", help="one fit, no table")
    ] = False,
    refit: Annotated[
        bool, typer.Option("--refit", help="then fit it to the held-out days too, as ID-refit")
    ] = False,
    device: Annotated[Device, typer.Option(help="where to train")] = Device.CPU,
    model_id: Annotated[str | None, typer.Option("--id", help="the new model's name")] = None,
    note: Annotated[str | None, typer.Option(help="what the data are, for the card")] = None,
    more_data: MoreData = None,
    as_json: AsJson = False,
) -> None:
    """Train an ensemble and write it, with its card, to the models folder; killed, it goes on.

    Its last sessions are held out to measure it; --refit fits the same recipe to them as well.

    With --json its progress is JSON lines on stderr, unless that is a terminal.
    """
    from hybrid_tui.commands.ml_refit import refit_name, refitted
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.checkpoints import Checkpoints
    from hybrid_tui.ml.recipe import Recipe, chosen_members
    from hybrid_tui.ml.storing import save_model
    from hybrid_tui.ml.train import train_ensemble

    state = state_of(context)
    calendar = state.calendar()
    chosen = symbols_of(symbols)
    wanted = chosen_members([name.strip().lower() for name in members.split(",") if name.strip()])
    if model_id is not None:
        _check_names(state.paths.models, model_id, refit)
    first, last = (
        parse_bound(start, "--start", is_end=False),
        parse_bound(end, "--end", is_end=True),
    )
    watched = Watched(as_json)
    with stoppable(watched.words, GOES_ON):
        places = [*data, *(more_data or [])]
        source = training_data(state, places, chosen, (first, last), news or [], seed)
        dataset = source.windows(calendar, chosen, on_symbol=watched.windows)
        newest = datetime.fromtimestamp(int(dataset.horizon_end.max()), UTC)
        name = model_id or f"ensemble-{'sim' if data == [SIM] else 'real'}-{newest:%Y%m%d}-{seed}"
        _check_names(state.paths.models, name, refit)
        recipe = Recipe(
            model_id=name,
            market=source.market,
            seed=seed,
            max_epochs=epochs,
            walk_forward_steps=1 if no_walk_forward else walk_forward,
            members=wanted,
        )
        folder = state.paths.models / name
        if folder.exists():
            manifest = _measured_already(folder, recipe, source, chosen)
        else:
            checkpoints = Checkpoints(state.paths.cache / "training", dataset.digest(), warn)
            trained = train_ensemble(
                dataset,
                recipe,
                description=note or source.description,
                symbols=source.symbols(chosen),
                fingerprint=fingerprint(source.series),
                now=datetime.now(UTC).replace(microsecond=0),
                on_progress=watched.tell,
                checkpoints=checkpoints,
            )
            folder = save_model(trained, state.paths.models)
            checkpoints.clear()
            manifest = trained.model.manifest
        made = None
        if refit:
            name = refit_name(manifest.id)
            made, _ = refitted(state, manifest, name, source, dataset, chosen, note, watched.tell)
    usable = made or manifest
    if as_json:
        told = {**summary(manifest), "folder": str(folder), "metrics": manifest.metrics}
        print_json(told if made is None else {**told, "refit": summary(made)})
    else:
        typer.echo((folder / "CARD.md").read_text(encoding="utf-8"))
        typer.echo(f"{folder}; to use it: --set ml.model={usable.id}", err=True)
        if words := age_words(state, usable):
            typer.echo(words, err=True)


def checked_name(text: str) -> str:
    """Return a name for a new model; raises ConfigError where it is none."""
    if not text or not all(c.isalnum() or c in "._-" for c in text) or not text[0].isalnum():
        raise ConfigError(f"--id {text!r} is not a name", hint="use letters, digits, '.', '_', '-'")
    if len(text) > LONGEST_NAME:
        raise ConfigError(
            f"--id {text!r} has {len(text)} characters, and a name at most {LONGEST_NAME}",
            hint="choose a shorter --id",
        )
    return text


def _check_names(models: Path, name: str, refit: bool) -> None:
    """Raise ConfigError or ModelError where a model, or its refit, cannot have its name.

    A model that is there and lacks its refit may be one that was interrupted between the two.
    """
    from hybrid_tui.commands.ml_refit import refit_name
    from hybrid_tui.ml.model_files import MANIFEST
    from hybrid_tui.ml.storing import check_free

    checked_name(name)
    if refit:
        check_free(models, checked_name(refit_name(name)))
    if not refit or not (models / name / MANIFEST).is_file():
        check_free(models, name)


def _measured_already(
    folder: Path, recipe: Recipe, source: TrainingData, chosen: Sequence[str] | None
) -> Manifest:
    """Return the model of a folder where it is what a recipe makes of the same data.

    Raises ModelError where it is another: its name is taken.
    """
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.model_files import read_manifest
    from hybrid_tui.ml.recipe import recipe_of
    from hybrid_tui.ml.storing import check_free

    found = read_manifest(folder)
    asked = replace(recipe, walk_forward_steps=1)
    data = (found.data.fingerprint, found.data.symbols)
    is_same = data == (fingerprint(source.series), source.symbols(chosen))
    if found.refit is not None or recipe_of(found, recipe.model_id) != asked or not is_same:
        check_free(folder.parent, folder.name)
    return found


def training_data(
    state: CliState,
    places: list[str],
    symbols: list[str] | None,
    span: tuple[datetime | None, datetime | None],
    news: list[str],
    seed: int,
) -> TrainingData:
    """Return what a model is trained on: bars of places, or the simulated market of a seed."""
    calendar = state.calendar()
    if places == [SIM]:
        if news:
            raise ConfigError("--news: the simulated market has headlines of its own")
        return _simulated(calendar, symbols, *span, seed)
    return _recorded(state, calendar, places, symbols, *span, news)


def _recorded(
    state: CliState,
    calendar: TradingCalendar,
    data: list[str],
    symbols: list[str] | None,
    first: datetime | None,
    last: datetime | None,
    news: list[str],
) -> TrainingData:
    # Features and outcomes are ratios: a split of later on tells them nothing once it is worked in.
    series = bars_for(state, calendar, data, symbols).split_adjusted()
    if first is not None or last is not None:
        series = {symbol: between(bars, first, last) for symbol, bars in series.items()}
    items = headlines_of(state, news, sorted(series))
    sentiment = scored(state, items)
    kept = sum(len(events.at_seconds) for events in sentiment.values())
    heard = f"with {kept:,} headlines from when they were received" if kept else "without headlines"
    return TrainingData(
        market="real",
        description=f"one-minute bars given by the user, {heard}",
        series=series,
        sentiment=sentiment,
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


def warn(text: str) -> None:
    """Say a warning on stderr."""
    typer.echo(f"warning: {text}", err=True)
