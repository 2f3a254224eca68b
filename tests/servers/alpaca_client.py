"""The real alpaca-py clients on a local trading server, as tests use them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.models import Order, TradeUpdate
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    OrderRequest,
    ReplaceOrderRequest,
    StopOrderRequest,
)
from alpaca.trading.stream import TradingStream

from tests.servers.alpaca_trading import KEYS, AlpacaTrading


class Client:
    """Orders in AAPL through TradingClient, without its retries."""

    def __init__(self, server: AlpacaTrading, key_id: str = KEYS.key_id) -> None:
        self.api = TradingClient(key_id, KEYS.secret, url_override=server.url)
        self.api._retry = 0

    def send(self, request: OrderRequest) -> Order:
        """Submit an order; raises what alpaca-py raises."""
        return _order(self.api.submit_order(request))

    def buy(self, qty: float | None = 10, **more: Any) -> Order:
        """Buy at the market, for the day."""
        fields = {"symbol": "AAPL", "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY}
        return self.send(MarketOrderRequest(qty=qty, **(fields | more)))

    def sell(self, qty: float | None = 10, **more: Any) -> Order:
        """Sell at the market, for the day."""
        return self.buy(qty, side=OrderSide.SELL, **more)

    def limit(self, qty: float, price: float, **more: Any) -> Order:
        """Buy at a limit, immediate or cancel."""
        fields = {"symbol": "AAPL", "side": OrderSide.BUY, "time_in_force": TimeInForce.IOC}
        return self.send(LimitOrderRequest(qty=qty, limit_price=price, **(fields | more)))

    def stop(self, price: float = 180.0, qty: float = 10, **more: Any) -> Order:
        """Rest a protective stop until it is cancelled."""
        fields = {"symbol": "AAPL", "side": OrderSide.SELL, "time_in_force": TimeInForce.GTC}
        return self.send(StopOrderRequest(qty=qty, stop_price=price, **(fields | more)))

    def replace(self, order: Order, **changes: Any) -> Order:
        """Replace an order; returns the new one."""
        change = ReplaceOrderRequest(**changes)
        return _order(self.api.replace_order_by_id(order.id, change))

    def cancel(self, order: Order) -> None:
        """Ask for an order to end."""
        self.api.cancel_order_by_id(order.id)

    def order(self, order: Order) -> Order:
        """Return an order as it stands."""
        return _order(self.api.get_order_by_id(order.id))

    def by_client_id(self, client_order_id: str) -> Order:
        """Return an order by our own id."""
        return _order(self.api.get_order_by_client_id(client_order_id))

    def status(self, order: Order) -> str:
        """Return the state of an order."""
        return str(self.order(order).status.value)


def _order(answer: object) -> Order:
    assert isinstance(answer, Order)
    return answer


def wait_for(done: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError("it did not come")
        time.sleep(0.005)


def refusal(error: APIError) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of a refusal."""
    return error.status_code, json.loads(str(error))


class Listener:
    """A TradingStream in a thread of its own, and the events that it handed out."""

    def __init__(self, server: AlpacaTrading, key_id: str = KEYS.key_id) -> None:
        self.server = server
        self.got: list[TradeUpdate] = []
        self.stream = TradingStream(key_id, KEYS.secret, url_override=server.stream_url)
        self.stream._reconnect_min_backoff = 0.05
        self.stream.subscribe_trade_updates(self._take)
        self.thread = threading.Thread(target=self._run, daemon=True)

    async def _take(self, update: TradeUpdate) -> None:
        self.got.append(update)

    def _run(self) -> None:
        asyncio.run(self.stream._run_forever())  # type: ignore[no-untyped-call]

    @property
    def events(self) -> list[str]:
        """The names of the events, in the order in which they came."""
        return [str(getattr(update.event, "value", update.event)) for update in self.got]

    def listening(self) -> None:
        """Wait until the server has this stream among its listeners."""
        wait_for(lambda: self.server.updates.listening)

    def until(self, *events: str) -> None:
        """Wait until the last events are these."""
        wait_for(lambda: tuple(self.events[-len(events) :]) == events)


@contextmanager
def listening_to(server: AlpacaTrading) -> Iterator[Listener]:
    """Listen with alpaca-py's stream until the block ends."""
    listener = Listener(server)
    listener.thread.start()
    listener.listening()
    try:
        yield listener
    finally:
        asyncio.run(listener.stream.stop_ws())
        server.outage(True)
        listener.thread.join(10)
