"""What Yahoo declines, garbles or leaves out, through the real yfinance."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import DataError, Retryable
from hybrid_tui.market.yahoo_gate import BUSY_WAITS_S, PASSING_WAITS_S
from hybrid_tui.market.yahoo_history import YahooHistory
from tests.market.yahoo_history.builders import NOW, OPEN, Desk, article, minutes
from tests.servers.yahoo import Share, Yahoo, chart, error


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


def test_a_page_that_is_not_there_is_an_answer(desk: Desk, yahoo: Yahoo) -> None:
    yahoo.shares["AAA"] = Share(earnings=[1])
    yahoo.faults = ["404 {}"]
    with pytest.raises(DataError, match="it answered 404"):
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
