"""What the commands of tier 2 share: their options, and the bars that they are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.bars import STORE, LoadedBars, load_bars
from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries, NewsItem
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.ports import Strategist
    from hybrid_tui.ml.model_files import Manifest
    from hybrid_tui.ml.sentiment import SentimentEvents

JOURNAL = "journal"

Data = Annotated[
    list[str], typer.Option("--data", help="file or folder of one-minute bars, or store; again")
]
Symbols = Annotated[str | None, typer.Option(help="A,B,... (default: all)")]
Start = Annotated[str | None, typer.Option(help="New York date or instant, included")]
End = Annotated[str | None, typer.Option(help="New York date, included, or instant, excluded")]
News = Annotated[
    list[str] | None,
    typer.Option("--news", help="headlines, JSON lines, or journal for those it has; again"),
]
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


def headlines_of(state: CliState, places: Sequence[str], symbols: Sequence[str]) -> list[NewsItem]:
    """Return the headlines of files and, where a place is ``journal``, of the journal, on symbols.

    Raises DataError or ConfigError naming the file and line.
    """
    from hybrid_tui.journal.reader import open_read_only
    from hybrid_tui.journal.reader import read_news as read_journal
    from hybrid_tui.market.news import read_news

    files = [Path(place) for place in places if place != JOURNAL]
    found = {item.id: item for item in read_news(files, symbols=sorted(symbols))} if files else {}
    if JOURNAL in places:
        wanted = set(symbols)
        with closing(open_read_only(state.paths.journal)) as connection:
            for item in read_journal(connection, None, None):
                if wanted.intersection(item.symbols):
                    found.setdefault(item.id, item)
    return sorted(found.values(), key=lambda item: (item.received_at, item.id))


def scorer(state: CliState) -> Strategist:
    """Return who scores headlines: a model's labels where the journal has them, else the local
    analyst.
    """
    from hybrid_tui.commands.compose import labelled
    from hybrid_tui.llm.local import LocalAnalyst

    return labelled(state, LocalAnalyst())


def scored(state: CliState, items: Sequence[NewsItem]) -> dict[str, SentimentEvents]:
    """Return each symbol's scores, each from when its headline was received on."""
    from hybrid_tui.ml.predictor import score_news
    from hybrid_tui.ml.sentiment import sentiment_events

    if not items:
        return {}
    return dict(sentiment_events(items, score_news(items, scorer(state).score)))


def summary(manifest: Manifest) -> dict[str, Any]:
    """Return what lists and results say of a model."""
    return {
        "id": manifest.id,
        "market": manifest.market,
        "members": {member.name: member.weight for member in manifest.members},
        "trained_until": iso(manifest.trained_until),
        "created_at": iso(manifest.created_at),
        "symbols": list(manifest.data.symbols),
        "base_rate": manifest.base_rate,
        "threshold_bps": manifest.threshold_bps,
        "measured_on": manifest.refit.of if manifest.refit is not None else manifest.id,
        "auc": manifest.metrics.get("auc"),
        "log_loss_gain": manifest.metrics.get("log_loss_gain"),
        "at_or_above_0.70": manifest.metrics.get("at_or_above_0.70"),
        "windows": manifest.metrics.get("windows"),
    }


def age_words(state: CliState, manifest: Manifest) -> str:
    """Return when a model of the real market expires that a refit would let live longer, or
    nothing: its age counts from before the sessions that were held out from it.
    """
    if manifest.market != "real" or manifest.refit is not None:
        return ""
    expires_at = manifest.trained_until + timedelta(days=state.config().ml.max_age_days)
    return (
        f"in paper and live it expires on {expires_at:%Y-%m-%d}; `hybrid-tui ml refit"
        f" {manifest.id}` fits it to the held-out days too"
    )
