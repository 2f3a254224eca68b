"""Alpaca's history through alpaca-py's own clients, against a local server with faults to order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.bars import CorporateAction
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, Fatal, HybridError, Retryable
from hybrid_tui.market.alpaca_history import AlpacaHistory
from tests.servers.alpaca_data import KEYS, AlpacaData, article, bar, minutes, serve_data

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
NOW = OPEN + timedelta(minutes=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[AlpacaData]:
    with serve_data(page=4) as data:
        yield data


class Desk:
    """A history whose waits are noted, not waited."""

    def __init__(self, server: AlpacaData, calendar: TradingCalendar) -> None:
        self.slept: list[float] = []
        self.now = NOW
        self._server = server
        self._calendar = calendar
        self.history = self.make()

    def make(self, keys: AlpacaKeys = KEYS, url: str | None = None, feed: Any = "iex") -> Any:
        return AlpacaHistory(
            keys,
            url or self._server.url,
            feed,
            calendar=self._calendar,
            sleep=self.slept.append,
            clock=lambda: self.now,
            jitter=lambda: 0.5,
            timeout_s=(1.0, 0.15),
        )

    def closes(self, symbol: str = "AAPL", start: datetime = OPEN, end: datetime = NOW) -> Any:
        series = list(self.history.bars(symbol, 60, start, end))
        return [float(close) for one in series for close in one.close]


@pytest.fixture
def desk(server: AlpacaData, calendar: TradingCalendar) -> Desk:
    return Desk(server, calendar)


def test_bars_come_page_by_page_raw_and_oldest_first(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = minutes(OPEN, 10)
    pages = list(desk.history.bars("AAPL", 60, OPEN, NOW))
    assert [len(page) for page in pages] == [4, 4, 2]
    assert {(page.symbol, page.feed, page.interval) for page in pages} == {("AAPL", "iex", 60)}
    start = np.concatenate([page.start for page in pages])
    assert start.tolist() == [int(OPEN.timestamp()) + 60 * i for i in range(10)]
    assert np.concatenate([page.known_at for page in pages]).tolist() == (start + 60).tolist()
    assert [asked.query.get("page_token") for asked in server.asked] == [None, "page-4", "page-8"]
    assert server.asked[0].query["adjustment"] == "raw"
    assert server.asked[0].query["timeframe"] == "1Min"
    assert server.asked[0].query["feed"] == "iex"


def test_only_the_regular_session_comes_out(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = minutes(OPEN - 2 * MINUTE, 4)
    assert desk.closes(start=OPEN - timedelta(hours=1)) == [102.0, 103.0]


def test_an_unfinished_bar_is_left_out(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = minutes(OPEN, 3)
    desk.now = OPEN + timedelta(minutes=2, seconds=59)
    assert desk.closes() == [100.0, 101.0]
    desk.now = OPEN + 3 * MINUTE
    assert desk.closes() == [100.0, 101.0, 102.0]


def test_a_bar_that_starts_at_the_end_is_left_out(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = minutes(OPEN, 3)
    assert desk.closes(end=OPEN + 2 * MINUTE) == [100.0, 101.0]


def test_daily_bars_are_known_at_the_close(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = [bar(datetime(2026, 2, 27, 5, tzinfo=UTC)), bar(OPEN.replace(hour=5))]
    series = list(desk.history.bars("AAPL", 86_400, OPEN - timedelta(days=9), NOW))
    assert [page.known_at.tolist() for page in series] == [
        [int(datetime(2026, 2, 27, 21, tzinfo=UTC).timestamp())]
    ]


@pytest.mark.parametrize("interval", [1, 90, 2_700, 3_600, 7 * 86_400])
def test_intervals_that_mix_trades_from_before_the_open_are_refused(
    desk: Desk, interval: int
) -> None:
    with pytest.raises(ConfigError, match="begin at the open"):
        list(desk.history.bars("AAPL", interval, OPEN, NOW))


def test_duplicates_and_bars_out_of_order_are_put_right(server: AlpacaData, desk: Desk) -> None:
    one, two, three, four, five = minutes(OPEN, 5)
    server.bars["AAPL"] = [two, one, {**two, "c": 101.5}, three, three, two, four, five]
    assert desk.closes() == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert sum(desk.history.dropped.values()) == 3


def test_rows_that_cannot_be_bars_are_dropped_and_counted(server: AlpacaData, desk: Desk) -> None:
    bad: list[Any] = [
        None,
        "bar",
        bar(OPEN, t=None),
        bar(OPEN, t="2026-03-02 14:30"),
        bar(OPEN, c=None),
        bar(OPEN, h=1.0),
        bar(OPEN, o="100"),
        bar(OPEN, v=-1),
        bar(OPEN, l=True),
        bar(OPEN, c=10**400),
    ]
    body = {"bars": {"AAPL": [*bad, bar(OPEN + MINUTE, 101)]}, "next_page_token": None}
    server.fault(body=json.dumps(body).encode())
    assert desk.closes() == [101.0]
    assert sum(desk.history.dropped.values()) == len(bad)


def test_a_symbol_without_bars_gives_none(server: AlpacaData, desk: Desk) -> None:
    assert desk.closes("MSFT") == []
    server.fault(body=b'{"bars": null, "next_page_token": null}')
    assert desk.closes("MSFT") == []
    server.fault(body=b'{"bars": {"MSFT": null}}')
    assert desk.closes("MSFT") == []


def test_share_classes_are_asked_for_in_alpacas_spelling(server: AlpacaData, desk: Desk) -> None:
    server.bars["BRK.B"] = minutes(OPEN, 1)
    (series,) = desk.history.bars("BRK-B", 60, OPEN, NOW)
    assert series.symbol == "BRK-B"


def test_latest_quotes_need_two_sides(server: AlpacaData, desk: Desk) -> None:
    at = "2026-03-02T14:59:58.123456789Z"
    good = {"t": at, "bp": 99.5, "ap": 100.5, "bs": 1, "as": 2}
    server.quotes = {
        "AAPL": good,
        "BRK.B": {**good, "bp": 1.0},
        "NVDA": {**good, "bp": 0},
        "AMD": {**good, "bp": 101.0},
        "META": {**good, "t": None},
        "TSLA": None,
    }
    quotes = desk.history.latest_quotes(["BRK-B", "NVDA", "AAPL", "AMD", "META", "TSLA", "X"])
    assert [(q.symbol, q.mid) for q in quotes] == [("BRK-B", 50.75), ("AAPL", 100.0)]
    assert quotes[1].at == datetime(2026, 3, 2, 14, 59, 58, 123456, tzinfo=UTC)
    assert sum(desk.history.dropped.values()) == 3


def test_headlines_are_cleaned_and_each_comes_once(server: AlpacaData, desk: Desk) -> None:
    tagged = ["BRK.B", "aapl", "AAPL"]
    first = article(1, OPEN, headline="<b>Up</b> &amp; away\u202e", symbols=tagged)
    server.news = [first, *(article(i, OPEN + i * MINUTE) for i in range(2, 7))]
    server.news.append(article(3, OPEN + 3 * MINUTE))
    server.news.append(article(9, OPEN - timedelta(days=9), updated_at="2026-03-02T14:31:00Z"))
    server.news.append(article(10, OPEN + MINUTE, headline="  "))
    items = list(desk.history.news(["AAPL", "BRK-B"], OPEN, NOW))
    assert [item.id for item in items] == [f"alpaca-{i}" for i in range(1, 7)]
    assert items[0].headline == "Up & away"
    assert items[0].symbols == ("AAPL", "BRK-B")
    assert items[0].received_at == items[0].published_at == OPEN
    assert (items[0].source, items[0].url) == ("benzinga", "https://news.example/1")
    assert server.asked[0].query["symbols"] == "AAPL,BRK.B"


def test_splits_and_dividends_take_effect_at_the_open_of_their_ex_date(
    server: AlpacaData, desk: Desk
) -> None:
    def row(ex: str, **rates: Any) -> dict[str, Any]:
        process = "2026-04-20" if "rate" in rates else ex
        return {"symbol": "AAPL", "ex_date": ex, "process_date": process, **rates}

    split = row("2026-03-02", new_rate=4, old_rate=1)
    server.actions = {
        "forward_splits": [split, split, row("2026-03-03", new_rate=0, old_rate=1)],
        "reverse_splits": [row("2026-02-28", new_rate=1, old_rate=50)],
        "cash_dividends": [row("2026-02-09", rate=0.26), row("2026-02-10", rate=None)],
    }
    found = desk.history.actions("AAPL", OPEN - timedelta(days=60), NOW)
    assert found == [
        CorporateAction(symbol="AAPL", ex_at=datetime(2026, 2, 9, 14, 30, tzinfo=UTC), amount=0.26),
        # A Saturday's split takes effect on the Monday.
        CorporateAction(symbol="AAPL", ex_at=OPEN, ratio=0.02),
        CorporateAction(symbol="AAPL", ex_at=OPEN, ratio=4.0),
    ]
    assert sum(desk.history.dropped.values()) == 2


def test_too_many_requests_wait_as_long_as_the_server_says(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = minutes(OPEN, 1)
    reset = str(int(NOW.timestamp()) + 17)
    message = b'{"message": "too many requests."}'
    server.fault(status=429, body=message, headers={"Retry-After": "7"})
    server.fault(status=429, body=message, headers={"X-RateLimit-Reset": reset})
    date = "Mon, 02 Mar 2026 15:00:42 GMT"
    server.fault(status=429, body=message, headers={"Retry-After": date})
    server.fault(status=429, body=message, headers={"Retry-After": "soon"})
    assert desk.closes() == [100.0]
    assert desk.slept == [7.0, 17.0, 42.0, 8.0]


def test_too_many_requests_for_ever_end_retryable(server: AlpacaData, desk: Desk) -> None:
    server.fault(status=429, times=None, headers={"Retry-After": "1"})
    with pytest.raises(Retryable, match=r"refused AAPL's bars \(iex\) \(429"):
        desk.closes()
    assert desk.slept == [1.0] * 4
    server.faults[0].headers = {"Retry-After": "3600"}
    with pytest.raises(Retryable):
        desk.closes()
    assert len(desk.slept) == 4, "nobody waits for an hour at the prompt"


def test_a_passing_fault_repeats_one_page_and_backs_off(server: AlpacaData, desk: Desk) -> None:
    server.bars["AAPL"] = minutes(OPEN, 8)
    pages = desk.history.bars("AAPL", 60, OPEN, NOW)
    next(pages)
    server.fault(status=500, body=b'{"message": "internal"}')
    server.fault(status=504, body=b"<html>gateway</html>")
    server.fault(cut_at=30)
    server.fault(hang_up=True)
    assert [len(page) for page in pages] == [4]
    assert desk.slept == [1.0, 2.0, 4.0, 8.0]
    assert [asked.query.get("page_token") for asked in server.asked] == [None] + ["page-4"] * 5


HTML = b"<!DOCTYPE html><html><body>Log in</body></html>"


@pytest.mark.parametrize(
    ("fault", "kind", "message", "requests"),
    [
        ({"status": 401, "body": b'{"message": "forbidden."}'}, Fatal, "401: forbidden", 1),
        ({"status": 403, "body": b'{"message": "forbidden."}'}, Fatal, "403: forbidden", 1),
        (
            {
                "status": 403,
                "body": b'{"message":"subscription does not permit querying recent SIP data"}',
            },
            Fatal,
            "not entitled to that data",
            1,
        ),
        ({"status": 404, "body": b"404 page not found"}, DataError, "404: 404 page", 1),
        ({"status": 422, "body": b'{"message": "invalid symbol"}'}, DataError, "422: invalid", 1),
        ({"status": 400, "body": b'{"message": "bad limit"}'}, DataError, "400: bad limit", 1),
        ({"status": 500, "body": HTML}, Retryable, r"failed on AAPL's bars \(iex\) \(500\)", 5),
        ({"status": 503, "body": b""}, Retryable, r"\(503\)", 5),
        ({"cut_at": 25}, Retryable, "cut off or not JSON", 5),
        ({"hang_up": True}, Retryable, "could not be reached", 5),
        ({"body": b""}, Retryable, "was empty", 5),
        ({"body": HTML}, DataError, "is a web page", 5),
        ({"body": b"null"}, Retryable, "was empty", 5),
        ({"body": b"[]"}, DataError, "not a JSON object", 1),
        ({"body": b"{}"}, DataError, "has no 'bars'", 1),
        ({"body": b'{"bars": []}'}, DataError, "wrong type", 1),
        ({"body": b'{"bars": {"AAPL": 7}}'}, DataError, "not a list", 1),
        ({"body": b'{"bars": {}, "next_page_token": "again"}'}, DataError, "never ends", 2),
        ({"body": b"[" * 100_000}, Retryable, "cut off or not JSON", 5),
        ({"delay_s": 5.0}, Retryable, "did not answer in time", 5),
    ],
)
def test_every_fault_that_stays_ends_in_one_clear_error(
    server: AlpacaData,
    desk: Desk,
    fault: dict[str, Any],
    kind: type[HybridError],
    message: str,
    requests: int,
) -> None:
    server.bars["AAPL"] = minutes(OPEN, 1)
    server.fault(times=None, **fault)
    with pytest.raises(kind, match=message) as caught:
        desk.closes()
    assert type(caught.value) is kind
    assert len(server.asked) == requests
    assert caught.value.hint


def test_wrong_keys_end_at_once_and_are_not_shown(server: AlpacaData, desk: Desk) -> None:
    wrong = AlpacaKeys(key_id="PKWRONGKEY", secret="wrong/secret")
    history = desk.make(wrong)
    with pytest.raises(Fatal) as caught:
        history.latest_quotes(["AAPL"])
    assert "APCA_API_KEY_ID" in caught.value.render()
    echo = f'{{"message": "key {wrong.key_id} with {wrong.secret} is unknown"}}'
    server.fault(status=401, body=echo.encode())
    with pytest.raises(Fatal, match=r"key \*\*\* with \*\*\* is unknown") as caught:
        history.latest_quotes(["AAPL"])
    shown = f"{caught.value.render()} {wrong!r} {vars(history)!r}"
    assert wrong.key_id not in shown
    assert wrong.secret not in shown


@pytest.mark.parametrize("text", ["", "two words", "line\nend", "ключ"])
def test_what_cannot_be_a_key_is_refused_unseen(text: str) -> None:
    with pytest.raises(ConfigError, match="APCA_API_SECRET_KEY") as caught:
        AlpacaKeys(key_id="PK", secret=text)
    assert not text or text not in caught.value.render()


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="APCA_API_SECRET_KEY is not set"):
        AlpacaKeys.of({"APCA_API_KEY_ID": "PK"})


def test_a_server_that_is_not_there_is_retryable(desk: Desk) -> None:
    desk.history = desk.make(url="http://127.0.0.1:9")
    with pytest.raises(Retryable, match="could not be reached"):
        desk.closes()
    assert desk.slept == [1.0, 2.0, 4.0, 8.0]


def test_a_data_url_that_is_none_is_named(desk: Desk) -> None:
    desk.history = desk.make(url="data.alpaca.markets")
    with pytest.raises(ConfigError, match=r"market\.data_url"):
        desk.closes()


def test_the_servers_answers_are_what_the_specification_says(
    server: AlpacaData, desk: Desk, shared_data: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    spec = json.loads((shared_data / "alpaca_spec" / "market-data-api.json").read_text())
    stamp = "2026-03-02T14:59:58.123456789Z"
    sizes = {"bs": 1, "as": 2, "bx": "V", "ax": "V", "c": ["R"], "z": "C"}
    server.bars["AAPL"] = minutes(OPEN, 5)
    server.quotes["AAPL"] = {"t": stamp, "bp": 99.5, "ap": 100.5, **sizes}
    server.news = [article(1, OPEN)]
    server.actions["forward_splits"] = [
        {
            "id": "189bd849-ab9f-4b4d-aaaa-a6d415fd976d",
            "symbol": "AAPL",
            "cusip": "037833100",
            "new_rate": 4,
            "old_rate": 1,
            "process_date": "2026-03-02",
            "ex_date": "2026-03-02",
        }
    ]
    desk.closes()
    desk.history.latest_quotes(["AAPL"])
    assert list(desk.history.news(["AAPL"], OPEN, NOW))
    assert desk.history.actions("AAPL", OPEN, NOW)
    assert {asked.path for asked in server.asked} == {
        "/v2/stocks/bars",
        "/v2/stocks/quotes/latest",
        "/v1beta1/news",
        "/v1/corporate-actions",
    }
    for asked in server.asked:
        operation = spec["paths"][asked.path]["get"]
        named = {
            (p if "name" in p else spec["components"]["parameters"][p["$ref"].rsplit("/")[-1]])[
                "name"
            ]
            for p in operation["parameters"]
        }
        assert set(asked.query) <= named
        status, answer = server.answer(asked)
        assert status == 200
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": spec["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer)
