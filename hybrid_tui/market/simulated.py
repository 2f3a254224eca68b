"""The simulated market: seeded, endless, and the same however it is entered."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from hybrid_tui.domain.bars import Bar, BarSeries, BarSlice, NewsItem, Quote
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.domain.ports import MarketUpdate
from hybrid_tui.errors import DataError
from hybrid_tui.market.sim_days import Days
from hybrid_tui.market.sim_profiles import SimulatedConfig
from hybrid_tui.market.sim_session import TICK_SECONDS, TICKS, SimulatedSession, make_session

FEED = "sim"
INTERVAL = 60
FIRST_CLOCK = time(9, 25)
WARM_UP_BARS = 2_000
KEPT_SESSIONS = 12
NEWS_REACH = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A session as Python figures, so that reading an instant costs no conversion."""

    made: SimulatedSession
    bids: list[list[float]]
    asks: list[list[float]]
    bars: list[list[Bar]]
    news_at: list[datetime]


class SimulatedMarket:
    """A feed of 5-second quotes, one-minute bars and headlines over the calendar's sessions."""

    def __init__(self, config: SimulatedConfig, calendar: TradingCalendar) -> None:
        self.config = config
        self.symbols = config.symbols
        self.interval = INTERVAL
        self._days = Days(config, calendar)
        self._calendar = calendar
        start = calendar.session_on(config.start_day)
        if start is None:
            raise DataError(f"{config.start_day} is not a trading day")
        self._days.index_of(start)
        self.begins_at = start.at(FIRST_CLOCK)
        self._made: OrderedDict[int, SimulatedSession] = OrderedDict()
        self._prepared: tuple[int, _Prepared] | None = None

    def upcoming(self, after: datetime) -> datetime | None:
        """Return the next instant with data, never None: after the close comes the next session.

        Raises DataError where the calendar ends.
        """
        session = self._session_of(after)
        prepared = self._prepare(session)
        candidates = []
        later = bisect_right(prepared.news_at, after)
        if later < len(prepared.news_at):
            candidates.append(prepared.news_at[later])
        if after < session.open:
            candidates.append(session.open)
        else:
            ticks = (after - session.open) // timedelta(seconds=TICK_SECONDS) + 1
            candidates.append(session.open + timedelta(seconds=ticks * TICK_SECONDS))
        return min(candidates)

    def read(self, now: datetime) -> MarketUpdate:
        """Return what becomes known exactly at ``now``: quotes, the minute's bars, headlines."""
        session = self._session_at_or_closing(now)
        prepared = self._prepare(session)
        first = bisect_right(prepared.news_at, now - timedelta(microseconds=1))
        last = bisect_right(prepared.news_at, now)
        news = prepared.made.news[first:last]
        offset = now - session.open
        step = timedelta(seconds=TICK_SECONDS)
        if offset < timedelta(0) or now > session.close or offset % step:
            return MarketUpdate(news=news)
        tick = offset // step
        return MarketUpdate(
            bars=self._bars_ending(prepared, now, tick),
            quotes=self._quotes(prepared, now, tick),
            news=news,
        )

    def warm_up(self, before: datetime) -> Mapping[str, BarSeries]:
        """Return the bars known at ``before``: at least 2,000 a symbol, whole sessions of them."""
        current = self._days.index_of(self._session_of(before))
        first = current
        count = 0
        while count < WARM_UP_BARS:
            first -= 1
            count += len(self._make(first).start)
        series = self._series(range(first, current + 1))
        known = int(before.timestamp())
        return {symbol: bars.known_by(known) for symbol, bars in series.items()}

    def earlier_news(self, before: datetime) -> Sequence[NewsItem]:
        """Return the headlines received in [before - 3 days, before], oldest first."""
        since = before - NEWS_REACH
        items: list[NewsItem] = []
        index = self._days.index_of(self._session_of(before))
        while index >= 0 and self._days.session(index).close >= since:
            items = [*self._make(index).news, *items]
            index -= 1
        return [item for item in items if since <= item.received_at <= before]

    def history(
        self, first_day: date, sessions: int
    ) -> tuple[dict[str, BarSeries], list[NewsItem]]:
        """Return the bars and headlines of so many sessions from the first on or after a day."""
        start = self._calendar.session_on(first_day)
        if start is None:
            midnight = datetime.combine(first_day, time(0), self.begins_at.tzinfo)
            start = self._calendar.next_session(midnight)
        first = self._days.index_of(start)
        indices = range(first, first + sessions)
        news = [item for index in indices for item in self._make(index).news]
        return self._series(indices), news

    def _session_of(self, instant: datetime) -> Session:
        """Return the session that an instant lies in or before: [previous close, close)."""
        session = self._calendar.session_at(instant)
        return session or self._calendar.next_session(instant)

    def _session_at_or_closing(self, now: datetime) -> Session:
        last = self._calendar.last_session(now)
        return last if last is not None and now <= last.close else self._session_of(now)

    def _make(self, index: int) -> SimulatedSession:
        made = self._made.get(index)
        if made is None:
            made = make_session(self._days, index)
            self._made[index] = made
            if len(self._made) > KEPT_SESSIONS:
                self._made.popitem(last=False)
        return made

    def _prepare(self, session: Session) -> _Prepared:
        index = self._days.index_of(session)
        if self._prepared is None or self._prepared[0] != index:
            made = self._make(index)
            columns = np.stack([made.open, made.high, made.low, made.close, made.volume], axis=2)
            prepared = _Prepared(
                made=made,
                bids=np.round(made.prints - made.half_spread, 2).tolist(),
                asks=np.round(made.prints + made.half_spread, 2).tolist(),
                bars=[[Bar._make(bar) for bar in minute] for minute in columns.tolist()],
                news_at=[item.received_at for item in made.news],
            )
            self._prepared = (index, prepared)
        return self._prepared[1]

    def _bars_ending(self, prepared: _Prepared, now: datetime, tick: int) -> tuple[BarSlice, ...]:
        if tick == 0 or tick % TICKS:
            return ()
        bars = dict(zip(self.symbols, prepared.bars[tick // TICKS - 1], strict=True))
        return (BarSlice(start=now - timedelta(seconds=INTERVAL), known_at=now, bars=bars),)

    def _quotes(self, prepared: _Prepared, now: datetime, tick: int) -> tuple[Quote, ...]:
        if tick >= len(prepared.bids):
            return ()
        bids, asks = prepared.bids[tick], prepared.asks[tick]
        return tuple(
            Quote(symbol=symbol, bid=bid, ask=ask, at=now)
            for symbol, bid, ask in zip(self.symbols, bids, asks, strict=True)
        )

    def _series(self, indices: range) -> dict[str, BarSeries]:
        sessions = [self._make(index) for index in indices]
        start = np.concatenate([made.start for made in sessions])
        columns = {
            name: np.concatenate([getattr(made, name) for made in sessions]).T.copy()
            for name in ("open", "high", "low", "close", "volume")
        }
        return {
            symbol: BarSeries(
                symbol=symbol,
                interval=INTERVAL,
                feed=FEED,
                start=start,
                known_at=start + INTERVAL,
                **{name: column[i] for name, column in columns.items()},
            )
            for i, symbol in enumerate(self.symbols)
        }
