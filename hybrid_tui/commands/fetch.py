"""``hybrid-tui data fetch``: bars, splits and dividends from a provider into the bar store."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybrid_tui.commands.context import CliState, iso, parse_bound, print_json, state_of
from hybrid_tui.errors import ConfigError
from hybrid_tui.keys import find_keys

if TYPE_CHECKING:
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.market.fetching import Fetched, HistorySource
    from hybrid_tui.market.yahoo_history import YahooHistory

# How far back a download reaches unless told otherwise: what Yahoo keeps of short bars.
DEFAULT_REACH = {60: timedelta(days=29), 300: timedelta(days=59), 3_600: timedelta(days=729)}
DEFAULT_DAILY_REACH = timedelta(days=3_650)


class Provider(StrEnum):
    """Where history comes from."""

    YAHOO = "yahoo"
    ALPACA = "alpaca"


ProviderOption = Annotated[Provider, typer.Option(help="where it comes from")]
SymbolsOption = Annotated[str | None, typer.Option(help="A,B,...; default: the watchlist")]
StartOption = Annotated[str | None, typer.Option(help="New York date or instant")]
EndOption = Annotated[
    str | None, typer.Option(help="New York date (included) or instant; default: now")
]


def fetch_bars(
    context: typer.Context,
    provider: ProviderOption,
    symbols: SymbolsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    interval: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h or 1d")] = "1m",
    again: Annotated[
        bool, typer.Option("--again", help="ask for what is there already, and replace it")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Download bars, splits and dividends into the bar store; what is there is not asked for.

    An interrupted download goes on where it ended. Without --start it reaches back as far as Yahoo
    keeps such bars (1m: 29 days, 5m: 59, 1h: 729), daily bars ten years.
    """
    from hybrid_tui.market import fetching
    from hybrid_tui.market.store import BarStore, interval_text, parse_interval

    state = state_of(context)
    calendar = state.calendar()
    seconds = parse_interval(interval)
    now = datetime.now(UTC)
    reach = DEFAULT_REACH.get(seconds, DEFAULT_DAILY_REACH)
    begin = parse_bound(start, "--start", is_end=False) or now - reach
    finish = min(parse_bound(end, "--end", is_end=True) or now, now)
    if begin >= finish:
        raise ConfigError(f"--start {iso(begin)} is not before the end, {iso(finish)}")
    wanted = wanted_symbols(state, symbols)
    source = make_source(state, provider, calendar)
    results: list[Fetched] = []
    with _progress(wanted, begin, finish) as on_page:
        results.extend(
            fetching.fetch_bars(
                source,
                BarStore(state.paths.bars),
                calendar,
                wanted,
                seconds,
                begin,
                finish,
                again=again,
                on_page=on_page,
            )
        )
    error = fetching.failure(results, wanted)
    for reason, count in sorted(source.dropped.items()):
        typer.echo(f"{reason}: {count}", err=True)
    if as_json:
        print_json(
            {
                "provider": provider.value,
                "feed": source.feed,
                "interval": interval_text(seconds),
                "start": iso(begin),
                "end": iso(finish),
                "series": [_row(result) for result in results],
                "dropped": dict(sorted(source.dropped.items())),
                "error": error.render() if error else None,
            }
        )
    else:
        for result in results:
            typer.echo(_line(result))
    if error is not None:
        raise error


def make_source(state: CliState, provider: Provider, calendar: TradingCalendar) -> HistorySource:
    """Return a provider's history; ConfigError where its keys are missing."""
    if provider is Provider.YAHOO:
        return yahoo_history(state, calendar)
    from hybrid_tui.alpaca_wire import KEY_ID, SECRET_KEY, AlpacaKeys
    from hybrid_tui.market.alpaca_history import AlpacaHistory

    market = state.config().market
    keys = AlpacaKeys.of(find_keys((KEY_ID, SECRET_KEY), os.environ, state.profile))
    return AlpacaHistory(keys, market.data_url, market.feed, calendar=calendar)


def yahoo_history(state: CliState, calendar: TradingCalendar) -> YahooHistory:
    """Return Yahoo's history; ``market.data_url`` is its URL where it is the provider."""
    from hybrid_tui.market.yahoo_history import YahooHistory

    market = state.config().market
    data_url = market.data_url if market.provider == "yahoo" else None
    return YahooHistory(state.paths.cache / "yahoo", calendar=calendar, data_url=data_url)


def wanted_symbols(state: CliState, text: str | None) -> list[str]:
    """Return the symbols of an ``A,B,...`` option, each once; by default the watchlist."""
    from hybrid_tui.market.news import SYMBOL

    if text is None:
        return list(state.config().app.watchlist)
    symbols = list(dict.fromkeys(word.strip().upper() for word in text.split(",") if word.strip()))
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol):
            raise ConfigError(f"--symbols: {symbol!r} is not a symbol", hint="such as NVDA,BRK-B")
    if not symbols:
        raise ConfigError(f"--symbols {text!r} names no symbol", hint="such as --symbols NVDA,SPY")
    return symbols


@contextmanager
def _progress(
    symbols: Sequence[str], begin: datetime, finish: datetime
) -> Iterator[Callable[[str, datetime], None]]:
    """Give a function that takes a symbol's latest instant; it draws if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda symbol, at: None
        return
    from rich.console import Console
    from rich.progress import Progress

    span = (finish - begin).total_seconds()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=span * len(symbols))

        def show(symbol: str, at: datetime) -> None:
            done = symbols.index(symbol) * span + (at - begin).total_seconds()
            bar.update(task, completed=done, description=f"{symbol} {at:%Y-%m-%d}")

        yield show


def _row(result: Fetched) -> dict[str, Any]:
    return {
        "symbol": result.symbol,
        "bars": result.bars,
        "added": result.added,
        "actions": result.actions,
        "pages": result.pages,
        "complete": result.error is None,
        "asked": not result.skipped,
        "error": result.error.render() if result.error else None,
    }


def _line(result: Fetched) -> str:
    if result.skipped:
        return f"{result.symbol}: nothing to ask for, it is all there"
    text = f"{result.symbol}: {result.bars} bars read, {result.added} added"
    if result.actions:
        text += f", {result.actions} splits and dividends"
    return f"{text}; ended early" if result.error else text
