"""The server: the broker, its two doors, its clock, and what a test may do to it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from http.server import ThreadingHTTPServer
from typing import Any

from pydantic import TypeAdapter

from hybrid_tui.alpaca_wire import AlpacaKeys
from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_data import KEYS
from tests.servers.trading import changes, intake, routes
from tests.servers.trading.account import Gap, Ledger
from tests.servers.trading.book import Book
from tests.servers.trading.clock import Hours, ServerClock
from tests.servers.trading.faults import FaultPlan
from tests.servers.trading.http import Asked, Gate, Handler
from tests.servers.trading.records import Quote
from tests.servers.trading.updates import Updates
from tests.servers.trading.venue import end, work
from tests.servers.trading.wire import order_json, stamp_of

TICK_S = 0.01

Number = float | int | str | Decimal

COMMANDS = frozenset(
    {"set_price", "halt", "resume", "set_open", "move_to", "advance", "skew"}
    | {"fault", "clear_faults", "made", "outage", "cut", "victim", "announce"}
    | {"set_flag", "set_status", "set_read_only", "split", "dividend", "deposit", "fee"}
    | {"by_hand", "cancel_by_hand", "close_by_hand"}
    | {"ledger", "unprotected", "check", "asked", "orders", "events", "state"}
)


def _decimal(value: Number) -> Decimal:
    return Decimal(str(value))


class Doors(ThreadingHTTPServer):
    """Says nothing when whoever asked has gone."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of an error in a handler, unless the other side has hung up (or was killed)."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class AlpacaTrading:
    """The server. Every method may be called from any thread."""

    def __init__(
        self,
        calendar: TradingCalendar,
        *,
        cash: Number = 100_000,
        at: datetime | None = None,
        speed: float = 1.0,
        seed: int | None = None,
        fault_rate: float = 0.0,
        only: tuple[str, ...] = (),
        multiplier: int = 2,
        keys: AlpacaKeys = KEYS,
        is_open: bool | None = True,
    ) -> None:
        self.lock = threading.RLock()
        self.plan = FaultPlan(seed, fault_rate, only)
        self.clock = ServerClock(at, speed)
        hours = Hours(calendar)
        hours.forced = is_open
        self.gate = Gate(
            clock=self.clock,
            plan=self.plan,
            answer=self.answer,
            control=self._control,
            lock=self.lock,
            keys={keys.key_id: keys.secret},
        )
        self.updates = Updates(
            self.plan, self.gate.signed_on, lambda seconds, job: self.book.later(seconds, job)
        )
        self.book = Book(
            cash=_decimal(cash),
            clock=self.clock,
            hours=hours,
            plan=self.plan,
            publish=self.updates.publish,
            seed=seed,
            multiplier=multiplier,
        )
        self.url = ""
        self._stopped = threading.Event()
        self._http: ThreadingHTTPServer | None = None
        self._threads: list[threading.Thread] = []

    @property
    def stream_url(self) -> str:
        """Where the trade updates are."""
        return self.updates.url

    def start(self, port: int = 0, stream_port: int = 0) -> None:
        """Serve on 127.0.0.1 (port 0: a free one); ``url`` and ``stream_url`` say where."""
        handler = type("Handler", (Handler,), {"gate": self.gate})
        self._http = Doors(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.updates.start(stream_port)
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True),
            threading.Thread(target=self._run, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what was answered late is let go."""
        self.gate.released.set()
        self._stopped.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        self.updates.stop()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        """Let time pass in the broker."""
        ticks = 0
        while not self._stopped.wait(TICK_S):
            ticks += 1
            with self.lock:
                if self.book.is_due(self.clock.now()) or ticks % 50 == 0:
                    work(self.book)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, Any]:
        """Return status and JSON of a request, without the wire and its faults."""
        with self.lock:
            return routes.answer(self.book, method, path, query, body)

    def _control(self, name: str, body: Mapping[str, Any]) -> Any:
        if name not in COMMANDS:
            raise ValueError(f"no command {name!r}; there are {', '.join(sorted(COMMANDS))}")
        result = getattr(self, name)(**body)
        return TypeAdapter(Any).dump_python(result, mode="json")

    # What a test does to the market.

    def set_price(
        self,
        symbol: str,
        last: Number,
        *,
        bid: Number | None = None,
        ask: Number | None = None,
        bid_size: Number | None = None,
        ask_size: Number | None = None,
        lastday: Number | None = None,
    ) -> None:
        """Quote a symbol (dollars; sizes in shares, None: without end) and let orders meet it.

        Bid and ask are the last price where they are not given; a new symbol becomes an asset.
        """
        with self.lock:
            old = self.book.quotes.get(symbol)
            price = _decimal(last)
            self.book.quotes[symbol] = Quote(
                bid=price if bid is None else _decimal(bid),
                ask=price if ask is None else _decimal(ask),
                last=price,
                bid_size=None if bid_size is None else _decimal(bid_size),
                ask_size=None if ask_size is None else _decimal(ask_size),
                lastday=_decimal(lastday) if lastday is not None else old.lastday if old else price,
                halted=old.halted if old else False,
                version=old.version + 1 if old else 0,
            )
            work(self.book)

    def halt(self, symbol: str) -> None:
        """Stop trading in a symbol."""
        with self.lock:
            self.book.quotes[symbol].halted = True
            work(self.book)

    def resume(self, symbol: str) -> None:
        """End a halt."""
        with self.lock:
            self.book.quotes[symbol].halted = False
            work(self.book)

    def set_open(self, is_open: bool | None) -> None:
        """Open or close the market whatever the hour; None: as the calendar says."""
        with self.lock:
            self.book.hours.forced = is_open
            work(self.book)

    def move_to(self, at: datetime | str) -> None:
        """Move the server's clock on to an instant."""
        with self.lock:
            self.clock.move(datetime.fromisoformat(at) if isinstance(at, str) else at)
            work(self.book)

    def advance(self, seconds: float) -> None:
        """Move the server's clock on by seconds."""
        self.move_to(self.clock.now() + timedelta(seconds=seconds))

    def skew(self, seconds: float) -> None:
        """Let the broker's clock on the wire be off by seconds."""
        self.clock.skew = timedelta(seconds=seconds)

    # Faults.

    def fault(self, **kind: Any) -> None:
        """Order a fault: see ``tests.servers.trading.faults``."""
        with self.lock:
            self.plan.order(**kind)

    def clear_faults(self) -> None:
        """Let everything work from now on."""
        with self.lock:
            self.plan.clear()
            self.outage(False)

    def made(self) -> list[tuple[str, str, dict[str, str]]]:
        """Return the faults that were made: where, kind and what they met."""
        with self.lock:
            return list(self.plan.made)

    def outage(self, on: bool, *, requests: bool = True, streams: bool = True) -> None:
        """Let the broker be out of reach: requests and handshakes fail, streams are cut."""
        self.gate.down = on and requests
        self.updates.down = on and streams
        if self.updates.down:
            self.updates.cut()

    def victim(self, pid: int) -> None:
        """Name the process that the faults ``kill...`` end."""
        self.plan.victim = pid

    def announce(self, order_id: str, event: str, status: str | None = None) -> None:
        """Send an event of an order that is rare or unknown, such as ``suspended``, as it comes."""
        with self.lock:
            order = self.book.find(order_id)
            order.status = status or order.status
            self.book.tell(event, order)

    def cut(self) -> None:
        """Cut the streams; they may connect again."""
        self.updates.cut()

    # The account.

    def set_flag(self, name: str, on: bool) -> None:
        """Set ``trading_blocked``, ``account_blocked``, ``trade_suspended_by_user`` and so on."""
        with self.lock:
            if name not in self.book.flags:
                raise ValueError(f"no flag {name!r}; there are {', '.join(self.book.flags)}")
            self.book.flags[name] = on

    def set_read_only(self, on: bool) -> None:
        """Let every key read and none trade."""
        self.gate.read_only = set(self.gate.keys) if on else set()

    def set_status(self, status: str) -> None:
        """Set the account's status, such as ACTIVE or ACCOUNT_CLOSED."""
        with self.lock:
            self.book.status = status

    def split(self, symbol: str, ratio: Number) -> None:
        """Split a symbol (``ratio`` new shares for one): its open orders are cancelled."""
        with self.lock:
            book, by = self.book, _decimal(ratio)
            for order in book.open_orders(symbol):
                end(book, order, "canceled")
            book.account.split(symbol, self.clock.now(), by)
            old = book.quotes[symbol]
            old.lastday /= by
            self.set_price(symbol, old.last / by, bid=old.bid / by, ask=old.ask / by)

    def dividend(self, symbol: str, per_share: Number) -> None:
        """Pay a dividend, dollars a share."""
        with self.lock:
            self.book.account.dividend(symbol, self.clock.now(), _decimal(per_share))

    def deposit(self, amount: Number) -> None:
        """Bring cash in (or, negative, out)."""
        with self.lock:
            value = _decimal(amount)
            kind = "CSD" if value >= 0 else "CSW"
            self.book.account.move(kind, self.clock.now(), value)

    def fee(self, amount: Number, note: str = "TAF fee") -> None:
        """Charge a fee, dollars."""
        with self.lock:
            self.book.account.move("FEE", self.clock.now(), -_decimal(amount), note=note)

    def by_hand(self, **fields: Any) -> str:
        """Place an order as from Alpaca's own pages; returns its id; raises Refused."""
        with self.lock:
            order = intake.place(self.book, fields, external=True)
            work(self.book)
            return order.id

    def cancel_by_hand(self, order_id: str) -> None:
        """Cancel an order as from Alpaca's own pages."""
        with self.lock:
            changes.cancel(self.book, order_id, plainly=True)
            work(self.book)

    def close_by_hand(self, symbol: str) -> str:
        """Cancel the orders of a position and sell it, as by hand; returns the order's id."""
        with self.lock:
            for order in self.book.open_orders(symbol):
                changes.cancel(self.book, order.id, plainly=True)
            held = self.book.account.shares(symbol)
            return self.by_hand(
                symbol=symbol, side="sell", type="market", time_in_force="day", qty=str(held)
            )

    # The truth, to compare with.

    def ledger(self) -> Ledger:
        """Return every fill, the cash and the positions, exact."""
        with self.lock:
            work(self.book)
            return self.book.account.ledger()

    def unprotected(self) -> list[Gap]:
        """Return the times in which a position stood without a working stop for all its shares."""
        with self.lock:
            work(self.book)
            return self.book.account.unprotected(self.clock.now())

    def check(self) -> None:
        """Raise AssertionError where the books are not the sum of what happened."""
        with self.lock:
            self.book.account.check()

    def asked(self) -> list[Asked]:
        """Return the requests that came, oldest first."""
        with self.lock:
            return list(self.gate.asked)

    def orders(self) -> list[dict[str, Any]]:
        """Return all orders as the API writes them, oldest first."""
        with self.lock:
            work(self.book)
            stamp = stamp_of(self.clock.skew)
            return [order_json(order, stamp) for order in self.book.orders.values()]

    def events(self) -> list[dict[str, Any]]:
        """Return what was published to the stream, before its faults."""
        with self.lock:
            return list(self.updates.sent)

    def state(self) -> dict[str, Any]:
        """Return the clock, the streams that listen and the buying power."""
        with self.lock:
            return {
                "now": self.clock.now(),
                "listening": self.updates.listening,
                "connects": self.updates.connects,
                "buying_power": self.book.buying_power(),
            }


@contextmanager
def serve_trading(calendar: TradingCalendar, **settings: Any) -> Iterator[AlpacaTrading]:
    """Serve on free ports until the block ends; the settings are those of AlpacaTrading."""
    server = AlpacaTrading(calendar, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
