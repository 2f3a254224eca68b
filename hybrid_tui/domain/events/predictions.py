"""Tier 2: what its models predict, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_tui.domain.events.base import Event
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.signals import Abstention, MLPrediction

__all__ = ["PredictionsMade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsMade(Event):
    """Tier 2's predictions of one instant, and the symbols it gave none for.

    ``outcomes`` are those of earlier predictions that became known since.
    """

    predictions: tuple[MLPrediction, ...]
    abstentions: tuple[Abstention, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
