"""Predictions of many instants as arrays: what a history of them is kept in, on disk as well.

The figures are the objects' own 64-bit figures, so that an object made from a table equals, to the
bit, the one that went into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.signals import PREDICTION_EXPIRY, Abstention, Interval, MLPrediction
from hybrid_tui.ml.model_files import Manifest

PREDICTED = -1
FIGURES = (
    "buy_probability",
    "confidence",
    "price_forecast_1h",
    "volatility_forecast",
    "target_position",
    "reference_price",
)
SHARES = ("buy_probability", "confidence", "target_position")

Answer = MLPrediction | Abstention


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionTable:
    """What was said of S symbols at T instants (UTC epoch seconds), by instant and symbol.

    ``figures`` is (F, T, S) in the order of FIGURES, ``bounds`` (2, T, S) the interval's low and
    high, ``members`` (K, T, S) in the manifest's order. ``silence`` (T, S) is PREDICTED, or the
    index in ``reasons`` of why there is no figure; the figures are NaN there.
    """

    symbols: tuple[str, ...]
    at: IntArray
    horizon_end: IntArray
    figures: FloatArray
    bounds: FloatArray
    members: FloatArray
    reference_bar: IntArray
    familiar: BoolArray
    silence: NDArray[np.int16]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.at)

    def figure(self, name: str) -> FloatArray:
        """Return one of FIGURES (T, S), NaN where there is none."""
        found: FloatArray = self.figures[FIGURES.index(name)]
        return found

    def answers(
        self, row: int, manifest: Manifest, strategy_id: str | None = None
    ) -> Iterator[Answer]:
        """Yield what was said at one instant, by symbol."""
        at = datetime.fromtimestamp(int(self.at[row]), UTC)
        ends = datetime.fromtimestamp(int(self.horizon_end[row]), UTC)
        names = [member.name for member in manifest.members]
        stamp = prediction_id(at, "")
        figures = self.figures[:, row].T.tolist()
        bounds = self.bounds[:, row].T.tolist()
        members = self.members[:, row].T.tolist()
        bars, familiar = self.reference_bar[row].tolist(), self.familiar[row].tolist()
        for column, code in enumerate(self.silence[row].tolist()):
            symbol = self.symbols[column]
            if code != PREDICTED:
                reason = self.reasons[code]
                yield Abstention(at=at, symbol=symbol, reason=reason, model_id=manifest.id)
                continue
            low, high = bounds[column]
            yield MLPrediction(
                id=stamp + symbol,
                at=at,
                expires_at=at + PREDICTION_EXPIRY,
                symbol=symbol,
                **dict(zip(FIGURES, figures[column], strict=True)),
                model_id=manifest.id,
                members=dict(zip(names, members[column], strict=True)),
                familiar=familiar[column],
                strategy_id=strategy_id,
                reference_bar=datetime.fromtimestamp(bars[column], UTC),
                horizon_end=ends,
                threshold_bps=manifest.threshold_bps,
                interval=Interval(level=manifest.calibration.interval_level, low=low, high=high),
                trained_until=manifest.trained_until,
            )


def prediction_id(at: datetime, symbol: str) -> str:
    """Return the id of a prediction: it derives from its instant and symbol."""
    return f"{at:%Y%m%dT%H%M%S}-{symbol}"


def tabulated(
    answers: Iterator[Answer],
    symbols: Sequence[str],
    at: IntArray,
    horizon_end: IntArray,
    members: Sequence[str],
) -> PredictionTable:
    """Return the next ``len(at) * len(symbols)`` answers, which come by instant and symbol."""
    shape = (len(at), len(symbols))
    cells = shape[0] * shape[1]
    figures = np.full((len(FIGURES), cells), np.nan)
    bounds = np.full((2, cells), np.nan)
    voices = np.full((len(members), cells), np.nan)
    bars = np.zeros(cells, dtype=np.int64)
    familiar = np.zeros(cells, dtype=np.bool_)
    silence = np.full(cells, PREDICTED, dtype=np.int16)
    reasons: dict[str, int] = {}
    for cell in range(cells):
        answer = next(answers)
        if isinstance(answer, Abstention):
            silence[cell] = reasons.setdefault(answer.reason, len(reasons))
            continue
        figures[:, cell] = [getattr(answer, name) for name in FIGURES]
        bounds[:, cell] = answer.interval.low, answer.interval.high
        voices[:, cell] = [answer.members[name] for name in members]
        bars[cell] = int(answer.reference_bar.timestamp())
        familiar[cell] = answer.familiar
    return PredictionTable(
        symbols=tuple(symbols),
        at=at,
        horizon_end=horizon_end,
        figures=figures.reshape(-1, *shape),
        bounds=bounds.reshape(-1, *shape),
        members=voices.reshape(-1, *shape),
        reference_bar=bars.reshape(shape),
        familiar=familiar.reshape(shape),
        silence=silence.reshape(shape),
        reasons=tuple(reasons),
    )


def to_arrays(table: PredictionTable) -> dict[str, NDArray[np.generic]]:
    """Return a table as named arrays, none of which needs pickle."""
    return {
        "symbols": np.array(table.symbols, dtype=np.str_),
        "at": table.at,
        "horizon_end": table.horizon_end,
        "figures": table.figures,
        "bounds": table.bounds,
        "members": table.members,
        "reference_bar": table.reference_bar,
        "familiar": table.familiar,
        "silence": table.silence,
        "reasons": np.array(table.reasons, dtype=np.str_),
    }


def from_arrays(arrays: Mapping[str, NDArray[np.generic]], members: int) -> PredictionTable:
    """Return the table of arrays as read from a file; raises ValueError where they do not fit."""
    symbols = tuple(str(name) for name in arrays["symbols"].tolist())
    reasons = tuple(str(text) for text in arrays["reasons"].tolist())
    shape = (len(arrays["at"]), len(symbols))
    wanted: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "at": (np.int64, shape[:1]),
        "horizon_end": (np.int64, shape[:1]),
        "figures": (np.float64, (len(FIGURES), *shape)),
        "bounds": (np.float64, (2, *shape)),
        "members": (np.float64, (members, *shape)),
        "reference_bar": (np.int64, shape),
        "familiar": (np.bool_, shape),
        "silence": (np.int16, shape),
    }
    for name, (kind, size) in wanted.items():
        if arrays[name].dtype != kind or arrays[name].shape != size:
            raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}, not {size}")
    silence = arrays["silence"].astype(np.int16)
    if silence.size and not PREDICTED <= int(silence.min()) <= int(silence.max()) < len(reasons):
        raise ValueError("a reason is missing")
    for name in SHARES:
        said = arrays["figures"][FIGURES.index(name)][silence == PREDICTED]
        if not ((said >= 0.0) & (said <= 1.0)).all():
            raise ValueError(f"a {name} is not in 0..1")
    return PredictionTable(
        symbols=symbols,
        at=arrays["at"].astype(np.int64),
        horizon_end=arrays["horizon_end"].astype(np.int64),
        figures=arrays["figures"].astype(np.float64),
        bounds=arrays["bounds"].astype(np.float64),
        members=arrays["members"].astype(np.float64),
        reference_bar=arrays["reference_bar"].astype(np.int64),
        familiar=arrays["familiar"].astype(np.bool_),
        silence=silence,
        reasons=reasons,
    )
