"""Alpaca's stream through alpaca-py's own sockets, against local servers."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.domain.bars import Bar
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.market.alpaca_rows import bar_rows, news_item, quote
from hybrid_tui.market.live import LiveFeed
from tests.servers.alpaca_data import article, minutes
from tests.servers.alpaca_desk import MINUTE, OPEN, desk_of
from tests.servers.alpaca_socket import (
    NEWS,
    STOCKS,
    streamed_bar,
    streamed_news,
    streamed_quote,
    trading_status,
)


async def test_bars_quotes_halts_and_headlines_come_through(calendar: TradingCalendar) -> None:
    async with desk_of(calendar) as desk:
        desk.start()
        await desk.live()
        asked = await desk.socket.subscribed(STOCKS)
        assert {name: sorted(asked[name]) for name in ("bars", "quotes", "statuses")} == {
            "bars": ["AAPL", "BRK.B"],
            "quotes": ["AAPL", "BRK.B"],
            "statuses": ["AAPL", "BRK.B"],
        }
        assert not asked.get("updatedBars")
        assert (await desk.socket.subscribed(NEWS))["news"] == ["*"]
        at = desk.now - MINUTE
        await desk.socket.send(
            STOCKS,
            streamed_bar("AAPL", at, 101.0),
            streamed_bar("BRK.B", at, 480.0),
            streamed_bar("MSFT", at),
            streamed_quote("BRK.B", at, 479.0, 481.0),
            streamed_quote("AAPL", desk.now + timedelta(seconds=9), 100.0, 102.0),
            streamed_quote("AAPL", at, 0.0, 102.0),
            trading_status("AAPL", at, "H"),
        )
        await desk.socket.send(NEWS, streamed_news(5, at, "<i>Apple</i> rises"))
        await desk.until(lambda: desk.halts and desk.news)
        assert desk.bars == [("AAPL", at, 101.0), ("BRK-B", at, 480.0)]
        assert desk.updates[0].bars[0].known_at == desk.now
        assert desk.updates[0].bars[0].bars["AAPL"] == Bar(101.0, 102.0, 100.0, 101.0, 500.0)
        assert [(q.symbol, q.mid, q.at) for q in desk.quotes] == [
            ("BRK-B", 480.0, at),
            ("AAPL", 101.0, desk.now),
        ]
        assert desk.halts == [("AAPL", "trading is halted: Information requested")]
        (item,) = desk.news
        assert (item.id, item.headline) == ("alpaca-5", "Apple rises")
        assert (item.received_at, item.published_at) == (desk.now, at)
        assert desk.statuses[-1] == ("Alpaca iex: live", True)
        assert desk.slept == [], "nothing was missing, so nothing was waited for"


async def test_trading_resumes_by_message_or_by_a_bar(calendar: TradingCalendar) -> None:
    async with desk_of(calendar) as desk:
        desk.start("AAPL", "NVDA")
        await desk.live()
        half = OPEN + timedelta(seconds=30)
        await desk.socket.send(
            STOCKS,
            trading_status("AAPL", half, "P"),
            trading_status("NVDA", half, "2"),
            trading_status("AAPL", half, "Q"),
            streamed_bar("AAPL", OPEN),
            trading_status("NVDA", half, "3"),
            trading_status("NVDA", half, "3"),
            streamed_bar("AAPL", OPEN + MINUTE),
        )
        await desk.until(lambda: len(desk.halts) >= 4)
        assert [(symbol, why is not None) for symbol, why in desk.halts] == [
            ("AAPL", True),
            ("NVDA", True),
            ("NVDA", False),
            ("AAPL", False),
        ]


async def test_the_hole_of_a_lost_connection_is_filled_in_order(
    calendar: TradingCalendar,
) -> None:
    async with desk_of(calendar) as desk:
        desk.data.bars["AAPL"] = minutes(OPEN, 9)
        # The first was written before the connection was there, and not sent over it.
        desk.data.news = [article(2, OPEN + 1.5 * MINUTE), article(3, OPEN + 5 * MINUTE)]
        desk.now = OPEN + 2 * MINUTE
        desk.start("AAPL")
        await desk.live()
        await desk.socket.send(STOCKS, streamed_bar("AAPL", OPEN + MINUTE, 101.0))
        await desk.until(lambda: desk.bars)
        desk.now = OPEN + 9 * MINUTE
        desk.data.fault(status=503)
        desk.socket.cut(STOCKS)
        desk.socket.cut(NEWS)
        await desk.socket.subscribed(STOCKS, 2)
        await desk.socket.send(STOCKS, streamed_bar("AAPL", OPEN + 8 * MINUTE, 108.5))
        await desk.until(lambda: any(close == 108.5 for _, _, close in desk.bars))
        await desk.live()
        closes = [close for _, _, close in desk.bars]
        assert closes == [101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0, 108.5]
        feed = LiveFeed(("AAPL",), 60)
        for update in desk.updates:
            feed.put(update)
        read = [one.bars["AAPL"].close for one in feed.read(desk.now).bars]
        assert read == closes[:-1], "the minute that came on both ways counts once"
        await desk.until(lambda: desk.news)
        assert [(item.id, item.received_at) for item in desk.news] == [
            ("alpaca-2", desk.now),
            ("alpaca-3", desk.now),
        ]
        assert ("stocks: Alpaca's stream was cut; connecting again in 1 s", False) in desk.statuses


@pytest.mark.parametrize("seconds", [0, 1, 30, 59.9])
async def test_what_came_between_the_history_and_the_first_connection_is_filled(
    calendar: TradingCalendar, seconds: float
) -> None:
    async with desk_of(calendar) as desk:
        desk.data.bars["AAPL"] = minutes(OPEN, 10)
        desk.start("AAPL", since=OPEN + 7 * MINUTE + timedelta(seconds=seconds))
        await desk.live()
        assert [close for _, _, close in desk.bars] == [107.0, 108.0, 109.0]
        assert desk.slept == [3.0, 3.0]


async def test_a_connection_lost_while_a_hole_is_filled_is_not_live(
    calendar: TradingCalendar,
) -> None:
    async with desk_of(calendar) as desk:
        desk.data.bars["AAPL"] = minutes(OPEN, 10)
        desk.data.fault(delay_s=0.2, times=2)
        desk.start("AAPL", since=OPEN + 8 * MINUTE)
        await desk.until(lambda: any("bars" in asked.path for asked in desk.data.asked))
        desk.socket.paths[STOCKS].statuses = [503] * 60
        desk.socket.cut(STOCKS)
        await desk.until(lambda: len(desk.socket.paths[STOCKS].statuses) < 15)
        assert not any(well for _, well in desk.statuses)
        assert desk.bars == []
        await desk.live()
        assert [close for _, _, close in desk.bars] == [108.0, 109.0]


async def test_a_bar_that_came_has_ended_whatever_the_clock_says(
    calendar: TradingCalendar,
) -> None:
    async with desk_of(calendar) as desk:
        desk.now = OPEN + timedelta(seconds=58)
        desk.start("AAPL")
        await desk.live()
        await desk.socket.send(STOCKS, streamed_bar("AAPL", OPEN))
        await desk.until(lambda: desk.bars)
        assert desk.updates[0].bars[0].known_at == OPEN + MINUTE


async def test_a_hole_that_cannot_be_filled_is_said(calendar: TradingCalendar) -> None:
    async with desk_of(calendar) as desk:
        desk.data.fault(status=500, times=None)
        desk.start("AAPL", since=OPEN)
        await desk.until(lambda: any("is missing" in text for text, _ in desk.statuses))
        text, well = desk.statuses[-1]
        assert not well
        assert "what came since 14:30 UTC is missing: Alpaca failed on" in text
        await desk.socket.send(STOCKS, streamed_bar("AAPL", OPEN + 9 * MINUTE))
        await desk.until(lambda: desk.bars)


async def test_the_quotes_that_iex_does_not_stream_are_asked_for(
    calendar: TradingCalendar,
) -> None:
    symbols = [f"S{chr(65 + i // 26)}{chr(65 + i % 26)}" for i in range(32)]
    async with desk_of(calendar) as desk:
        at = f"{desk.now + timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"
        desk.data.quotes = {s: {"t": at, "bp": 9.0, "ap": 11.0} for s in symbols}
        desk.start(*symbols)
        await desk.until(lambda: desk.quotes)
        assert {q.symbol for q in desk.quotes} == set(symbols[30:])
        assert {q.at for q in desk.quotes} == {desk.now}
        asked = await desk.socket.subscribed(STOCKS)
        assert (len(asked["bars"]), len(asked["quotes"])) == (32, 30)


async def test_a_refused_question_for_quotes_is_put_again(calendar: TradingCalendar) -> None:
    symbols = [f"S{chr(65 + i // 26)}{chr(65 + i % 26)}" for i in range(31)]
    async with desk_of(calendar) as desk:
        at = f"{desk.now:%Y-%m-%dT%H:%M:%SZ}"
        desk.data.quotes = {symbols[30]: {"t": at, "bp": 9.0, "ap": 11.0}}
        for status in (401, 422, 404):
            desk.data.fault(status=status)
        desk.start(*symbols)
        await desk.until(lambda: desk.quotes)
        assert len([a for a in desk.data.asked if "quotes" in a.path]) >= 4


async def test_of_bars_that_repeat_or_come_late_the_first_counts(
    calendar: TradingCalendar,
) -> None:
    async with desk_of(calendar) as desk:
        desk.start("AAPL")
        await desk.live()
        feed = LiveFeed(("AAPL",), 60)
        second, third = OPEN + MINUTE, OPEN + 2 * MINUTE
        read: list[tuple[datetime, float]] = []
        for bars in (
            [streamed_bar("AAPL", second, 101.0), streamed_bar("AAPL", second, 999.0)],
            [streamed_bar("AAPL", OPEN, 100.0), streamed_bar("AAPL", third, 102.0)],
            [streamed_bar("AAPL", third, 999.0)],
        ):
            taken, due = len(desk.updates), len(bars)
            await desk.socket.send(STOCKS, *bars)
            await desk.until(lambda: len(desk.updates) == taken + due)  # noqa: B023
            for update in desk.updates[taken:]:
                feed.put(update)
            read += [(one.start, one.bars["AAPL"].close) for one in feed.read(desk.now).bars]
        assert read == [(second, 101.0), (third, 102.0)]
        assert feed.late_bars == 2


async def test_messages_that_make_no_sense_do_not_stop_the_next(
    calendar: TradingCalendar, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk_of(calendar) as desk:
        stream = desk.start("AAPL")
        await desk.live()
        await desk.socket.send_raw(STOCKS, b"\xc1 not msgpack")
        await desk.socket.send(STOCKS, 7, None)
        await desk.socket.send(STOCKS, {"T": "zz"}, {"T": "b"}, {"S": "AAPL"})
        await desk.socket.send(
            STOCKS,
            {"T": "b", "S": "AAPL", "t": None},
            streamed_bar("AAPL", OPEN, c=None),
            streamed_bar("AAPL", OPEN, h=1.0),
            streamed_bar("AAPL", OPEN - timedelta(hours=2)),
            {"T": "q", "S": "AAPL", "bp": "x"},
            {"T": "s", "S": "AAPL"},
            streamed_bar("AAPL", OPEN, 123.0),
        )
        await desk.socket.send(NEWS, {"T": "n"}, {"T": "n", "id": 1, "symbols": None})
        await desk.socket.send(NEWS, streamed_news(7, OPEN, "News"))
        await desk.until(lambda: desk.bars and desk.news)
        assert desk.bars == [("AAPL", OPEN, 123.0)]
        assert [item.id for item in desk.news] == ["alpaca-7"]
        assert sum(stream.dropped.values()) >= 5
        assert "Traceback" not in caplog.text


async def test_stopping_takes_no_time_and_leaves_nothing_open(calendar: TradingCalendar) -> None:
    async with desk_of(calendar) as desk:
        desk.start("AAPL")
        await desk.live()
        assert desk.task is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        desk.task.cancel()
        await asyncio.gather(desk.task, return_exceptions=True)
        assert loop.time() - began < 2.0
        async with asyncio.timeout(2):
            for path in desk.socket.paths.values():
                await asyncio.gather(*(one.wait_closed() for one in tuple(path.open)))


def test_messages_of_the_documentation_are_understood(shared_data: Path) -> None:
    path = shared_data / "alpaca_payloads" / "documentation_messages.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    found: dict[str, list[Any]] = {"b": [], "q": [], "n": []}
    for line in lines:
        message = json.loads(line)["message"]
        for one in message if isinstance(message, list) else [message]:
            if isinstance(one, dict) and one.get("T") in found:
                found[one["T"]].append(one)
    dropped: Counter[str] = Counter()
    assert all(len(bar_rows([one], dropped)[0]) == 1 for one in found["b"])
    assert all(quote(one["S"], one, dropped) for one in found["q"])
    assert all(news_item(one, {}, dropped, OPEN) for one in found["n"])
    assert not dropped
    assert all(found.values())
