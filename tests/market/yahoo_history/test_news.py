"""Headlines and earnings dates through the real yfinance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from hybrid_tui.errors import DataError
from tests.market.yahoo_history.builders import NOW, Desk, article
from tests.servers.yahoo import Share, Yahoo


def test_headlines_are_cleaned_and_count_from_now(desk: Desk, yahoo: Yahoo) -> None:
    tagged = {"stockTickers": [{"symbol": "BBB"}, {"symbol": "not a ticker!"}, 7]}
    yahoo.shares["AAA"] = Share(
        articles=[
            article(
                "1",
                "AAA &amp; <b>BBB</b>\u202e rise",
                provider={"displayName": "Wire"},
                canonicalUrl={"url": "https://example.com/1"},
                summary="Text",
                finance=tagged,
            ),
            article("2", "  "),
            article("3", "From the future", pubDate="2026-03-25T00:00:00Z"),
            article("4", "Without an instant", pubDate=None),
            article("5", "Too old", pubDate="2026-03-01T00:00:00Z"),
            {"id": "6", "content": None},
        ]
    )
    (item,) = desk.history.news(["AAA"], NOW - timedelta(days=7), NOW)
    assert (item.id, item.headline, item.symbols) == ("yahoo:1", "AAA & BBB rise", ("AAA", "BBB"))
    assert (item.source, item.url, item.body) == ("Wire", "https://example.com/1", "Text")
    assert item.received_at == desk.now
    assert item.published_at == datetime(2026, 3, 24, 12, tzinfo=UTC)
    assert sum(desk.history.dropped.values()) == 4


def test_earnings_dates_are_new_yorks(desk: Desk, yahoo: Yahoo) -> None:
    late = int(datetime(2026, 5, 2, 1, 0, tzinfo=UTC).timestamp())
    yahoo.shares["AAA"] = Share(earnings=[late])
    assert desk.history.earnings_dates("AAA") == [date(2026, 5, 1)]
    yahoo.shares["AAA"] = Share(earnings=["soon"])  # type: ignore[list-item]
    desk.now += timedelta(hours=1)
    with pytest.raises(DataError, match="AAA's earnings dates cannot be read"):
        desk.history.earnings_dates("AAA")
