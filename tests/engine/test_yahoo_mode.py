"""Mode paper on Yahoo: the whole program, the real yfinance, and a Yahoo on this machine."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.engine.endpoint import read_endpoint
from hybrid_tui.journal.reader import open_read_only
from hybrid_tui.market.halts import VIEW_ONLY
from tests.desk import begin, hybrid_tui, wait_for
from tests.servers.yahoo import Share, Yahoo, yahoo_server
from tests.servers.yahoo_socket import price, serve_prices


def words(yahoo: Yahoo, stream_url: str, *, symbols: str = "SPY") -> list[str]:
    settings = {
        "app.mode": "paper",
        "app.watchlist": symbols,
        "app.tiers": "rules,ml",
        "market.provider": "yahoo",
        "market.data_url": f"http://127.0.0.1:{yahoo.port}",
        "market.stream_url": stream_url,
    }
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def stocked(yahoo: Yahoo) -> None:
    first = int(datetime.now(UTC).timestamp()) // 60 * 60 - 6 * 24 * 3600
    rows: list[Any] = [(first + 60 * i, 100.0, 101.0, 99.0, 100.5, 9.0) for i in range(6 * 24 * 60)]
    content = {
        "title": "Indices rise",
        "pubDate": f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    yahoo.shares["SPY"] = Share(
        rows={"1m": rows, "1d": rows[:1]}, articles=[{"id": "n1", "content": content}]
    )


def headlines_asked(yahoo: Yahoo) -> list[str]:
    return [path for path in yahoo.asked if "/xhr/ncp" in path]


async def run(
    home: Path,
    options: list[str],
    until: Callable[[list[dict[str, Any]]], bool],
    *,
    during: Any = None,
    seconds: float = 0.0,
) -> tuple[list[dict[str, Any]], str]:
    """Run the engine until its events show something, and ``seconds`` more; return its events."""
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    engine = begin(home, *options, "run", "--headless", "--json")
    await asyncio.to_thread(wait_for, lambda: read_endpoint(paths.engine) is not None, 60)
    if during is not None:
        await during()
    await asyncio.to_thread(wait_for, lambda: until(engine.events()), 60)
    await asyncio.sleep(seconds)
    engine.send_signal(signal.SIGTERM)
    out, complaints = await asyncio.to_thread(engine.communicate, 30)
    assert engine.returncode == 0, complaints
    return [json.loads(line) for line in out.splitlines()], complaints


async def test_prices_headlines_and_history_reach_the_desk_and_headlines_only_once(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with yahoo_server() as yahoo:
        stocked(yahoo)
        async with serve_prices() as prices:

            async def say_a_price() -> None:
                await prices.subscribed()
                await prices.send(price("SPY", datetime.now(UTC), 182.5))

            def all_arrived(events: list[dict[str, Any]]) -> bool:
                quoted = any("SPY" in event.get("quotes", ()) for event in events)
                return quoted and any(event["event"] == "NewsArrived" for event in events)

            options = words(yahoo, prices.url)
            events, complaints = await run(home, options, all_arrived, during=say_a_price)
            asked = len(headlines_asked(yahoo))
            again, _ = await run(
                home, options, lambda _: len(headlines_asked(yahoo)) > asked, seconds=2
            )
    assert "Traceback" not in complaints
    assert events[0]["sources"]["market"] == "Yahoo, last prices"
    ticks = [event for event in events if event["event"] == "Ticked"]
    assert ticks[-1]["quotes"] == {"SPY": [182.5, 182.5]}
    assert any(e["event"] == "Alert" and e["text"] == "Yahoo: live" for e in events)
    halted = [event["halted"] for event in events if event["event"] == "HaltsChanged"]
    assert halted in ([], [{"SPY": VIEW_ONLY}, {}]), "forbidden at most until the first price"
    heard = [event["item"] for event in events if event["event"] == "NewsArrived"]
    assert [item["headline"] for item in heard] == ["Indices rise"]
    assert heard[0]["received_at"] > heard[0]["published_at"]
    assert [event for event in again if event["event"] == "NewsArrived"] == []
    assert again[0]["resumed"]


def is_told_of_no_entries(events: list[dict[str, Any]]) -> bool:
    told = [event["text"] for event in events if event["event"] == "Alert"]
    return any("could not be reached" in text and "no entries" in text for text in told)


async def test_without_the_socket_it_is_view_only_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with yahoo_server() as yahoo:
        stocked(yahoo)
        options = words(yahoo, "ws://127.0.0.1:9/")
        events, complaints = await run(home, options, is_told_of_no_entries, seconds=2)
    assert "Traceback" not in complaints
    halts = [event["halted"] for event in events if event["event"] == "HaltsChanged"]
    assert halts == [{"SPY": VIEW_ONLY}]
    assert is_told_of_no_entries(events)
    journal = open_read_only(home / "journal.db")
    (kept,) = journal.execute("select count(*) from events where kind = 'HaltsChanged'").fetchone()
    journal.close()
    assert kept == 1


@pytest.mark.parametrize(
    ("symbols", "code", "said"),
    [("NONE", 2, "NONE"), pytest.param("SPY", 3, "does not answer", marks=pytest.mark.full)],
)
def test_what_yahoo_does_not_give_at_the_start_is_said_in_a_line(
    tmp_path: Path, symbols: str, code: int, said: str
) -> None:
    with yahoo_server() as yahoo:
        stocked(yahoo)
        port = yahoo.port if code == 2 else 9
        options = words(Yahoo(port=port), "ws://127.0.0.1:9/", symbols=symbols)
        done = hybrid_tui(tmp_path / "home", *options, "run", "--headless")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
