"""The market that a configuration names: simulated, recorded, or live."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hybrid_tui.commands.account import LIVE_URL
from hybrid_tui.commands.common import tell
from hybrid_tui.commands.compose import MarketKind
from hybrid_tui.commands.context import CliState
from hybrid_tui.config import WATCHLIST, Config
from hybrid_tui.errors import ConfigError, DataError
from hybrid_tui.keys import find_keys

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import BarSeries
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.ports import Feed
    from hybrid_tui.journal.journal import Journal
    from hybrid_tui.market.live import LiveSource

WARM_UP_DAYS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskMarket:
    """A feed, where it begins, and what tells a run on it from another.

    ``source`` is what delivers live data into the feed (None: the feed is driven by its clock).
    """

    feed: Feed
    begins_at: datetime
    day: str
    kind: MarketKind
    name: str
    source: LiveSource | None = None
    halted: Mapping[str, str] = field(default_factory=dict)


def open_market(
    state: CliState,
    config: Config,
    calendar: TradingCalendar,
    recorded_day: date | None,
    journal: Journal,
) -> DeskMarket:
    """Return the market of the configured mode; raises ConfigError, DataError, Retryable, Fatal."""
    if config.app.mode == "sim":
        return simulated_market(config, calendar)
    if config.app.mode == "paper" and config.market.provider == "yahoo":
        return _yahoo(state, config, calendar, journal)
    if config.app.mode in ("paper", "live"):
        return _alpaca(state, config, calendar)
    return _recorded(state, config, calendar, recorded_day, journal)


def simulated_market(config: Config, calendar: TradingCalendar) -> DeskMarket:
    """Return the simulated market that a configuration asks for."""
    from hybrid_tui.market.sim_profiles import SimulatedConfig
    from hybrid_tui.market.simulated import SimulatedMarket

    chosen = SimulatedConfig(seed=config.sim.seed, symbols=tuple(config.app.watchlist))
    if config.sim.edge_bps is not None:
        chosen = replace(chosen, edge=config.sim.edge_bps)
    feed = SimulatedMarket(chosen, calendar)
    return DeskMarket(
        feed=feed,
        begins_at=feed.begins_at,
        day=_identity(f"seed{config.sim.seed}", config),
        kind="simulated",
        name="simulated market",
    )


def _alpaca(state: CliState, config: Config, calendar: TradingCalendar) -> DeskMarket:
    """Read the last sessions, and connect what comes from now on."""
    from hybrid_tui.alpaca_wire import KEY_ID, SECRET_KEY, AlpacaKeys
    from hybrid_tui.market.alpaca_clock import AlpacaClock, ClockWatch
    from hybrid_tui.market.alpaca_history import AlpacaHistory
    from hybrid_tui.market.alpaca_stream import AlpacaStream
    from hybrid_tui.market.live import LiveFeed, LiveSources
    from hybrid_tui.market.store import merge_series

    symbols, now = config.app.watchlist, datetime.now(UTC)
    keys = AlpacaKeys.of(find_keys((KEY_ID, SECRET_KEY), os.environ, state.profile))
    history = AlpacaHistory(keys, config.market.data_url, config.market.feed, calendar=calendar)
    past: dict[str, BarSeries] = {}
    for symbol in symbols:
        for page in history.bars(symbol, 60, now - timedelta(days=WARM_UP_DAYS), now):
            past[symbol] = merge_series(past[symbol], page) if symbol in past else page
    news = history.news(symbols, now - timedelta(days=3), now)
    feed = LiveFeed(symbols, 60, history=past, news=news)
    trading_url = config.broker.trading_url
    if trading_url is None and config.app.mode == "live":
        trading_url = LIVE_URL
    stream = AlpacaStream(
        keys,
        symbols,
        history,
        calendar=calendar,
        stream_url=config.market.stream_url,
        since=now,
        on_halt=feed.halts.note,
    )
    return DeskMarket(
        feed=feed,
        begins_at=now,
        day="account",
        kind="real",
        name=f"Alpaca {config.market.feed}",
        source=LiveSources(
            stream,
            ClockWatch(AlpacaClock(keys, trading_url), calendar, feed.halts),
        ),
        halted=feed.halts,
    )


def _yahoo(
    state: CliState, config: Config, calendar: TradingCalendar, journal: Journal
) -> DeskMarket:
    """Read the last sessions, and ask and listen from now on; headlines come with the asking."""
    from hybrid_tui.journal.reader import arrived_news
    from hybrid_tui.market.live import NEWS_REACH, LiveFeed
    from hybrid_tui.market.store import merge_series
    from hybrid_tui.market.yahoo_history import YahooHistory
    from hybrid_tui.market.yahoo_stream import Pause, YahooStream

    symbols, now, pause = config.app.watchlist, datetime.now(UTC), Pause()
    history = YahooHistory(
        state.paths.cache / "yahoo",
        calendar=calendar,
        sleep=pause,
        life=timedelta(0),
        data_url=config.market.data_url,
    )
    past: dict[str, BarSeries] = {}
    for symbol in symbols:
        for page in history.bars(symbol, 60, now - timedelta(days=WARM_UP_DAYS), now):
            past[symbol] = merge_series(past[symbol], page) if symbol in past else page
    # Yahoo's headlines count as received when they came: those that came before, came then.
    news = arrived_news(journal.connection, config.app.mode, now - NEWS_REACH)
    feed = LiveFeed(symbols, 60, history=past, news=news)
    stream = YahooStream(
        symbols,
        history,
        calendar=calendar,
        halts=feed.halts,
        stream_url=config.market.stream_url,
        since=now,
        pause=pause,
    )
    return DeskMarket(
        feed=feed,
        begins_at=datetime.now(UTC),
        day="account",
        kind="real",
        name="Yahoo, last prices",
        source=stream,
        halted=feed.halts,
    )


def _identity(label: str, config: Config) -> str:
    """Return what tells one run from another: an account belongs to one market and watchlist."""
    chosen = [config.app.watchlist, config.sim.edge_bps if config.app.mode == "sim" else None]
    if chosen == [WATCHLIST, None]:
        return label
    return f"{label} {hashlib.sha256(repr(chosen).encode()).hexdigest()[:6]}"


def _recorded(
    state: CliState,
    config: Config,
    calendar: TradingCalendar,
    day: date | None,
    journal: Journal,
) -> DeskMarket:
    from hybrid_tui.domain.calendar import NEW_YORK
    from hybrid_tui.engine.clock import BEFORE_OPEN
    from hybrid_tui.journal.reader import read_news
    from hybrid_tui.market.recorded import RecordedMarket
    from hybrid_tui.market.store import BarStore
    from hybrid_tui.market.stories import merge_news

    wanted = None if config.app.watchlist == WATCHLIST else list(config.app.watchlist)
    store = BarStore(state.paths.bars)
    series, actions = store.load_with_actions(wanted, 60)
    tell(store.seams(list(series), 60))
    if not series:
        raise DataError(
            f"{state.paths.bars}: the bar store has no one-minute bars",
            hint="hybrid-tui data import PATH",
        )
    if day is None:
        first = min(int(found.start[0]) for found in series.values())
        day = datetime.fromtimestamp(first, UTC).astimezone(NEW_YORK).date()
    session = calendar.session_on(day)
    if session is None:
        raise ConfigError(f"--recorded {day}: not a trading day")
    opens = int(session.open.timestamp())
    last = max(int(found.known_at[-1]) for found in series.values())
    if last <= opens or not any(
        ((found.start >= opens) & (found.known_at <= int(session.close.timestamp()))).any()
        for found in series.values()
    ):
        first = min(int(found.start[0]) for found in series.values())
        spans = " to ".join(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (first, last))
        raise DataError(
            f"--recorded {day}: the bar store has no one-minute bars of that day",
            hint=f"it spans {spans}",
        )
    begins_at = session.open - BEFORE_OPEN
    feed = RecordedMarket(
        series,
        merge_news(read_news(journal.connection), tuple(series)),
        calendar=calendar,
        begins_at=begins_at,
        actions=actions,
    )
    return DeskMarket(
        feed=feed,
        begins_at=begins_at,
        day=_identity(str(day), config),
        kind="real",
        name="recorded bars",
    )
