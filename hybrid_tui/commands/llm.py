"""``hybrid-tui llm``: tier 3."""

from __future__ import annotations

import typer

from hybrid_tui.commands.llm_cost import cost

app = typer.Typer(help="Tier 3: the strategist and what it costs.", no_args_is_help=True)
app.command("cost")(cost)


@app.callback()
def llm() -> None:
    """Ask, replay and account for the strategist."""
