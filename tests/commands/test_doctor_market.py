"""The doctor on live markets: who answers, who refuses, what is closed, and how old prices are."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.doctor_market import examine_market
from hybrid_tui.commands.finding import Finding
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.journal import Journal
from hybrid_tui.market.calendar import xnys
from hybrid_tui.market.store import BarStore
from tests.desk import hybrid_tui
from tests.market.builders import OPEN, series
from tests.servers.alpaca_data import KEYS, AlpacaData, clock_says, serve_data
from tests.servers.yahoo import Share, Yahoo, yahoo_server
from tests.servers.yahoo_socket import serve_prices


def findings(home: Path, settings: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the command; return its exit code and its findings by name."""
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    keys = {"APCA_API_KEY_ID": KEYS.key_id, "APCA_API_SECRET_KEY": KEYS.secret}
    words = ["--set", "app.mode=paper", "--set", "app.watchlist=SPY", *sets, "doctor", "--json"]
    done = hybrid_tui(home, *words, variables=keys)
    assert "Traceback" not in done.stderr
    assert KEYS.secret not in done.stdout + done.stderr
    return done.returncode, {f["name"]: f for f in json.loads(done.stdout)["findings"]}


def on_alpaca(data: AlpacaData) -> dict[str, str]:
    return {"market.data_url": data.url, "broker.trading_url": data.url}


def on_yahoo(yahoo: Yahoo, stream_url: str) -> dict[str, str]:
    return {
        "market.provider": "yahoo",
        "market.data_url": f"http://127.0.0.1:{yahoo.port}",
        "market.stream_url": stream_url,
    }


def test_an_alpaca_that_answers_and_agrees(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with serve_data() as data:
        data.quotes["SPY"] = {"t": f"{now:%Y-%m-%dT%H:%M:%SZ}", "bp": 99.0, "ap": 101.0}
        data.clock = clock_says(now, xnys().session_at(now) is not None)
        _, found = findings(tmp_path / "home", on_alpaca(data))
    assert found["provider"]["ok"], found["provider"]
    assert f"Alpaca iex at {data.url} answers: last quote of SPY" in found["provider"]["text"]
    assert "as the calendar has it" in found["closure"]["text"]


def test_an_alpaca_that_refuses_and_a_clock_that_contradicts(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with serve_data() as data:
        data.fault(status=403)
        data.clock = clock_says(now - timedelta(hours=1), xnys().session_at(now) is None)
        code, found = findings(tmp_path / "home", on_alpaca(data))
    assert code == 1
    assert not found["provider"]["ok"]
    assert "(403" in found["provider"]["text"]
    assert data.url in found["provider"]["text"]
    assert not found["closure"]["ok"]
    assert "this machine's clock is 1h00 ahead" in found["closure"]["text"]


async def test_a_yahoo_that_answers(tmp_path: Path) -> None:
    with yahoo_server() as yahoo:
        minute = int(datetime.now(UTC).timestamp()) // 60 * 60
        rows: list[Any] = [
            (minute - 60 * i, 100.0, 101.0, 99.0, 100.5, 9.0) for i in range(4 * 24 * 60, 0, -1)
        ]
        yahoo.shares["SPY"] = Share(rows={"1m": rows, "1d": rows[:1]})
        async with serve_prices() as prices:
            _, found = await asyncio.to_thread(
                findings, tmp_path / "home", on_yahoo(yahoo, prices.url)
            )
            assert prices.subscriptions == [["SPY"]]
    assert found["provider"]["ok"], found["provider"]
    assert "answers: last bar of SPY" in found["provider"]["text"]
    assert found["stream"]["ok"]
    assert "closure" not in found


def test_a_yahoo_that_refuses_is_asked_once(tmp_path: Path) -> None:
    with yahoo_server() as yahoo:
        yahoo.shares["SPY"] = Share()
        yahoo.faults[:] = ["429"] * 9
        settings = on_yahoo(yahoo, "ws://127.0.0.1:9/")
        code, found = findings(tmp_path / "home", settings)
        assert len(yahoo.faults) == 8
    assert code == 1
    assert "too many requests (429)" in found["provider"]["text"]
    assert f"Yahoo at http://127.0.0.1:{yahoo.port}" in found["provider"]["text"]
    assert "view only, no entries" in found["stream"]["text"]


def test_ages_and_halts_of_the_last_live_run_are_told(home: Path) -> None:
    state = CliState()
    journal = Journal(state.paths.journal)
    at = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    journal.start_run("paper-1", "paper", "account", at)
    folded = DeskState()
    journal.follow("paper-1", folded)
    bar = Bar(1.0, 1.0, 1.0, 1.0, 1.0)
    told: list[ev.Event] = [
        ev.BarsClosed(id=1, at=at, start=at - timedelta(minutes=1), bars={"AAA": bar, "BBB": bar}),
        ev.Ticked(id=2, at=at + timedelta(minutes=5), quotes={"AAA": (1.0, 1.0)}),
        ev.HaltsChanged(id=3, at=at, halted={"BBB": "trading is halted: LULD"}),
    ]
    for event in told:
        folded.apply(event)
        journal.append(event)
    journal.commit()
    journal.close()
    config = Config.model_validate({"app": {"mode": "sim", "watchlist": ["AAA", "BBB"]}})
    now = at + timedelta(minutes=10)
    found: list[Finding] = list(examine_market(state, config, now))
    texts = {finding.name: finding.text for finding in found}
    assert texts["prices"] == "run paper-1: BBB 10m00, AAA 5m00"
    assert texts["halts"] == "BBB: trading is halted: LULD"
    assert all(finding.ok for finding in found)


@pytest.mark.parametrize("stored", [(), ("AAA",)])
def test_the_stores_ages_are_told_by_symbol(home: Path, stored: tuple[str, ...]) -> None:
    state = CliState()
    for symbol in stored:
        BarStore(state.paths.bars).add(series(symbol, minutes=range(3)), "none")
    config = Config.model_validate({"app": {"mode": "sim", "watchlist": ["AAA", "BBB"]}})
    (found,) = examine_market(state, config, OPEN + timedelta(minutes=13))
    assert found.ok
    if stored:
        assert "AAA 11m00; no bars of BBB" in found.text
    else:
        assert found.text == "the bar store is empty"
