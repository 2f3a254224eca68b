"""What an examination of the desk found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination; ``ok`` False is something to mend."""

    name: str
    ok: bool
    text: str
