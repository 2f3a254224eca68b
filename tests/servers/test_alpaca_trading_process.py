"""The local broker as a process of its own: it outlives whoever is killed beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.servers.alpaca_client import wait_for
from tests.servers.alpaca_trading import Remote

ROOT = Path(__file__).resolve().parents[2]
BUYER = """
import json, sys, urllib.request
url, key_id, secret, name = sys.argv[1:]
body = {"symbol": "AAPL", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"}
request = urllib.request.Request(
    url + "/v2/orders",
    data=json.dumps(body | {"client_order_id": name}).encode(),
    headers={"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret},
)
sys.stdin.readline()
urllib.request.urlopen(request).read()
sys.stdin.read()
"""


class Broker:
    """The runner's process, what it printed, and its remote control."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.said = json.loads(process.stdout.readline())
        self.remote = Remote(self.said["control_url"])

    def buyer(self, name: str) -> subprocess.Popen[str]:
        """Start a process that, sent a line, buys 3 AAPL under a client order id and then waits."""
        where = [self.said[name] for name in ("trading_url", "key_id", "secret")]
        return subprocess.Popen(
            [sys.executable, "-c", BUYER, *where, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.getbasetemp() / "calendar"
    command = [sys.executable, "-m", "tests.servers.alpaca_trading", "--seed", "3"]
    process = subprocess.Popen(
        [*command, "--price", "AAPL=190", "--calendar", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Broker(process)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def test_who_asks_is_killed_at_the_step_that_was_ordered(broker: Broker) -> None:
    remote = broker.remote
    for kind in ("kill_before", "kill_after", "kill_answered"):
        remote.do("fault", where="request", kind=kind, method="POST")
        with broker.buyer(kind) as buyer:
            remote.do("victim", pid=buyer.pid)
            assert buyer.stdin is not None
            buyer.stdin.write("now\n")
            buyer.stdin.flush()
            assert buyer.wait(30) == -signal.SIGKILL
    ledger = remote.ledger()
    assert [fill.client_order_id for fill in ledger.fills] == ["kill_after", "kill_answered"]
    assert ledger.cash == Decimal(100_000) - 2 * 570
    assert [asked["status"] for asked in remote.do("asked")] == [0, 0, 200]
    remote.do("check")


def test_the_market_and_the_account_are_commanded_from_outside(broker: Broker) -> None:
    remote = broker.remote
    order = {"symbol": "AAPL", "type": "market", "time_in_force": "day", "qty": 10}
    remote.do("by_hand", side="buy", **order)
    remote.do("set_price", symbol="AAPL", last=191.5)
    (gap,) = remote.unprotected()
    assert gap.end is None
    assert (gap.symbol, gap.shares) == ("AAPL", Decimal(10))
    remote.do("close_by_hand", symbol="AAPL")
    assert remote.ledger().cash == Decimal("100015.0")
    wait_for(lambda: remote.do("state")["listening"] == 0)
    with pytest.raises(HTTPError):
        remote.do("no_such_command")


def test_it_ends_when_it_is_told_to(broker: Broker) -> None:
    broker.process.send_signal(signal.SIGTERM)
    assert broker.process.wait(10) == 0
