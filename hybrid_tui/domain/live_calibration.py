"""How well tier 2's own predictions came true lately: what that leaves of its confidence, and how
wide it makes its intervals.

A fold of what was predicted and of what became of it, so that a live run, its restart, its replay
and a backtest hold the same figures.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter

from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.interval_width import IntervalWidth
from hybrid_tui.domain.signals import MOST_DOLLARS, Interval, MLPrediction

BINS = 10
SESSIONS = 20
LEAST_OUTCOMES = 100
TOLERATED_ERROR = 0.03
# Broken input can ask for any price; its third power has to stay a number.
_MOST_RATIO = 1e90
OVERLAP = 12
"""Hours that overlap with one asked every five minutes: for records that did not keep theirs."""
CHANCE = math.sqrt(2.0 / math.pi)
"""The mean of |Z| for a standard normal Z: a gap that chance makes, in its deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A prediction whose outcome is not known yet; ``low`` and ``high`` are the returns that its
    interval reaches from and to (None in records that were made before they were kept).

    ``overlap`` is how many predictions of its symbol waited when it was made, itself included.
    """

    symbol: str
    probability: float
    reference_bar: datetime
    horizon_end: datetime
    threshold_bps: float
    low: float | None = None
    high: float | None = None
    overlap: int = OVERLAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a prediction: whether the price beat the threshold at the horizon's end, and
    whether it lay inside the interval that was said (None where that was not kept).
    """

    symbol: str
    horizon_end: datetime
    probability: float
    came_true: bool
    held: bool | None = None
    overlap: int = OVERLAP


Move = Callable[[Pending], float | None]
"""Returns a symbol's return from the reference to the horizon's end; None where unknown."""


@dataclass(slots=True, kw_only=True)
class SessionTally:
    """Outcomes of one session by tenth of probability: count, sum of probabilities, came true, and
    ``spread``, the variance of said - came where the probabilities are right: p (1 - p) of each
    outcome, times those that overlap with it.
    """

    day: date
    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    said: list[float] = field(default_factory=lambda: [0.0] * BINS)
    came: list[int] = field(default_factory=lambda: [0] * BINS)
    spread: list[float] = field(default_factory=lambda: [0.0] * BINS)

    def __post_init__(self) -> None:
        # Records made before it was kept have none: nothing would then be taken off for chance.
        if any(self.counts) and not any(self.spread):
            self.spread = [
                OVERLAP * said * (1.0 - said / count) if count else 0.0
                for said, count in zip(self.said, self.counts, strict=True)
            ]


