"""A whole run's predictions out of the tables that tier 2 makes, for the fast path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tui.domain.signals import PREDICTION_EXPIRY
from hybrid_tui.engine.fast.forecasts import Forecasts, SymbolForecasts
from hybrid_tui.ml.prediction_table import PREDICTED

if TYPE_CHECKING:
    from hybrid_tui.domain.bars import FloatArray
    from hybrid_tui.ml.live_factors import LiveFactors
    from hybrid_tui.ml.prediction_table import PredictionTable

Parts = dict[str, list[SymbolForecasts]]


def forecasts_of(
    tables: Iterable[PredictionTable],
    after: datetime,
    until: datetime,
    progress: Callable[[datetime], None] | None = None,
    *,
    factors: LiveFactors,
) -> Forecasts:
    """Return what tables say after one instant up to another (included), with its live factor.

    Tables come oldest first and are dropped once read, later ones are not asked for; ``progress``
    is told how far they reach.
    """
    parts: Parts = {}
    for table in tables:
        first, last = table.at.searchsorted((after.timestamp(), until.timestamp()), side="right")
        rows = slice(int(first), int(last))
        _take(parts, table, rows, factors.of(table, rows))
        if progress is not None and last:
            progress(datetime.fromtimestamp(int(table.at[last - 1]), UTC))
        if last < len(table):
            break
    return Forecasts(
        symbols={symbol: _joined(found) for symbol, found in parts.items()},
        lasts=int(PREDICTION_EXPIRY.total_seconds()),
    )


def _take(parts: Parts, table: PredictionTable, rows: slice, factor: FloatArray) -> None:
    at = table.at[rows]
    for column, symbol in enumerate(table.symbols):
        said = table.silence[rows, column] == PREDICTED
        parts.setdefault(symbol, []).append(
            SymbolForecasts(
                at=at[said],
                probability=table.figure("buy_probability")[rows, column][said],
                confidence=(table.figure("confidence")[rows, column] * factor)[said],
                target=(table.figure("target_position")[rows, column] * factor)[said],
                familiar=table.familiar[rows, column][said],
            )
        )


def _joined(found: list[SymbolForecasts]) -> SymbolForecasts:
    return SymbolForecasts(
        at=np.concatenate([part.at for part in found]),
        probability=np.concatenate([part.probability for part in found]),
        confidence=np.concatenate([part.confidence for part in found]),
        target=np.concatenate([part.target for part in found]),
        familiar=np.concatenate([part.familiar for part in found]),
    )
