"""Whether a symbol's figures are of now, and if not, why not, in a few words."""

from __future__ import annotations

from datetime import datetime, timedelta

from hybrid_tui.domain.events import EngineStarted
from hybrid_tui.domain.state import DeskState
from hybrid_tui.domain.tiers import Beat
from hybrid_tui.market.halts import short
from hybrid_tui.tui import format as f
from hybrid_tui.tui.model import last_price
from hybrid_tui.tui.widgets.lines import Cell

STALE_PRICE = timedelta(seconds=90)
"""Off the live market prices are those of one-minute bars."""
LIVE_MODES = frozenset({"paper", "live"})
MAX_QUOTE_AGE_S = 30.0
LATE_TIER = timedelta(minutes=3)
"""A model that thinks may take a minute or two."""


def doubt(state: DeskState, symbol: str, now: datetime) -> str:
    """Return why a symbol's figures may not be of now: halted, or without a recent price.

    Empty where they can be trusted, and outside sessions, where nothing moves.
    """
    if state.session is None:
        return ""
    reason = state.halts.get(symbol)
    if reason is not None:
        return f.clean(short(reason))
    started = state.started
    if started is not None and started.mode in LIVE_MODES:
        limit = _oldest_quote(started)
        at, what = state.quoted_at.get(symbol), "quote"
    else:
        limit, at, what = STALE_PRICE, last_price(state, symbol)[1], "price"
    if at is None:
        return f"no {what} yet"
    return f"{what} {f.span(now - at)} old" if now - at >= limit else ""


def stale_quotes(state: DeskState, now: datetime) -> str:
    """Return why the live desk enters nothing where its newest quote is old, else nothing.

    Empty outside sessions, and where there are bars and no live quotes.
    """
    started = state.started
    if started is None or started.mode not in LIVE_MODES or state.session is None:
        return ""
    if not state.quoted_at:
        return "no quote yet"
    age = now - max(state.quoted_at.values())
    return "quotes are old" if age >= _oldest_quote(started) else ""


def lateness(tier: str, beat: Beat, state: DeskState, now: datetime) -> timedelta | None:
    """Return by how much a tier's next heartbeat is late, where that is more than a slow answer.

    A session of tier 3 that was skipped, or held by hand, is awaited no more.
    """
    if state.session is None or beat.next_at is None or beat.health == "off":
        return None
    if tier == "llm" and any(at >= beat.next_at for at in state.sessions_held.values()):
        return None
    late = now - beat.next_at
    return late if late >= LATE_TIER else None


def dimmed(cell: Cell) -> Cell:
    """Return a cell without its colours."""
    if isinstance(cell, str):
        return (cell, "dim")
    if len(cell) == 2 and isinstance(cell[0], str):
        return (cell[0], "dim")
    return tuple((str(text), "dim") for text, _ in cell)


def _oldest_quote(started: EngineStarted) -> timedelta:
    oldest = started.settings.get("max_quote_age_s")
    return timedelta(seconds=oldest if isinstance(oldest, float) else MAX_QUOTE_AGE_S)
