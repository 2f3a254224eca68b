"""Scales and ticks: prices at round figures, times at round clocks of New York."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hybrid_tui.domain.bars import DAY_SECONDS
from hybrid_tui.domain.calendar import NEW_YORK

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
CLOCKS = (5, 10, 15, 30, 60, 120, 180, 390)
"""Minutes between two ticks of a time axis."""
LABEL_CELLS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Figures from ``low`` to ``high`` over ``rows`` cells, the highest at the top."""

    low: float
    high: float
    rows: int

    @staticmethod
    def of(values: Iterable[float | None], rows: int, margin: float = 0.0) -> Scale:
        """Return the scale that shows all values, with a margin as a share of their range."""
        known = [value for value in values if value is not None]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        spare = (high - low) * margin or abs(high) * 1e-4 or 1.0
        return Scale(low=low - spare, high=high + spare, rows=rows)

    def y(self, value: float) -> float:
        """Return how many cells below the top a value stands; 0 is the upper edge."""
        return (self.high - value) / (self.high - self.low) * self.rows

    def at(self, value: float | None) -> float | None:
        """Return ``y`` where it lies inside, else None."""
        if value is None or not self.low <= value <= self.high:
            return None
        return min(self.y(value), self.rows - 0.01)

    def row(self, value: float) -> int | None:
        """Return the row of cells that a value lies in, or None outside."""
        found = self.at(value)
        return None if found is None else int(found)


def price_ticks(scale: Scale, every_rows: int = 3) -> list[float]:
    """Return round figures inside a scale, highest first, at least so many rows apart."""
    most = max(1, scale.rows // every_rows)
    raw = (scale.high - scale.low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in ROUND if power * factor >= raw * 0.999)
    first = math.ceil(scale.low / step)
    return [round(n * step, 10) for n in range(math.floor(scale.high / step), first - 1, -1)]


def time_ticks(start: Sequence[int], interval: int, cells_a_bar: int) -> list[tuple[int, str]]:
    """Return (index of a bar, label) for a time axis; ``start`` are UTC epoch seconds.

    A new day is labelled by its date, within a day by New York's clock; labels do not overlap.
    """
    if not start:
        return []
    times = [datetime.fromtimestamp(second, UTC).astimezone(NEW_YORK) for second in start]
    wanted = LABEL_CELLS * interval / cells_a_bar / 60
    minutes = next((clock for clock in CLOCKS if clock >= wanted), CLOCKS[-1])
    ticks: list[tuple[int, str]] = []
    free = 0
    for index, at in enumerate(times):
        before = times[index - 1] if index else None
        label = _label(before, at, interval, minutes)
        if label and index * cells_a_bar >= free:
            ticks.append((index, label))
            free = index * cells_a_bar + len(label) + 2
    return ticks


def _label(before: datetime | None, at: datetime, interval: int, minutes: int) -> str:
    if interval >= DAY_SECONDS:
        if before is None or before.year != at.year:
            return f"{at:%d %b %Y}"
        return f"{at:%d %b}" if before.isocalendar()[1] != at.isocalendar()[1] else ""
    if before is None or before.date() != at.date():
        return f"{at:%a %d %b}"
    if interval >= 3_600:
        return ""
    here, there = (t.hour * 60 + t.minute for t in (at, before))
    return f"{at:%H:%M}" if here // minutes != there // minutes else ""
