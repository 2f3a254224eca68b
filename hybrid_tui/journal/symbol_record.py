"""What a run's journal knows of one symbol: its fills, its stops, and what predictions came to."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_tui.domain.instants import iso
from hybrid_tui.domain.orders import Fill, Side

LATEST_CLOSE = timedelta(minutes=15)
"""How long before a horizon's end the last bar may have ended for its close to stand for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A prediction and the close at its horizon's end (None: not known yet, or no bar near it)."""

    at: datetime
    horizon_end: datetime
    buy_probability: float
    reference_price: float
    forecast: float
    low: float
    high: float
    level: float
    threshold_bps: float
    familiar: bool
    close: float | None

    @property
    def is_inside(self) -> bool | None:
        """Whether the close lay in the interval that was given; None while it is not known."""
        return None if self.close is None else self.low <= self.close <= self.high

    @property
    def came_true(self) -> bool | None:
        """Whether the price beat the threshold, which is what the probability is of."""
        if self.close is None:
            return None
        return self.close / self.reference_price - 1 > self.threshold_bps / 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRecord:
    """One symbol in a run: fills and stops oldest first, predictions newest first."""

    fills: tuple[Fill, ...] = ()
    stops: tuple[tuple[datetime, float], ...] = ()
    predictions: tuple[Came, ...] = ()


def read_symbol(
    connection: sqlite3.Connection,
    run: str,
    symbol: str,
    now: datetime,
    *,
    fills: int = 400,
    predictions: int = 48,
    stops_after: int = 0,
) -> SymbolRecord:
    """Return the last so many fills and predictions, and the stops of events after an id."""
    return SymbolRecord(
        fills=tuple(_fills(connection, run, symbol, fills)),
        stops=tuple(_stops(connection, run, symbol, stops_after)),
        predictions=tuple(_predictions(connection, run, symbol, now, predictions)),
    )


def _fills(connection: sqlite3.Connection, run: str, symbol: str, count: int) -> list[Fill]:
    rows = connection.execute(
        "select order_id, at, side, quantity, price, commission, slippage, reason from fills"
        " where run = ? and symbol = ? order by event_id desc limit ?",
        (run, symbol, count),
    ).fetchall()
    return [
        Fill(
            order_id=row[0],
            at=datetime.fromisoformat(row[1]),
            symbol=symbol,
            side=Side(row[2]),
            quantity=row[3],
            price=row[4],
            commission=row[5],
            slippage=row[6],
            reason=row[7],
        )
        for row in reversed(rows)
    ]


def _stops(
    connection: sqlite3.Connection, run: str, symbol: str, after: int
) -> list[tuple[datetime, float]]:
    rows = connection.execute(
        "select at, json_extract(body, '$.level') from events where run = ? and id > ?"
        " and kind = 'StopMoved' and json_extract(body, '$.symbol') = ? order by id",
        (run, after, symbol),
    )
    return [(datetime.fromisoformat(at), level) for at, level in rows]


def _predictions(
    connection: sqlite3.Connection, run: str, symbol: str, now: datetime, count: int
) -> list[Came]:
    rows = connection.execute(
        "select p.value from (select event_id from predictions where run = ?1 and symbol = ?2"
        " order by at desc limit ?3) made"
        " join events e on e.run = ?1 and e.id = made.event_id,"
        " json_each(e.body, '$.predictions') p where json_extract(p.value, '$.symbol') = ?2",
        (run, symbol, count),
    ).fetchall()
    found = []
    for (text,) in rows:
        made = json.loads(text)
        ends = datetime.fromisoformat(made["horizon_end"])
        interval = made["interval"]
        found.append(
            Came(
                at=datetime.fromisoformat(made["at"]),
                horizon_end=ends,
                buy_probability=made["buy_probability"],
                reference_price=made["reference_price"],
                forecast=made["price_forecast_1h"],
                low=interval["low"],
                high=interval["high"],
                level=interval["level"],
                threshold_bps=made["threshold_bps"],
                familiar=made["familiar"],
                close=_close_at(connection, run, symbol, ends) if ends <= now else None,
            )
        )
    return sorted(found, key=lambda came: came.at, reverse=True)


def _close_at(
    connection: sqlite3.Connection, run: str, symbol: str, instant: datetime
) -> float | None:
    """Return the last close known at an instant, of a bar that ended shortly before it."""
    path = f'$.bars."{symbol}"[3]'
    row = connection.execute(
        "select json_extract(body, ?) as close from events where run = ? and at <= ? and at > ?"
        " and kind = 'BarsClosed' and close is not null order by at desc, id desc limit 1",
        (path, run, iso(instant), iso(instant - LATEST_CLOSE)),
    ).fetchone()
    return None if row is None else float(row[0])
