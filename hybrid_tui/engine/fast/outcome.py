"""What a lean run came to, as the ledger and the desk that any run leaves."""

from __future__ import annotations

from datetime import UTC, datetime

from hybrid_tui.config import Config
from hybrid_tui.domain.orders import ExitReason, Position, Side, Trade, profit
from hybrid_tui.domain.signals import RiskLevel
from hybrid_tui.domain.state import RECENT_TRADES
from hybrid_tui.engine.backtest import Ledger
from hybrid_tui.engine.fast.book import Lot, Sale
from hybrid_tui.engine.fast.grid import Grid
from hybrid_tui.engine.fast.lean import LeanRun
from hybrid_tui.engine.orders import order_id_at
from hybrid_tui.rules.stops import first_level, next_level


def settle(run: LeanRun, grid: Grid, config: Config, ledger: Ledger) -> None:
    """Write a finished run into a ledger and the desk that it belongs to."""
    book, desk = run.book, ledger.state
    telling = _Telling(grid, config)
    ledger.tell_later(len(run.sales), lambda: map(telling.trade, run.sales))
    ledger.extend(
        grid.known.astype(float), run.equity, run.gross, sum(map(len, grid.series.values()))
    )
    ledger.daily.extend((_instant(second), equity) for second, equity in run.daily)
    ledger.turnover, ledger.fees = book.turnover, book.fees
    ledger.slippage, ledger.entries_cancelled = book.slippage, book.cancelled
    desk.cash, desk.fees = book.cash, book.fees
    desk.reference_equity, desk.peak_equity = run.reference, run.peak
    desk.positions = {
        held.symbol: held for held in (telling.held(book.lots[number]) for number in book.names)
    }
    desk.closes = {symbol: float(bars.close[-1]) for symbol, bars in grid.series.items()}
    grid.release()
    desk.trades.extend(map(telling.trade, run.sales[-RECENT_TRADES:]))
    desk.trades_closed = len(run.sales)
    desk.realized = sum(map(telling.profit, run.sales))


class _Telling:
    """Lots and sales in the words of the domain."""

    def __init__(self, grid: Grid, config: Config) -> None:
        self._grid = grid
        self._names = list(grid.series)
        self._known, self._start = grid.known.data, grid.starts.data
        self._config = config
        self._commission = config.broker.commission
        self._fees = self._commission + self._commission
        self._reason = config.rules.entry

    def profit(self, sale: Sale) -> float:
        """Return what a sale earned net of its fees, dollars."""
        lot = sale.lot
        return profit(lot.quantity, lot.price, sale.price, self._fees)

    def trade(self, sale: Sale) -> Trade:
        """Return a sale as the row of a closed trade."""
        lot, symbol = sale.lot, self._names[sale.lot.symbol]
        bought = self._order(lot.decided, symbol, Side.BUY)
        sold = self._order(sale.decided, symbol, Side.SELL) if sale.decided >= 0 else None
        return Trade(
            symbol=symbol,
            quantity=lot.quantity,
            entry_at=_instant(self._start[lot.entered]),
            entry_price=lot.price,
            entry_reason=self._reason,
            exit_at=_instant(self._start[sale.sold]),
            exit_price=sale.price,
            exit_reason=sale.reason,
            fees=self._fees,
            pnl=self.profit(sale),
            entry_order_id=bought,
            exit_order_id=sold or f"{bought}-stop",
        )

    def held(self, lot: Lot) -> Position:
        """Return an open lot as a position, its stop raised by all bars since."""
        symbol = self._names[lot.symbol]
        hard, trail, _ = self._config.risk.levels.of(RiskLevel.MODERATE)
        bars = self._grid.series[symbol]
        high = max(lot.price, float(bars.high[self._grid.row(symbol, lot.entered) :].max()))
        level, level_from = next_level(
            entry=lot.price,
            high=high,
            level=first_level(lot.price, hard),
            level_from=ExitReason.HARD_STOP,
            hard=hard,
            trail=trail,
        )
        return Position(
            symbol=symbol,
            quantity=lot.quantity,
            entry_price=lot.price,
            entry_at=_instant(self._start[lot.entered]),
            entry_reason=self._reason,
            entry_fees=self._commission,
            high=high,
            level=level,
            level_from=level_from,
            entry_order_id=self._order(lot.decided, symbol, Side.BUY),
        )

    def _order(self, decided: int, symbol: str, side: Side) -> str:
        return order_id_at(self._known[decided], symbol, side)


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
