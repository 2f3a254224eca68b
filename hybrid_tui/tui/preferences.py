"""What a person sets up from the screen: the first choice of a market, and the watchlist.

Both write to config.toml, and say what it means for the desk that runs now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hybrid_tui.domain.state import DeskState
from hybrid_tui.errors import HybridError
from hybrid_tui.tui import format as f
from hybrid_tui.tui.widgets.dialogs import CANCEL, Asking, Question
from hybrid_tui.tui.widgets.lines import Row, row

if TYPE_CHECKING:
    from hybrid_tui.tui.app import DeskApp

SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-/]{0,14}")
MOST_SYMBOLS = 500
REPLAYED = frozenset({"sim", "recorded"})
AGAIN = "in force when the engine starts again: q, Stop it, then hybrid-tui"

WELCOME: tuple[Row, ...] = (
    row("The desk runs already, on a simulated market: nothing real can be bought."),
    row(""),
    row(("Simulated  ", "accent"), "stay here, look around; ? has all keys"),
    row(("Paper      ", "accent"), "live prices by Yahoo, play money"),
    row(("Later      ", "accent"), "decide another day; not asked again"),
)
PAPER: Mapping[str, object] = {"app.mode": "paper", "market.provider": "yahoo"}


def welcome(app: DeskApp) -> None:
    """Greet a new profile over the running desk; no answer is needed, and none is waited for."""

    def answered(answer: str | None) -> None:
        if answer == "paper":
            _keep(app, PAPER, f"mode paper with Yahoo's prices is kept, {AGAIN}")
        elif answer == "sim":
            _keep(app, {"app.mode": "sim"}, "the simulated market stays; ? has all keys")

    choices = [
        ("sim", "Simulated", "default"),
        ("paper", "Paper", "default"),
        (CANCEL, "Later", "default"),
    ]
    app.push_screen(Question("Welcome", WELCOME, choices), answered)


def edit_watchlist(app: DeskApp) -> None:
    """Ask for the symbols of the watchlist, and keep them for the next start."""
    state = app.model.state
    started = state.started if state is not None else None
    if state is None or started is None:
        app.say("no engine is connected", "warn")
        return
    if app.settings.save is None:
        app.say("read-only: nothing is kept", "warn")
        return

    def answered(text: str | None) -> None:
        if text is not None:
            symbols = symbols_of(text)
            words = f"{len(symbols)} symbols are kept, {AGAIN}"
            _keep(app, {"app.watchlist": list(symbols)}, words)

    asking = Asking(
        "Watchlist",
        watchlist_rows(state),
        placeholder="symbols",
        value=" ".join(started.watchlist),
        check=lambda text: wrong_watchlist(text, state),
        wall=app.wall,
    )
    app.push_screen(asking, answered)


def symbols_of(text: str) -> tuple[str, ...]:
    """Return the symbols that a text names, each once, in its order."""
    return tuple(dict.fromkeys(re.split(r"[\s,;]+", text.strip().upper()))) if text.strip() else ()


def wrong_watchlist(text: str, state: DeskState) -> str:
    """Return what is wrong with a watchlist, or nothing."""
    symbols = symbols_of(text)
    if not symbols or len(symbols) > MOST_SYMBOLS:
        return f"from 1 to {MOST_SYMBOLS} symbols"
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol):
            return f"{f.clean(symbol)} is not a symbol"
    started = state.started
    if started is None or started.mode in REPLAYED:
        return ""
    busy = state.positions.keys() | {order.symbol for order in state.orders.values()}
    missing = sorted(busy - set(symbols))
    return f"held or on order, so it stays: {f.names(missing)}" if missing else ""


def watchlist_rows(state: DeskState) -> list[Row]:
    """Return what another watchlist does to the desk that runs."""
    rows = [row("The running desk keeps its symbols; these are for its next start.")]
    if state.started is not None and state.started.mode in REPLAYED:
        count = len(state.positions)
        held = f"with {count} position{'s' if count > 1 else ''} " if count else ""
        rows += [
            row(
                (
                    "Other symbols are another simulated market: it begins with a new account.",
                    "warn",
                )
            ),
            row((f"This account {held}waits, and comes back with this watchlist.", "dim")),
        ]
    else:
        rows.append(row(("The account stays the same; what is held cannot be left out.", "dim")))
    listed = state.started.watchlist if state.started is not None else ()
    rows.append(row((f"{len(listed)} symbols now; home, end, ← and → move in the line.", "dim")))
    return rows


def _keep(app: DeskApp, keys: Mapping[str, object], words: str) -> None:
    if app.settings.save is None:
        app.say("read-only: nothing is kept", "warn")
        return
    try:
        for key, value in keys.items():
            app.settings.save(key, value)
    except HybridError as error:
        app.say(f"not kept: {error.render()}", "bad")
    else:
        app.say(words, "good")
