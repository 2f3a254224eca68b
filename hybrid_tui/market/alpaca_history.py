"""Alpaca's history: bars, latest quotes, headlines and corporate actions, page by page.

Pages are asked for one by one through alpaca-py's clients instead of through their methods that
gather all pages first: years of one-minute bars then need the memory of one page, and a fault on
page 40 repeats one request, not forty.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem, Quote
from hybrid_tui.domain.calendar import NEW_YORK, TradingCalendar
from hybrid_tui.errors import DataError
from hybrid_tui.market.alpaca_http import (
    ATTEMPTS,
    TIMEOUT_S,
    URL_HINT,
    AlpacaRest,
    Api,
)
from hybrid_tui.market.alpaca_rows import (
    actions,
    alpaca_symbol,
    bar_rows,
    bar_series,
    news_item,
    quote,
    spelled,
    timeframe,
)

log = logging.getLogger(__name__)

FeedName = Literal["iex", "sip"]
BARS_PER_PAGE = 10_000
NEWS_PER_PAGE = 50
ACTIONS_PER_PAGE = 1_000
SYMBOLS_PER_REQUEST = 100
PROCESSED_LATER = timedelta(days=120)
"""Alpaca files an action under the day it was processed: for a dividend weeks after the ex date."""


class AlpacaHistory:
    """Alpaca's REST market data of one account and feed (``iex`` or ``sip``).

    ``dropped`` counts by reason what came in and could not be what it claims to be. All methods
    raise Retryable, Fatal, DataError and ConfigError as ``AlpacaRest.get`` does.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        data_url: str | None,
        feed: FeedName,
        *,
        calendar: TradingCalendar,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
        timeout_s: tuple[float, float] = TIMEOUT_S,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.feed = feed
        self.dropped: Counter[str] = Counter()
        self._calendar = calendar
        self._clock = clock
        self._rest = AlpacaRest(
            keys,
            data_url,
            sleep=sleep,
            clock=clock,
            jitter=jitter,
            timeout_s=timeout_s,
            attempts=attempts,
        )

    def bars(
        self, symbol: str, interval_s: int, start: datetime, end: datetime
    ) -> Iterator[BarSeries]:
        """Yield a symbol's raw regular-session bars with start <= bar start < end, oldest first.

        One series a page. A bar that is not known yet when its page is asked for is left out.
        """
        from alpaca.common.enums import Sort
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import StockBarsRequest
        from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

        amount, unit = timeframe(interval_s)
        request = StockBarsRequest(
            symbol_or_symbols=alpaca_symbol(symbol),
            timeframe=TimeFrame(amount, TimeFrameUnit(unit)),
            start=start,
            end=end,
            limit=BARS_PER_PAGE,
            adjustment=Adjustment.RAW,
            feed=DataFeed(self.feed),
            sort=Sort.ASC,
        )
        what = f"{symbol}'s bars ({self.feed})"
        first, last = start.timestamp(), end.timestamp()
        for asked_at, page in self._pages("stocks", "/stocks/bars", request, what):
            rows = _member(page, "bars", dict, what).get(alpaca_symbol(symbol)) or []
            if not isinstance(rows, list):
                raise DataError(f"Alpaca's answer about {what}: not a list", hint=URL_HINT)
            starts, values = bar_rows(rows, self.dropped)
            kept = (starts >= first) & (starts < last)
            if len(starts) and not kept.all():
                self.dropped["outside the span asked for, or on an earlier page"] += int(
                    (~kept).sum()
                )
            if kept.any():
                first = int(starts[kept][-1]) + 1
            series = bar_series(
                symbol,
                interval_s,
                self.feed,
                starts[kept],
                values[:, kept],
                calendar=self._calendar,
                now=asked_at,
            )
            if len(series):
                yield series

    def latest_quotes(self, symbols: Sequence[str]) -> list[Quote]:
        """Return the newest quote of each symbol that has one with two sides, in their order."""
        from alpaca.data.enums import DataFeed
        from alpaca.data.requests import StockLatestQuoteRequest

        found: list[Quote] = []
        for first in range(0, len(symbols), SYMBOLS_PER_REQUEST):
            names = spelled(symbols[first : first + SYMBOLS_PER_REQUEST])
            request = StockLatestQuoteRequest(
                symbol_or_symbols=list(names), feed=DataFeed(self.feed)
            )
            what = f"the latest quotes ({self.feed})"
            answer = self._rest.get(
                "stocks", "/stocks/quotes/latest", request.to_request_fields(), what
            )
            rows = _member(answer, "quotes", dict, what)
            for name, symbol in names.items():
                if rows.get(name) is not None:
                    one = quote(symbol, rows[name], self.dropped)
                    found += [one] if one else []
        return found

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsItem]:
        """Yield the headlines about symbols (none: all) created in [start, end], each id once.

        They count as received when they were created, and come in the order of their last update.
        """
        from alpaca.data.requests import NewsRequest

        names = spelled(symbols)
        request = NewsRequest(
            start=start,
            end=end,
            sort="asc",
            symbols=",".join(names) or None,
            limit=NEWS_PER_PAGE,
            include_content=False,
        )
        seen: set[str] = set()
        for _, page in self._pages("news", "/news", request, "news"):
            for row in _member(page, "news", list, "news"):
                item = news_item(row, names, self.dropped, None)
                if item and item.id not in seen and start <= item.received_at <= end:
                    seen.add(item.id)
                    yield item

    def actions(self, symbol: str, start: datetime, end: datetime) -> list[CorporateAction]:
        """Return a symbol's splits and cash dividends that take effect in [start, end], by date.

        Each takes effect at the open of the session of its ex date.
        """
        from alpaca.data.enums import CorporateActionsType
        from alpaca.data.requests import CorporateActionsRequest

        kinds = CorporateActionsType
        request = CorporateActionsRequest(
            symbols=[alpaca_symbol(symbol)],
            types=[kinds.FORWARD_SPLIT, kinds.REVERSE_SPLIT, kinds.CASH_DIVIDEND],
            start=start.astimezone(NEW_YORK).date(),
            end=(end + PROCESSED_LATER).astimezone(NEW_YORK).date(),
            limit=ACTIONS_PER_PAGE,
        )
        what = f"{symbol}'s splits and dividends"
        found: dict[CorporateAction, None] = {}
        for _, page in self._pages("actions", "/corporate-actions", request, what):
            answer = _member(page, "corporate_actions", dict, what)
            found |= dict.fromkeys(actions(symbol, answer, self._calendar, self.dropped))
        return sorted(
            (action for action in found if start <= action.ex_at <= end),
            key=lambda action: (action.ex_at, action.amount, action.ratio),
        )

    def _pages(
        self, api: Api, path: str, request: Any, what: str
    ) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Yield each page with the instant just before it was asked for."""
        params = {
            name: ",".join(value) if isinstance(value, list) else value
            for name, value in request.to_request_fields().items()
        }
        tokens: set[str] = set()
        while True:
            asked_at = self._clock()
            page = self._rest.get(api, path, params, what)
            yield asked_at, page
            token = page.get("next_page_token")
            if not token:
                return
            if not isinstance(token, str) or token in tokens:
                raise DataError(
                    f"Alpaca's answer about {what} never ends: a page came twice", hint=URL_HINT
                )
            tokens.add(token)
            params["page_token"] = token


def _member(
    answer: Mapping[str, Any], name: str, kind: type[dict[Any, Any]] | type[list[Any]], what: str
) -> Any:
    """Return a member of an answer; null is an empty one, for Alpaca writes that too."""
    if name not in answer:
        raise DataError(f"Alpaca's answer about {what} has no {name!r}", hint=URL_HINT)
    value = answer[name]
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise DataError(
            f"Alpaca's answer about {what}: {name!r} is of the wrong type", hint=URL_HINT
        )
    return value
