"""The live factors of many instants at once are those of one instant after another, to the bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.live_calibration import LiveCalibration
from hybrid_tui.domain.signals import MLPrediction
from hybrid_tui.ml.live import move_in, recalibrated
from hybrid_tui.ml.live_factors import LiveFactors
from hybrid_tui.ml.model_files import Model
from hybrid_tui.ml.prediction_table import FIGURES, PREDICTED, PredictionTable
from hybrid_tui.ml.ticks import session_ticks, sessions_between
from tests.ml.builders import random_walk

SESSIONS = 26


@pytest.mark.parametrize("seed", range(4))
def test_factors_in_bulk_are_those_of_the_desk(
    model: Model, calendar: TradingCalendar, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    series = {
        "AAA": random_walk(calendar, "AAA", sessions=SESSIONS),
        "BBB": random_walk(calendar, "BBB", sessions=SESSIONS, gaps=0.4),
    }
    first, last = int(series["AAA"].start[0]), int(series["AAA"].known_at[-1])
    ticks = session_ticks(sessions_between(calendar, first, last))
    shape = (len(ticks), 3)
    figures = np.full((len(FIGURES), *shape), 0.5)
    figures[0] = np.round(rng.uniform(0.3, 0.5, shape) + rng.uniform(0, 0.1), 3)
    bars = np.empty(shape, dtype=np.int64)
    for column, name in enumerate(("AAA", "BBB", "AAA")):
        last_row = series[name].known_at.searchsorted(ticks.at, side="right") - 1
        bars[:, column] = series[name].start[np.maximum(last_row, 0)]
        bars[:, column] += rng.random(len(ticks)) < 0.1
    silence = np.where(rng.random(shape) < 0.3, 0, PREDICTED).astype(np.int16)
    silence[200:290] = 0
    table = PredictionTable(
        symbols=("AAA", "BBB", "NONE"),
        at=ticks.at,
        horizon_end=ticks.horizon_end,
        figures=figures,
        bounds=np.full((2, *shape), 1.0),
        members=np.full((len(model.manifest.members), *shape), 0.5),
        reference_bar=bars,
        familiar=np.ones(shape, dtype=np.bool_),
        silence=silence,
        reasons=("silent",),
    )
    record, move = LiveCalibration(), move_in(series.get)
    expected = []
    for row in range(len(table)):
        raw = list(table.answers(row, model.manifest))
        said, _ = recalibrated(raw, record, raw[0].at, move)
        factor = record.factor()
        assert all(one.confidence == 0.5 * factor for one in said if isinstance(one, MLPrediction))
        expected.append(factor)
    assert len(record.tallies) == 20
    assert len(set(expected)) > 50
    factors = LiveFactors(series, model.manifest.threshold_bps)
    cuts = [0, *sorted(rng.choice(len(table), 6, replace=False).tolist()), len(table)]
    found = np.concatenate([factors.of(table, slice(begin, end)) for begin, end in pairwise(cuts)])
    assert found.tolist() == expected
