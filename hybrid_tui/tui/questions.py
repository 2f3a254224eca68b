"""The words of the dialogs: exactly what would be done, with the figures of now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hybrid_tui.domain.orders import Lock, Position, Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.model import last_price
from hybrid_tui.tui.widgets.lines import Row, row


def flatten_rows(state: DeskState) -> list[Row]:
    """Return exactly what flattening would do now."""
    rows: list[Row] = []
    total = 0.0
    selling = [s for s in sorted(state.positions) if state.exit_order(s) is None]
    for symbol in selling:
        held = state.positions[symbol]
        price, _ = last_price(state, symbol)
        value = held.quantity * (price if price is not None else held.entry_price)
        total += value
        rows.append(
            row(
                ("sell ", "dim"),
                f"{f.quantity(held.quantity):>7} {f.fit(symbol, 6)}",
                (f" about {f.money(value):>12}", "dim"),
            )
        )
    if selling:
        rows.append(row((f"{'together about':<26}{f.money(total):>12}", "bold")))
    else:
        rows.append(row(("Nothing is held: nothing will be sold.", "dim")))
    entries = [order.symbol for order in state.orders.values() if order.side is Side.BUY]
    if entries:
        rows.append(row(f"Open entries are cancelled: {f.names(sorted(entries))}."))
    rows.append(row("Entries are paused until you allow them again (p)."))
    rows.append(row((_when_filled(state), "dim")))
    return rows


def _when_filled(state: DeskState) -> str:
    if state.account is not None:
        return "At the broker: the resting stop is cancelled first, then it is sold."
    return "Filled at the next open of the symbol's bar."


def close_rows(state: DeskState, symbol: str) -> list[Row]:
    """Return exactly what closing a position would do now."""
    held = state.positions.get(symbol)
    if held is None:
        return [row((f"{symbol} has gone meanwhile: there is nothing to sell.", "warn"))]
    price, _ = last_price(state, symbol)
    last = price if price is not None else held.entry_price
    pnl = (last - held.entry_price) * held.quantity
    return [
        row(("sell ", "dim"), f"{f.quantity(held.quantity)} {symbol}", (" at about ", "dim"),
            f.money(last)),
        row(("result about ", "dim"), (f"{f.arrow(pnl)} {f.signed(pnl)}", f.direction(pnl))),
        row((_when_filled(state), "dim")),
    ]  # fmt: skip


def tighten_rows(state: DeskState, symbol: str) -> list[Row]:
    """Return where a position's stop is, and between what it can be set."""
    held = state.positions[symbol]
    price = state.last_price(symbol)
    last = f.money(price) if price is not None else "not known"
    return [
        row(("last ", "dim"), last, ("   entry ", "dim"), f.money(held.entry_price)),
        row(
            ("stop ", "dim"), f.money(held.level), ("   a level above it and below the last", "dim")
        ),
        row(("The trail goes on from there; nothing lowers a stop.", "dim")),
    ]


def adopt_rows(symbol: str, shares: float) -> list[Row]:
    """Return what taking an external position over means."""
    return [
        row(("take over ", "dim"), (f"{f.quantity(shares)} {symbol}", "bold")),
        row("From now on it is the desk's: it gets a protective stop at the broker,"),
        row("and the desk sells it by its rules. Its result counts from now on."),
    ]


def wrong_level(text: str, held: Position | None, price: float | None) -> str:
    """Return what is wrong with a level for a position's stop, or nothing."""
    try:
        level = float(text)
    except ValueError:
        return "a price in dollars, e.g. 172.40"
    if held is None or price is None:
        return "the position has gone"
    if not held.level < level:
        return f"not above the stop at {f.money(held.level)}: a stop is never loosened"
    if not level < price:
        return f"not below the last price {f.money(price)}: x sells at once"
    return ""


def veto_rows(symbols: Sequence[str]) -> list[Row]:
    """Return what a veto does."""
    listed = f.names(list(symbols)) or "the whole list"
    return [
        row(("veto ", "dim"), (listed, "bold")),
        row(("The strategist reads the reason before its next session.", "dim")),
    ]


def lock_rows(locks: Sequence[Lock], now: datetime) -> list[Row]:
    """Return each lock with its time left and its reason; lifting one allows entries again."""
    rows: list[Row] = []
    for lock in locks:
        left = f"{f.span(lock.until - now)} left" if lock.until else "until lifted"
        rows.append(row((f"{lock.label}: ", "warn"), left))
        rows.append(row((f"  {f.clean(lock.reason)}", "dim")))
    rows.append(row(("A lifted lock allows entries again.", "dim")))
    return rows


def quit_rows(state: DeskState) -> list[Row]:
    """Return what goes on, or stays behind, when the screen is left."""
    held = f.names(sorted(state.positions)) or "nothing"
    rows = [
        row(("held: ", "dim"), held),
        row("Left running, it goes on by its rules; exits wait for nobody."),
    ]
    if not state.positions:
        rows.append(row(("Stopped, it buys and sells nothing until it is started again.", "dim")))
    elif state.account is not None:
        rows += [
            row("Stopped, each position keeps its stop: it rests at the broker, and works there"),
            row("in regular hours. Nothing trails it, and nothing else is sold."),
        ]
    else:
        rows += [
            row(("Stopped, NOTHING protects these positions until it is started again:", "warn")),
            row(("the paper broker, and the stops in it, stop with the desk.", "warn")),
        ]
    return rows
