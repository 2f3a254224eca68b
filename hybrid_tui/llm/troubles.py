"""What a failed request means for a person, and whether it is worth another try.

The policy is written here and not with tenacity: each try needs a reservation of its own, the
endpoint's Retry-After, and a wait that ends when the desk stops; what tenacity adds is the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hybrid_tui.llm.wire import Failure

LONGEST_SAID: Final = 160
_USED_UP: Final = ("insufficient_quota", "billing", "credit", "exceeded your current quota")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A failure in words; ``needs_person``: only a person can mend it."""

    text: str
    why: Literal["failed", "too_long"] = "failed"
    retry: bool = False
    needs_person: bool = False


def advise(failure: Failure, host: str, model: str, key_name: str) -> Advice:
    """Return what a failure of ``model`` at ``host`` means."""
    if failure.trouble == "timeout":
        return Advice(text=f"{host} did not answer: {failure.text}", retry=True)
    if failure.trouble == "unreachable":
        return Advice(text=f"{host} cannot be reached: {failure.text}", retry=True)
    if failure.trouble != "status":
        return Advice(text=f"{host}: {failure.text}", retry=failure.trouble == "dropped")
    status, said = failure.status, failure.text[:LONGEST_SAID]
    lower = f"{failure.code} {failure.text}".lower()
    if status == 401:
        return Advice(text=f"{host} refused the key in {key_name} (401)", needs_person=True)
    if status == 402 or (status in (403, 429) and any(word in lower for word in _USED_UP)):
        return Advice(text=f"{host}: no credit is left ({status})", needs_person=True)
    if status == 403:
        return Advice(text=f"{host} forbids {model} to this key (403): {said}", needs_person=True)
    if status == 404:
        return Advice(text=f"{host} does not know {model} (404): {said}", needs_person=True)
    if status in (400, 413, 422) and "context" in lower:
        return Advice(text=f"the prompt is too long for {model} at {host}", why="too_long")
    if status == 429:
        return Advice(text=f"{host} limits the rate (429)", retry=True)
    if status in (408, 409) or status >= 500:
        return Advice(text=f"{host} has a fault of its own ({status})", retry=True)
    return Advice(text=f"{host} refused the request ({status}): {said}", needs_person=True)
