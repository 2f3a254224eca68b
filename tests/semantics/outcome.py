"""What a run of a scripted desk came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.commands import Ack
from hybrid_tui.domain.orders import Fill, Side, Trade
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger

Kind = TypeVar("Kind", bound=ev.Event)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    state: DeskState
    broker: PaperBroker
    events: list[ev.Event]
    ledger: Ledger
    acks: list[Ack] = field(default_factory=list)

    @property
    def trades(self) -> list[Trade]:
        """The closed trades, in the order of their exits."""
        return self.ledger.trades

    @property
    def equity(self) -> list[tuple[datetime, float]]:
        """The equity at each bar's end."""
        return self.ledger.equity

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def fills(self) -> list[Fill]:
        """All fills, in the order they happened."""
        return [event.fill for event in self.of(ev.OrderFilled)]

    @property
    def buys(self) -> list[Fill]:
        """The entry fills."""
        return [fill for fill in self.fills if fill.side is Side.BUY]

    @property
    def sells(self) -> list[Fill]:
        """The exit fills."""
        return [fill for fill in self.fills if fill.side is Side.SELL]

    def sold(self) -> list[tuple[str, datetime, float, str]]:
        """Return (symbol, instant, price, reason) of each exit fill."""
        return [(f.symbol, f.at, round(f.price, 9), str(f.reason)) for f in self.sells]

    def bought(self) -> list[tuple[str, datetime, float, float]]:
        """Return (symbol, instant, price, quantity) of each entry fill."""
        return [(f.symbol, f.at, round(f.price, 9), f.quantity) for f in self.buys]

    def decided(self, side: Side = Side.BUY) -> list[tuple[str, datetime, float]]:
        """Return (symbol, instant, quantity) of each decision to buy (or sell)."""
        orders = [event.order for event in self.of(ev.OrderIntended)]
        return [(o.symbol, o.at, o.quantity) for o in orders if o.side is side]

    def levels(self, symbol: str) -> list[tuple[float, str]]:
        """Return every (level, from) that the stop of a symbol had, repeats left out."""
        moves = [e for e in self.of(ev.StopMoved) if e.symbol == symbol]
        found: list[tuple[float, str]] = []
        for move in moves:
            level = (round(move.level, 9), str(move.level_from))
            if not found or found[-1] != level:
                found.append(level)
        return found

    def locked(self) -> list[tuple[str, str | None, datetime, datetime | None]]:
        """Return (name, symbol, start, until) of each lock that was set."""
        locks = [event.lock for event in self.of(ev.LockSet)]
        return [(lock.name, lock.symbol, lock.start, lock.until) for lock in locks]
