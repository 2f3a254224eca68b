"""What a prediction is judged by: the price at the horizon against the price at the instant.

``reference_price`` is the last close known at the instant in its session. The horizon ends one hour
later, at most at the close. The label is true where the last close known at the horizon's end beats
the reference by more than the threshold, which stands for the cost of a round trip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.ml.ticks import Ticks

THRESHOLD_BPS = 2.0
_LEAST_BARS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Outcomes of n instants, (n,).

    ``log_return`` to the horizon; ``realised`` is the root of the sum of squared one-minute log
    returns to the horizon, NaN with fewer than three bars; ``is_up`` is the label; ``is_known``
    says whether the data reach to the horizon's end.
    """

    horizon_end: IntArray
    reference: FloatArray
    log_return: FloatArray
    realised: FloatArray
    is_up: BoolArray
    is_known: BoolArray


def targets(
    series: BarSeries,
    ends: IntArray,
    ticks: Ticks,
    *,
    known_until: int,
    threshold_bps: float = THRESHOLD_BPS,
) -> Targets:
    """Return what happened after each instant.

    ``ends`` (n,) is how many bars were known at each instant, the last of them in its session;
    ``known_until`` is the end of the data over all symbols, UTC epoch seconds (a thin symbol may
    have no bar at its horizon and is then judged by its last close).
    """
    horizon_end = ticks.horizon_end
    last = np.searchsorted(series.known_at, horizon_end, side="right") - 1
    reference = series.close[ends - 1]
    outcome = series.close[last]
    logs = np.log(series.close)
    squares = np.concatenate([[0.0, 0.0], np.cumsum(np.diff(logs) ** 2)])
    realised = np.sqrt(np.maximum(squares[last + 1] - squares[ends], 0.0))
    return Targets(
        horizon_end=horizon_end,
        reference=reference,
        log_return=logs[last] - logs[ends - 1],
        realised=np.where(last + 1 - ends >= _LEAST_BARS, realised, np.nan),
        is_up=outcome / reference - 1.0 > threshold_bps / 10_000,
        is_known=horizon_end <= known_until,
    )


def uniqueness(at: IntArray, horizon_end: IntArray) -> FloatArray:
    """Return how much of each outcome is its own, (n,) in (0, 1], for one symbol's labels.

    ``at`` (rising) and ``horizon_end`` are UTC epoch seconds. An outcome that shares its hour with
    eleven others is a twelfth of an observation: the mean over its time of 1 / labels running then
    (López de Prado, 2018, "Advances in Financial Machine Learning", 4.4). They sum to about the
    number of independent outcomes.
    """
    if not len(at):
        return np.zeros(0)
    edges = np.unique(np.concatenate([at, horizon_end]))
    ends = np.sort(horizon_end)
    running = np.searchsorted(at, edges[:-1], side="right") - np.searchsorted(
        ends, edges[:-1], side="right"
    )
    shares = np.diff(edges) / np.maximum(running, 1)
    reached = np.concatenate([[0.0], np.cumsum(np.where(running > 0, shares, 0.0))])
    first, last = np.searchsorted(edges, at), np.searchsorted(edges, horizon_end)
    return np.asarray((reached[last] - reached[first]) / (horizon_end - at))
