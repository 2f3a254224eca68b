"""Trades as rows: what is open with its price of now, what is closed, and the sums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.orders import Position, Trade
from hybrid_tui.domain.state import DeskState
from hybrid_tui.journal.trades import StoredTrade, TradeTotals
from hybrid_tui.tui import format as f
from hybrid_tui.tui.freshness import dimmed, doubt
from hybrid_tui.tui.model import last_price
from hybrid_tui.tui.tape import WORDS
from hybrid_tui.tui.widgets.lines import Cell, Column, Columns, Line, Row, Span, row, width_of

COLUMNS = (
    Column(name="exit", title="closed", width=15),
    Column(name="symbol", title="symbol", width=6),
    Column(name="quantity", title="qty", width=6, align="right"),
    Column(name="entry", title="entry", width=9, align="right", rank=4),
    Column(name="price", title="exit", width=9, align="right", rank=3),
    Column(name="pnl", title="P&L", width=11, align="right"),
    Column(name="share", title="%", width=8, align="right", rank=1),
    Column(name="held", title="held", width=6, align="right", rank=5),
    Column(name="reason", title="because", width=16, rank=2, grows=True),
    Column(name="rule", title="bought by", width=11, rank=6),
    Column(name="fees", title="fees", width=7, align="right", rank=7),
)
SORT_WORDS = {"exit": "time", "symbol": "symbol", "pnl": "P&L", "share": "%", "held": "time held"}


def columns_of(width: int, sort: str, *, descending: bool) -> Columns:
    """Return the columns that fit, the sorted one with its arrow."""
    arrow = "▼" if descending else "▲"
    named = [
        Column(
            name=column.name,
            title=f"{column.title} {arrow}" if column.name == sort else column.title,
            width=column.width,
            align=column.align,
            rank=column.rank,
            grows=column.grows,
        )
        for column in COLUMNS
    ]
    return Columns(named, width)


def closed_row(columns: Columns, stored: StoredTrade) -> Row:
    """Return a closed trade as a row; its key is the event that closed it."""
    trade = stored.trade
    invested = trade.entry_price * trade.quantity
    style = f.direction(round(trade.pnl, 2))
    cells: dict[str, Cell] = {
        "exit": (f.new_york(trade.exit_at, "%d %b %y %H:%M"), "dim"),
        "symbol": (f.fit(f.clean(trade.symbol), 6), "bold"),
        "quantity": f.quantity(trade.quantity),
        "entry": f.money(trade.entry_price),
        "price": f.money(trade.exit_price),
        "pnl": (f"{f.arrow(trade.pnl)} {f.signed(trade.pnl)}", style),
        "share": (f.percent(trade.pnl / invested, sign=True) if invested else "-", style),
        "held": (f.span(trade.exit_at - trade.entry_at), "dim"),
        "reason": WORDS.get(trade.exit_reason, f.clean(trade.exit_reason)),
        "rule": (f.clean(trade.entry_reason), "dim"),
        "fees": (f.money(trade.fees), "dim"),
    }
    return columns.row(str(stored.event_id), **cells)


def open_row(columns: Columns, state: DeskState, held: Position, now: datetime) -> Row:
    """Return an open trade as a row at the newest price; its key is ``open-SYMBOL``."""
    price, _ = last_price(state, held.symbol)
    last = price if price is not None else held.entry_price
    pnl = (last - held.entry_price) * held.quantity - held.entry_fees
    style = f.direction(round(pnl, 2))
    selling = state.exit_order(held.symbol) is not None
    stop = f"stop {f.money(held.level)}" if held.level > 0 else "no stop"
    cells: dict[str, Cell] = {
        "exit": ("being sold" if selling else "open", "warn" if selling else "accent"),
        "symbol": (held.symbol, "bold"),
        "quantity": f.quantity(held.quantity),
        "entry": f.money(held.entry_price),
        "price": f.money(last),
        "pnl": (f"{f.arrow(pnl)} {f.signed(pnl)}", style),
        "share": (f.percent(last / held.entry_price - 1, sign=True), style),
        "held": (f.span(now - held.entry_at), "dim"),
        "reason": (doubt(state, held.symbol, now) or stop, "dim"),
        "rule": (f.clean(held.entry_reason), "dim"),
        "fees": (f.money(held.entry_fees), "dim"),
    }
    if doubt(state, held.symbol, now):
        cells = {name: dimmed(cell) for name, cell in cells.items()}
    return columns.row(f"open-{held.symbol}", **cells)


def finds(text: str, held: Position) -> bool:
    """Whether every word of a filter fits an open trade: its symbol, its rule, or ``open``."""
    said = f"open {held.entry_reason}".replace("_", " ").lower()
    return all(
        held.symbol.lower().startswith(word) or word.replace("_", " ") in said
        for word in text.lower().split()
    )


def open_words(state: DeskState) -> str:
    """Return how many trades are open and what they have earned at the newest prices."""
    if not state.positions:
        return ""
    result = sum(
        ((last_price(state, symbol)[0] or held.entry_price) - held.entry_price) * held.quantity
        for symbol, held in state.positions.items()
    )
    return f" · {len(state.positions)} open {f.arrow(result)} {f.signed(result)}"


def total_rows(totals: Mapping[str, TradeTotals], width: int) -> list[Row]:
    """Return the sums, one line for each of ``totals``."""
    return [_total(name, total, width) for name, total in totals.items()]


def _total(name: str, total: TradeTotals, width: int) -> Row:
    label: Span = (f" {f.fit(name, 6)}", "bold")
    if not total.count:
        return row(label, (" no closed trade", "dim"))
    rate = f"{total.win_rate * 100:.0f} %" if total.win_rate is not None else "-"
    factor = f"{total.profit_factor:.2f}" if total.profit_factor is not None else "-"
    sections: list[Line] = [
        ((f"{total.count:>7,} trades  ", ""),),
        ((f"{f.arrow(total.pnl)} {f.signed(total.pnl)}", f.direction(round(total.pnl, 2))),),
        (("  won ", "dim"), (rate, "")),
        (("  profit factor ", "dim"), (factor, "")),
        (("  fees ", "dim"), (f.money(total.fees), "")),
        (
            ("  gains ", "dim"),
            (f.money(total.profits), ""),
            (", losses ", "dim"),
            (f.money(total.losses), ""),
        ),
    ]
    spans: list[Span] = [label]
    for section in sections:
        if width_of((*spans, *section)) > width:
            break
        spans += section
    return row(*spans)


def day_begins(now: datetime) -> datetime:
    """Return New York's midnight before an instant."""
    return datetime.combine(now.astimezone(NEW_YORK).date(), time(0), NEW_YORK)


def story_id(trade: Trade) -> str:
    """Return the id by which a trade's story is found."""
    return trade.entry_order_id or trade.exit_order_id
