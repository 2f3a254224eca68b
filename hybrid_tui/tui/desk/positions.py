"""The pane of what is held: price, result, and how near the stop is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from hybrid_tui.domain.orders import ExitReason, Position
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.freshness import STALE_PRICE, dimmed, doubt
from hybrid_tui.tui.model import last_price
from hybrid_tui.tui.widgets.lines import Cell, Column, Columns, Line, Row, row

NEAR = 2 / 3
WIDEST_CHART = 40
COLUMNS = (
    Column(name="symbol", title="symbol", width=6),
    Column(name="quantity", title="qty", width=5, align="right"),
    Column(name="entry", title="entry", width=9, align="right", rank=8),
    Column(name="last", title="last", width=8, align="right"),
    Column(name="pnl", title="P&L", width=9, align="right"),
    Column(name="share", title="%", width=6, align="right", rank=2),
    Column(name="stop", title="to stop", width=18, rank=1),
    Column(name="probability", title="p", width=4, align="right", rank=4),
    Column(name="sentiment", title="sent", width=4, align="right", rank=5),
    Column(name="chart", title="day", width=4, rank=6, grows=True),
)
STOP_FROM = {
    ExitReason.HARD_STOP: "hard",
    ExitReason.TRAILING_STOP: "trail",
    ExitReason.TIGHTENED_STOP: "hand",
}


def position_rows(
    state: DeskState, now: datetime, charts: Mapping[str, Sequence[float]], width: int
) -> tuple[list[Row], Line]:
    """Return the rows of all positions by symbol, and the header."""
    columns = Columns(COLUMNS, width)
    outside = _outside(state)
    if not state.positions:
        return [row(("Nothing is held.", "dim")), *outside], columns.header()
    rows = [
        _position(columns, state, state.positions[symbol], now, charts.get(symbol, ()))
        for symbol in sorted(state.positions)
    ]
    return [*rows, *outside], columns.header()


def _outside(state: DeskState) -> list[Row]:
    """Return what the account holds or has on order beside this desk, which never touches it."""
    found = state.externals
    if found is None:
        return []
    rows = [
        row(
            (f.fit(symbol, 6), "dim"),
            (f" {f.quantity(shares):>5} external: left alone, without a stop (O owns it)", "dim"),
            key=symbol,
        )
        for symbol, shares in sorted(found.positions.items())
        if symbol not in state.positions
    ]
    orders = ", ".join(map(f.clean, found.orders))
    return [*rows, row(("external orders: " + orders, "dim"))] if orders else rows


def open_result(state: DeskState) -> float:
    """Return the result of the open positions in dollars, at the newest prices."""
    return sum(
        ((last_price(state, symbol)[0] or held.entry_price) - held.entry_price) * held.quantity
        for symbol, held in state.positions.items()
    )


def _position(
    columns: Columns,
    state: DeskState,
    held: Position,
    now: datetime,
    chart: Sequence[float],
) -> Row:
    price, at = last_price(state, held.symbol)
    last = price if price is not None else held.entry_price
    pnl = (last - held.entry_price) * held.quantity
    share = last / held.entry_price - 1
    strategy = state.strategy(now)
    sentiment = strategy.signal.sentiment_scores.get(held.symbol) if strategy else None
    prediction = state.prediction(held.symbol, now)
    style = f.direction(round(pnl, 2))
    room = min(WIDEST_CHART, columns.width("chart"))
    cells: dict[str, Cell] = {
        "symbol": (held.symbol, "bold"),
        "quantity": f.quantity(held.quantity),
        "entry": (f.money(held.entry_price), "dim"),
        "last": _last(last, at, now, state, columns.width("last")),
        "pnl": (f.signed(pnl), style),
        "share": (f.moved(share).removesuffix(" %"), style),
        "probability": f.probability(prediction.buy_probability) if prediction else f.NOTHING,
        "sentiment": f.score(sentiment) if sentiment is not None else f.NOTHING,
        "chart": (f.spark(f.thinned(chart, room), room), "dim"),
    }
    why = doubt(state, held.symbol, now)
    if why:
        cells = {name: dimmed(cell) for name, cell in cells.items()}
    stop = _to_stop(state, held, last, columns.width("stop"), why)
    return columns.row(held.symbol, stop=stop, **cells)


def _last(price: float, at: datetime | None, now: datetime, state: DeskState, width: int) -> Cell:
    """Return the newest price, after its age where it is old and there is room for both."""
    text = f.money(price)
    if at is None:
        return (text, "dim")
    age = now - at
    if age < STALE_PRICE or state.session is None:
        return text if state.session is not None else (text, "dim")
    aged = f"{f.span(age)} {price:.0f}"
    return (aged if len(aged) <= width else text, "dim")


def _to_stop(state: DeskState, held: Position, last: float, width: int, why: str) -> Cell:
    """Return how near the stop is; where the price may not be of now, its level and why."""
    if state.exit_order(held.symbol) is not None:
        return ("being sold", "warn")
    if held.level <= 0:
        return ("no stop confirmed", "bad")
    if why:
        level = f"{held.level:.0f} "
        if len(level) + len(why) > width:
            why = why.removesuffix(" old")
        return ((level, "dim"), (f.fit(why, max(0, width - len(level))), "warn"))
    distance = (last - held.level) / last
    reach = max(held.high, last) - held.level
    nearness = 1 - (last - held.level) / reach if reach > 0 else 1.0
    cells = max(3, width - 13)
    bar = f.gauge(nearness, cells)
    calm = round(cells * NEAR)
    near = bar[calm:].replace("█", "▓")
    rule = STOP_FROM.get(held.level_from, held.level_from.value)
    return (
        ("▕", "dim"),
        (bar[:calm], ""),
        (near, "bad"),
        ("▏", "dim"),
        (f"{_short(distance):>5} ", "bad" if nearness > NEAR else ""),
        (rule, "dim" if rule == "hard" else "accent"),
    )


def _short(fraction: float) -> str:
    """Return per cent with a decimal only below ten."""
    return f"{fraction * 100:.0f} %" if fraction >= 0.0995 else f.percent(fraction)
