"""Mode paper at Alpaca, and the switch to real money: processes against the local servers."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.engine.endpoint import read_endpoint
from tests.desk import begin, hybrid_tui, wait_for
from tests.servers.alpaca_data import KEYS as SERVED
from tests.servers.alpaca_data import AlpacaData, minutes, serve_data
from tests.servers.alpaca_socket import serve_socket
from tests.servers.alpaca_trading import AlpacaTrading, serve_trading

KEYS = {"APCA_API_KEY_ID": SERVED.key_id, "APCA_API_SECRET_KEY": SERVED.secret}


@dataclass(frozen=True)
class Alpaca:
    """The local servers that a desk is pointed at."""

    data: AlpacaData
    trading: AlpacaTrading
    home: Path

    def words(self, mode: str = "paper", **more: str) -> list[str]:
        settings = {
            "app.mode": mode,
            "app.watchlist": "SPY,AAPL",
            "app.tiers": "rules",
            "market.data_url": self.data.url,
            "market.stream_url": self.data.url.replace("http", "ws"),
            "broker.kind": "alpaca",
            "broker.trading_url": self.trading.url,
            "broker.stream_url": self.trading.stream_url,
            **{key.replace("__", "."): value for key, value in more.items()},
        }
        return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]

    def run(self, *words: str, **keys: str) -> subprocess.CompletedProcess[str]:
        return hybrid_tui(self.home, *words, variables={**KEYS, **keys})


@pytest.fixture
def alpaca(calendar: TradingCalendar, tmp_path: Path) -> Iterator[Alpaca]:
    with serve_data() as data, serve_trading(calendar, seed=1) as trading:
        first = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=6)
        for symbol in ("SPY", "AAPL"):
            data.bars[symbol] = minutes(first, 6 * 24 * 60)
            trading.set_price(symbol, 100.0)
        yield Alpaca(data, trading, tmp_path / "home")


async def events_of(alpaca: Alpaca, *words: str, until: set[str]) -> list[dict[str, object]]:
    """Run the engine until it has told of all words of ``until``; return its events."""
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(alpaca.home)})
    async with serve_socket() as stream:
        listens = ("--set", f"market.stream_url={stream.url}")
        opened = (*words, *listens, "run", "--headless", "--json")
        engine = begin(alpaca.home, *opened, variables=KEYS)
        await asyncio.to_thread(wait_for, lambda: read_endpoint(paths.engine) is not None)
        await asyncio.to_thread(wait_for, lambda: alpaca.trading.state()["listening"] > 0)

        def has_told() -> bool:
            printed = "".join(engine.lines())
            return all(word in printed for word in until)

        await asyncio.to_thread(wait_for, has_told)
        engine.send_signal(signal.SIGTERM)
        out, complaints = await asyncio.to_thread(engine.communicate, 40)
    assert engine.returncode == 0, complaints
    assert "Traceback" not in complaints
    return [json.loads(line) for line in out.splitlines()]


async def test_the_desk_trades_the_paper_account(alpaca: Alpaca) -> None:
    alpaca.trading.by_hand(symbol="AAPL", side="buy", type="market", time_in_force="day", qty="3")
    events = await events_of(
        alpaca, *alpaca.words(), until={"AccountObserved", "ExternalsObserved", "outside this desk"}
    )
    started = events[0]
    assert started["mode"] == "paper"
    sources = started["sources"]
    assert isinstance(sources, dict)
    assert sources["broker"].startswith("Alpaca paper ")
    assert sources["broker"].endswith(", local"), "an imitation is no rehearsal"
    assert started["cash"] == pytest.approx(100_000 - 300)
    kinds = {str(event["event"]): event for event in events}
    assert kinds["AccountObserved"]["cash"] == pytest.approx(99_700)
    assert kinds["ExternalsObserved"]["positions"] == {"AAPL": 3.0}
    halted = [event["halted"] for event in events if event["event"] == "HaltsChanged"]
    assert any("outside this desk" in str(reasons) for reasons in halted)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--set", "broker.trading_url=https://api.alpaca.markets"), 2, "trades real money"),
        (("--live",), 2, "contradict"),
        (("--set", "app.mode=live"), 2, "needs --live"),
        (("--live", "--set", "app.mode=live"), 1, "was not confirmed yet"),
        (
            (
                "--live",
                *("--set", "app.mode=live"),
                *("--set", "broker.trading_url=https://api.alpaca.markets"),
            ),
            1,
            "real money needs a rehearsal on your Alpaca paper account: 0 of 5 sessions",
        ),
    ],
)
def test_real_money_needs_everything_to_say_so(
    alpaca: Alpaca, words: tuple[str, ...], code: int, said: str
) -> None:
    done = alpaca.run(*alpaca.words(), *words, "run", "--headless")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_that_the_broker_refuses_are_one_clear_line(alpaca: Alpaca) -> None:
    done = alpaca.run(*alpaca.words(), "run", "--headless", APCA_API_SECRET_KEY="wrong")
    assert done.returncode == 3, done.stderr
    assert "refused" in done.stderr
    assert "wrong" not in done.stderr.replace("wrong keys", "")
    assert len(done.stderr.strip().splitlines()) == 1


async def test_a_confirmed_live_account_begins_with_small_positions(alpaca: Alpaca) -> None:
    account = alpaca.run(*alpaca.words(), "doctor", "--json")
    assert account.returncode in (0, 1)
    from tests.servers.trading.wire import ACCOUNT_ID

    alpaca.home.mkdir(parents=True, exist_ok=True)
    confirmed = {ACCOUNT_ID: datetime.now(UTC).isoformat()}
    (alpaca.home / "live-accounts.json").write_text(json.dumps(confirmed))
    events = await events_of(alpaca, "--live", *alpaca.words("live"), until={"AccountObserved"})
    started = events[0]
    assert started["mode"] == "live"
    settings = started["settings"]
    assert isinstance(settings, dict)
    assert settings["max_position"] == 0.05


async def test_one_engine_an_account(alpaca: Alpaca) -> None:
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(alpaca.home)})
    async with serve_socket() as stream:
        listens = ("--set", f"market.stream_url={stream.url}")
        engine = begin(alpaca.home, *alpaca.words(), *listens, "run", "--headless", variables=KEYS)
        await asyncio.to_thread(wait_for, lambda: read_endpoint(paths.engine) is not None)
        words = ("--profile", "other", *alpaca.words(), "run", "--headless")
        done = await asyncio.to_thread(alpaca.run, *words)
        engine.send_signal(signal.SIGTERM)
        await asyncio.to_thread(engine.communicate, 40)
    assert done.returncode == 1, done.stderr
    assert f"process {engine.pid}" in done.stderr
