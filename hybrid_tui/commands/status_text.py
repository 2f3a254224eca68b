"""``hybrid-tui status`` as a person reads it: the document's lines, with words for its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

WIDTH = 14


def status_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the lines of a status document; a part of many things takes a line for each."""
    lines: list[str] = []
    for name, value in document.items():
        texts = _SAID[name](value) if name in _SAID else [_plain(value)]
        heads = [name, *[""] * (len(texts) - 1)]
        lines += [f"{head:<{WIDTH}}{text}" for head, text in zip(heads, texts, strict=True)]
    return lines


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return "-" if value is None else str(value)


def _sources(found: Mapping[str, str]) -> list[str]:
    return [", ".join(found.values()) or "-"]


def _pending(lists: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['id']}, waits until {one['until']}: {', '.join(one['symbols'])}" for one in lists
    ] or ["nothing waits for a decision"]


def _strategy(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["none in force"]
    approved = ", ".join(found["approved"]) or "nothing approved"
    return [
        f"{found['id']}, {found['direction']}, risk {found['risk_level']}, in force until"
        f" {found['expires_at']}: {approved}"
    ]


def _locks(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['name']}{' ' + one['symbol'] if one['symbol'] else ''}"
        f" until {one['until'] or 'lifted'}: {one['reason']}"
        for one in found
    ] or ["none"]


def _tiers(found: Mapping[str, dict[str, Any]]) -> list[str]:
    return [
        f"{tier} {beat['health']} at {beat['at']}{', ' + beat['reason'] if beat['reason'] else ''}"
        for tier, beat in found.items()
    ] or ["none has run"]


def _dollars(cost: float) -> list[str]:
    return [f"{cost:.4f}"]


_SAID: dict[str, Callable[[Any], list[str]]] = {
    "sources": _sources,
    "pending": _pending,
    "strategy": _strategy,
    "locks": _locks,
    "tiers": _tiers,
    "llm_cost_usd": _dollars,
}
