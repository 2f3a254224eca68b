"""The help page, the line of keys, and the words of the dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.binding import Binding

from hybrid_tui.domain.orders import Lock, Side
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui import format as f
from hybrid_tui.tui.bindings import GROUPS
from hybrid_tui.tui.lines import Row, Span, row, width_of
from hybrid_tui.tui.model import last_price

LEGEND = (
    ("●  ○  ✗", "a tier that works, waits, has failed"),
    ("▕██▓▓▏", "how near the price is to the stop; ▓ is the last third"),
    ("hard  trail", "the rule that would sell: hard stop, trailing take-profit"),
    ("│  ┃", "the buy probability that an entry needs"),
    ("▲ · ▼", "a member of the ensemble above, near, below an even chance"),
)


def key_of(binding: Binding) -> str:
    """Return the key as people call it."""
    return binding.key_display or binding.key.split(",")[0]


def help_rows(bindings: Sequence[Binding]) -> list[Row]:
    """Return the help page, made from the bindings."""
    rows: list[Row] = []
    for group in GROUPS:
        rows.append(row((group, "head")))
        for binding in bindings:
            if (binding.id or "").startswith(f"{group.lower()}."):
                key = f.fit(key_of(binding), 12)
                rows.append(row("  ", (key, "accent"), binding.tooltip or binding.description))
        rows.append(row(""))
    rows.append(row("  ", (f.fit("ctrl+p", 12), "accent"), "All commands by name"))
    rows.append(row("  ", (f.fit("ctrl+q", 12), "accent"), "Leave at once; the desk goes on"))
    rows += [row(""), row(("Signs", "head"))]
    rows += [row("  ", f.fit(sign, 12), (meaning, "dim")) for sign, meaning in LEGEND]
    return rows


def keys_row(bindings: Sequence[Binding], width: int, *, can_start: bool) -> Row:
    """Return the line of keys; what does not fit is left to the help page."""
    spans: list[Span] = [(" ", "")]
    shown = [b for b in bindings if b.show and (can_start or b.action != "again")]
    shown.sort(key=lambda binding: can_start and binding.action != "again")
    ends = [b for b in shown if b.action in ("help", "ask_quit")]
    for binding in (*[b for b in shown if b not in ends], *ends):
        word: tuple[Span, ...] = ((key_of(binding), "accent"), (f" {binding.description}  ", "dim"))
        kept = 0 if binding in ends else sum(len(key_of(b) + b.description) + 3 for b in ends)
        if width_of((*spans, *word)) + kept <= width + 1:
            spans.extend(word)
    return row(*spans)


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
        rows.append(row((f"{'together about':<24}{f.money(total):>12}", "bold")))
    else:
        rows.append(row(("Nothing is held: nothing will be sold.", "dim")))
    entries = [order.symbol for order in state.orders.values() if order.side is Side.BUY]
    if entries:
        rows.append(row(f"Open entries are cancelled: {f.names(sorted(entries))}."))
    rows.append(row("Entries are paused until you allow them again (p)."))
    rows.append(row(("Filled at the next open of each symbol's bar.", "dim")))
    return rows


def close_rows(state: DeskState, symbol: str) -> list[Row]:
    """Return exactly what closing a position would do now."""
    held = state.positions[symbol]
    price, _ = last_price(state, symbol)
    last = price if price is not None else held.entry_price
    pnl = (last - held.entry_price) * held.quantity
    return [
        row(("sell ", "dim"), f"{f.quantity(held.quantity)} {symbol}", (" at about ", "dim"),
            f.money(last)),
        row(("result about ", "dim"), (f"{f.arrow(pnl)} {f.signed(pnl)}", f.direction(pnl))),
        row(("Filled at the next open of its bar.", "dim")),
    ]  # fmt: skip


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
    return [
        row(("held: ", "dim"), held),
        row("Left running, it goes on by its rules; exits wait for nobody."),
        row(("Stopped, positions and their stops stay where they are.", "dim")),
    ]
