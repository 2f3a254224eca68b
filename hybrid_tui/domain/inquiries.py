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


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolInquiry(Inquiry):
    """The base of those about one symbol."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewInquiry(Inquiry):
    """What approving all that waits of a list would make possible now, symbol by symbol."""

    signal_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartInquiry(SymbolInquiry):
    """The last ``count`` known bars of ``interval`` seconds, with the indicators of the rules."""

    interval: int
    count: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInquiry(SymbolInquiry):
    """Which conditions of an entry and of an exit hold now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthInquiry(Inquiry):
    """How the engine's process is, how long its work takes, and what it was set up with."""


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
class Latency:
    """How long one kind of work took of late, in seconds; ``count`` since the start."""

    count: int
    p50: float
    p99: float
    longest: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An effective setting and where it comes from."""

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessHealth:
    """The engine's process: bytes of memory, of its journal and free beside it; its settings.

    ``resident_is_peak`` says that the system tells only the most it ever was.
    """

    pid: int
    version: str
    resident_bytes: int
    resident_is_peak: bool
    journal: str
    journal_bytes: int
    free_bytes: int
    log: str
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the engine is; ``requests_left`` is what the broker's rate limit leaves right now.

    ``latencies`` are by the kind of work. ``process`` is None where nobody can tell.
    """

    latencies: Mapping[str, Latency]
    requests_left: float | None = None
    process: ProcessHealth | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the engine answered: a document, or why there is none."""

    document: Mapping[str, Any] | None = None
    refused: str = ""


INQUIRIES: dict[str, type[Inquiry]] = {
    kind.__name__: kind for kind in (ChartInquiry, RulesInquiry, HealthInquiry, PreviewInquiry)
}
