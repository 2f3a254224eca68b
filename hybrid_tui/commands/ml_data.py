"""What the commands of tier 2 share: their options, and the bars that they are asked about."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid_tui.commands.bars import STORE, LoadedBars, load_bars
from hybrid_tui.commands.context import CliState
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.domain.calendar import TradingCalendar

Data = Annotated[
    list[str], typer.Option("--data", help="file or folder of one-minute bars, or store; again")
]
Symbols = Annotated[str | None, typer.Option(help="A,B,... (default: all)")]
Start = Annotated[str | None, typer.Option(help="New York date or instant, included")]
End = Annotated[str | None, typer.Option(help="New York date, included, or instant, excluded")]
MoreData = Annotated[list[str] | None, typer.Argument(hidden=True)]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def symbols_of(text: str | None) -> list[str] | None:
    """Return the symbols that an option names, sorted; raises ConfigError where it is empty."""
    if text is None:
        return None
    found = sorted({symbol.strip().upper() for symbol in text.split(",") if symbol.strip()})
    if not found:
        raise ConfigError("--symbols names no symbol", hint="e.g. --symbols NVDA,SPY")
    return found


def bars_for(
    state: CliState, calendar: TradingCalendar, data: list[str], symbols: list[str] | None
) -> LoadedBars:
    """Return the bars asked for, and SPY's where the data have them: it is an input of the rest."""
    from hybrid_tui.ml.features import INDEX_SYMBOL

    if symbols is not None and INDEX_SYMBOL not in symbols:
        try:
            return _load(state, calendar, data, [*symbols, INDEX_SYMBOL])
        except DataError:
            # No SPY there, or no bars at all: the second look tells which, and says so.
            return _load(state, calendar, data, symbols)
    return _load(state, calendar, data, symbols)


def _load(
    state: CliState, calendar: TradingCalendar, data: list[str], symbols: list[str] | None
) -> LoadedBars:
    # A store may hold several intervals; what a file holds is for the file to say.
    interval = "1m" if data == [STORE] else None
    loaded = load_bars(state, calendar, data, symbols, interval=interval)
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return loaded


def between(bars: BarSeries, first: datetime | None, last: datetime | None) -> BarSeries:
    """Return the bars that start in [first, last); None leaves an end open."""
    import numpy as np

    low = 0 if first is None else int(np.searchsorted(bars.start, int(first.timestamp())))
    high = len(bars) if last is None else int(np.searchsorted(bars.start, int(last.timestamp())))
    return bars.slice(low, max(low, high))
