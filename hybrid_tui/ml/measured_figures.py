"""What a manifest keeps of what was measured: on which days, by which model, and how well."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from hybrid_tui.ml.drift_figures import Fraction, Name, Part


class ThresholdFigures(Part):
    """The entry threshold that `auto` stands for, see threshold.paying_threshold."""

    level: Fraction | None
    confidence: Fraction
    outcomes: int
    days: int


class ScoreRow(Part):
    """One forecaster's figures: name -> value and the ends of its 95 % interval."""

    name: str
    windows: int
    days: int
    figures: dict[str, tuple[float | None, float | None, float | None]]


class GainFigures(Part):
    """Log loss gained over a rival in nats a prediction, and its 95 % interval by whole days."""

    rival: str
    value: float
    low: float
    high: float


class GateFigures(Part):
    """What the champion gate says of the walk-forward's test spans, see gate.judge."""

    is_promoted: bool
    reason: str
    gains: tuple[GainFigures, ...]


class RefitFigures(Part):
    """What the figures of a model without a held-out span are of: the model ``of``, made by the
    same recipe without the last ``sessions`` sessions, on the span that it had held out.
    """

    of: Name
    sessions: Annotated[int, Field(gt=0)]
    first: datetime
    last: datetime
