"""The account's truth: cash, holdings, fills and other movements, and what stood unprotected."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from tests.servers.trading.records import ZERO, CashMove, Execution, Holding

NINE = Decimal("0.000000001")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that happened to the account: exact, in the order in which it happened.

    Dollars and shares; ``positions`` are the shares of each symbol that is held, ``costs`` what
    they cost.
    """

    start_cash: Decimal
    cash: Decimal
    positions: dict[str, Decimal]
    costs: dict[str, Decimal]
    fills: tuple[Execution, ...]
    moves: tuple[CashMove, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which ``shares`` (the most at once) of a position had no working stop.

    ``end`` is None while it lasts; ``seconds`` run to ``end`` or to when it was asked.
    """

    symbol: str
    start: datetime
    end: datetime | None
    shares: Decimal
    seconds: float


class Account:
    """Cash and holdings of one long-only account, in exact decimals."""

    def __init__(self, cash: Decimal) -> None:
        self.start_cash = self.cash = cash
        self.last_equity = cash
        self.holdings: dict[str, Holding] = {}
        self.fills: list[Execution] = []
        self.moves: list[CashMove] = []
        self._gaps: list[Gap] = []
        self._open_gaps: dict[str, tuple[datetime, Decimal]] = {}

    def shares(self, symbol: str) -> Decimal:
        """Return the shares held of a symbol."""
        held = self.holdings.get(symbol)
        return held.qty if held else ZERO

    def book(self, fill: Execution) -> None:
        """Take a fill in: cash, shares, and their cost at the average."""
        self.fills.append(fill)
        held = self.holdings.setdefault(fill.symbol, Holding(symbol=fill.symbol))
        value = fill.qty * fill.price
        if fill.side == "buy":
            self.cash -= value
            held.qty += fill.qty
            held.cost += value
        else:
            if fill.qty > held.qty:
                raise AssertionError(f"sold {fill.qty} {fill.symbol} of {held.qty}")
            self.cash += value
            held.cost -= held.cost * fill.qty / held.qty
            held.qty -= fill.qty
        if not held.qty:
            del self.holdings[fill.symbol]

    def move(
        self,
        kind: str,
        at: datetime,
        amount: Decimal,
        *,
        symbol: str | None = None,
        qty: Decimal | None = None,
        per_share: Decimal | None = None,
        note: str = "",
    ) -> None:
        """Book a deposit, fee, dividend or split of ``amount`` dollars (+ is in)."""
        self.cash += amount
        self.moves.append(
            CashMove(
                id=str(uuid.uuid4()),
                kind=kind,
                at=at,
                amount=amount,
                symbol=symbol,
                qty=qty,
                per_share=per_share,
                note=note,
            )
        )

    def dividend(self, symbol: str, at: datetime, per_share: Decimal) -> None:
        """Pay a dividend in whole cents on what is held."""
        held = self.shares(symbol)
        paid = (held * per_share).quantize(CENT, ROUND_HALF_UP)
        self.move("DIV", at, paid, symbol=symbol, qty=held, per_share=per_share)

    def split(self, symbol: str, at: datetime, ratio: Decimal) -> None:
        """Give ``ratio`` shares for each one that is held; what they cost stays."""
        held = self.holdings.get(symbol)
        if held is None:
            return
        before = held.qty
        held.qty = (held.qty * ratio).quantize(NINE)
        self.move("SPLIT", at, ZERO, symbol=symbol, qty=held.qty - before, note=f"{ratio} for 1")

    def ledger(self) -> Ledger:
        """Return everything that happened."""
        return Ledger(
            start_cash=self.start_cash,
            cash=self.cash,
            positions={symbol: held.qty for symbol, held in sorted(self.holdings.items())},
            costs={symbol: held.cost for symbol, held in sorted(self.holdings.items())},
            fills=tuple(self.fills),
            moves=tuple(self.moves),
        )

    def check(self) -> None:
        """Raise AssertionError where cash or shares are not the sum of what happened."""
        cash = self.start_cash + sum((move.amount for move in self.moves), ZERO)
        shares: dict[str, Decimal] = {}
        for fill in self.fills:
            sign = 1 if fill.side == "buy" else -1
            cash -= sign * fill.qty * fill.price
            shares[fill.symbol] = shares.get(fill.symbol, ZERO) + sign * fill.qty
        for move in self.moves:
            if move.kind == "SPLIT" and move.symbol and move.qty is not None:
                shares[move.symbol] = shares.get(move.symbol, ZERO) + move.qty
        held = {symbol: holding.qty for symbol, holding in self.holdings.items()}
        if cash != self.cash or {s: q for s, q in shares.items() if q} != held:
            raise AssertionError(f"the books are off: {cash} {shares}, not {self.cash} {held}")

    def watch(self, now: datetime, covered: dict[str, Decimal]) -> None:
        """Note which holdings have more shares than their working stops, from ``now`` on."""
        bare = {
            symbol: held.qty - covered.get(symbol, ZERO)
            for symbol, held in self.holdings.items()
            if held.qty > covered.get(symbol, ZERO)
        }
        for symbol in set(self._open_gaps) - set(bare):
            start, most = self._open_gaps.pop(symbol)
            self._gaps.append(_gap(symbol, start, now, most, now))
        for symbol, missing in bare.items():
            start, most = self._open_gaps.get(symbol, (now, ZERO))
            self._open_gaps[symbol] = start, max(most, missing)

    def unprotected(self, now: datetime) -> list[Gap]:
        """Return the times without a working stop so far, oldest first."""
        running = [
            _gap(symbol, start, None, most, now)
            for symbol, (start, most) in self._open_gaps.items()
        ]
        return sorted([*self._gaps, *running], key=lambda gap: (gap.start, gap.symbol))


def _gap(symbol: str, start: datetime, end: datetime | None, shares: Decimal, now: datetime) -> Gap:
    seconds = ((end or now) - start).total_seconds()
    return Gap(symbol=symbol, start=start, end=end, shares=shares, seconds=seconds)
