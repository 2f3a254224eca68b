"""Steps at which the engine is killed, the faults beside them, and every combination of both."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.survival.script import Script


def _requests(name: str, method: str, skip: int) -> dict[str, list[tuple[Any, ...]]]:
    return {
        f"{name}, {text}": [("request", kind, method, skip)]
        for kind, text in (
            ("kill_before", "request lost"),
            ("kill_after", "answer lost"),
            ("kill_answered", "answered"),
        )
    }


def _commits(name: str, kind: str, skip: int = 0) -> dict[str, list[tuple[Any, ...]]]:
    return {
        f"{name}, {when} its commit": [("journal", when, kind, skip)]
        for when in ("before", "after")
    }


# Each life's end: ("journal", before or after, kind of event, skip), ("event", kind, skip) or
# ("request", kind, method, skip).
STEPS: Mapping[str, Sequence[tuple[Any, ...]]] = {
    **_commits("entry intended", "OrderIntended/buy"),
    **_requests("entry sent", "POST", 0),
    "entry accepted, told": [("event", "kill_sent", 0)],
    "entry filled, not told": [("event", "kill", 2)],
    "entry filled, told": [("event", "kill_sent", 2)],
    **_commits("entry booked", "OrderFilled/buy"),
    **_requests("stop sent", "POST", 1),
    "stop working, not told": [("event", "kill", 4)],
    "stop working, told": [("event", "kill_sent", 4)],
    **_commits("stop confirmed", "StopConfirmed"),
    **_commits("stop's level raised", "StopMoved", 2),
    **_requests("stop raised", "PATCH", 0),
    "stop raised again, answer lost": [("request", "kill_after", "PATCH", 1)],
    **_commits("exit intended", "OrderIntended/sell"),
    **_requests("stop cancelled", "DELETE", 0),
    **_requests("exit sent", "POST", 2),
    **_commits("exit booked", "OrderFilled/sell"),
    **_commits("account observed", "AccountObserved"),
    "reconciling, fills read": [("request", "kill_answered", "GET", 4)],
    "reconciling a minute later": [("request", "kill_answered", "GET", 12)],
    "entry sent, and again while recovering": [
        ("request", "kill_after", "POST", 0),
        ("request", "kill_answered", "GET", 3),
    ],
    "stop sent, and again while recovering": [
        ("request", "kill_after", "POST", 1),
        ("request", "kill_answered", "GET", 2),
        ("request", "kill_after", "POST", 0),
    ],
    "exit sent, and again while recovering": [
        ("request", "kill_after", "POST", 2),
        ("request", "kill_answered", "GET", 3),
    ],
}
FAULTS: Mapping[str, Sequence[dict[str, Any]]] = {
    "none": (),
    "request lost": ({"where": "request", "kind": "lost_before", "method": "POST"},),
    "answer lost": ({"where": "request", "kind": "lost_after", "method": "POST", "times": 2},),
    "504, yet done": (
        {"where": "request", "kind": "error_after", "status": 504, "method": "POST", "skip": 1},
    ),
    "5xx storm": ({"where": "request", "kind": "error", "status": 503, "times": 3, "skip": 6},),
    "429 storm": (
        {"where": "request", "kind": "error", "status": 429, "method": "POST", "times": 3},
    ),
    "late answers": ({"where": "request", "kind": "late", "seconds": 1.5, "times": 3, "skip": 5},),
    "cut-off JSON": ({"where": "request", "kind": "truncated", "times": 2, "skip": 7},),
    "request twice": ({"where": "request", "kind": "twice", "method": "POST", "times": 3},),
    "cancel lost": ({"where": "request", "kind": "lost_after", "method": "DELETE"},),
    "events dropped": ({"where": "event", "kind": "drop", "times": 4},),
    "events twice": ({"where": "event", "kind": "twice", "times": 8},),
    "events late": ({"where": "event", "kind": "late", "seconds": 2.0, "times": 5},),
    "events swapped": ({"where": "event", "kind": "swap", "times": 3},),
    "stream cut": (
        {"where": "event", "kind": "cut", "skip": 1},
        {"where": "connect", "kind": "refuse", "status": 503},
    ),
    "garbled events": ({"where": "event", "kind": "garbage", "times": 3},),
    "entry filled in part": (
        {"where": "order", "kind": "partial", "quantity": 40.0, "side": "buy"},
    ),
    "exit filled in parts": (
        {"where": "order", "kind": "partial", "quantity": 70.0, "side": "sell", "times": 3},
    ),
    "entry rejected": ({"where": "order", "kind": "reject", "side": "buy"},),
    "stop rejected": ({"where": "order", "kind": "reject", "type": "stop"},),
    "stop rejected late, message lost": (
        {"where": "order", "kind": "reject_late", "type": "stop", "seconds": 0.8},
        {"where": "event", "kind": "drop", "event": "rejected", "type": "stop"},
    ),
    "cancel slow": ({"where": "cancel", "kind": "slow", "seconds": 1.5},),
    "fill beats cancel": ({"where": "cancel", "kind": "fills_first"},),
    "cancel refused": ({"where": "cancel", "kind": "rejected"},),
    "replace slow": ({"where": "replace", "kind": "slow", "seconds": 1.5},),
    "fill beats replace": ({"where": "replace", "kind": "fills_first"},),
    "replace refused": ({"where": "replace", "kind": "rejected"},),
    "halted": (),
    "clocks apart": (),
}
SOLD_BY_ORDER = ("signal", "close", "flatten")
"""The exits of a script in which the engine sells, and not the stop."""
Combination = tuple[str, str, int]


def combinations() -> list[Combination]:
    """Return every step with every fault, each with a seed whose script gets as far as the step."""
    made = []
    for step in STEPS:
        for fault in FAULTS:
            seed = random.Random(f"{step}/{fault}").randrange(1_000_000)
            while not _reaches(step, Script.of(seed).exit):
                seed += 1
            made.append((step, fault, seed))
    return made


def _reaches(step: str, way: str) -> bool:
    if "raised" in step:
        return way != "stop"
    return way in SOLD_BY_ORDER if "exit" in step or "cancelled" in step else True
