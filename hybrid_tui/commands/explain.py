"""``hybrid-tui explain ID``: why something was bought or sold, from headline to exit."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.context import print_json, state_of

if TYPE_CHECKING:
    from hybrid_tui.analysis.story import Story

WIDTH = 100


def explain(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="ID", help="an order, signal, prediction, event, or a symbol"),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Show the chain behind an order or a trade: headline, strategist, approval, prediction, rule.

    A symbol means its newest order. From the newest run, also while an engine runs.
    """
    from hybrid_tui.analysis.story import story_of
    from hybrid_tui.commands.show import open_desk

    connection, run, _ = open_desk(state_of(context), fold=False)
    try:
        story = story_of(connection, run, name)
    finally:
        connection.close()
    if as_json:
        print_json({"run": run, **story.document()})
        return
    for line in _lines(story):
        typer.echo(line)


def _lines(story: Story) -> Iterator[str]:
    from hybrid_tui.domain.calendar import NEW_YORK

    yield story.title
    day = None
    for step in story.steps:
        at = step.at.astimezone(NEW_YORK)
        if at.date() != day:
            day = at.date()
            yield f"{at:%a %d %b %Y}, New York"
        yield from textwrap.wrap(
            f"{at:%H:%M:%S}  {step.kind:<10}  {step.text}", WIDTH, subsequent_indent=" " * 22
        )
        for label, text in step.facts:
            yield from textwrap.wrap(f"{'':22}{label}: {text}", WIDTH, subsequent_indent=" " * 24)
