"""A local Alpaca trading server: a small, true broker behind Alpaca's REST API and its stream.

In a test's own process::

    with serve_trading(calendar, cash=100_000) as server:
        server.set_price("AAPL", 190.0)
        TradingClient(KEYS.key_id, KEYS.secret, url_override=server.url)     # and server.stream_url
        server.fault(where="request", kind="lost_after", method="POST")
        server.ledger(), server.unprotected()

In a process of its own, so that it outlives whatever is killed beside it::

    python -m tests.servers.alpaca_trading --port 0 --seed 7       # prints one JSON line with URLs

and from the test ``Remote(control_url).do("set_price", symbol="AAPL", last=190)``, with the methods
that ``COMMANDS`` names.

Simplified, and said so: long only; no fees unless booked; a market order trades at the bid or ask
in whole, or as far as the quote's size goes; stops are touched by the last price.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

from hybrid_tui.market.calendar import xnys
from tests.servers.alpaca_data import KEYS
from tests.servers.trading.account import Gap, Ledger
from tests.servers.trading.faults import Fault, FaultPlan
from tests.servers.trading.remote import Remote
from tests.servers.trading.server import COMMANDS, AlpacaTrading, serve_trading

__all__ = [
    "COMMANDS",
    "KEYS",
    "AlpacaTrading",
    "Fault",
    "FaultPlan",
    "Gap",
    "Ledger",
    "Remote",
    "serve_trading",
]


def main() -> None:
    """Serve until SIGTERM or SIGINT; prints one line of JSON with the URLs and the keys."""
    parser = argparse.ArgumentParser(prog="tests.servers.alpaca_trading")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stream-port", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--cash", default="100000")
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--only", nargs="*", default=[], help="where or where/kind")
    parser.add_argument("--multiplier", type=int, default=2)
    parser.add_argument("--at", type=datetime.fromisoformat, help="where the clock starts")
    parser.add_argument("--speed", type=float, default=1.0, help="0: the clock stands still")
    parser.add_argument("--hours", choices=("open", "closed", "calendar"), default="open")
    parser.add_argument("--price", nargs="*", default=[], metavar="SYMBOL=DOLLARS")
    parser.add_argument(
        "--calendar", type=Path, default=Path(tempfile.gettempdir()), help="folder of its table"
    )
    given = parser.parse_args()
    server = AlpacaTrading(
        xnys(given.calendar),
        cash=given.cash,
        at=given.at if given.at is None or given.at.tzinfo else given.at.replace(tzinfo=UTC),
        speed=given.speed,
        seed=given.seed,
        fault_rate=given.fault_rate,
        only=tuple(given.only),
        multiplier=given.multiplier,
        is_open={"open": True, "closed": False, "calendar": None}[given.hours],
    )
    for pair in given.price:
        symbol, _, price = pair.partition("=")
        server.set_price(symbol, price)
    server.start(given.port, given.stream_port)
    over = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    urls = {
        "trading_url": server.url,
        "stream_url": server.stream_url,
        "control_url": f"{server.url}/_control",
        "key_id": KEYS.key_id,
        "secret": KEYS.secret,
    }
    sys.stdout.write(json.dumps(urls) + "\n")
    sys.stdout.flush()
    over.wait()
    server.stop()


if __name__ == "__main__":
    main()
