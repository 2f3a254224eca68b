"""An order desk on the Alpaca broker and the local server: a test trades, and reads the books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hybrid_tui.broker.alpaca import AlpacaBroker
from hybrid_tui.broker.alpaca_gateway import AlpacaGateway
from hybrid_tui.broker.alpaca_updates import TradeUpdates
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.orders import OrderDesk
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.rules.entries import EntryDecision
from tests.servers.alpaca_trading import KEYS, AlpacaTrading

TIMEOUT_S = (0.5, 0.6)
ENTRY_LIFE_S = 2.0


class Kept:
    """A sink that keeps events."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []

    def append(self, event: ev.Event) -> None:
        self.events.append(event)

    def commit(self) -> None:
        """Nothing to do: they are kept in memory."""


class AlpacaDesk:
    """The engine's order desk, without the rest of the engine; ``state`` outlives a restart."""

    def __init__(
        self, server: AlpacaTrading, state: DeskState | None = None, *, with_stream: bool = True
    ) -> None:
        self.server = server
        self.kept = Kept()
        self.forbidden: dict[str, str] = {}
        is_new = state is None
        self.state = state or DeskState()
        self.recorder = Recorder(self.state, self.kept)
        self.config = Config.model_validate({"app": {"mode": "paper"}})
        if is_new:
            self.recorder.emit(
                ev.EngineStarted,
                self.now(),
                run="test",
                mode="paper",
                hybrid="hierarchical",
                tiers=("rules",),
                policy="auto",
                watchlist=("AAPL",),
                cash=float(server.ledger().cash),
                resumed=False,
                speed=1.0,
                sources={},
                settings={},
            )
        gateway = AlpacaGateway(KEYS, server.url, is_live=False, timeout_s=TIMEOUT_S)
        self.broker = AlpacaBroker(
            gateway,
            self.state,
            collar_bps=20.0,
            forbid=self._forbid,
            forbid_symbol=self._forbid,
            entry_life_s=ENTRY_LIFE_S,
        )
        if with_stream:
            self.broker.stream = TradeUpdates(
                KEYS,
                server.stream_url,
                on_update=self.broker.heard,
                on_up=self.broker.came_up,
                on_down=self.broker.went_down,
            )
        self.orders = OrderDesk(self.recorder, self.broker, self.config)
        if not is_new:
            self.broker.restore()
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _forbid(self, cause: str, reason: str | None) -> None:
        if reason is None:
            self.forbidden.pop(cause, None)
        else:
            self.forbidden[cause] = reason

    def quote(self, symbol: str, price: float, spread: float = 0.02) -> None:
        """Set the price at the server, and let the desk know it."""
        bid, ask = price - spread / 2, price + spread / 2
        self.server.set_price(symbol, price, bid=round(bid, 4), ask=round(ask, 4))
        self.recorder.emit(ev.Ticked, self.now(), quotes={symbol: (bid, ask)})

    def buy(self, symbol: str, quantity: int) -> str:
        """Decide, commit and send an entry; return its order's id."""
        entry = EntryDecision(
            symbol=symbol, quantity=quantity, priority=0.8, prediction=None, strategy_id=None
        )
        now = self.now()
        self.orders.buy(now, entry, self.state.equity(), cause=None)
        self.recorder.commit()
        self.orders.send()
        return next(reversed(self.state.orders))

    def sell(self, symbol: str, reason: ExitReason = ExitReason.SIGNAL_EXIT) -> None:
        """Decide, commit and send an exit."""
        self.orders.sell(self.now(), symbol, reason)
        self.recorder.commit()
        self.orders.send()

    def cycle(self) -> None:
        """Do what an engine's instant does with orders."""
        now = self.now()
        self.orders.collect(now)
        self.orders.go_on_flattening(now)
        self.recorder.commit()
        self.orders.send()

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        """Go through instants until something holds; raises AssertionError if it never does."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                said = [event for event in self.kept.events if not isinstance(event, ev.Ticked)]
                raise AssertionError("\n".join(map(str, said[-25:])))
            await asyncio.sleep(0.01)
            self.cycle()

    def of(self, kind: type[ev.Event]) -> list[ev.Event]:
        return [event for event in self.kept.events if isinstance(event, kind)]

    def alerts(self) -> list[str]:
        return [event.text for event in self.kept.events if isinstance(event, ev.Alert)]

    def is_protected(self, symbol: str) -> bool:
        """Whether the server holds a working stop for all that the desk holds."""
        resting = [
            Decimal(order["qty"]) - Decimal(order["filled_qty"])
            for order in self.server.orders()
            if order["symbol"] == symbol
            and order["type"] == "stop"
            and order["status"] in ("new", "accepted", "partially_filled")
        ]
        held = self.state.positions.get(symbol)
        return held is not None and sum(resting) == Decimal(str(held.quantity))

    def check_books(self) -> None:
        """Compare cash and positions with the server's to the cent."""
        ledger = self.server.ledger()
        self.server.check()
        assert abs(Decimal(str(round(self.state.cash, 6))) - ledger.cash) < Decimal("0.01")
        ours = {symbol: held.quantity for symbol, held in self.state.positions.items()}
        assert ours == {symbol: float(shares) for symbol, shares in ledger.positions.items()}

    def longest_bare(self) -> float:
        """Return the longest time that a position stood without a working stop, seconds."""
        return max((gap.seconds for gap in self.server.unprotected()), default=0.0)


@asynccontextmanager
async def running(desk: AlpacaDesk) -> AsyncIterator[AlpacaDesk]:
    """Let the broker trade until the block ends, then cancel it as a stopping engine does."""
    task = asyncio.create_task(desk.broker.run(lambda: None))
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ago(seconds: float) -> datetime:
    """Return an instant before now."""
    return datetime.now(UTC) - timedelta(seconds=seconds)
