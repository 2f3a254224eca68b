"""``hybrid-tui data earnings``: when companies are expected to report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.context import iso, print_json, state_of
from hybrid_tui.commands.fetch import SymbolsOption, wanted_symbols, yahoo_history

if TYPE_CHECKING:
    from hybrid_tui.market.earnings import EarningsDates


def show_earnings(
    context: typer.Context,
    symbols: SymbolsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """List the New York dates on which Yahoo expects the next earnings release; kept for a day."""
    from hybrid_tui.market.earnings import earnings_dates

    state = state_of(context)
    wanted = wanted_symbols(state, symbols)
    source = yahoo_history(state, state.calendar())
    now = datetime.now(UTC)
    found = earnings_dates(source, wanted, state.paths.cache / "yahoo" / "earnings.json", now)
    if as_json:
        print_json({"provider": "yahoo", "earnings": [_row(item) for item in found]})
    else:
        for item in found:
            typer.echo(_line(item))
    failed = [item.error for item in found if item.error is not None]
    if failed and len(failed) == len(found):
        raise failed[0]


def _row(item: EarningsDates) -> dict[str, object]:
    return {
        "symbol": item.symbol,
        "dates": [day.isoformat() for day in item.dates],
        "asked_at": iso(item.asked_at) if item.asked_at else None,
        "error": item.error.render() if item.error else None,
    }


def _line(item: EarningsDates) -> str:
    said = " to ".join(day.isoformat() for day in item.dates) or "no date"
    if item.error is not None:
        said += f" ({item.error.message})" if not item.dates else f" (kept; {item.error.message})"
    return f"{item.symbol}: {said}"
