"""Yahoo's history through yfinance: bars, splits, dividends, headlines, earnings dates.

Yahoo's prices come adjusted for every split until the day of the download, whatever is asked for;
only dividends can be left out. They are turned back into prices as traded here, so that the bars of
two downloads agree and nothing knows of a split before it happened.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tui.domain.bars import BarSeries, CorporateAction, FloatArray, IntArray, NewsItem
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, HybridError, Retryable
from hybrid_tui.market.actions import as_traded, ex_instant, merge_actions
from hybrid_tui.market.yahoo_gate import LIFE, YahooDeclined, YahooGate
from hybrid_tui.market.yahoo_rows import FEED, chart_series, news_items, plain

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
NEWS_COUNT = 50
SUMMARY_URL = "https://query2.finance.yahoo.com/v10/finance/quoteSummary/"
NOTHING_THEN = "Data doesn't exist for startDate"
PRICE_DIGITS = 4
EVERYTHING = timedelta(days=40_000)

# Yahoo's name of an interval, how far back it reaches, and how much is asked for at once.
INTERVALS: dict[int, tuple[str, timedelta, timedelta]] = {
    60: ("1m", timedelta(days=30), timedelta(days=7)),
    300: ("5m", timedelta(days=60), timedelta(days=30)),
    900: ("15m", timedelta(days=60), timedelta(days=60)),
    3_600: ("1h", timedelta(days=730), timedelta(days=365)),
    86_400: ("1d", EVERYTHING, EVERYTHING),
}


class YahooHistory:
    """Yahoo's past, asked for politely: one session, one request after the other.

    ``dropped`` counts by reason what came and could not be used; ``life`` is how long answers are
    kept, ``data_url`` where requests are sent in place of Yahoo (see ``YahooGate``). All methods
    raise Retryable where Yahoo refuses or does not answer, and DataError where it has nothing under
    a symbol.
    """

    feed = FEED

    def __init__(
        self,
        cache: Path,
        *,
        calendar: TradingCalendar,
        session_class: type[Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        per_second: float = 2.0,
        timeout_s: float = 20.0,
        life: timedelta = LIFE,
        data_url: str | None = None,
        is_patient: bool = True,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._calendar = calendar
        self._clock = clock
        self._cache = cache
        self._session_class = session_class
        self.gate = YahooGate(
            cache / "answers",
            sleep=sleep,
            clock=clock,
            per_second=per_second,
            timeout_s=timeout_s,
            life=life,
            base_url=data_url,
            is_patient=is_patient,
        )
        self._session: Any = None
        self._events: dict[tuple[str, date], list[CorporateAction]] = {}

    def bars(
        self, symbol: str, interval_s: int, start: datetime, end: datetime
    ) -> Iterator[BarSeries]:
        """Yield a symbol's bars as traded with start <= bar start < end, oldest first.

        One series a window that has bars; regular sessions only, no bar that is not finished.
        Raises DataError where more is asked for than Yahoo keeps of an interval.
        """
        now = self._clock()
        name, _, window = self._within_reach(interval_s, start, now)
        end = min(end, now)
        if start >= end:
            return
        splits = [action for action in self._all_actions(symbol, start) if action.ratio != 1.0]
        begin = start
        while begin < end:
            finish = min(begin + window, end)
            found = self._window(symbol, interval_s, name, begin, finish)
            if found is not None and len(found):
                restored = as_traded(found, splits, now)
                yield restored if restored is found else _rounded(restored)
            begin = finish

    def actions(self, symbol: str, start: datetime, end: datetime) -> list[CorporateAction]:
        """Return splits and dividends (dollars an old share) with an ex-date in [start, end]."""
        found = self._all_actions(symbol, start)
        return [action for action in found if start <= action.ex_at <= min(end, self._clock())]

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsItem]:
        """Yield the headlines that Yahoo shows now, of those published in [start, end].

        They count as received now: Yahoo changes the text of live pages after their publication.
        """
        for symbol in symbols:
            with self._library(f"{symbol}'s headlines") as yf:
                articles = self._ticker(yf, symbol).get_news(count=NEWS_COUNT)
            for item in news_items(articles, symbol, self._clock(), self.dropped):
                if item.published_at is not None and start <= item.published_at <= end:
                    yield item

    def earnings_dates(self, symbol: str) -> list[date]:
        """Return the New York dates on which Yahoo expects the next earnings release."""
        with self._library(f"{symbol}'s earnings dates") as yf:
            # Not Ticker.calendar: that turns instants into dates of this machine's time zone.
            answer = yf.data.YfData(session=self._session).get_raw_json(
                f"{SUMMARY_URL}{symbol}", params={"modules": "calendarEvents"}
            )
            stamps = answer["quoteSummary"]["result"][0]["calendarEvents"]["earnings"]
            return sorted(
                {
                    datetime.fromtimestamp(int(stamp), UTC).astimezone(NEW_YORK).date()
                    for stamp in stamps["earningsDate"]
                }
            )

    def _within_reach(
        self, interval_s: int, start: datetime, now: datetime
    ) -> tuple[str, timedelta, timedelta]:
        if interval_s not in INTERVALS:
            known = ", ".join(name for name, _, _ in INTERVALS.values())
            raise ConfigError(f"Yahoo has no bars of {interval_s} s", hint=f"it has {known}")
        name, reach, window = INTERVALS[interval_s]
        if start < now - reach:
            first = (now - reach).astimezone(NEW_YORK).date() + timedelta(days=1)
            raise DataError(
                f"Yahoo keeps bars of {name} for {reach.days} days, not back to "
                f"{start.astimezone(NEW_YORK).date()}",
                hint=f"--start {first} or later, or a longer interval",
            )
        return name, reach, window

    def _window(
        self, symbol: str, interval_s: int, name: str, begin: datetime, finish: datetime
    ) -> BarSeries | None:
        """Return one request's bars; None where Yahoo has none of that time."""
        frame = self._frame(symbol, name, begin, finish)
        if frame is None:
            self.dropped["charts without bars"] += 1
            return None
        start, values = _arrays(symbol, frame)
        keep = (start >= begin.timestamp()) & (start < finish.timestamp())
        return chart_series(
            symbol,
            interval_s,
            start[keep],
            values[:, keep],
            calendar=self._calendar,
            now=self._clock(),
            dropped=self.dropped,
        )

    def _all_actions(self, symbol: str, start: datetime) -> list[CorporateAction]:
        """Return every split and dividend since the day before ``start``, as they were then."""
        day = start.astimezone(NEW_YORK).date() - timedelta(days=1)
        known = self._events.get((symbol, day))
        if known is not None:
            return known
        now = self._clock()
        # Until tomorrow's midnight and not until now, so that the question stays the same all day.
        tomorrow = ex_instant(now.astimezone(NEW_YORK).date() + timedelta(days=1))
        frame = self._frame(symbol, "1d", ex_instant(day), tomorrow)
        splits: list[CorporateAction] = []
        dividends: list[CorporateAction] = []
        if frame is not None:
            for day_of, amount, ratio in _event_rows(symbol, frame):
                ex_at = ex_instant(day_of)
                if 0 < ratio < 1e4 and ratio != 1.0 and ex_at <= now:
                    splits.append(CorporateAction(symbol=symbol, ex_at=ex_at, ratio=ratio))
                if 0 < amount < 1e5 and ex_at <= now:
                    dividends.append(CorporateAction(symbol=symbol, ex_at=ex_at, amount=amount))
        # Yahoo divides dividends by the splits that came after them, too.
        then = [
            CorporateAction(
                symbol=symbol,
                ex_at=paid.ex_at,
                amount=round(
                    paid.amount * prod(s.ratio for s in splits if s.ex_at > paid.ex_at), 6
                ),
            )
            for paid in dividends
        ]
        self._events[symbol, day] = merge_actions(splits, then)
        return self._events[symbol, day]

    def _frame(self, symbol: str, name: str, begin: datetime, finish: datetime) -> Any:
        """Return yfinance's table of a chart, or None where there is none of that time."""
        from yfinance.exceptions import YFPricesMissingError

        try:
            with self._library(f"{symbol}'s {name} chart") as yf:
                frame = self._ticker(yf, symbol).history(
                    interval=name,
                    start=begin,
                    end=finish,
                    auto_adjust=False,
                    actions=True,
                    keepna=True,
                    timeout=self.gate.timeout_s,
                )
        except YahooDeclined as error:
            if NOTHING_THEN in error.message:
                return None
            raise
        except DataError as error:
            cause = error.__cause__
            empty = isinstance(cause, YFPricesMissingError) and cause.yahoo_reason is None
            if empty or (isinstance(cause, KeyError) and cause.args == ("timestamp",)):
                return None
            raise
        return frame if len(frame) else None

    @contextmanager
    def _library(self, what: str) -> Iterator[Any]:
        """Give yfinance, quiet, and turn what it raises into errors that a person can read."""
        import yfinance as yf

        if self._session is None:
            library_log = logging.getLogger("yfinance")
            if not library_log.handlers:
                # Without a handler of its own Python would write its warnings on the screen.
                library_log.addHandler(logging.NullHandler())
            yf.set_tz_cache_location(str(self._cache / "yfinance"))
            yf.config.debug.hide_exceptions = False
            self._session = self.gate.session(self._session_class)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield yf
        except HybridError:
            raise
        except yf.exceptions.YFException as error:
            raise DataError(f"Yahoo has no {what}: {error}") from error
        except OSError as error:
            raise Retryable(f"{what} did not come: {error}", hint="try later") from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            kind = type(error).__name__
            raise DataError(f"{what} cannot be read: {kind} {error}") from error

    def _ticker(self, yf: Any, symbol: str) -> Any:
        return yf.Ticker(symbol, session=self._session)


def _event_rows(symbol: str, frame: Any) -> list[tuple[date, float, float]]:
    """Return the day, the dividend and the split ratio of each row (0: none)."""
    try:
        amounts = frame["Dividends"].to_numpy(dtype=np.float64).tolist()
        ratios = frame["Stock Splits"].to_numpy(dtype=np.float64).tolist()
        return list(zip((at.date() for at in frame.index), amounts, ratios, strict=True))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"Yahoo's splits and dividends of {symbol} are none: {error}") from error


def _arrays(symbol: str, frame: Any) -> tuple[IntArray, FloatArray]:
    """Return the starts and the values, shape (5, n), of yfinance's table."""
    try:
        start = frame.index.as_unit("s").asi8.astype(np.int64)
        values = np.array([frame[name].to_numpy(dtype=np.float64) for name in COLUMNS])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"Yahoo's chart of {symbol} is not a table of bars: {error}") from error
    return start, values


def _rounded(series: BarSeries) -> BarSeries:
    """Take out what multiplying single-precision prices by a ratio left behind."""
    open_, high, low, close = (
        np.round(plain(column), PRICE_DIGITS)
        for column in (series.open, series.high, series.low, series.close)
    )
    return replace(series, open=open_, high=high, low=low, close=close)
