"""Work that the engine asks of tiers 2 and 3, and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.events import TierName
from hybrid_tui.domain.live_calibration import Outcome
from hybrid_tui.domain.ports import Abstained, Arriving, MarketView, StrategistBrief
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


Job = PredictJob | ProposeJob | ScoreJob
Predictions = Sequence[MLPrediction | Abstention | Outcome]
JobResult = Predictions | StrategySignal | Abstained | Arriving | Sequence[float] | TierFailed
