"""Mode paper: the desk on a live market that a local server plays."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.engine.endpoint import read_endpoint
from hybrid_tui.market.calendar import xnys
from tests.desk import begin, hybrid_tui, wait_for
from tests.servers.alpaca_data import KEYS as SERVED
from tests.servers.alpaca_data import AlpacaData, clock_says, minutes, serve_data
from tests.servers.alpaca_socket import serve_socket, streamed_quote

KEYS = {"APCA_API_KEY_ID": SERVED.key_id, "APCA_API_SECRET_KEY": SERVED.secret}


def words(data_url: str, stream_url: str) -> list[str]:
    settings = {
        "app.mode": "paper",
        "app.watchlist": "SPY",
        "app.tiers": "rules,ml",
        "market.data_url": data_url,
        "broker.trading_url": data_url,
        "market.stream_url": stream_url,
    }
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def stocked(server: AlpacaData) -> None:
    first = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=6)
    server.bars["SPY"] = minutes(first, 6 * 24 * 60)


def is_scheduled_now() -> bool:
    now = datetime.now(UTC)
    around = [
        xnys().session_at(now + shift) for shift in (timedelta(seconds=-91), timedelta(minutes=5))
    ]
    if (around[0] is None) != (around[1] is None):
        pytest.skip("so near to an open or close the clock and the calendar may differ")
    return around[0] is not None


async def test_the_desk_warms_up_connects_and_shows_live_quotes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    with serve_data() as data:
        stocked(data)
        data.clock = clock_says(datetime.now(UTC), not is_scheduled_now())
        async with serve_socket() as stream:
            opened = [*words(data.url, stream.url), "run", "--headless", "--json"]
            engine = begin(home, *opened, variables=KEYS)
            await asyncio.to_thread(wait_for, lambda: read_endpoint(paths.engine) is not None)
            await stream.subscribed("/v2/iex")
            now = datetime.now(UTC)
            await stream.send("/v2/iex", streamed_quote("SPY", now, 99.0, 101.0))

            def has_shown_a_quote() -> bool:
                found = engine.events()
                quoted = any(event.get("quotes", {}).get("SPY") == [99.0, 101.0] for event in found)
                return quoted and any(event["event"] == "HaltsChanged" for event in found)

            await asyncio.to_thread(wait_for, has_shown_a_quote, 60)
            engine.send_signal(signal.SIGTERM)
            out, complaints = await asyncio.to_thread(engine.communicate, 30)
    assert engine.returncode == 0, complaints
    assert "Traceback" not in complaints
    events = [json.loads(line) for line in out.splitlines()]
    started = events[0]
    assert started["event"] == "EngineStarted"
    assert started["mode"] == "paper"
    assert started["sources"]["market"] == "Alpaca iex"
    ticks = [event for event in events if event["event"] == "Ticked"]
    assert ticks[-1]["quotes"] == {"SPY": [99.0, 101.0]}
    alerts = [event["text"] for event in events if event["event"] == "Alert"]
    assert any("live" in text for text in alerts)
    assert any("the broker's clock says" in text and "no entries" in text for text in alerts)
    halts = [event for event in events if event["event"] == "HaltsChanged"]
    assert "the broker's clock says" in halts[0]["halted"]["SPY"]


def test_without_keys_it_says_which_and_exits_2(tmp_path: Path) -> None:
    done = hybrid_tui(tmp_path / "home", "--set", "app.mode=paper", "run", "--headless")
    assert done.returncode == 2
    assert "APCA_API_KEY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_that_are_refused_exit_3_and_are_never_shown(tmp_path: Path) -> None:
    with serve_data() as data:
        data.fault(status=401, times=None)
        opened = [*words(data.url, data.url), "run", "--headless"]
        done = hybrid_tui(tmp_path / "home", *opened, variables=KEYS)
    assert done.returncode == 3, done.stderr
    assert SERVED.key_id not in done.stderr
    assert SERVED.secret not in done.stderr
    assert "Traceback" not in done.stderr
