"""``hybrid-tui llm``: tier 3."""

from __future__ import annotations

import typer

from hybrid_tui.commands import llm_cost, llm_label, llm_lessons, llm_session

app = typer.Typer(help="Tier 3: the strategist and what it costs.", no_args_is_help=True)
app.command("session")(llm_session.session)
app.command("replay")(llm_session.replay)
app.command("label")(llm_label.label)
app.command("cost")(llm_cost.cost)
app.command("lessons")(llm_lessons.lessons)
