"""``hybrid-tui ml judge``: a new model at the champion gate, on the data that it was made from."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid_tui.commands.common import stoppable
from hybrid_tui.commands.context import parse_bound, print_json, state_of
from hybrid_tui.commands.ml_data import AsJson, End, MoreData, News, Start, Symbols, symbols_of
from hybrid_tui.commands.ml_train import training_data


def judge(
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
    as_json: AsJson = False,
) -> None:
    """Say whether a model beats all rivals of its walk-forward and, on the held-out days of its
    data, the champion; nothing is promoted. Exit 1: it does not.
    """
    from hybrid_tui.ml.challenge import beside_champion, whole_verdict
    from hybrid_tui.ml.model_files import CHAMPION, find_model, load_model, shipped_models

    state = state_of(context)
    folders = [state.paths.models, shipped_models()]
    challenger = load_model(find_model(model_id, folders, "real"))
    champion = load_model(find_model(CHAMPION, folders, challenger.manifest.market))
    chosen = symbols_of(symbols)
    span = (parse_bound(start, "--start", is_end=False), parse_bound(end, "--end", is_end=True))

    with stoppable(lambda: "while it was judged", "nothing was changed"):
        source = training_data(state, [*data, *(more_data or [])], chosen, span, news or [], seed)
        dataset = source.windows(state.calendar(), chosen)
        beside = None
        if champion.id != challenger.id:
            beside = beside_champion(dataset, challenger, champion)
    found = whole_verdict(challenger, beside)
    if as_json:
        print_json(
            {
                "id": model_id,
                "champion": champion.id,
                "promoted": found.is_passed,
                "reason": found.reason,
                "worse": found.is_worse,
                "figures": dict(found.figures),
            }
        )
    else:
        for name, value in found.figures.items():
            typer.echo(f"log loss gained over {name}: {value:.5f} nats")
        typer.echo(f"{'promoted' if found.is_passed else 'not promoted'}: {found.reason}")
    if not found.is_passed:
        raise typer.Exit(1)
