"""Yahoo's history through the real yfinance, against a Yahoo on the loopback interface."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, Retryable
from hybrid_tui.market.yahoo_gate import BUSY_WAITS_S, PASSING_WAITS_S
from hybrid_tui.market.yahoo_history import YahooHistory
from hybrid_tui.market.yahoo_rows import (
    OFF_GRID,
    OUTSIDE,
    RUNNING,
    SILENT,
    UNFINISHED,
    chart_series,
)
from tests.servers.yahoo import Row, Share, Yahoo, chart, error, loopback, yahoo_server

NOW = datetime(2026, 3, 24, 21, 0, tzinfo=UTC)
OPEN = datetime(2026, 3, 24, 13, 30, tzinfo=UTC)
FEW = 9


@pytest.fixture(autouse=True)
def forget_answers() -> None:
    """yfinance keeps answers for the life of the process; each test has its own Yahoo."""
    from yfinance.data import YfData

    YfData.cache_get.cache_clear()


@pytest.fixture(scope="module")
def server() -> Iterator[Yahoo]:
    with yahoo_server() as yahoo:
        yield yahoo


@pytest.fixture
def yahoo(server: Yahoo) -> Yahoo:
    server.shares.clear()
    server.faults.clear()
    server.asked.clear()
    return server


class Desk:
    """A history with a clock that only its own sleeping moves."""

    def __init__(self, yahoo: Yahoo, cache: Path, calendar: TradingCalendar, base: Any) -> None:
        self.now = NOW
        self.slept: list[float] = []
        self.history = YahooHistory(
            cache,
            calendar=calendar,
            session_class=loopback(base, yahoo.port),
            sleep=self.sleep,
            clock=lambda: self.now,
            timeout_s=0.3,
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def day(self, symbol: str, begin: datetime = OPEN) -> BarSeries:
        (series,) = self.history.bars(symbol, 60, begin, begin + timedelta(hours=7))
        return series


MakeDesk = Callable[[], Desk]


@pytest.fixture
def make_desk(yahoo: Yahoo, tmp_path: Path, calendar: TradingCalendar) -> MakeDesk:
    from curl_cffi.requests import Session

    return lambda: Desk(yahoo, tmp_path / "cache", calendar, Session)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


def minutes(
    count: int = 30, begin: datetime = OPEN, price: float = 100.0, volume: float = 1000.0
) -> list[Row]:
    first = int(begin.timestamp())
    return [
        (first + 60 * i, price, price + 0.5, price - 0.5, price + 0.25, volume)
        for i in range(count)
    ]


def days(first: date, prices: list[float]) -> list[Row]:
    begin = datetime(first.year, first.month, first.day, 13, 30, tzinfo=UTC)
    return [
        (int((begin + timedelta(days=i)).timestamp()), p, p * 1.01, p * 0.99, p, 1000.0)
        for i, p in enumerate(prices)
    ]


def test_bars_come_as_they_are(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes(price=float(np.float32(164.32)))})
    series = desk.day("AAA")
    assert (series.symbol, series.interval, series.feed) == ("AAA", 60, "yahoo")
    assert series.start.tolist() == [int(OPEN.timestamp()) + 60 * i for i in range(30)]
    assert series.known_at.tolist() == (series.start + 60).tolist()
    assert (series.open[0], series.high[0], series.close[0]) == (164.32, 164.82, 164.57)
    assert set(series.volume) == {1000.0}


def test_a_month_comes_in_weeks_oldest_first(desk: Desk, yahoo: Yahoo) -> None:
    weeks = [OPEN - timedelta(days=7 * n) for n in (4, 3, 2, 1, 0)]
    # Clocks went forward on 2026-03-08: the earlier sessions open an hour later by UTC.
    weeks = [w + timedelta(hours=1) if w.date() < date(2026, 3, 8) else w for w in weeks]
    yahoo.shares["AAA"] = Share({"1m": [row for w in weeks for row in minutes(begin=w)]})
    pages = list(desk.history.bars("AAA", 60, NOW - timedelta(days=29), NOW))
    assert [int(page.start[0]) for page in pages] == [int(w.timestamp()) for w in weeks]
    spans = [path for path in yahoo.charts() if "interval=1m" in path]
    assert len(spans) == 5


@pytest.mark.parametrize(("interval", "days"), [(60, 31), (300, 61), (3600, 731)])
def test_more_than_yahoo_keeps_is_refused_before_asking(
    interval: int, days: int, desk: Desk, yahoo: Yahoo
) -> None:
    with pytest.raises(DataError, match="Yahoo keeps bars of") as caught:
        list(desk.history.bars("AAA", interval, NOW - timedelta(days=days), NOW))
    assert "--start 20" in (caught.value.hint or "")
    assert yahoo.asked == []
    with pytest.raises(ConfigError, match="no bars of 120 s"):
        list(desk.history.bars("AAA", 120, OPEN, NOW))


def test_what_is_not_a_finished_regular_bar_is_left_out(desk: Desk, yahoo: Yahoo) -> None:
    desk.now = OPEN + timedelta(minutes=10, seconds=20)
    early = minutes(5, OPEN - timedelta(minutes=5))
    live = (int(OPEN.timestamp()) + 615, 100.0, 100.0, 100.0, 100.0, 5.0)
    yahoo.shares["AAA"] = Share({"1m": [*early, *minutes(11), live]})
    series = next(desk.history.bars("AAA", 60, OPEN - timedelta(hours=1), NOW))
    assert series.known_at[-1] == int(OPEN.timestamp()) + 540
    assert desk.history.dropped == {OUTSIDE: 5, UNFINISHED: 2}


def test_a_bar_off_the_grid_is_left_out(calendar: TradingCalendar) -> None:
    dropped: Counter[str] = Counter()
    start = int(OPEN.timestamp()) + np.array([0, 60, 75], dtype=np.int64)
    values = np.full((5, 3), 10.0)
    series = chart_series("AAA", 60, start, values, calendar=calendar, now=NOW, dropped=dropped)
    assert series.start.tolist() == start[:2].tolist()
    assert dropped == {OFF_GRID: 1}


def test_the_day_that_runs_is_no_daily_bar(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1d": days(date(2026, 3, 23), [10.0, 11.0])})
    desk.now = OPEN + timedelta(hours=1)
    begin = datetime(2026, 3, 20, tzinfo=UTC)
    (running,) = desk.history.bars("AAA", 86_400, begin, NOW)
    assert running.close.tolist() == [10.0]
    desk.now = NOW
    (closed,) = desk.history.bars("AAA", 86_400, begin, NOW)
    assert closed.close.tolist() == [10.0, 11.0]


def test_rows_that_cannot_be_bars_are_counted(desk: Desk, yahoo: Yahoo) -> None:
    rows = minutes(6)
    rows[1] = (rows[1][0], None, None, None, None, None)
    rows[2] = (rows[2][0], 100.0, 99.0, 101.0, 100.0, 10.0)
    rows[3] = (rows[3][0], -1.0, 101.0, -1.0, 100.0, 10.0)
    yahoo.shares["AAA"] = Share({"1m": rows})
    assert len(desk.day("AAA")) == 3
    assert desk.history.dropped == {
        "rows: open is missing or not a number": 1,
        "rows: high is below low": 1,
        "rows: open is not above 0": 1,
    }


def test_running_totals_never_reach_a_rule(desk: Desk, yahoo: Yahoo) -> None:
    rows = minutes(390)
    for i in range(40, 390, 10):
        rows[i] = (*rows[i][:5], 1000.0 * i)
    yahoo.shares["AAA"] = Share({"1m": rows})
    volume = desk.day("AAA").volume
    assert volume.max() == 1000.0
    assert desk.history.dropped[RUNNING] == (volume == 0).sum() == 35


@pytest.mark.parametrize("fault", ["empty", "no timestamp", "not then"])
def test_an_empty_chart_is_no_bars(fault: str, desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = ["empty", fault]
    assert list(desk.history.bars("AAA", 60, OPEN, NOW)) == []
    assert desk.history.dropped["charts without bars"] == 1


@pytest.mark.parametrize(
    "fault", ["html", "truncated", "null", "500", "503", "time-out", "hang up"]
)
def test_a_fault_that_passes_is_tried_again(fault: str, desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = ["empty", fault, fault]
    assert len(desk.day("AAA")) == 30
    assert [s for s in desk.slept if s > 0.5] == list(PASSING_WAITS_S[:2])


def test_a_fault_that_stays_is_told(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = ["html"] * 9
    with pytest.raises(Retryable, match="Yahoo does not answer: it answered 200 with something"):
        desk.day("AAA")
    assert len(yahoo.charts()) == 1 + len(PASSING_WAITS_S)


def test_a_refusal_waits_for_minutes_and_is_told(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = ["429"] * 9
    with pytest.raises(Retryable, match="Yahoo refuses: too many requests") as caught:
        desk.day("AAA")
    assert caught.value.exit_code == 3
    assert len(yahoo.charts()) == 1 + len(BUSY_WAITS_S)
    assert [s for s in desk.slept if s >= 60] == list(BUSY_WAITS_S)


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_crumb_that_is_refused_twice_is_no_empty_chart(
    status: str, desk: Desk, yahoo: Yahoo
) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = [status] * 9
    with pytest.raises(Retryable, match=rf"Yahoo refuses \({status}\)"):
        desk.day("AAA")


@pytest.mark.parametrize("status", ["400", "404", "422"])
def test_what_yahoo_declines_is_told_in_its_words_and_not_asked_again(
    status: str, desk: Desk, yahoo: Yahoo
) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    said = error("Unprocessable Entity", "Only 8 days of 1m are allowed").decode()
    yahoo.faults = [f"{status} {said}"]
    with pytest.raises(DataError, match="no chart of AAA: Only 8 days of 1m are allowed"):
        desk.day("AAA")
    assert len(yahoo.charts()) == 1
    assert [seconds for seconds in desk.slept if seconds > 0.5] == []


def test_an_impatient_history_asks_once(
    yahoo: Yahoo, tmp_path: Path, calendar: TradingCalendar
) -> None:
    history = YahooHistory(
        tmp_path,
        calendar=calendar,
        clock=lambda: NOW,
        data_url=f"http://127.0.0.1:{yahoo.port}",
        is_patient=False,
    )
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    for fault in ("429", "500", "hang up"):
        yahoo.faults = [fault]
        before = len(yahoo.charts())
        with pytest.raises(Retryable):
            list(history.bars("AAA", 60, OPEN, NOW))
        assert len(yahoo.charts()) == before + 1


@pytest.mark.parametrize("fault", ["html", "truncated", "null", "500", "hang up"])
def test_headlines_come_after_a_fault_that_passes(fault: str, desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share(articles=[article("1", "Profit doubles")])
    yahoo.faults = [fault]
    (item,) = desk.history.news(["AAA"], NOW - timedelta(days=1), NOW)
    assert item.headline == "Profit doubles"


@pytest.mark.parametrize("fault", ["short column", "text for numbers"])
def test_a_chart_that_cannot_be_read_is_an_error(fault: str, desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = ["empty", fault]
    with pytest.raises(DataError, match="AAA"):
        list(desk.history.bars("AAA", 60, OPEN, NOW))


@pytest.mark.parametrize(
    ("path", "junk"),
    [
        (("events", "dividends", "1", "amount"), [1, 2]),
        (("events", "splits", "1", "denominator"), 0),
        (("indicators", "quote"), None),
        (("indicators", "quote", 0, "volume"), "none"),
        (("meta", "exchangeTimezoneName"), "Mars/Olympus"),
        (("meta", "tradingPeriods"), []),
        (("timestamp", 0), -5e18),
        (("timestamp",), {"a": 1}),
    ],
)
def test_junk_in_a_chart_is_an_error_or_nothing_at_all(
    path: tuple[str | int, ...], junk: Any, desk: Desk, yahoo: Yahoo
) -> None:
    document = chart("AAA", minutes(), "1m")
    second = int(OPEN.timestamp())
    inner: Any = document["chart"]["result"][0]
    inner["events"] = {
        "splits": {"1": {"date": second, "numerator": 2, "denominator": 1}},
        "dividends": {"1": {"date": second, "amount": 0.2}},
    }
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    yahoo.shares["AAA"] = Share(recorded=document)
    try:
        pages = list(desk.history.bars("AAA", 60, OPEN, NOW))
    except DataError:
        pages = []
    # As it is, the chart has thirty sound bars; junk takes some or all of them away, adds none.
    assert sum(map(len, pages)) <= 30
    for page in pages:
        assert np.isfinite([page.open, page.high, page.low, page.close, page.volume]).all()
        assert (page.close == 100.25).all()


def test_prices_beyond_all_reason_are_no_prices(desk: Desk, yahoo: Yahoo) -> None:
    rows = minutes(3)
    rows[1] = (rows[1][0], 1e308, 1e308, 1e308, 1e308, 1.0)
    rows[2] = (*rows[2][:5], 1e30)
    yahoo.shares["AAA"] = Share({"1m": rows}, earnings=[10**19])
    assert len(desk.day("AAA")) == 1
    with pytest.raises(DataError, match="cannot be read"):
        desk.history.earnings_dates("AAA")


def test_an_unknown_symbol_is_named(desk: Desk) -> None:
    with pytest.raises(DataError, match="no chart of ZZZZ: No data found, symbol may be delisted"):
        desk.day("ZZZZ")


def test_repeating_asks_nobody_until_the_answer_is_old(
    make_desk: MakeDesk, yahoo: Yahoo, forget_answers: None
) -> None:
    from yfinance.data import YfData

    yahoo.shares["AAA"] = Share({"1m": minutes()})
    first = make_desk().day("AAA")
    asked = len(yahoo.charts())
    YfData.cache_get.cache_clear()
    assert make_desk().day("AAA").close.tolist() == first.close.tolist()
    assert len(yahoo.charts()) == asked
    later = make_desk()
    later.now += timedelta(minutes=11)
    YfData.cache_get.cache_clear()
    later.day("AAA")
    assert len(yahoo.charts()) == 2 * asked


def test_a_damaged_kept_answer_is_asked_for_again(
    make_desk: MakeDesk, yahoo: Yahoo, tmp_path: Path
) -> None:
    from yfinance.data import YfData

    yahoo.shares["AAA"] = Share({"1m": minutes()})
    make_desk().day("AAA")
    for path in (tmp_path / "cache" / "answers").iterdir():
        path.write_text("{")
    YfData.cache_get.cache_clear()
    assert len(make_desk().day("AAA")) == 30


def test_requests_keep_their_distance(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    desk.day("AAA")
    assert len(desk.slept) == desk.history.gate.requests - 1
    assert set(desk.slept) == {0.5}


def test_prices_come_as_traded_although_yahoo_adjusts_them(desk: Desk, yahoo: Yahoo) -> None:
    # 40, 40 | 4:1 | 10, 10 | 2:1 | 5, 5 as traded; Yahoo shows 5 throughout.
    rows = days(date(2026, 3, 17), [5.0, 5.0, 5.0, 5.0])  # Tuesday to Friday
    at = [row[0] for row in rows]
    after = days(date(2026, 3, 23), [5.0])
    yahoo.shares["AAA"] = Share(
        {"1d": [*rows, *after]},
        splits=[(at[2], 4, 1), (after[0][0], 2, 1)],
        dividends=[(at[1], 0.125), (at[3], 0.25)],
    )
    begin = datetime(2026, 3, 17, tzinfo=UTC)
    (series,) = desk.history.bars("AAA", 86_400, begin, NOW)
    assert series.close.tolist() == [40.0, 40.0, 10.0, 10.0, 5.0]
    assert series.volume.tolist() == [125.0, 125.0, 500.0, 500.0, 1000.0]
    found = desk.history.actions("AAA", begin, NOW)
    assert [(a.ratio, a.amount) for a in found] == [(1, 1.0), (4, 0), (1, 0.5), (2, 0)]
    assert found[1].ex_at == datetime(2026, 3, 19, 4, 0, tzinfo=UTC)


def test_a_split_that_yahoo_has_not_worked_in_is_left_alone(desk: Desk, yahoo: Yahoo) -> None:
    rows = days(date(2026, 3, 17), [40.0, 40.0, 10.1, 10.0])
    yahoo.shares["AAA"] = Share({"1d": rows}, splits=[(rows[2][0], 4, 1)])
    (series,) = desk.history.bars("AAA", 86_400, datetime(2026, 3, 17, tzinfo=UTC), NOW)
    assert series.close.tolist() == [40.0, 40.0, 10.1, 10.0]


def test_minutes_without_volume_are_kept_and_counted(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share({"1m": [*minutes(3, volume=0.0), *minutes(6)[3:]]})
    assert desk.day("AAA").volume.tolist() == [0.0] * 3 + [1000.0] * 3
    assert desk.history.dropped == {SILENT: 3}


def test_a_page_that_is_not_there_is_an_answer(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share(earnings=[1])
    yahoo.faults = ["404 {}"]
    with pytest.raises(DataError, match="it answered 404"):
        desk.history.earnings_dates("AAA")


def article(item_id: str, title: str, **more: Any) -> dict[str, Any]:
    return {"id": item_id, "content": {"title": title, "pubDate": "2026-03-24T12:00:00Z", **more}}


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


def test_without_curl_the_other_library_serves(
    yahoo: Yahoo, tmp_path: Path, calendar: TradingCalendar
) -> None:
    import requests
    from yfinance.data import YfData

    yahoo.shares["AAA"] = Share({"1m": minutes()})
    desk = Desk(yahoo, tmp_path, calendar, requests.Session)
    first = desk.day("AAA")
    YfData.cache_get.cache_clear()
    again = Desk(yahoo, tmp_path, calendar, requests.Session).day("AAA")
    assert again.close.tolist() == first.close.tolist()


def test_nothing_of_the_library_reaches_the_screen(
    desk: Desk, yahoo: Yahoo, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    yahoo.shares["AAA"] = Share({"1m": minutes()})
    yahoo.faults = ["empty", "no timestamp"]
    list(desk.history.bars("AAA", 60, OPEN, NOW))
    with pytest.raises(DataError):
        desk.day("ZZZZ")
    assert capfd.readouterr() == ("", "")
    assert list(recwarn) == []


def payloads(folder: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(folder / "yahoo_payloads" / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def test_recorded_answers_come_through(shared_data: Path, desk: Desk, yahoo: Yahoo) -> None:
    found: dict[str, list[float]] = {}
    begin = datetime(2019, 12, 1, tzinfo=UTC)
    for row in [*payloads(shared_data, "chart"), *payloads(shared_data, "historical")]:
        symbol = row["url"].partition("/chart/")[2].partition("?")[0]
        if "2020-01-01" not in row["name"] or symbol in found or len(found) == FEW:
            continue
        yahoo.shares[symbol] = Share(recorded=row["body"])
        pages = list(desk.history.bars(symbol, 86_400, begin, NOW))
        found[symbol] = [close for page in pages for close in page.close.tolist()]
    assert len(found) == FEW
    assert found["ABBV"] == [89.55]
    assert found["BABA"] == [219.77]
    assert found["GOOG"] == [68.3685]


def test_a_recorded_day_without_trading_is_empty(
    shared_data: Path, desk: Desk, yahoo: Yahoo
) -> None:
    (row,) = (r for r in payloads(shared_data, "chart") if "2025-02-01" in r["name"])
    yahoo.shares["AAPL"] = Share(recorded=row["body"])
    assert list(desk.history.bars("AAPL", 86_400, NOW - timedelta(days=9), NOW)) == []


def test_a_recorded_split_is_undone(shared_data: Path, desk: Desk, yahoo: Yahoo) -> None:
    (row,) = (r for r in payloads(shared_data, "historical") if "NVDA-split" in r["name"])
    recorded = row["body"]
    # The answer was made after the 10:1 split of June 2024, which lies behind its last bar.
    events = recorded["chart"]["result"][0]["events"]["splits"]
    events["1718026200"] = {"date": 1718026200, "numerator": 10, "denominator": 1}
    rows = recorded["chart"]["result"][0]
    rows["timestamp"].append(1718026200)
    for values in (*rows["indicators"]["quote"][0].values(), rows["indicators"]["adjclose"][0]):
        if isinstance(values, list):
            values.append(120.0)
    rows["indicators"]["adjclose"][0]["adjclose"].append(120.0)
    yahoo.shares["NVDA"] = Share(recorded=recorded)
    (series,) = desk.history.bars("NVDA", 86_400, datetime(2021, 2, 1, tzinfo=UTC), NOW)
    closes = dict(zip(series.start.tolist(), series.close.tolist(), strict=True))
    at = [int(datetime(2021, 7, day, 4, tzinfo=UTC).timestamp()) for day in (19, 20)]
    # As traded, by the newspapers of the time: 751.19 on the eve of 4:1, 186.12 the day after.
    assert [closes[second] for second in at] == pytest.approx([751.19, 186.12], abs=2e-4)
