"""The live factor of every instant of a history, from tables: LiveCalibration's figures, in bulk.

Additions are made in LiveCalibration's order, so that the factors are the same to the bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, BoolArray, FloatArray, IntArray
from hybrid_tui.domain.live_calibration import (
    BINS,
    CHANCE,
    LEAST_OUTCOMES,
    SESSIONS,
    TOLERATED_ERROR,
)
from hybrid_tui.ml.prediction_table import PREDICTED, PredictionTable

SUMS = 4
COUNT, SAID, CAME, SPREAD = range(SUMS)


class LiveFactors:
    """What confidence is multiplied by, instant after instant, from the first prediction on.

    ``series`` are the bars that predictions come true or false in, ``threshold_bps`` the rise that
    makes them true.
    """

    def __init__(self, series: Mapping[str, BarSeries], threshold_bps: float) -> None:
        self._series = series
        self._least_move = threshold_bps / 10_000
        self._ends = np.empty(0, dtype=np.int64)
        self._tallied = np.empty((0, SUMS, BINS))
        self._day = -1
        # The sums of each session before the one at hand, and of that one so far: (SUMS, BINS).
        self._before: deque[FloatArray] = deque(maxlen=SESSIONS - 1)
        self._today = np.zeros((SUMS, BINS))
        self._factor = 1.0
        # Of the instants at hand whose horizon has not ended: its end, and the symbols predicted.
        self._open_ends = np.empty(0, dtype=np.int64)
        self._open: BoolArray | None = None

    def of(self, table: PredictionTable, rows: slice) -> FloatArray:
        """Return the factor at each of the next instants, shape (n,)."""
        at = table.at[rows]
        self._note(table, rows)
        settled = self._ends.searchsorted(at, side="right")
        factors = np.full(len(at), self._factor)
        count = int(settled[-1]) if len(at) else 0
        # Sessions lie within one day of UTC.
        days = self._ends[:count] // DAY_SECONDS
        bounds = [*np.flatnonzero(np.diff(days, prepend=-1)).tolist(), count] if count else [0]
        for first, last in pairwise(bounds):
            self._enter(int(days[first]))
            sums = np.concatenate((self._today[None], self._tallied[first:last]))
            sums = np.add.accumulate(sums, axis=0)
            begin, end = settled.searchsorted((first, last), side="right")
            factors[begin:end] = self._factors(sums[settled[begin:end] - first])
            self._today = sums[-1]
            self._factor = float(self._factors(sums[-1:])[0])
        self._ends, self._tallied = self._ends[count:], self._tallied[count:]
        return factors

    def _enter(self, day: int) -> None:
        if day == self._day:
            return
        if self._day >= 0:
            self._before.append(self._today)
        self._day, self._today = day, np.zeros((SUMS, BINS))

    def _factors(self, today: FloatArray) -> FloatArray:
        """Return the factors by this session's sums (n, SUMS, BINS) and those before it."""
        before, squares = np.zeros((SUMS, BINS)), np.zeros(BINS)
        for sums in self._before:
            before += sums
            squares += (sums[SAID] - sums[CAME]) ** 2
        whole = before + today
        known = whole[:, COUNT].sum(axis=1)
        squares = squares + (today[:, SAID] - today[:, CAME]) ** 2
        deviations = np.sqrt(np.minimum(squares, whole[:, SPREAD]))
        gaps = np.abs(whole[:, SAID] - whole[:, CAME]) - CHANCE * deviations
        beyond = np.maximum(np.add.accumulate(gaps, axis=1)[:, -1], 0.0)
        error = beyond / np.maximum(known, 1.0)
        is_shrunk = (known >= LEAST_OUTCOMES) & (error > TOLERATED_ERROR)
        return np.where(is_shrunk, TOLERATED_ERROR / np.where(is_shrunk, error, 1.0), 1.0)

    def _note(self, table: PredictionTable, rows: slice) -> None:
        """Line up the outcomes of predictions, by instant and symbol, until they are known."""
        shape = table.silence[rows].shape
        known, came = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        for column, symbol in enumerate(table.symbols):
            bars = self._series.get(symbol)
            if bars is not None and len(bars):
                known[:, column], came[:, column] = self._outcomes(table, rows, column, bars)
                bars.release()
        overlap = self._overlaps(table, rows)[known]
        said = table.figure("buy_probability")[rows][known]
        places = np.minimum((said * BINS).astype(np.int64), BINS - 1)
        tallied = np.zeros((len(said), SUMS, BINS))
        each = np.arange(len(said))
        tallied[each, COUNT, places] = 1.0
        tallied[each, SAID, places] = said
        tallied[each, CAME, places] = came[known]
        tallied[each, SPREAD, places] = overlap * (said * (1.0 - said))
        ends = np.broadcast_to(table.horizon_end[rows, None], shape)[known]
        self._ends = np.concatenate((self._ends, ends))
        self._tallied = np.concatenate((self._tallied, tallied))

    def _overlaps(self, table: PredictionTable, rows: slice) -> IntArray:
        """Return how many predictions of its symbol wait when each is made, itself included."""
        said = table.silence[rows] == PREDICTED
        before = said[:0] if self._open is None else self._open
        whole = np.concatenate((before, said))
        ends = np.concatenate((self._open_ends, table.horizon_end[rows]))
        made = np.concatenate((np.zeros((1, whole.shape[1]), dtype=np.int64), whole.cumsum(axis=0)))
        first = ends.searchsorted(table.at[rows], side="right")
        now = len(before) + np.arange(len(said))
        if len(said):
            self._open_ends, self._open = ends[first[-1] :], whole[first[-1] :]
        return np.asarray(made[now + 1] - made[first])

    def _outcomes(
        self, table: PredictionTable, rows: slice, column: int, bars: BarSeries
    ) -> tuple[BoolArray, BoolArray]:
        """Return which predictions of a symbol have an outcome, and which come true."""
        reference = table.reference_bar[rows, column]
        first = np.minimum(bars.start.searchsorted(reference), len(bars) - 1)
        is_said = table.silence[rows, column] == PREDICTED
        last = bars.known_at.searchsorted(table.horizon_end[rows], side="right") - 1
        moved = bars.close[last] / bars.close[first] - 1.0
        return is_said & (bars.start[first] == reference), moved > self._least_move
