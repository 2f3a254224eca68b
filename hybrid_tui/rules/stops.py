"""The protective stop: hard until the trail is armed, and never falling."""

from __future__ import annotations

from hybrid_tui.domain.orders import ExitReason


def first_level(entry: float, hard: float) -> float:
    """Return the level at the entry fill: entry x (1 - hard), dollars."""
    return entry * (1 - hard)


def next_level(
    *,
    entry: float,
    high: float,
    level: float,
    level_from: ExitReason,
    hard: float,
    trail: float,
) -> tuple[float, ExitReason]:
    """Return the level at a bar's end, and the stop that gave it.

    ``high`` has taken in the bar's high. The trail is armed when high x (1 - trail) is at the entry
    or above: it locks profit in and never becomes a tighter loss stop.
    """
    hard_level = entry * (1 - hard)
    if hard_level > level:
        level, level_from = hard_level, ExitReason.HARD_STOP
    trail_level = high * (1 - trail)
    if trail_level >= entry and trail_level > level:
        level, level_from = trail_level, ExitReason.TRAILING_STOP
    return level, level_from
