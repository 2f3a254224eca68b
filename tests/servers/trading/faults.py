"""Faults to order: what goes wrong, where, and how often; by hand, or drawn from a seed.

``where`` and its kinds (``Fault.kind``):

``request``
    ``lost_before``, ``lost_after``: the connection drops before or after the request is processed;
    ``delay``, ``late``: ``seconds`` of real time before or after processing;
    ``error``, ``error_after``: ``status`` instead of the answer, unprocessed or processed;
    ``truncated``: the JSON is cut; ``html``: a page with 200 (both processed);
    ``twice``: a proxy sends the request two times, the first answer returns.
``order``
    ``partial``: at most ``quantity`` shares of each price; ``reject``: taken, then rejected;
    ``reject_late``: pending_new for ``seconds``, then rejected; ``slow``: nothing fills for
    ``seconds``; ``unsent``: stays pending_new for ``seconds``.
``cancel``
    ``slow``: pending_cancel for ``seconds``, in which it may fill; ``fills_first``: 204, and then
    it fills; ``rejected``: 204, and then the order goes on.
``replace``
    ``slow``: pending_replace for ``seconds``; ``fills_first``: the old order fills and the new one
    is rejected; ``rejected``: the old order goes on.
``event``
    ``drop``, ``twice``, ``late`` (``seconds``), ``swap`` (after the next event), ``cut`` (the
    connection drops before it), ``cut_after``, ``garbage`` (half of the frame).
``connect``
    ``refuse`` the handshake with ``status``; ``mute``: sign-on is never answered.

``seconds`` run on the server's clock, except those of requests.

``KILLS`` end the victim, a process that the test names, and are never drawn: ``kill_before`` and
``kill_after`` a request is processed, ``kill_answered`` when its answer is out; ``kill`` before an
event is sent, ``kill_sent`` when it is out. Each waits until a victim is named.
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

KINDS: Mapping[str, tuple[str, ...]] = {
    "request": (
        "lost_before",
        "lost_after",
        "delay",
        "late",
        "error",
        "error_after",
        "truncated",
        "html",
        "twice",
    ),
    "order": ("partial", "reject", "reject_late", "slow", "unsent"),
    "cancel": ("slow", "fills_first", "rejected"),
    "replace": ("slow", "fills_first", "rejected"),
    "event": ("drop", "twice", "late", "swap", "cut", "cut_after", "garbage"),
    "connect": ("refuse", "mute"),
}
KILLS: Mapping[str, tuple[str, ...]] = {
    "request": ("kill_before", "kill_after", "kill_answered"),
    "event": ("kill", "kill_sent"),
}
STATUSES = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong: ``times`` times, after ``skip`` occasions; None matches all.

    ``method``, ``path`` (a pattern) pick requests; ``symbol``, ``side``, ``type`` and
    ``client_order_id`` (a pattern) orders and their events; ``event`` events by name.
    """

    where: str
    kind: str
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.2
    status: int = 500
    quantity: float = 1.0
    method: str | None = None
    path: str | None = None
    symbol: str | None = None
    side: str | None = None
    type: str | None = None
    event: str | None = None
    client_order_id: str | None = None

    def __post_init__(self) -> None:
        known = KINDS.get(self.where, ()) + KILLS.get(self.where, ())
        if self.kind not in known:
            raise ValueError(f"no fault {self.kind!r} where {self.where!r}; there are {known}")

    def matches(self, where: str, facts: Mapping[str, str]) -> bool:
        """Whether an occasion is one that the fault is for."""
        if where != self.where:
            return False
        for name in ("method", "symbol", "side", "type", "event"):
            wanted = getattr(self, name)
            if wanted is not None and facts.get(name) != wanted:
                return False
        for name in ("path", "client_order_id"):
            pattern = getattr(self, name)
            if pattern is not None and not re.search(pattern, facts.get(name, "")):
                return False
        return True


class FaultPlan:
    """The faults that are ordered, and those that a seed draws at ``rate`` (0: none).

    What the seed draws for the n-th occasion of a place depends on nothing else, so that a run
    repeats whatever the threads do. ``only`` bounds what is drawn to ``where`` or ``where/kind``.
    """

    def __init__(
        self, seed: int | None = None, rate: float = 0.0, only: Iterable[str] = ()
    ) -> None:
        self.seed, self.rate, self.only = seed, rate, frozenset(only)
        self.made: list[tuple[str, str, dict[str, str]]] = []
        self.victim: int | None = None
        self._ordered: list[Fault] = []
        self._occasions: Counter[str] = Counter()

    def order(self, **kind: Any) -> None:
        """Order a fault; the arguments are those of Fault."""
        self._ordered.append(Fault(**kind))

    def clear(self) -> None:
        """Forget what is ordered, and draw no more."""
        self._ordered.clear()
        self.rate = 0.0

    def kill(self) -> None:
        """End the victim at once, as a crash would; the next one is to be named anew."""
        victim, self.victim = self.victim, None
        if victim is not None:
            os.kill(victim, signal.SIGKILL)

    def take(self, where: str, **facts: str) -> Fault | None:
        """Return the fault of this occasion, if one is due; it counts as made."""
        fault = self._from_order(where, facts) or self._from_seed(where, facts)
        if fault is not None:
            self.made.append((where, fault.kind, facts))
        return fault

    def _from_order(self, where: str, facts: Mapping[str, str]) -> Fault | None:
        for place, fault in enumerate(self._ordered):
            if not fault.matches(where, facts):
                continue
            if self.victim is None and fault.kind in KILLS.get(where, ()):
                continue
            if fault.skip:
                self._ordered[place] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times is not None:
                if fault.times <= 1:
                    del self._ordered[place]
                else:
                    self._ordered[place] = replace(fault, times=fault.times - 1)
            return fault
        return None

    def _from_seed(self, where: str, facts: Mapping[str, str]) -> Fault | None:
        if not self.rate:
            return None
        place = "/".join((where, facts.get("method", ""), facts.get("event", "")))
        self._occasions[place] += 1
        draw = random.Random(f"{self.seed}/{place}/{self._occasions[place]}")
        if draw.random() >= self.rate:
            return None
        kinds = [
            kind
            for kind in KINDS[where]
            if not self.only or where in self.only or f"{where}/{kind}" in self.only
        ]
        if not kinds:
            return None
        return Fault(
            where=where,
            kind=draw.choice(kinds),
            seconds=draw.uniform(0.02, 0.5),
            status=503 if where == "connect" else draw.choice(STATUSES),
            quantity=float(draw.randint(1, 5)),
        )
