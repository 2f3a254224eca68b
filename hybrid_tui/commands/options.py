"""Options that several commands have in common, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[list[str] | None, typer.Option("--data", help="PATH... or store")]
MoreData = Annotated[list[str] | None, typer.Argument(hidden=True)]
Symbols = Annotated[str | None, typer.Option(help="A,B,...; default: all in the data")]
Start = Annotated[str | None, typer.Option(help="New York date or instant, included")]
End = Annotated[str | None, typer.Option(help="New York date (included) or instant")]
Interval = Annotated[str | None, typer.Option(help="1m, 5m, 1h, 1d; default: the data's")]
TimeZone = Annotated[str, typer.Option("--tz", help="of naive times in the data")]
Tiers = Annotated[str, typer.Option(help="rules[,ml][,llm]")]
Cash = Annotated[float | None, typer.Option(help="starting cash, dollars")]
SlippageBps = Annotated[float | None, typer.Option(help="against you on each fill")]
Commission = Annotated[float | None, typer.Option(help="dollars a fill")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE")]
News = Annotated[list[Path] | None, typer.Option(help="JSON lines")]
ReceivedFrom = Annotated[
    str | None,
    typer.Option("--received-from", help="the headlines' field that says when one was received"),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]


def money(
    cash: float | None, slippage_bps: float | None, commission: float | None
) -> dict[str, object]:
    """Return the configuration keys of those options that were given."""
    given = {
        "broker.cash": cash,
        "broker.slippage_bps": slippage_bps,
        "broker.commission": commission,
    }
    return {key: value for key, value in given.items() if value is not None}
