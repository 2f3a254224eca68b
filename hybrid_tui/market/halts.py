"""Why no entry may be made in a symbol now: what a live market and its broker's clock say."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

HALTED = "trading is halted"
CLOCK_CLOSED = "the broker's clock says that the market is closed"
CLOCK_OPEN = "the broker's clock says that the market is open, the calendar that it is closed"
VIEW_ONLY = "no live prices from Yahoo: view only"
SHORT = {
    CLOCK_CLOSED: "clock: closed",
    CLOCK_OPEN: "clock: open",
    VIEW_ONLY: "view only",
}


def short(reason: str) -> str:
    """Return a reason in as few words as a table has room for."""
    return SHORT.get(reason) or reason.replace(HALTED, "halted")


class Halts(Mapping[str, str]):
    """Symbol to reason, of the symbols in which nothing may be bought at this moment.

    Read-only for who decides; sources note changes from any thread. A symbol's own halt is told
    before what concerns the whole market.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = tuple(symbols)
        self._own: dict[str, str] = {}
        self._market: dict[str, str] = {}
        self._lock = threading.Lock()
        # Replaced as a whole, so that a reader never sees half a change.
        self._reasons: dict[str, str] = {}

    def __getitem__(self, symbol: str) -> str:
        return self._reasons[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reasons)

    def __len__(self) -> int:
        return len(self._reasons)

    def note(self, symbol: str, reason: str | None) -> None:
        """Note that trading in a symbol is halted, or goes on (None)."""
        self._note(self._own, symbol, reason)

    def note_market(self, cause: str, reason: str | None) -> None:
        """Note that ``cause`` forbids entries in every symbol, or does so no longer (None)."""
        self._note(self._market, cause, reason)

    def _note(self, causes: dict[str, str], key: str, reason: str | None) -> None:
        with self._lock:
            if reason is None:
                causes.pop(key, None)
            else:
                causes[key] = reason
            whole = next(iter(self._market.values()), None)
            everywhere = dict.fromkeys(self._symbols, whole) if whole is not None else {}
            own = {s: why for s, why in self._own.items() if s in self._symbols}
            self._reasons = {**everywhere, **own}


class AnyHalt(Mapping[str, str]):
    """Several sources of reasons as one; the first that has a symbol is told."""

    def __init__(self, *sources: Mapping[str, str]) -> None:
        self._sources = sources

    def __getitem__(self, symbol: str) -> str:
        for source in self._sources:
            if symbol in source:
                return source[symbol]
        raise KeyError(symbol)

    def __iter__(self) -> Iterator[str]:
        return iter({symbol for source in self._sources for symbol in tuple(source)})

    def __len__(self) -> int:
        return len(set(self))
