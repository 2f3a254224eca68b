"""What is worth telling a person who is away: events as one line each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.orders import STOP_REASONS, Side
from hybrid_tui.domain.text import clean_text

Topic = Literal["fill", "stop", "veto_needed", "failure"]

MOST_CHARACTERS = 300


class Notices:
    """Chooses events by topic; a tier that stays failed is told of once."""

    def __init__(self, topics: Collection[Topic], *, asks: bool) -> None:
        """Choose events of ``topics``; ``asks``: proposals wait for a person."""
        self._topics = frozenset(topics)
        self._asks = asks
        self._failed: set[str] = set()

    def line_of(self, event: ev.Event) -> str | None:
        """Return what to say of an event in one line; None: nothing."""
        topic, text = self._told(event)
        if topic not in self._topics:
            return None
        return clean_text(text)[:MOST_CHARACTERS]

    def _told(self, event: ev.Event) -> tuple[Topic | None, str]:
        at = f"{event.at.astimezone(NEW_YORK):%H:%M}"
        match event:
            case ev.OrderFilled(fill=fill):
                verb = "bought" if fill.side is Side.BUY else "sold"
                words = f"{at} {verb} {fill.quantity:g} {fill.symbol} at {fill.price:,.2f}"
                why = fill.reason.replace("_", " ")
                return ("stop" if fill.reason in STOP_REASONS else "fill"), f"{words} ({why})"
            case ev.SignalProposed(signal=signal, pending_until=until) if self._asks:
                names = ", ".join(signal.focus_stocks) or "no symbols"
                by = f"{until.astimezone(NEW_YORK):%H:%M}"
                return "veto_needed", f"{at} a list waits for you until {by} New York: {names}"
            case ev.Alert(text=text):
                return "failure", f"{at} {text}"
            case ev.Heartbeat(tier=tier, health=health, reason=reason):
                is_new = health == "failed" and tier not in self._failed
                (self._failed.add if health == "failed" else self._failed.discard)(tier)
                return ("failure" if is_new else None), f"{at} {tier} failed: {reason}"
            case _:
                return None, ""
