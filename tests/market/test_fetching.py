"""Downloads into the store: what is asked for, what is kept, and how an interrupted one goes on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hybrid_tui.commands import fetch
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.data import app as data_app
from hybrid_tui.commands.news import app as news_app
from hybrid_tui.domain.bars import BarSeries, CorporateAction, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, Retryable
from hybrid_tui.market.fetching import Fetched, failure, fetch_bars
from hybrid_tui.market.store import BarStore
from hybrid_tui.market.yahoo_history import YahooHistory
from tests.market.builders import OPEN, headline, series
from tests.servers.alpaca_data import KEYS, article, minutes, serve_data
from tests.servers.yahoo import Row, Share, Yahoo, loopback, yahoo_server

DAYS = [OPEN + timedelta(days=n) for n in (0, 1, 2, 3, 4)]  # Monday to Friday
START, END = OPEN - timedelta(hours=5), OPEN + timedelta(days=5)


class Shelf:
    """A source with a page a day, which can fail on one of them."""

    feed = "shelf"

    def __init__(self, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.dropped: Counter[str] = Counter()
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.fails_at = fails_at
        self.error = error or Retryable("the shelf is locked")
        self.price = 100.0

    def bars(
        self, symbol: str, interval_s: int, start: datetime, end: datetime
    ) -> Iterator[BarSeries]:
        self.asked.append((symbol, start, end))
        for number, day in enumerate(DAYS):
            if number == self.fails_at and start < day + timedelta(hours=1):
                raise self.error
            page = series(symbol, minutes=range(60), begin=day, close=self.price)
            inside = (page.start >= start.timestamp()) & (page.start < end.timestamp())
            first, last = np.searchsorted(inside, True), int(inside.sum())
            if last:
                yield replace(page.slice(int(first), int(first) + last), feed=self.feed)

    def actions(self, symbol: str, start: datetime, end: datetime) -> list[CorporateAction]:
        return [CorporateAction(symbol=symbol, ex_at=DAYS[2], ratio=2.0)]

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsItem]:
        yield headline(OPEN, "First", *symbols)
        if self.fails_at is not None:
            raise self.error
        yield headline(OPEN, "Second", *symbols)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


def run(
    source: Shelf, store: BarStore, calendar: TradingCalendar, *symbols: str, **more: Any
) -> list[Fetched]:
    start, end = more.pop("start", START), more.pop("end", END)
    return list(fetch_bars(source, store, calendar, symbols or ("A",), 60, start, end, **more))


def test_a_download_keeps_raw_bars_and_actions(store: BarStore, calendar: TradingCalendar) -> None:
    (result,) = run(Shelf(), store, calendar)
    assert (result.pages, result.bars, result.added, result.actions) == (5, 300, 300, 1)
    (stored,) = store.list()
    assert (stored.feed, stored.adjusted, stored.bars) == ("shelf", "none", 300)
    loaded, actions = store.load_with_actions(["A"])
    assert len(loaded["A"]) == 300
    assert [a.ratio for a in actions] == [2.0]


def test_repeating_asks_only_for_what_was_not_looked_at(
    store: BarStore, calendar: TradingCalendar
) -> None:
    source = Shelf()
    run(source, store, calendar, end=DAYS[4] + timedelta(hours=1))
    (again,) = run(source, store, calendar, end=DAYS[4] + timedelta(hours=1))
    assert again.skipped
    assert len(source.asked) == 1
    run(source, store, calendar, start=START - timedelta(days=3), end=END)
    # Before Monday there is the weekend's Friday; after Friday's last bar the rest of its session.
    assert [(a, b) for _, a, b in source.asked[1:]] == [
        (START - timedelta(days=3), START),
        (DAYS[4], END),
    ]


@pytest.mark.parametrize("stop", [Retryable("locked"), KeyboardInterrupt()])
def test_an_interrupted_download_goes_on_where_it_ended(
    stop: BaseException, store: BarStore, calendar: TradingCalendar
) -> None:
    source = Shelf(fails_at=3, error=stop)
    try:
        (result,) = run(source, store, calendar)
        assert result.error is stop
    except KeyboardInterrupt as interrupt:
        assert interrupt is stop  # noqa: PT017 - it must come through, or not at all
    assert store.list()[0].bars == 180
    assert [path.name for path in store.list()[0].path.parent.iterdir()] == ["A.parquet"]
    going_on = Shelf()
    (result,) = run(going_on, store, calendar)
    assert going_on.asked == [("A", DAYS[2], END)]
    assert (result.added, store.list()[0].bars) == (120, 300)


def test_a_hole_before_what_is_there_is_filled_even_after_an_interruption(
    store: BarStore, calendar: TradingCalendar
) -> None:
    run(Shelf(), store, calendar, start=DAYS[3] - timedelta(hours=1))
    run(Shelf(fails_at=1), store, calendar)
    assert store.list()[0].bars == 180
    run(Shelf(), store, calendar)
    assert store.list()[0].bars == 300


def test_again_replaces_what_is_there(store: BarStore, calendar: TradingCalendar) -> None:
    run(Shelf(), store, calendar)
    source = Shelf()
    source.price = 50.0
    (result,) = run(source, store, calendar, again=True)
    assert (result.bars, result.added) == (300, 0)
    assert store.load()["A"].close.max() < 60


def test_a_crash_while_a_page_is_written_leaves_the_pages_before(
    store: BarStore, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, iter(range(99))

    def interrupt(descriptor: int) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        real(descriptor)

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(Shelf(), store, calendar)
    monkeypatch.undo()
    assert store.list()[0].bars in (60, 120)
    assert [path.name for path in store.list()[0].path.parent.iterdir()] == ["A.parquet"]


def test_a_service_that_fails_ends_the_download_and_says_what_is_left(
    store: BarStore, calendar: TradingCalendar
) -> None:
    results = run(Shelf(fails_at=0), store, calendar, "A", "B", "C")
    assert [r.symbol for r in results] == ["A"]
    error = failure(results, ("A", "B", "C"))
    assert isinstance(error, Retryable)
    assert "3 of 3 symbols are left" in (error.hint or "")


def test_a_symbol_that_is_not_there_does_not_stop_the_others(
    store: BarStore, calendar: TradingCalendar
) -> None:
    source = Shelf(fails_at=0, error=DataError("no such symbol"))
    results = run(source, store, calendar, "A", "B")
    error = failure(results, ("A", "B"))
    assert error is not None
    assert (error.exit_code, error.message) == (
        1,
        "2 of 2 symbols failed: A: no such symbol; B: no such symbol",
    )
    assert failure(run(Shelf(), store, calendar), ("A",)) is None


def invoke(app: Any, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), obj=CliState())


@pytest.mark.usefixtures("home")
def test_missing_keys_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APCA_API_KEY_ID", raising=False)
    for app in (data_app, news_app):
        result = invoke(app, "fetch", "--provider", "alpaca", "--symbols", "A")
        assert isinstance(result.exception, ConfigError)
        assert "APCA_API_KEY_ID" in result.exception.message


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--symbols", "A B"], "'A B' is not a symbol"),
        (["--symbols", ","], "names no symbol"),
        (["--symbols", "A", "--start", "2030-01-01"], "is not before the end"),
        (["--symbols", "A", "--start", "soon"], "neither a date nor an instant"),
        (["--symbols", "A", "--interval", "1x"], "not an interval"),
    ],
)
def test_bad_options_are_told(arguments: list[str], message: str) -> None:
    result = invoke(data_app, "fetch", "--provider", "yahoo", *arguments)
    assert isinstance(result.exception, ConfigError)
    assert message in result.exception.message


@pytest.fixture
def yahoo(
    tmp_path: Path, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Yahoo]:
    from curl_cffi.requests import Session
    from yfinance.data import YfData

    YfData.cache_get.cache_clear()
    with yahoo_server() as server:

        def make_source(*_: object) -> YahooHistory:
            return YahooHistory(
                tmp_path / "yahoo",
                calendar=calendar,
                session_class=loopback(Session, server.port),
                sleep=lambda _: None,
            )

        monkeypatch.setattr(fetch, "make_source", make_source)
        monkeypatch.setattr("hybrid_tui.commands.news.make_source", make_source)
        yield server


def last_session_rows(calendar: TradingCalendar) -> list[Row]:
    now = datetime.now(UTC)
    session = [s for s in calendar.sessions if s.close < now - timedelta(minutes=5)][-1]
    first = int(session.open.timestamp())
    return [(first + 60 * i, 10.0, 11.0, 9.0, 10.5, 100.0) for i in range(30)]


@pytest.mark.usefixtures("home")
def test_bars_from_yahoo_are_there_after_one_command(
    yahoo: Yahoo, calendar: TradingCalendar
) -> None:
    yahoo.shares["AAA"] = Share({"1m": last_session_rows(calendar)})
    arguments = ("fetch", "--provider", "yahoo", "--symbols", "AAA,ZZZ", "--json")
    result = invoke(data_app, *arguments)
    told = json.loads(result.stdout)
    assert [(r["symbol"], r["added"], r["complete"]) for r in told["series"]] == [
        ("AAA", 30, True),
        ("ZZZ", 0, False),
    ]
    assert (told["provider"], told["feed"], told["interval"]) == ("yahoo", "yahoo", "1m")
    assert "no chart of ZZZ" in told["error"]
    assert result.exception is not None
    (listed,) = json.loads(invoke(data_app, "list", "--json").stdout)["series"]
    assert (listed["symbol"], listed["feed"], listed["bars"]) == ("AAA", "yahoo", 30)


@pytest.mark.usefixtures("home")
def test_yahoos_headlines_go_into_the_journal_once(yahoo: Yahoo) -> None:
    published = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    content = {"title": "A headline", "pubDate": published}
    yahoo.shares["AAA"] = Share(articles=[{"id": "1", "content": content}])
    arguments = ("fetch", "--provider", "yahoo", "--symbols", "AAA", "--json")
    told = json.loads(invoke(news_app, *arguments).stdout)
    assert (told["read"], told["added"]) == (1, 1)
    content["title"] = "Another text on the same live page"
    assert json.loads(invoke(news_app, *arguments).stdout)["added"] == 0
    (listed,) = json.loads(invoke(news_app, "list", "--json").stdout)["news"]
    assert listed["headline"] == "A headline"


@pytest.mark.usefixtures("home")
def test_headlines_that_came_before_a_fault_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybrid_tui.commands.news.make_source", lambda *_: Shelf(fails_at=0))
    result = invoke(news_app, "fetch", "--provider", "yahoo", "--symbols", "A", "--json")
    assert isinstance(result.exception, Retryable)
    assert json.loads(result.stdout)["added"] == 1


@pytest.mark.usefixtures("home")
def test_alpaca_pages_and_headlines_come_through_the_same_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", KEYS.key_id)
    monkeypatch.setenv("APCA_API_SECRET_KEY", KEYS.secret)
    dates = ("--start", "2026-03-02", "--end", "2026-03-02", "--json")
    with serve_data(page=4) as server:
        monkeypatch.setenv("HYBRID_TUI__MARKET__DATA_URL", server.url)
        server.bars["AAPL"] = minutes(OPEN, 10)
        server.news = [article(1, OPEN)]
        wanted = ("fetch", "--provider", "alpaca", "--symbols", "AAPL")
        told = json.loads(invoke(data_app, *wanted, *dates).stdout)
        assert (told["feed"], told["error"]) == ("iex", None)
        assert (told["series"][0]["pages"], told["series"][0]["added"]) == (3, 10)
        told = json.loads(invoke(news_app, *wanted, *dates).stdout)
        assert (told["read"], told["added"]) == (1, 1)
        pages = [asked.path for asked in server.asked].count("/v2/stocks/bars")
        assert json.loads(invoke(data_app, *wanted, *dates).stdout)["series"][0]["added"] == 0
        # Bars may still come after the last one of that session, so it is asked for again.
        assert [asked.path for asked in server.asked].count("/v2/stocks/bars") == 2 * pages
