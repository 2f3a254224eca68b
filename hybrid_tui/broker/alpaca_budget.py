"""Alpaca's 200 requests a minute, shared so that exits and stops never wait for housekeeping.

A token bucket in which each class of requests leaves a floor for the more urgent ones. Own code:
aiolimiter and pyrate-limiter share one bucket first come, first served.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import IntEnum

# What is saved up and what comes in within a minute are together what Alpaca allows in one.
PER_MINUTE = 120
LARGEST_BURST = 80
SHORTEST_WAIT_S = 0.02
EXITS_AGAIN_S = 1.0


class Urgency(IntEnum):
    """What a request is for; the value is how many tokens it leaves for the more urgent.

    ``EXIT`` is a sale, or the first stop of a position; ``RAISE`` lifts a stop that rests already.
    """

    EXIT = 0
    RAISE = 15
    ENTRY = 30
    HOUSEKEEPING = 60


class RequestBudget:
    """Tokens for requests; ``clock`` returns seconds, ``sleep`` takes them."""

    def __init__(
        self,
        *,
        per_minute: float = PER_MINUTE,
        burst: float = LARGEST_BURST,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = per_minute / 60.0
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = burst
        self._at = clock()
        self._closed_until = self._exits_closed_until = 0.0

    def wait_s(self, urgency: Urgency) -> float:
        """Return the seconds until a request of this urgency may go, if nothing else goes first."""
        self._refill()
        missing = urgency + 1 - self._tokens
        is_urgent = urgency <= Urgency.RAISE
        closed = self._exits_closed_until if is_urgent else self._closed_until
        return max(missing / self._rate, closed - self._clock(), 0.0)

    def left(self) -> float:
        """Return how many requests may go at once; exits and stops may use them all."""
        self._refill()
        return self._tokens

    async def take(self, urgency: Urgency) -> None:
        """Wait for a token and take it."""
        while (wait := self.wait_s(urgency)) > 0:
            await self._sleep(max(wait, SHORTEST_WAIT_S))
        self._tokens -= 1

    def refused(self, wait_s: float) -> None:
        """Note a 429: nothing goes for ``wait_s`` seconds, but exits and stops try sooner.

        A refused request costs nothing, and a position without its stop may cost a lot.
        """
        self._refill()
        self._tokens = min(self._tokens, 1.0)
        now = self._clock()
        self._closed_until = max(self._closed_until, now + wait_s)
        self._exits_closed_until = now + min(wait_s, EXITS_AGAIN_S)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
