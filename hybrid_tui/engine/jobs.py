"""Work that the engine asks of tiers 2 and 3, and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.events import TierName
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.models import SymbolDrift
from hybrid_tui.domain.ports import (
    Abstained,
    Arriving,
    MarketView,
    StrategistBrief,
    TrainingResult,
    TrainingTask,
)
from hybrid_tui.domain.signals import Abstention, MLPrediction, StrategySignal


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictJob:
    """Predictions of all symbols for ``view.now``."""

    view: MarketView
    symbols: tuple[str, ...]
    session_close: datetime
    strategy_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeJob:
    """A strategist's session; ``note`` says why it is held outside its hours."""

    brief: StrategistBrief
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreJob:
    """The sentiment of headlines that just arrived."""

    items: tuple[NewsItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFailed:
    """A tier could not answer; the other tiers go on."""

    tier: TierName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowJob:
    """What a challenger says of what the champion was just asked."""

    model_id: str
    asked: PredictJob


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftJob:
    """How far each symbol is from what the champion was trained on."""

    model_id: str
    view: MarketView
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """A new model; nobody waits for it, on any clock."""

    task: TrainingTask


LifeJob = ShadowJob | DriftJob | TrainJob
Job = PredictJob | ProposeJob | ScoreJob | LifeJob
Predictions = Sequence[MLPrediction | Abstention | Outcome]
Drift = Mapping[str, SymbolDrift]
JobResult = (
    Predictions
    | StrategySignal
    | Abstained
    | Arriving
    | Sequence[float]
    | Drift
    | TrainingResult
    | TierFailed
)
