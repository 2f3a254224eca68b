"""``hybrid-tui rules``: the rule sets there are, and what they say of a symbol now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.common import symbol_of
from hybrid_tui.commands.context import print_json, state_of

if TYPE_CHECKING:
    from hybrid_tui.config import RulesConfig

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
app = typer.Typer(help="Rule sets, and which of their conditions hold.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    catalogue: Annotated[
        bool, typer.Option("--conditions", help="every condition that a set can be made of")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rule sets: their conditions with every parameter, and where they come from."""
    rules = state_of(context).config().rules
    document: dict[str, Any] = {"entry": rules.entry, "exit": rules.exit, "sets": _sets(rules)}
    if catalogue:
        document["conditions"] = _conditions(rules)
    if as_json:
        print_json(document)
        return
    for found in document["sets"]:
        used = [key for key in ("entry", "exit") if found["name"] == document[key]]
        where = f"{found['from']}{', rules.' + ' and rules.'.join(used) if used else ''}"
        typer.echo(f"{found['name']} ({where})")
        for join in ("all", "any", "not"):
            for text in found[join]:
                typer.echo(f"  {join}  {text}")
    for found in document.get("conditions", ()):
        typer.echo(f"{found['condition']}\n  {found['meaning']}")


def _sets(rules: RulesConfig) -> list[dict[str, Any]]:
    from hybrid_tui.domain.rulesets import BUILT_IN, JOINS, RuleSet

    sets = [rules.rule_set(name) for name in (*BUILT_IN, *rules.sets)]
    return [
        {
            "name": found.name,
            "from": found.origin,
            **{
                join: [
                    part.name if isinstance(part, RuleSet) else part.text
                    for part in found.parts[join]
                ]
                for join in JOINS
            },
        }
        for found in sets
    ]


def _conditions(rules: RulesConfig) -> list[dict[str, str]]:
    from hybrid_tui.domain.conditions import CATALOGUE, read_condition

    return [
        {
            "name": name,
            "condition": read_condition(name, dict(rules)).text,
            "meaning": kind.meaning,
        }
        for name, kind in CATALOGUE.items()
    ]


@app.command()
def explain(context: typer.Context, symbol: str, as_json: AsJson = False) -> None:
    """Show which conditions hold for a symbol, and which one is missing, as of the journal's end.

    From the newest run, also while no engine runs; the rules are the engine's own.
    """
    from hybrid_tui.commands.explanation import gather
    from hybrid_tui.engine.endpoint import is_held
    from hybrid_tui.engine.explanation import explain as explained

    cli = state_of(context)
    wanted = symbol_of(symbol)
    document = explained(gather(cli, wanted), wanted)
    document["running"] = is_held(cli.paths)
    if as_json:
        print_json(document)
        return
    for line in _lines(document):
        typer.echo(line)


def _lines(document: Mapping[str, Any]) -> Iterable[str]:
    entry, held = document["entry"], document["position"]
    engine = "the engine runs" if document["running"] else "no engine runs"
    yield (
        f"{document['symbol']} as of {document['at']} ({engine});"
        f" last bar {document['last_bar'] or 'none'}, close {_figure(document['close'])}"
    )
    for warning in document["warnings"]:
        yield f"note: {warning}"
    if entry["would_buy"] is not None:
        yield f"entry: would buy {entry['would_buy']}"
    else:
        yield f"entry: no: {entry['missing'][0]}"
    for row in entry["conditions"]:
        said = row["reason"] or (_figure(row["value"]) if row["value"] is not None else "")
        yield f"  {_mark(row['met'])}  {row['name']}{': ' + said if said else ''}"
    yield from _technical(entry["technical"])
    if held is None:
        return
    yield (
        f"position: {held['quantity']:g} from {_figure(held['entry_price'])}; stop"
        f" {_figure(held['stop'])} ({held['stop_reason']}), {held['to_stop']:.2%} below;"
        f" high {_figure(held['high'])}; hard {held['hard']:g}, trail {held['trail']:g}"
    )
    if held["selling"]:
        yield f"exit: being sold: {held['selling']}"
    else:
        yield f"exit: {'would sell: ' + held['would_sell'] if held['would_sell'] else 'no'}"
    for row in held["conditions"]:
        value = f": {row['value']:.2f}" if row["value"] is not None else ""
        yield f"  {_mark(row['holds'])}  {row['name']}{value}"
    yield from _technical(held["technical"])


def _technical(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        figures = ", ".join(f"{name} = {_figure(value)}" for name, value in row["values"].items())
        ago = row["held_bars_ago"]
        last = "" if ago in (0, None) else f"; held {ago} bars ago"
        yield (
            f"  {_mark(row['met'])}  {row['set']} {row['join']}: {row['condition']}"
            f"{'  [' + figures + ']' if figures else ''}{last}"
        )


def _mark(is_so: bool) -> str:
    return "yes" if is_so else "no "


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")
