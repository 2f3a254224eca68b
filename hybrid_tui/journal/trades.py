"""Closed trades out of the journal: a page at a time by key range, filtered, sorted, summed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.orders import Trade

SORTS = {
    "exit": "event_id",
    "symbol": "symbol",
    "pnl": "pnl",
    "share": "pnl / (entry_price * quantity)",
    "held": "julianday(exit_at) - julianday(entry_at)",
}
"""What trades can be sorted by, as expressions; equal ones stand in the order of their exits."""

_COLUMNS = (
    "symbol, quantity, entry_at, entry_price, entry_reason, exit_at, exit_price, exit_reason,"
    " fees, pnl, entry_order_id, exit_order_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeQuery:
    """Which trades, in which order, from where on.

    Each word of ``text`` must be found in the symbol, the reasons or the day of the exit (UTC);
    ``win`` and ``loss`` mean the result. ``after`` is the last row of the page before; with
    ``backwards`` it is the first row of the page after, and rows come in the opposite order.
    """

    text: str = ""
    sort: str = "exit"
    descending: bool = True
    after: StoredTrade | None = None
    backwards: bool = False
    count: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrade:
    """A closed trade, the event that closed it, and its place under the sort it was read by."""

    trade: Trade
    event_id: int
    place: float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTotals:
    """Sums over closed trades, in dollars; net of fees."""

    count: int = 0
    won: int = 0
    pnl: float = 0.0
    profits: float = 0.0
    losses: float = 0.0
    fees: float = 0.0

    @property
    def win_rate(self) -> float | None:
        """The share of trades with a gain; None without trades."""
        return self.won / self.count if self.count else None

    @property
    def profit_factor(self) -> float | None:
        """Gains over losses; None without a loss."""
        return self.profits / self.losses if self.losses else None


def read_trades(connection: sqlite3.Connection, run: str, query: TradeQuery) -> list[StoredTrade]:
    """Return one page of trades; KeyError for a sort that there is not."""
    place = SORTS[query.sort]
    where, values = _where(query.text)
    downwards = query.descending is not query.backwards
    if query.after is not None:
        sign = "<" if downwards else ">"
        where += f" and ({place}, event_id) {sign} (?, ?)"
        values += [query.after.place, query.after.event_id]
    way = "desc" if downwards else "asc"
    rows = connection.execute(
        f"select event_id, {place}, {_COLUMNS} from trades where run = ?{where}"
        f" order by {place} {way}, event_id {way} limit ?",
        (run, *values, query.count),
    )
    return [_stored(row) for row in rows]


def sum_trades(
    connection: sqlite3.Connection, run: str, text: str = "", since: datetime | None = None
) -> TradeTotals:
    """Return the sums over the trades that a text finds, those that ended since an instant."""
    where, values = _where(text)
    if since is not None:
        where += " and exit_at >= ?"
        values.append(iso(since))
    row = connection.execute(
        "select count(*), total(pnl > 0), total(pnl), total(max(pnl, 0)), total(max(-pnl, 0)),"
        f" total(fees) from trades where run = ?{where}",
        (run, *values),
    ).fetchone()
    return TradeTotals(
        count=row[0], won=int(row[1]), pnl=row[2], profits=row[3], losses=row[4], fees=row[5]
    )


def _where(text: str) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    for word in text.lower().split():
        if word in ("win", "loss"):
            parts.append(" and pnl > 0" if word == "win" else " and pnl < 0")
            continue
        parts.append(
            " and (symbol like ? escape '\\' or exit_at like ? escape '\\'"
            " or replace(entry_reason || ' ' || exit_reason, '_', ' ') like ? escape '\\')"
        )
        plain = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        reason = plain.replace("\\_", " ")
        values += [f"{plain}%", f"{plain}%", f"%{reason}%"]
    return "".join(parts), values


def _stored(row: Any) -> StoredTrade:
    trade = Trade(
        symbol=row[2],
        quantity=row[3],
        entry_at=datetime.fromisoformat(row[4]),
        entry_price=row[5],
        entry_reason=row[6],
        exit_at=datetime.fromisoformat(row[7]),
        exit_price=row[8],
        exit_reason=row[9],
        fees=row[10],
        pnl=row[11],
        entry_order_id=row[12],
        exit_order_id=row[13],
    )
    return StoredTrade(trade=trade, event_id=row[0], place=row[1])