@dataclass(slots=True, kw_only=True)
class LiveCalibration:
    """The outcomes of one model's predictions in the last 20 sessions that had any, and the width
    of each symbol's intervals, which its own outcomes alone have taught.

    Sums are kept a session, so that nothing is ever subtracted from them and their bits depend on
    the outcomes in the window alone.
    """

    model_id: str | None = None
    waiting: deque[Pending] = field(default_factory=deque)
    tallies: deque[SessionTally] = field(default_factory=deque)
    level: float = 0.9
    widths: dict[str, IntervalWidth] = field(default_factory=dict)

    def begin(self, model_id: str) -> None:
        """Forget what is known of any other model."""
        if model_id != self.model_id:
            self.model_id = model_id
            self.waiting.clear()
            self.tallies.clear()
            self.widths.clear()

    def note(self, predictions: Iterable[MLPrediction]) -> None:
        """Take the predictions of one instant as they were said; those of another model begin
        anew.
        """
        told = list(predictions)
        for made in told:
            self.begin(made.model_id)
        waiting = Counter(pending.symbol for pending in self.waiting)
        for made in told:
            self.level = made.interval.level
            waiting[made.symbol] += 1
            low, high = _reach(made)
            self.waiting.append(
                Pending(
                    symbol=made.symbol,
                    probability=made.buy_probability,
                    reference_bar=made.reference_bar,
                    horizon_end=made.horizon_end,
                    threshold_bps=made.threshold_bps,
                    low=low,
                    high=high,
                    overlap=waiting[made.symbol],
                )
            )

    def settle(self, now: datetime, move: Move) -> list[Outcome]:
        """Return the outcomes of horizons up to ``now``, oldest first, and book them."""
        found = []
        for pending in self._take(now):
            moved = move(pending)
            if moved is not None:
                found.append(
                    Outcome(
                        symbol=pending.symbol,
                        horizon_end=pending.horizon_end,
                        probability=pending.probability,
                        came_true=moved > pending.threshold_bps / 10_000,
                        held=_held(pending, moved),
                        overlap=pending.overlap,
                    )
                )
        self._book(found)
        return found

    def heard(self, now: datetime, outcomes: Iterable[Outcome]) -> None:
        """Take the outcomes that another's :meth:`settle` found at ``now``."""
        self._take(now)
        self._book(outcomes)

    def _take(self, now: datetime) -> list[Pending]:
        found = []
        while self.waiting and self.waiting[0].horizon_end <= now:
            found.append(self.waiting.popleft())
        return found

    def _book(self, outcomes: Iterable[Outcome]) -> None:
        found = list(outcomes)
        # The last horizons of a session end together: to a symbol they are one step.
        for (symbol, _), ended in groupby(
            sorted(found, key=attrgetter("symbol", "horizon_end")),
            key=attrgetter("symbol", "horizon_end"),
        ):
            held = [outcome.held for outcome in ended if outcome.held is not None]
            if held:
                self.widths.setdefault(symbol, IntervalWidth()).learn(held, self.level)
        for outcome in found:
            day = outcome.horizon_end.astimezone(NEW_YORK).date()
            if not self.tallies or self.tallies[-1].day != day:
                self.tallies.append(SessionTally(day=day))
                if len(self.tallies) > SESSIONS:
                    self.tallies.popleft()
            tally = self.tallies[-1]
            place = min(int(outcome.probability * BINS), BINS - 1)
            tally.counts[place] += 1
            tally.said[place] += outcome.probability
            tally.came[place] += outcome.came_true
            variance = outcome.probability * (1.0 - outcome.probability)
            tally.spread[place] += outcome.overlap * variance

    def width(self, symbol: str) -> float:
        """Return what a symbol's interval is multiplied by; 1 before an outcome of it is known."""
        found = self.widths.get(symbol)
        return 1.0 if found is None else found.factor

    @property
    def outcomes(self) -> int:
        """How many outcomes are known."""
        return sum(sum(tally.counts) for tally in self.tallies)

    def error(self) -> float | None:
        """Return the expected calibration error beyond chance; None before 100 outcomes are known.

        Over ten equal bins of probability (Guo et al., 2017, "On Calibration of Modern Neural
        Networks"). Gaps are taken as absolute values, so that even a calibrated model shows an
        error, and a large one while outcomes are few (Roelofs et al., 2022, "Mitigating Bias in
        Calibration Error Estimation"). What a calibrated model would show on average is therefore
        taken off, at most down to 0: the lesser of two estimates. Outcomes of one session overlap
        and share a market, so the sessions are independent units whose squared gaps sum to the
        variance; but in few sessions a model's own error makes such gaps as well. What chance makes
        of right probabilities follows from them and from how many outcomes of a symbol overlap.
        That second estimate takes the symbols as independent: what those of one market share it
        does not take off, so that where it is the lesser, the figure errs to the cautious side.
        """
        known = self.outcomes
        if known < LEAST_OUTCOMES:
            return None
        # In this order, and with the rounding of plain additions: those of many instants at once
        # have to come to the same bits (sum() of floats rounds less from Python 3.12 on).
        said, came = [0.0] * BINS, [0] * BINS
        squares, spread = [0.0] * BINS, [0.0] * BINS
        for tally in self.tallies:
            for place in range(BINS):
                said[place] += tally.said[place]
                came[place] += tally.came[place]
                spread[place] += tally.spread[place]
                gap = tally.said[place] - tally.came[place]
                squares[place] += gap * gap
        beyond = 0.0
        for place in range(BINS):
            variance = min(squares[place], spread[place])
            beyond += abs(said[place] - came[place]) - CHANCE * math.sqrt(variance)
        return max(beyond, 0.0) / known

    def factor(self) -> float:
        """Return what confidence is multiplied by: min(1, 0.03 / error), 1 while it is unknown."""
        error = self.error()
        return 1.0 if error is None or error <= TOLERATED_ERROR else TOLERATED_ERROR / error


def _reach(made: MLPrediction) -> tuple[float | None, float | None]:
    if made.reference_price <= 0.0:
        return None, None
    return (
        made.interval.low / made.reference_price - 1.0,
        made.interval.high / made.reference_price - 1.0,
    )


def _held(pending: Pending, moved: float) -> bool | None:
    if pending.low is None or pending.high is None:
        return None
    return pending.low <= moved <= pending.high


def tempered(prediction: MLPrediction, factor: float, width: float = 1.0) -> MLPrediction:
    """Return the prediction with confidence, and the size that hangs on it, times ``factor``.

    The interval is made ``width`` times as wide, in log prices, around the forecast.
    """
    if factor == 1.0 and width == 1.0:
        return prediction
    return replace(
        prediction,
        confidence=prediction.confidence * factor,
        target_position=prediction.target_position * factor,
        interval=_widened(prediction, width),
    )


def _widened(prediction: MLPrediction, width: float) -> Interval:
    middle, interval = prediction.price_forecast_1h, prediction.interval
    if width == 1.0 or middle <= 0.0:
        return interval
    return replace(
        interval,
        low=min(middle * min(interval.low / middle, _MOST_RATIO) ** width, MOST_DOLLARS),
        high=min(middle * min(interval.high / middle, _MOST_RATIO) ** width, MOST_DOLLARS),
    )
