"""Closed trades a page at a time: every trade once, in order, whatever the sort and the filter."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_tui.journal.reader import open_read_only
from hybrid_tui.journal.trades import SORTS, TradeQuery, read_trades, sum_trades
from hybrid_tui.tui.trades import window as pages
from hybrid_tui.tui.trades.window import MOST, PAGE, Read, Window
from tests.tui.builders import at, normal
from tests.tui.trades.many import write_many

RUN = "sim-seed7-1"
COUNT = 1_100


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_many(normal(), tmp_path_factory.mktemp("trades") / "journal.db", COUNT)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    found = open_read_only(path)
    yield found
    found.close()


@pytest.fixture
def read(connection: sqlite3.Connection) -> Read:
    return lambda query: read_trades(connection, RUN, query)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [True, False])
def test_pages_have_every_trade_once_in_order(read: Read, sort: str, descending: bool) -> None:
    query = TradeQuery(sort=sort, descending=descending)
    whole = read(replace(query, count=10_000))
    assert len(whole) == COUNT + 1
    places = [(one.place, one.event_id) for one in whole]
    assert places == sorted(places, reverse=descending)
    window = pages.first(query, read)
    seen = list(window.rows)
    while not window.is_end:
        before = window.rows[-1]
        window = pages.onward(window, read)
        seen += window.rows[window.rows.index(before) + 1 :]
        assert len(window.rows) <= MOST
        assert window.rows == tuple(whole[window.offset : window.offset + len(window.rows)])
    assert seen == whole
    while not window.is_start:
        window = pages.back(window, read)
        assert len(window.rows) <= MOST
        assert window.rows == tuple(whole[window.offset : window.offset + len(window.rows)])
    assert pages.last(query, read, COUNT + 1).rows == tuple(whole[-PAGE:])


def test_the_ends_are_where_nothing_more_is_read(read: Read) -> None:
    asked: list[TradeQuery] = []

    def counting(query: TradeQuery) -> list[object]:
        asked.append(query)
        return read(query)  # type: ignore[return-value]

    start = pages.first(TradeQuery(), read)
    assert pages.back(start, counting) is start  # type: ignore[arg-type]
    end = pages.last(TradeQuery(), read, COUNT + 1)
    assert pages.onward(end, counting) is end  # type: ignore[arg-type]
    assert pages.onward(Window(), counting) == Window()  # type: ignore[arg-type]
    assert asked == []


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("nvda", lambda t: t.symbol == "NVDA"),
        ("trailing stop", lambda t: t.exit_reason == "trailing_stop"),
        ("hard_stop loss", lambda t: t.exit_reason == "hard_stop" and t.pnl < 0),
        ("a win", lambda t: (t.symbol[0] == "A" or "a" in t.exit_reason + t.entry_reason)
         and t.pnl > 0),
        ("2026-03-20", lambda t: f"{t.exit_at:%Y-%m-%d}" == "2026-03-20"),
        ("100%", lambda t: False),
        ("n_da", lambda t: False),
        ("'; drop table trades; --", lambda t: False),
    ],
)  # fmt: skip
def test_a_filter_finds_what_its_words_say(
    connection: sqlite3.Connection, read: Read, text: str, fits: object
) -> None:
    whole = read(TradeQuery(count=10_000))
    found = read(TradeQuery(text=text, count=10_000))
    wanted = [one for one in whole if fits(one.trade)]  # type: ignore[operator]
    assert found == wanted
    total = sum_trades(connection, RUN, text)
    assert total.count == len(wanted)
    assert total.pnl == pytest.approx(sum(one.trade.pnl for one in wanted))


def test_totals_are_of_the_day_and_of_all(connection: sqlite3.Connection, read: Read) -> None:
    whole = [one.trade for one in read(TradeQuery(count=10_000))]
    total = sum_trades(connection, RUN)
    gains = sum(t.pnl for t in whole if t.pnl > 0)
    losses = -sum(t.pnl for t in whole if t.pnl < 0)
    assert total.count == COUNT + 1
    assert total.win_rate == pytest.approx(sum(t.pnl > 0 for t in whole) / len(whole))
    assert total.profit_factor == pytest.approx(gains / losses)
    assert total.fees == pytest.approx(sum(t.fees for t in whole))
    today = sum_trades(connection, RUN, since=at("9:30"))
    assert today.count == 1
    assert today.pnl == pytest.approx(-96.0)
    assert today.profit_factor == 0.0
    nobody = sum_trades(connection, RUN, "nobody")
    assert (nobody.win_rate, nobody.profit_factor) == (None, None)
