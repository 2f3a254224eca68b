"""Yahoo's live market through the real yfinance, against servers on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError
from hybrid_tui.market.halts import VIEW_ONLY
from hybrid_tui.market.live import LiveFeed
from hybrid_tui.market.yahoo_history import YahooHistory
from hybrid_tui.market.yahoo_stream import Pause, YahooStream
from tests.desk import wait_for
from tests.servers.yahoo import Share, Yahoo, yahoo_server
from tests.servers.yahoo_desk import MINUTE, NIGHT, OPEN, SECOND, rows, yahoo_desk
from tests.servers.yahoo_socket import enveloped, price, serve_prices


@pytest.fixture(scope="module")
def server() -> Iterator[Yahoo]:
    with yahoo_server() as yahoo:
        yield yahoo


@pytest.fixture
def desk_on(server: Yahoo, calendar: TradingCalendar, tmp_path: Path) -> Callable[[], Any]:
    return partial(yahoo_desk, server, calendar, tmp_path)


async def test_prices_come_through_and_allow_entries(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start()
        await desk.until(lambda: desk.rounds)
        assert desk.feed.halts == {"AAA": VIEW_ONLY, "BBB": VIEW_ONLY}
        await desk.socket.subscribed()
        assert desk.socket.subscriptions == [["AAA", "BBB"]]
        await desk.socket.send(
            price("AAA", desk.now - SECOND, 182.31),
            price("BBB", desk.now, 50.0, bid=49.9, ask=50.1),
            price("AAA", desk.now, 182.35, bid=10.0, ask=11.0),
        )
        await desk.until(lambda: len(desk.quotes) == 3)
        assert desk.feed.halts == {}
        assert [(q.symbol, q.bid, q.ask) for q in desk.quotes] == [
            ("AAA", 182.31, 182.31),
            ("BBB", 49.9, 50.1),
            ("AAA", 182.35, 182.35),
        ]
        assert [q.at for q in desk.quotes] == [desk.now - SECOND, desk.now, desk.now]
        assert desk.said == [("Yahoo: live", True)]


async def test_bars_come_settled_once_a_minute_at_one_question_a_symbol(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start()
        await desk.live()
        # 13:40:10: the bar of 13:38 has settled, that of 13:39 has not, that of 13:40 runs.
        assert desk.starts("AAA") == [OPEN + i * MINUTE for i in (4, 5, 6, 7, 8)]
        asked = len(desk.yahoo.charts())
        await desk.minutes(3)
        assert desk.starts("AAA") == [OPEN + i * MINUTE for i in (9, 10, 11)]
        assert len(desk.yahoo.charts()) - asked == 3 * 2
        assert desk.slept[-1] == 53.0, "asked again three seconds after the minute"
        assert desk.feed.late_bars == 0


async def test_nothing_is_asked_for_when_no_bar_can_come(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start()
        await desk.live()
        desk.now = OPEN + timedelta(hours=6, minutes=40)
        await desk.minutes(1)
        asked = len(desk.yahoo.charts())
        await desk.minutes(3)
        assert len(desk.yahoo.charts()) == asked


async def test_what_a_failing_yahoo_kept_back_comes_when_it_answers_again(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start()
        await desk.live()
        desk.starts("AAA")
        desk.yahoo.faults[:] = ["429"] * 3
        await desk.minutes(1)
        assert desk.slept[-1] == 60.0
        assert any("too many requests (429)" in text for text, well in desk.said if not well)
        await desk.minutes(1)
        await desk.minutes(4)
        assert desk.starts("AAA") == [OPEN + i * MINUTE for i in range(9, 9 + 6)]


@pytest.mark.parametrize("fault", ["html", "truncated", "null", "500", "time-out"])
async def test_an_answer_that_is_none_is_asked_for_again(desk_on: Any, fault: str) -> None:
    async with desk_on() as desk:
        desk.start()
        await desk.live()
        desk.starts("AAA")
        desk.yahoo.faults[:] = [fault]
        await desk.minutes(1)
        assert desk.starts("AAA") == [OPEN + 9 * MINUTE]
        assert desk.feed.halts == {}


async def test_a_symbol_that_yahoo_does_not_know_leaves_the_others_alone(desk_on: Any) -> None:
    async with desk_on() as desk:
        del desk.yahoo.shares["AAA"]
        desk.start()
        await desk.live()
        await desk.minutes(1)
        assert len(desk.starts("BBB")) == 6
        told = [text for text, well in desk.said if "AAA's bars" in text]
        assert len(told) == 1
        assert "No data found" in told[0]


async def test_null_rows_are_left_out_and_told_once(desk_on: Any) -> None:
    async with desk_on() as desk:
        holes = rows(OPEN, 200)
        holes[6] = (holes[6][0], None, None, None, None, None)
        holes[10] = (holes[10][0], None, None, None, None, None)
        desk.yahoo.shares["AAA"].rows["1m"] = holes
        desk.start()
        await desk.live()
        await desk.minutes(2)
        assert desk.starts("AAA") == [OPEN + i * MINUTE for i in (4, 5, 7, 8, 9)]
        assert len([text for text, _ in desk.said if "chart of AAA" in text]) == 1


async def test_headlines_come_once_and_count_from_now(desk_on: Any) -> None:
    async with desk_on() as desk:
        content = {"title": "Profit doubles", "pubDate": "2026-03-24T12:00:00Z"}
        for share in desk.yahoo.shares.values():
            share.articles = [{"id": "1", "content": content}]
        desk.start()
        await desk.live()
        heard = desk.feed.read(desk.now).news
        assert [item.symbols for item in heard] == [("AAA",), ("BBB",)]
        assert {(i.headline, i.received_at) for i in heard} == {("Profit doubles", desk.now)}
        asked = sum("/xhr/ncp" in path for path in desk.yahoo.asked)
        await desk.minutes(10)
        assert sum("/xhr/ncp" in path for path in desk.yahoo.asked) - asked == 10
        assert desk.feed.read(desk.now).news == ()


DEFECTS = {
    "not JSON": "{",
    "not an object": "[1]",
    "no message": '{"type": "pricing"}',
    "message null": '{"message": null}',
    "not base64": '{"message": "A"}',
    "not protobuf": '{"message": "AAAA"}',
    "empty": '{"message": ""}',
    "bytes": b"\x00\xff\xfe",
    "NaN": price("AAA", OPEN + 10 * MINUTE, float("nan")),
    "infinite": price("AAA", OPEN + 10 * MINUTE, float("inf")),
    "zero": price("AAA", OPEN + 10 * MINUTE, 0.0),
    "negative": price("AAA", OPEN + 10 * MINUTE, -1.0),
    "unknown symbol": price("ZZZ", OPEN + 10 * MINUTE, 1.0),
    "no time": enveloped(b"\x0a\x03AAA\x15\x00\x00\xc8\x42"),
    "to come": price("AAA", OPEN + 60 * MINUTE, 1.0),
    "ancient": price("AAA", datetime(1999, 1, 1, tzinfo=UTC), 1.0),
    "out of order": price("AAA", OPEN, 1.0),
}


@pytest.mark.parametrize("name", DEFECTS)
async def test_what_is_no_price_is_counted_told_once_and_left_out(desk_on: Any, name: str) -> None:
    async with desk_on() as desk:
        stream = desk.start()
        await desk.live()
        await desk.socket.send(DEFECTS[name], DEFECTS[name], price("BBB", desk.now, 50.0))
        await desk.until(lambda: len(desk.quotes) == 2)
        assert [quote.symbol for quote in desk.quotes] == ["AAA", "BBB"]
        assert list(stream.dropped.values()) == [2]
        told = [text for text, _ in desk.said if "left out and counted" in text]
        assert len(told) == 1
        assert desk.socket.connects == 1


async def test_a_price_that_comes_twice_is_one_price(desk_on: Any) -> None:
    async with desk_on() as desk:
        stream = desk.start()
        await desk.live()
        await desk.socket.send(price("AAA", desk.now, 100.0), price("BBB", desk.now, 50.0))
        await desk.until(lambda: len(desk.quotes) == 2)
        assert stream.dropped == {"stream: a price that came before": 1}


@pytest.mark.parametrize("rudely", [False, True])
async def test_a_cut_connection_is_view_only_until_prices_come_again(
    desk_on: Any, rudely: bool
) -> None:
    async with desk_on() as desk:
        desk.start()
        await desk.live()
        await desk.socket.close(rudely=rudely)
        await desk.until(lambda: desk.feed.halts)
        assert "view only, no entries" in desk.said[-1][0]
        await desk.socket.subscribed(2)
        assert desk.feed.halts["AAA"] == VIEW_ONLY, "a connection is not yet a price"
        await desk.socket.send(price("AAA", desk.now + SECOND, 101.0))
        await desk.until(lambda: not desk.feed.halts)
        assert desk.said[-1] == ("Yahoo: live", True)
        await desk.minutes(1)
        assert desk.starts("BBB")[-1] == OPEN + 9 * MINUTE, "bars went on"


async def test_refusals_back_off_and_bars_go_on(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.socket.statuses = [403, 429, 500, 404, 503]
        desk.start()
        await desk.until(lambda: desk.socket.connects == 6 and desk.rounds)
        waits = [seconds for seconds in desk.slept if seconds in (1.0, 2.0, 4.0, 8.0, 16.0)]
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
        told = [text for text, well in desk.said if not well]
        assert told == [
            "Yahoo's stream refused the connection (HTTP 403): view only, no entries;"
            " connecting again"
        ]
        assert desk.starts("AAA")[-1] == OPEN + 8 * MINUTE


async def test_a_port_where_nobody_listens_is_view_only(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start(url="ws://127.0.0.1:9/")
        await desk.until(lambda: len(desk.slept) > 4)
        assert desk.feed.halts == {"AAA": VIEW_ONLY, "BBB": VIEW_ONLY}
        assert "could not be reached" in desk.said[0][0]


async def test_silence_in_a_session_is_a_lost_connection(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start(silent_s=0.05)
        await desk.live()
        desk.now += SECOND
        await desk.until(lambda: desk.feed.halts)
        assert any("no price for" in text for text, _ in desk.said)
        await desk.until(lambda: desk.socket.connects >= 2)


async def test_garbage_without_end_is_no_price_either(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start(silent_s=5.0)
        await desk.live()
        desk.now += 6 * SECOND
        await desk.socket.send("{")
        await desk.until(lambda: desk.feed.halts)


async def test_silence_at_night_is_as_it_should_be(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.now = NIGHT
        desk.start(silent_s=0.02)
        await desk.until(lambda: desk.said)
        assert desk.said == [("Yahoo: live", True)]
        desk.now += MINUTE
        await asyncio.sleep(0.1)
        assert desk.socket.connects == 1
        assert desk.feed.halts == {}


async def test_a_server_that_hangs_up_at_once_is_not_hammered(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.now = NIGHT
        desk.start(silent_s=60.0)
        for times in range(1, 5):
            await desk.socket.subscribed(times)
            await desk.socket.close()
        await desk.until(lambda: desk.socket.connects >= 5)
        assert [s for s in desk.slept if s in (1.0, 2.0, 4.0, 8.0)] == [1.0, 2.0, 4.0, 8.0]


async def test_a_url_that_is_none_is_the_users_to_mend(desk_on: Any) -> None:
    async with desk_on() as desk:
        desk.start(url="https://127.0.0.1/")
        assert desk.task is not None
        with pytest.raises(ConfigError, match=r"market\.stream_url"):
            await asyncio.wait_for(desk.task, 10)


async def test_it_ends_at_once_also_while_yahoo_refuses(
    server: Yahoo, calendar: TradingCalendar, tmp_path: Path
) -> None:
    server.shares.clear()
    server.shares["AAA"] = Share(rows={"1m": rows(OPEN, 200), "1d": rows(OPEN, 1)})
    server.faults[:] = ["429"] * 9
    pause = Pause()
    history = YahooHistory(
        tmp_path,
        calendar=calendar,
        sleep=pause,
        clock=lambda: OPEN + 10 * MINUTE,
        life=timedelta(0),
        data_url=f"http://127.0.0.1:{server.port}",
    )
    async with serve_prices() as socket:
        stream = YahooStream(
            ("AAA",),
            history,
            calendar=calendar,
            halts=LiveFeed(("AAA",), 60).halts,
            stream_url=socket.url,
            since=OPEN,
            pause=pause,
        )
        task = asyncio.create_task(stream.run(lambda update: None, lambda text, well: None))
        await asyncio.to_thread(wait_for, lambda: len(server.faults) < 9, 10)
        task.cancel()
        async with asyncio.timeout(3):
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.get_running_loop().shutdown_default_executor()
