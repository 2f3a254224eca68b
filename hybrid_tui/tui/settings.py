"""How the screen looks and which keys it has: ``[ui]`` and ``[keys]`` of the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from textual.binding import Binding

from hybrid_tui.errors import ConfigError

Save = Callable[[str, object], None]
"""Keeps a key of the configuration; raises HybridError where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSettings:
    """The theme by its name, and the keys that were changed: a binding's id to its keys.

    ``is_theme_chosen`` says that the person named the theme. ``save`` writes to the configuration
    file (None: nothing is kept); ``is_first`` says that this profile has neither a configuration
    nor a journal yet.
    """

    theme: str = "dark"
    is_theme_chosen: bool = False
    up_is_red: bool = False
    bell: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    save: Save | None = None
    is_first: bool = False


def check_keys(keys: Mapping[str, str], pages: Sequence[Sequence[Binding]]) -> None:
    """Raise ConfigError for an unknown binding, and for two bindings of a page with one key."""
    known = {b.id for page in pages for b in page if b.id is not None}
    for name in keys:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ConfigError(
                f"keys.{name}: there is no such binding", hint=f"did you mean {nearest!r}?"
            )
    for page in pages:
        taken: dict[str, str] = {}
        for binding in page:
            given = keys.get(binding.id or "")
            for key in (given or binding.key).split(","):
                other = taken.setdefault(key.strip(), binding.id or binding.action)
                if other != binding.id and (given or other in keys):
                    raise ConfigError(
                        f"keys.{binding.id if given else other}: {key.strip()!r} is the key of"
                        f" {other if given else binding.id} as well",
                        hint="give one of them another key",
                    )
