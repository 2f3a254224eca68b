"""The market's part of ``hybrid-tui doctor``: data ages, providers that answer, closures."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.finding import Finding
from hybrid_tui.errors import HybridError

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.calendar import TradingCalendar

MOST_SYMBOLS = 8
LARGEST_SKEW = timedelta(seconds=5)
LOOK_BACK = timedelta(days=5)
LIVE_MODES = ("paper", "live")


def examine_market(state: CliState, config: Config, now: datetime) -> Iterator[Finding]:
    """Yield what is known of the data, and in modes paper and live ask the provider."""
    symbols = config.app.watchlist
    yield _stored(state.paths.bars, symbols, now)
    yield from _last_run(state.paths.journal, now)
    if config.app.mode not in LIVE_MODES:
        return
    calendar = state.calendar()
    if config.market.provider == "yahoo":
        yield _yahoo_history(state, config, calendar, now)
        yield _yahoo_stream(config)
    elif os.environ.get("APCA_API_KEY_ID") and os.environ.get("APCA_API_SECRET_KEY"):
        yield _alpaca_data(config, calendar, now)
        yield _alpaca_clock(config, calendar)


def _stored(folder: Path, symbols: tuple[str, ...], now: datetime) -> Finding:
    """Return how old the newest stored bar of each symbol of the watchlist is."""
    from hybrid_tui.market.store import BarStore
    from hybrid_tui.tui.format import names, span

    try:
        rows = BarStore(folder).list() if folder.exists() else []
    except HybridError as error:
        return Finding(name="data", ok=False, text=error.render())
    if not rows:
        return Finding(name="data", ok=True, text="the bar store is empty")
    newest: dict[str, datetime] = {}
    for row in rows:
        newest[row.symbol] = max(row.end, newest.get(row.symbol, row.end))
    listed = {symbol: newest[symbol] for symbol in symbols if symbol in newest}
    text = f"bar store: {len(rows)} series, newest bar {span(now - max(newest.values()))} old"
    if listed:
        text += f"; {_ages(listed, now)}"
    missing = [symbol for symbol in symbols if symbol not in newest]
    if missing:
        text += f"; no bars of {names(missing, MOST_SYMBOLS)}"
    return Finding(name="data", ok=True, text=text)


def _last_run(path: Path, now: datetime) -> Iterator[Finding]:
    """Yield how old the last live run's prices were, and where it saw trading halted."""
    from hybrid_tui.journal.reader import latest_run, open_read_only, read_state

    if not path.exists():
        return
    try:
        journal = open_read_only(path)
        try:
            info = latest_run(journal)
            if info is None or info.mode not in LIVE_MODES:
                return
            state = read_state(journal, info.run)
        finally:
            journal.close()
    except (HybridError, sqlite3.Error) as error:
        yield Finding(name="data", ok=False, text=str(error))
        return
    known = dict(state.closed_at)
    for symbol, at in state.quoted_at.items():
        known[symbol] = max(at, known.get(symbol, at))
    text = _ages(known, now) if known else "no price yet"
    yield Finding(name="prices", ok=True, text=f"run {info.run}: {text}")
    seen = "; ".join(f"{symbol}: {reason}" for symbol, reason in sorted(state.halts.items()))
    yield Finding(name="halts", ok=True, text=seen or "none seen by the last run")


def _ages(newest: dict[str, datetime], now: datetime) -> str:
    """Return the age of each symbol's newest price, the oldest first."""
    from hybrid_tui.tui.format import span

    ordered = sorted(newest, key=lambda symbol: (newest[symbol], symbol))
    told = [f"{symbol} {span(now - newest[symbol])}" for symbol in ordered[:MOST_SYMBOLS]]
    more = len(ordered) - len(told)
    return ", ".join(told) + (f" and {more} newer" if more else "")


def _at(config: Config) -> str:
    return f" at {config.market.data_url}" if config.market.data_url else ""


def _alpaca_data(config: Config, calendar: TradingCalendar, now: datetime) -> Finding:
    from hybrid_tui.alpaca_wire import AlpacaKeys
    from hybrid_tui.market.alpaca_history import AlpacaHistory
    from hybrid_tui.tui.format import span

    symbol = config.app.watchlist[0]
    name = f"Alpaca {config.market.feed}{_at(config)}"
    try:
        history = AlpacaHistory(
            AlpacaKeys.of(os.environ),
            config.market.data_url,
            config.market.feed,
            calendar=calendar,
            attempts=1,
        )
        quotes = history.latest_quotes([symbol])
    except HybridError as error:
        return Finding(name="provider", ok=False, text=f"{name}: {error.render()}")
    age = f"last quote of {symbol} {span(now - quotes[0].at)} old" if quotes else "no quote"
    return Finding(name="provider", ok=True, text=f"{name} answers: {age}")


def _alpaca_clock(config: Config, calendar: TradingCalendar) -> Finding:
    """Return what the broker's clock says against the calendar, and against this machine's."""
    from hybrid_tui.alpaca_wire import AlpacaKeys
    from hybrid_tui.market.alpaca_clock import AlpacaClock, contradiction
    from hybrid_tui.tui.format import span

    try:
        reading = AlpacaClock(AlpacaKeys.of(os.environ), config.broker.trading_url).read()
    except HybridError as error:
        return Finding(name="closure", ok=False, text=f"the broker's clock: {error.render()}")
    said = contradiction(reading, calendar)
    text = f"the market is {'open' if reading.is_open else 'closed'}, as the calendar has it"
    if said:
        text = f"{said}: nothing is bought"
    skew = datetime.now(UTC) - reading.at
    if abs(skew) >= LARGEST_SKEW:
        side = "ahead" if skew > timedelta(0) else "behind"
        text += f"; this machine's clock is {span(abs(skew))} {side}"
    return Finding(name="closure", ok=not said and abs(skew) < LARGEST_SKEW, text=text)


def _yahoo_history(
    state: CliState, config: Config, calendar: TradingCalendar, now: datetime
) -> Finding:
    from hybrid_tui.market.yahoo_history import YahooHistory
    from hybrid_tui.tui.format import span

    symbol = config.app.watchlist[0]
    name = f"Yahoo{_at(config)}"
    try:
        history = YahooHistory(
            state.paths.cache / "yahoo",
            calendar=calendar,
            data_url=config.market.data_url,
            is_patient=False,
        )
        pages = list(history.bars(symbol, 60, now - LOOK_BACK, now))
    except HybridError as error:
        return Finding(name="provider", ok=False, text=f"{name}: {error.render()}")
    last = max((int(page.known_at[-1]) for page in pages), default=None)
    age = "no bar in five days"
    if last is not None:
        ended = timedelta(seconds=now.timestamp() - last)
        age = f"last bar of {symbol} {span(ended)} old"
    return Finding(name="provider", ok=last is not None, text=f"{name} answers: {age}")


def _yahoo_stream(config: Config) -> Finding:
    """Return whether Yahoo's stream takes a subscription."""
    from hybrid_tui.market.yahoo_socket import STREAM_URL, Down, messages

    url = config.market.stream_url or STREAM_URL

    async def subscribe() -> None:
        async with aclosing(messages(url, config.app.watchlist[:1], 1.0)) as received:
            await anext(received)

    try:
        asyncio.run(subscribe())
    except Down as error:
        return Finding(name="stream", ok=False, text=f"{url}: {error}: view only, no entries")
    except HybridError as error:
        return Finding(name="stream", ok=False, text=error.render())
    return Finding(name="stream", ok=True, text=f"{url} takes subscriptions")
