"""Predictions as the desk says them: confidence and intervals by how earlier ones came true.

What a model says of an instant depends on that instant's input alone and can be kept on a disk; the
live factors depend on everything said since the run began, and are therefore worked in afterwards,
here, for the desk, backtests and ``ml predict`` alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

import numpy as np

from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.live_calibration import (
    LiveCalibration,
    Move,
    Outcome,
    Pending,
    tempered,
)
from hybrid_tui.domain.ports import MarketView, Predictor
from hybrid_tui.domain.signals import Abstention, MLPrediction
from hybrid_tui.ml.prediction_table import Answer


def move_in(bars_of: Callable[[str], BarSeries | None]) -> Move:
    """Return the function that looks an outcome up in the bars of a symbol.

    Both closes come from one series, so a split that it has worked in since changes nothing.
    """

    def move(pending: Pending) -> float | None:
        bars = bars_of(pending.symbol)
        if bars is None:
            return None
        start = int(pending.reference_bar.timestamp())
        first = int(np.searchsorted(bars.start, start))
        if first >= len(bars) or int(bars.start[first]) != start:
            return None
        end = int(pending.horizon_end.timestamp())
        last = int(np.searchsorted(bars.known_at, end, side="right")) - 1
        return float(bars.close[last]) / float(bars.close[first]) - 1.0

    return move


def recalibrated(
    raw: Sequence[Answer], record: LiveCalibration, now: datetime, move: Move
) -> tuple[list[Answer], list[Outcome]]:
    """Return the answers of ``now`` as the desk says them, and the outcomes that became known."""
    outcomes = record.settle(now, move)
    factor = record.factor()
    answers: list[Answer] = [
        tempered(answer, factor, record.width(answer.symbol))
        if isinstance(answer, MLPrediction)
        else answer
        for answer in raw
    ]
    record.note(answer for answer in answers if isinstance(answer, MLPrediction))
    return answers, outcomes


def recalibrated_history(
    answers: Iterable[Answer], series: Mapping[str, BarSeries]
) -> Iterator[Answer]:
    """Yield answers, which come by instant, as a desk that began with them says them."""
    record, move = LiveCalibration(), move_in(series.get)
    for now, group in groupby(answers, key=attrgetter("at")):
        yield from recalibrated(list(group), record, now, move)[0]


class Recalibrated:
    """The Predictor port around another, whose raw answers it shrinks.

    ``record`` is what earlier runs left; it is changed. ``bars_of`` is where outcomes are looked
    up, in place of the view, where a view has no history.
    """

    def __init__(
        self,
        inner: Predictor,
        record: LiveCalibration,
        bars_of: Callable[[str], BarSeries | None] | None = None,
    ) -> None:
        self.model_id = inner.model_id
        self._inner = inner
        self._record = record
        self._record.begin(inner.model_id)
        self._move = None if bars_of is None else move_in(bars_of)

    def predict(
        self,
        view: MarketView,
        symbols: Sequence[str],
        *,
        session_close: datetime,
        strategy_id: str | None,
    ) -> Sequence[MLPrediction | Abstention | Outcome]:
        """Return the answers of ``view.now``, then the outcomes known since the last."""
        found = self._inner.predict(
            view, symbols, session_close=session_close, strategy_id=strategy_id
        )
        raw = [answer for answer in found if not isinstance(answer, Outcome)]
        move = self._move or move_in(view.bars)
        answers, outcomes = recalibrated(raw, self._record, view.now, move)
        return [*answers, *outcomes]
