"""``hybrid-tui ml refit``: a measured recipe once more, on every session of the data."""

from __future__ import annotations

from datetime import UTC, datetime
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
    summary,
    symbols_of,
)
from hybrid_tui.commands.ml_train import (
    GOES_ON,
    TrainingData,
    checked_name,
    training_data,
    warn,
)
from hybrid_tui.commands.ml_watched import Watched
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hybrid_tui.ml.dataset import Dataset
    from hybrid_tui.ml.model_files import Manifest
    from hybrid_tui.ml.progress import Progress


def refit(
    context: typer.Context,
    model_id: Annotated[str, typer.Argument(metavar="ID", help="a measured model, see `ml list`")],
    data: Annotated[
        list[str], typer.Option("--data", help="what it was trained on, or newer: see ml train")
    ],
    symbols: Annotated[
        str | None, typer.Option(help="A,B,... (default: those of the measured model)")
    ] = None,
    start: Start = None,
    end: End = None,
    news: News = None,
    name: Annotated[str | None, typer.Option("--id", help="default: ID-refit")] = None,
    note: Annotated[str | None, typer.Option(help="what the data are, for the card")] = None,
    more_data: MoreData = None,
    as_json: AsJson = False,
) -> None:
    """Fit the recipe of a measured model to all sessions, the held-out ones too; killed, it goes
    on. Its figures stay those of the measured one: the new one has seen every day.
    """
    from hybrid_tui.ml.model_files import find_model, read_manifest, shipped_models
    from hybrid_tui.ml.storing import check_free

    state = state_of(context)
    folder = find_model(model_id, [state.paths.models, shipped_models()], "real")
    measured = read_manifest(folder)
    if measured.refit is not None:
        raise ConfigError(
            f"{measured.id} is a refit itself, and no figure of it was measured",
            hint=f"refit {measured.refit.of}",
        )
    made = checked_name(refit_name(measured.id) if name is None else name)
    check_free(state.paths.models, made)
    chosen = symbols_of(symbols) or list(measured.data.symbols)
    span = (parse_bound(start, "--start", is_end=False), parse_bound(end, "--end", is_end=True))
    watched = Watched(as_json)
    with stoppable(watched.words, GOES_ON):
        places = [*data, *(more_data or [])]
        source = training_data(state, places, chosen, span, news or [], measured.seed)
        _check_market(source, measured)
        dataset = source.windows(
            state.calendar(),
            chosen,
            threshold_bps=measured.threshold_bps,
            on_symbol=watched.windows,
        )
        manifest, folder = refitted(
            state, measured, made, source, dataset, chosen, note, watched.tell
        )
    if as_json:
        print_json({**summary(manifest), "folder": str(folder)})
    else:
        typer.echo((folder / "CARD.md").read_text(encoding="utf-8"))
        typer.echo(f"{folder}; to use it: --set ml.model={manifest.id}", err=True)


def refit_name(model_id: str) -> str:
    """Return the name of a model's refit where nobody chose one."""
    return f"{model_id}-refit"


def _check_market(source: TrainingData, measured: Manifest) -> None:
    if source.market != measured.market:
        raise DataError(
            f"{measured.id} is of the {measured.market} market, these data of the {source.market}",
            hint="give the --data of its training, or newer",
        )


def refitted(
    state: CliState,
    measured: Manifest,
    name: str,
    source: TrainingData,
    dataset: Dataset,
    chosen: Sequence[str] | None,
    note: str | None,
    tell: Callable[[Progress], None],
) -> tuple[Manifest, Path]:
    """Return what fitting a measured model's recipe to all of a data set gave, and its folder.

    ``chosen`` are the symbols that the data set was asked for (None: all of the source). Raises
    DataError where the data hold nothing that the measured model has not seen, or begin later.
    """
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.checkpoints import Checkpoints
    from hybrid_tui.ml.recipe import recipe_of
    from hybrid_tui.ml.storing import save_model
    from hybrid_tui.ml.train import About, refit_ensemble

    begins = datetime.fromtimestamp(int(dataset.at.min()), UTC)
    if begins.date() > measured.data.first.date():
        raise DataError(
            f"the data begin on {begins:%Y-%m-%d}, those of {measured.id} on"
            f" {measured.data.first:%Y-%m-%d}: its figures would be of another stretch",
            hint="give the --data and --start of its training",
        )
    checkpoints = Checkpoints(state.paths.cache / "training", dataset.digest(), warn)
    trained = refit_ensemble(
        dataset,
        measured,
        recipe_of(measured, name),
        about=About(
            description=note or source.description,
            symbols=source.symbols(chosen),
            fingerprint=fingerprint(source.series),
            now=datetime.now(UTC).replace(microsecond=0),
        ),
        on_progress=tell,
        checkpoints=checkpoints,
    )
    folder = save_model(trained, state.paths.models)
    checkpoints.clear()
    return trained.model.manifest, folder
