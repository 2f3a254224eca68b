"""What a screen asks of the running engine beside its events: answered, never journalled.

An inquiry changes nothing and decides nothing. Who asks keeps the answer until it is too old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The base of all inquiries."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartInquiry(Inquiry):
    """The last ``count`` known bars of ``interval`` seconds, with the indicators of the rules."""

    interval: int
    count: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInquiry(Inquiry):
    """Which conditions of an entry and of an exit hold now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars of one symbol, oldest first, and the indicator lines at each of them.

    ``start`` and ``known_at`` are UTC epoch seconds, prices dollars, volumes shares; ``lines`` has
    a row by its name (``rsi(14)``), None where it has no value yet. The last bar may be unfinished.
    ``close_before`` is the last close of the session before the newest one.
    """

    symbol: str
    interval: int
    start: tuple[int, ...] = ()
    known_at: tuple[int, ...] = ()
    open: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    close: tuple[float, ...] = ()
    volume: tuple[float, ...] = ()
    lines: Mapping[str, tuple[float | None, ...]]
    close_before: float | None = None

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the engine answered: a document, or why there is none."""

    document: Mapping[str, Any] | None = None
    refused: str = ""


INQUIRIES: dict[str, type[Inquiry]] = {kind.__name__: kind for kind in (ChartInquiry, RulesInquiry)}
