"""``hybrid-tui ml judge``: a new model at the champion gate, on the data that it was made from."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from hybrid_tui.commands.common import stoppable
from hybrid_tui.commands.context import parse_bound, print_json, state_of
from hybrid_tui.commands.ml_data import AsJson, End, MoreData, News, Start, Symbols, symbols_of
from hybrid_tui.commands.ml_train import MOST_WINDOWS, training_data


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
    steps: Annotated[int, typer.Option(min=1, max=8, help="of the walk-forward")] = 3,
    epochs: Annotated[int, typer.Option(min=1, max=200, help="at most")] = 20,
    more_data: MoreData = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a model beats the champion, the linear baseline, its variant without sentiment
    and the base rate on days that it has not seen; nothing is promoted. Exit 1: it does not.
    """
    from hybrid_tui.ml.challenge import challenge
    from hybrid_tui.ml.dataset import build_dataset
    from hybrid_tui.ml.gate import gate_result
    from hybrid_tui.ml.model_files import CHAMPION, find_model, load_model, shipped_models

    state = state_of(context)
    folders = [state.paths.models, shipped_models()]
    challenger = load_model(find_model(model_id, folders, "real"))
    champion = load_model(find_model(CHAMPION, folders, challenger.manifest.market))
    chosen = symbols_of(symbols)
    span = (parse_bound(start, "--start", is_end=False), parse_bound(end, "--end", is_end=True))

    def tell(stage: str, step: int, of: int) -> None:
        if as_json:
            row = {"phase": stage, "step": step, "steps": of, "share": (step - 1) / of}
            sys.stderr.write(json.dumps(row) + "\n")
            sys.stderr.flush()
        elif sys.stderr.isatty():
            typer.echo(f"{stage}, step {step} of {of}", err=True)

    with stoppable(lambda: "while it was judged", "nothing was changed"):
        source = training_data(state, [*data, *(more_data or [])], chosen, span, news or [], seed)
        dataset = build_dataset(
            source.series,
            state.calendar(),
            symbols=tuple(chosen) if chosen else None,
            sentiment=source.sentiment,
            max_windows=MOST_WINDOWS,
        )
        verdict = challenge(
            dataset,
            challenger,
            None if champion.id == challenger.id else champion,
            steps=steps,
            max_epochs=epochs,
            on_step=tell,
        )
    result = gate_result(verdict)
    if as_json:
        print_json(
            {
                "id": model_id,
                "champion": champion.id,
                "promoted": verdict.is_promoted,
                "reason": verdict.reason,
                "worse": result.is_worse,
                "figures": dict(result.figures),
            }
        )
    else:
        for gain in verdict.gains:
            typer.echo(
                f"log loss gained over {gain.rival}: {gain.value:.5f} nats"
                f" ({gain.low:.5f} .. {gain.high:.5f})"
            )
        typer.echo(f"{'promoted' if verdict.is_promoted else 'not promoted'}: {verdict.reason}")
    if not verdict.is_promoted:
        raise typer.Exit(1)
