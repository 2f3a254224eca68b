"""Alpaca's stream where it is refused or cut: what ends it, and what is tried again."""

from __future__ import annotations

import logging

import pytest

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, DataError, Fatal, HybridError
from tests.servers.alpaca_desk import desk_of
from tests.servers.alpaca_socket import (
    NEWS,
    STOCKS,
)


async def test_connections_that_fail_are_tried_ever_more_rarely(
    calendar: TradingCalendar,
) -> None:
    async with desk_of(calendar) as desk:
        stocks = desk.socket.paths[STOCKS]
        stocks.statuses = [500, 502, 503, 429, 500, 500, 500, 500]
        stocks.refusals = [(0, ""), (404, "auth timeout"), (500, "internal error")]
        desk.start("AAPL")
        await desk.live()
        assert desk.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0, 60.0]
        assert stocks.connects == 12
        texts = [text for text, _ in desk.statuses]
        assert any("refused the connection (HTTP 503); connecting again in 4 s" in t for t in texts)
        assert any("internal error; connecting again in 60 s" in t for t in texts)


@pytest.mark.parametrize("path", [STOCKS, NEWS])
@pytest.mark.parametrize(
    ("refusal", "message", "hint"),
    [
        ((402, "auth failed"), "auth failed", "APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
        ((401, "not authenticated"), "not authenticated", "paper and live accounts"),
        ((406, "connection limit exceeded"), "connection limit", "another program holds it"),
        ((409, "insufficient subscription"), "insufficient sub", r"market\.feed = iex"),
        ((408, "v2 not enabled"), "v2 not enabled", "plan lacks this feed"),
        ((499, "something new"), "something new", "APCA_API_KEY_ID"),
    ],
)
async def test_a_refusal_ends_the_stream_at_once(
    calendar: TradingCalendar, path: str, refusal: tuple[int, str], message: str, hint: str
) -> None:
    async with desk_of(calendar) as desk:
        desk.socket.paths[path].refusals = [refusal] * 9
        desk.start("AAPL")
        error = await desk.refused()
        assert type(error) is Fatal
        with pytest.raises(Fatal, match=message):
            raise error
        with pytest.raises(AssertionError, match=hint):
            raise AssertionError(error.hint)
        assert desk.socket.paths[path].connects == 1
        assert desk.slept == []


async def test_a_wrong_key_is_tried_once_and_not_shown(
    calendar: TradingCalendar, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = AlpacaKeys(key_id="PKWRONGKEY", secret="wrong/secret")
    with caplog.at_level(logging.DEBUG):
        async with desk_of(calendar) as desk:
            desk.start("AAPL", keys=wrong)
            error = await desk.refused()
            assert isinstance(error, Fatal)
            assert desk.socket.paths[STOCKS].connects == 1
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("websockets.server")]
    shown = "\n".join([error.render(), *logged])
    assert wrong.key_id not in shown
    assert wrong.secret not in shown
    assert "BINARY" not in shown, "a frame in the log, and the first one holds the keys"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(("status", "kind"), [(401, Fatal), (403, Fatal), (404, DataError)])
async def test_a_refused_handshake_ends_the_stream(
    calendar: TradingCalendar, status: int, kind: type[HybridError]
) -> None:
    async with desk_of(calendar) as desk:
        desk.socket.paths[STOCKS].statuses = [status] * 9
        desk.start("AAPL")
        assert type(await desk.refused()) is kind
        assert desk.socket.paths[STOCKS].connects == 1


async def test_an_address_that_is_none_ends_the_stream(calendar: TradingCalendar) -> None:
    async with desk_of(calendar) as desk:
        desk.start("AAPL", url="http://127.0.0.1:9")
        assert type(await desk.refused()) is ConfigError


async def test_our_own_lost_connection_may_hold_the_only_place_for_a_while(
    calendar: TradingCalendar,
) -> None:
    async with desk_of(calendar) as desk:
        stocks = desk.socket.paths[STOCKS]
        desk.start("AAPL")
        await desk.live()
        limit = (406, "connection limit exceeded")
        stocks.refusals = [limit] * 3
        desk.socket.cut(STOCKS)
        await desk.socket.subscribed(STOCKS, 2)
        assert desk.slept[:4] == [1.0, 2.0, 4.0, 8.0]
        stocks.refusals = [limit] * 99
        desk.socket.cut(STOCKS)
        assert isinstance(await desk.refused(), Fatal)
        assert 99 - len(stocks.refusals) == 6


async def test_too_many_symbols_end_the_stream(calendar: TradingCalendar) -> None:
    async with desk_of(calendar) as desk:
        desk.start("AAPL")
        await desk.live()
        error = {"T": "error", "code": 405, "msg": "symbol limit exceeded"}
        await desk.socket.send(STOCKS, error)
        refused = await desk.refused()
        assert isinstance(refused, Fatal)
        assert "app.watchlist" in str(refused.hint)
