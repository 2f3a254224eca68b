"""How long the engine's kinds of work take, from the last thousand of each."""

from __future__ import annotations

from collections import deque

from hybrid_tui.domain.inquiries import Latency

KEPT = 1_000


class Latencies:
    """Durations in seconds by the kind of work."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}

    def note(self, work: str, seconds: float) -> None:
        """Take one duration in."""
        taken = self._taken.get(work)
        if taken is None:
            taken = self._taken[work] = deque(maxlen=KEPT)
        taken.append(seconds)
        self._counts[work] = self._counts.get(work, 0) + 1

    def summary(self) -> dict[str, Latency]:
        """Return the nearest-rank percentiles of each kind of work."""
        return {
            work: _latency(sorted(taken), taken[-1], self._counts[work])
            for work, taken in self._taken.items()
        }


def _latency(rising: list[float], last: float, count: int) -> Latency:
    at = len(rising) - 1
    return Latency(
        count=count,
        p50=rising[round(at * 0.50)],
        p99=rising[round(at * 0.99)],
        longest=rising[-1],
        last=last,
    )
