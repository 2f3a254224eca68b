"""``--path both``: the two paths over the same history, which must come to the same document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hybrid_tui.errors import Refused

if TYPE_CHECKING:
    from hybrid_tui.commands.backtest_run import Outcome, RunPath

LEFT_OUT = ("settings.path", "summary.seconds")
"""What says how a result was reached, not what it is."""


def run_both(
    run: Callable[[RunPath], Outcome], document_of: Callable[[Outcome], dict[str, Any]]
) -> Outcome:
    """Return the fast path's outcome if the event path's document is the same, else raise Refused.

    ``document_of`` gives an outcome's document with its equity at every bar.
    """
    event, fast = run("event"), run("fast")
    found = first_difference(document_of(event), document_of(fast))
    if found is not None:
        raise Refused(
            f"the event path and the fast path disagree: {found}",
            hint="this is a bug: --path event is what the desk does live",
        )
    return replace(fast, path="both")


def first_difference(event: Any, fast: Any, where: str = "") -> str | None:
    """Return where two JSON values differ first and how, in words; None: they are the same."""
    if where in LEFT_OUT:
        return None
    if isinstance(event, dict) and isinstance(fast, dict) and event.keys() == fast.keys():
        pairs = [(f"{where}.{key}".lstrip("."), event[key], fast[key]) for key in event]
    elif isinstance(event, list) and isinstance(fast, list):
        if len(event) != len(fast):
            return f"{where} has {len(event)} by events, {len(fast)} by the fast path"
        rows = zip(event, fast, strict=True)
        pairs = [(f"{where}[{number}]", one, other) for number, (one, other) in enumerate(rows)]
    elif type(event) is type(fast) and event == fast:
        return None
    else:
        return f"{where} is {event!r} by events, {fast!r} by the fast path"
    found = (first_difference(one, other, at) for at, one, other in pairs)
    return next((said for said in found if said is not None), None)
