"""How well tier 2's own predictions came true lately, and what that leaves of its confidence.

A fold of what was predicted and what the closes became, so that a live run, its replay and a
backtest hold the same figures. Sums are kept a session, and a session's are added in one order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.signals import MLPrediction

BINS = 10
SESSIONS = 20
LEAST_OUTCOMES = 100
TOLERATED_ERROR = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A prediction whose outcome is not known yet."""

    horizon_end: datetime
    symbol: str
    probability: float
    hurdle: float


@dataclass(slots=True, kw_only=True)
class SessionTally:
    """Outcomes of one session by tenth of probability: count, sum of probabilities, came true."""

    day: date
    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    said: list[float] = field(default_factory=lambda: [0.0] * BINS)
    came: list[int] = field(default_factory=lambda: [0] * BINS)


@dataclass(slots=True, kw_only=True)
class LiveCalibration:
    """The outcomes of one model's predictions in the last 20 sessions that had any."""

    model_id: str | None = None
    waiting: deque[Pending] = field(default_factory=deque)
    tallies: deque[SessionTally] = field(default_factory=lambda: deque(maxlen=SESSIONS))

    def note(self, predictions: Iterable[MLPrediction]) -> None:
        """Take predictions of one instant; another model's begin anew."""
        for made in predictions:
            if made.model_id != self.model_id:
                self.model_id = made.model_id
                self.waiting.clear()
                self.tallies.clear()
            self.waiting.append(
                Pending(
                    horizon_end=made.horizon_end,
                    symbol=made.symbol,
                    probability=made.buy_probability,
                    hurdle=made.reference_price * (1.0 + made.threshold_bps / 10_000),
                )
            )

    def due(self, now: datetime) -> bool:
        """Whether an outcome is known at ``now``."""
        return bool(self.waiting) and self.waiting[0].horizon_end <= now

    def settle(self, now: datetime, closes: Mapping[str, float]) -> None:
        """Book the outcomes of horizons up to ``now``.

        ``closes`` are the last known at the horizon's end: callers settle before they take later
        closes in, and before a split changes what a close means.
        """
        while self.due(now):
            found = self.waiting.popleft()
            day = found.horizon_end.astimezone(NEW_YORK).date()
            if not self.tallies or self.tallies[-1].day != day:
                self.tallies.append(SessionTally(day=day))
            tally = self.tallies[-1]
            place = min(int(found.probability * BINS), BINS - 1)
            tally.counts[place] += 1
            tally.said[place] += found.probability
            tally.came[place] += closes[found.symbol] > found.hurdle

    @property
    def outcomes(self) -> int:
        """How many outcomes are known."""
        return sum(sum(tally.counts) for tally in self.tallies)

    def error(self) -> float | None:
        """Return the expected calibration error over ten equal bins of probability (Guo et al.,
        2017, "On Calibration of Modern Neural Networks"); None before 100 outcomes are known.
        """
        known = self.outcomes
        if known < LEAST_OUTCOMES:
            return None
        gaps = 0.0
        for place in range(BINS):
            said = sum(tally.said[place] for tally in self.tallies)
            came = sum(tally.came[place] for tally in self.tallies)
            gaps += abs(said - came)
        return gaps / known

    def factor(self) -> float:
        """Return what confidence is multiplied by: min(1, 0.03 / error), 1 while it is unknown."""
        error = self.error()
        return 1.0 if error is None or error <= TOLERATED_ERROR else TOLERATED_ERROR / error


def tempered(prediction: MLPrediction, factor: float) -> MLPrediction:
    """Return the prediction with confidence, and the size that hangs on it, times ``factor``."""
    if factor == 1.0:
        return prediction
    return replace(
        prediction,
        confidence=prediction.confidence * factor,
        target_position=prediction.target_position * factor,
    )
