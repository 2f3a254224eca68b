"""``hybrid-tui ml reference``: the drift reference of a model that was made before it was kept."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid_tui.commands.context import parse_bound, state_of
from hybrid_tui.commands.ml_data import End, MoreData, News, Start, Symbols, symbols_of
from hybrid_tui.commands.ml_train import training_data
from hybrid_tui.errors import ModelError


def reference(
    context: typer.Context,
    model_id: Annotated[str, typer.Argument(metavar="ID", help="see `ml list`")],
    data: Annotated[
        list[str], typer.Option("--data", help="what it was trained on: files, store, or sim")
    ],
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    news: News = None,
    seed: Annotated[int, typer.Option(min=0, help="of the simulated market")] = 1,
    more_data: MoreData = None,
) -> None:
    """Add to a model what its training data looked like, so that drift can be measured.

    The same data are needed: others are told by their fingerprint, and refused.
    """
    from hybrid_tui.market.rows import fingerprint
    from hybrid_tui.ml.dataset import split
    from hybrid_tui.ml.drift import reference as reference_of
    from hybrid_tui.ml.model_files import MANIFEST, find_model, read_manifest, shipped_models

    state = state_of(context)
    chosen = symbols_of(symbols)
    folder = find_model(model_id, [state.paths.models, shipped_models()], "real")
    manifest = read_manifest(folder)
    span = (parse_bound(start, "--start", is_end=False), parse_bound(end, "--end", is_end=True))
    source = training_data(state, [*data, *(more_data or [])], chosen, span, news or [], seed)
    found = fingerprint(source.series)
    if found != manifest.data.fingerprint:
        raise ModelError(
            f"{model_id} was trained on other data (fingerprint {manifest.data.fingerprint[:16]},"
            f" these have {found[:16]})",
            hint="give the --data, --symbols, --start, --end and --seed of its training",
        )
    dataset = source.windows(state.calendar(), chosen)
    spans = split(dataset.day, held_out=manifest.refit is None)
    seen = spans["train"] | spans["validation"] | spans["calibration"]
    figures = reference_of(dataset, seen, source.symbols(chosen))
    path = folder / MANIFEST
    partial = folder.parent / f".{model_id}.{MANIFEST}.partial"
    text = manifest.model_copy(update={"drift": figures}).model_dump_json(indent=2) + "\n"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error}") from error
    typer.echo(f"{path}: {len(figures)} figures of {len(source.symbols(chosen))} symbols")
