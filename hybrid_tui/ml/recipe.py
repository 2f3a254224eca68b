"""What to train: the members, the seed, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from hybrid_tui.errors import ConfigError
from hybrid_tui.ml.model_files import Manifest, Market

MAX_EPOCHS = 20
MEMBERS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "lstm": {"hidden": 32, "layers": 1},
        "gru": {"hidden": 32, "layers": 1},
        "transformer": {"hidden": 32, "layers": 1, "attention_heads": 4},
        "logistic": {},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to train, and from which start.

    With ``walk_forward_steps`` above 1 the model's card gets a walk-forward table of that many
    steps, the model's own held-out span being the last. ``members`` are names of MEMBERS.
    """

    model_id: str
    market: Market
    seed: int = 7
    max_epochs: int = MAX_EPOCHS
    threshold_bps: float = 2.0
    walk_forward_steps: int = 1
    members: tuple[str, ...] = tuple(MEMBERS)


def recipe_of(measured: Manifest, model_id: str) -> Recipe:
    """Return the recipe by which a model was made, for another of the same; no walk-forward."""
    return Recipe(
        model_id=model_id,
        market=measured.market,
        seed=measured.seed,
        max_epochs=measured.max_epochs or MAX_EPOCHS,
        threshold_bps=measured.threshold_bps,
        members=tuple(member.name for member in measured.members),
    )


def chosen_members(names: Sequence[str]) -> tuple[str, ...]:
    """Return members in their usual order; raises ConfigError for one that does not exist."""
    for name in names:
        if name not in MEMBERS:
            near = get_close_matches(name, MEMBERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(MEMBERS)}"
            raise ConfigError(f"--members: there is no member {name!r}", hint=hint)
    if not names:
        raise ConfigError("--members names no member", hint=f"there are {', '.join(MEMBERS)}")
    return tuple(name for name in MEMBERS if name in names)
