"""What a manifest keeps of the training data's distribution, and what its parts have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Part(BaseModel):
    """A part of a manifest: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DriftFigures(Part):
    """A figure's distribution in training, see drift.reference: upper bounds of its bins, each
    symbol's share of each (`""`: all symbols), and the PSI that its own stretches usually show.
    """

    name: str
    edges: tuple[float, ...]
    shares: dict[str, tuple[Fraction, ...]]
    usual: Annotated[float, Field(ge=0)]
