"""The brief of a session at any instant, from the journal and the bar store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState, iso
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.domain.bars import BarSeries, NewsItem
    from hybrid_tui.domain.ports import StrategistBrief
    from hybrid_tui.domain.state import DeskState

NEWS_REACH = timedelta(days=1)
JUST_AFTER = timedelta(microseconds=1)
MINUTE = 60
NAMED = {"morning": "10:00", "midday": "12:00", "afternoon": "15:00", "closing": "15:30"}


def session_name(name: str | None) -> str:
    """Return a session's New York time from its time or name; empty for None.

    Raises ConfigError.
    """
    if name is None:
        return ""
    found = NAMED.get(name.lower(), name)
    try:
        return f"{datetime.strptime(found, '%H:%M'):%H:%M}"  # noqa: DTZ007
    except ValueError as error:
        raise ConfigError(
            f"{name!r} is no session", hint="HH:MM New York, or " + ", ".join(NAMED)
        ) from error


def session_at(state: CliState, name: str, asked: datetime | None, now: datetime) -> datetime:
    """Return the instant of a session: ``asked``, or now.

    A name moves a date (New York's midnight) to that time of the day. Raises ConfigError for what
    is not yet, or outside the calendar.
    """
    from hybrid_tui.domain.calendar import NEW_YORK

    at = asked or now
    local = at.astimezone(NEW_YORK)
    at_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    if name and (asked is None or at_midnight):
        hour, minute = map(int, name.split(":"))
        at = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    at = at.astimezone(now.tzinfo)
    if at > now:
        raise ConfigError(f"{iso(at)} is not yet: a session knows nothing of it", hint="--at T")
    if state.calendar().last_session(at) is None:
        raise ConfigError(f"{iso(at)} is before the first session of the calendar")
    return at


def desk_at(connection: sqlite3.Connection, at: datetime) -> tuple[str | None, DeskState]:
    """Return the run that was the newest at an instant, and its desk as it was then."""
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.journal.reader import read_events

    desk = DeskState()
    row = connection.execute(
        "select run from events where at <= ? and kind = 'EngineStarted' order by seq desc limit 1",
        (iso(at),),
    ).fetchone()
    if row is None:
        return None, desk
    for event in read_events(connection, str(row[0])):
        if event.at > at:
            break
        desk.apply(event)
    return str(row[0]), desk


def brief_at(
    state: CliState, config: Config, at: datetime, session: str, symbols: Sequence[str] | None
) -> StrategistBrief:
    """Return what a strategist may know at ``at``: nothing that came later.

    Headlines are the journal's, imported or received by its newest run of then; positions and
    strategies are that run's; prices come from the bar store, else from that run.
    """
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.engine.briefing import brief_of
    from hybrid_tui.journal.reader import open_read_only, read_bars, read_news
    from hybrid_tui.llm.local import LocalAnalyst
    from hybrid_tui.market.stories import fold_stories, merge_news
    from hybrid_tui.market.view import KnownMarket

    wanted = tuple(symbols or config.app.watchlist)
    run, desk, imported, seen = None, DeskState(), [], {}
    if state.paths.journal.exists():
        with closing(open_read_only(state.paths.journal)) as connection:
            run, desk = desk_at(connection, at)
            imported = read_news(connection, at - NEWS_REACH, at + JUST_AFTER)
            if run is not None:
                seen = read_bars(connection, run, wanted, MINUTE)
    stored = _stored(state, wanted)
    market = KnownMarket(wanted, MINUTE, "store")
    for symbol in wanted:
        series = stored.get(symbol) or seen.get(symbol)
        if series is not None:
            market.warm(series.known_by(int(at.timestamp())))
    news = fold_stories(merge_news(_together(imported, desk.news), set(wanted)))
    brief = brief_of(desk, market.view(at), state.calendar(), wanted, session=session, full=True)
    scores = dict(zip((item.id for item in news), LocalAnalyst().score(news), strict=True))
    if run is None:
        brief = replace(brief, equity=None, cash=None, execution=None)
    return replace(brief, news=tuple(news), scores=scores)


def _stored(state: CliState, symbols: Sequence[str]) -> dict[str, BarSeries]:
    """Return the store's minutes, or what comes closest, of the symbols that it has."""
    from hybrid_tui.market.store import BarStore

    store = BarStore(state.paths.bars)
    there = {stored.symbol for stored in store.list()}.intersection(symbols)
    return store.load(sorted(there)) if there else {}


def _together(imported: Sequence[NewsItem], received: Sequence[NewsItem]) -> list[NewsItem]:
    found = {item.id: item for item in (*received, *imported)}
    return sorted(found.values(), key=lambda item: (item.received_at, item.id))
