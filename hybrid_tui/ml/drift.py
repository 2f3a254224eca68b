"""Drift: how far a symbol's last sessions are from what a model was trained on.

The population stability index (PSI) compares shares of bins: the sum of (now - then) x log(now /
then); by custom 0.1 is a shift and 0.25 a strong one (Siddiqi, 2006, "Credit Risk Scorecards").
Those limits hold for independent values of one population. Here values overlap, volatility comes in
weeks, and no two symbols are alike: stretches of the training data themselves show a PSI against
their own symbol's whole, the one that 95 in 100 of them stay below is taken off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.models import SymbolDrift
from hybrid_tui.domain.ports import MarketView
from hybrid_tui.ml.dataset import Dataset
from hybrid_tui.ml.drift_figures import DriftFigures
from hybrid_tui.ml.features import FEATURE_NAMES, INDEX_SYMBOL, compute, gather
from hybrid_tui.ml.labels import targets
from hybrid_tui.ml.model_files import Manifest
from hybrid_tui.ml.predictor import Score, score_news
from hybrid_tui.ml.sentiment import MEMORY_SECONDS, SentimentEvents, sentiment_events
from hybrid_tui.ml.ticks import eligibility, session_ticks, sessions_between

SESSIONS = 10
LEAST_SESSIONS = 8
EVERY_MINUTES = 15
LEAST_WINDOWS = 60
BINS = 10
USUAL = 0.95
OUTCOME = "outcome"
# Those that time alone decides do not drift.
FEATURES = tuple(
    name for name in FEATURE_NAMES if name not in ("session_fraction", "session_start", "horizon")
)
# The level of volatility lasts for months and is each symbol's own: held to all symbols' at once.
LEVELS = ("hurdle",)
SENTIMENT = ("sentiment", "sentiment_present")
_COLUMNS = [FEATURE_NAMES.index(name) for name in FEATURES]


def reference(data: Dataset, seen: BoolArray, symbols: Sequence[str]) -> tuple[DriftFigures, ...]:
    """Return the distribution of each feature's last value, and of the scaled outcome.

    Of the rows ``seen`` (n,); ``symbols`` are the names that ``data.symbol`` numbers. A figure that
    never varied is left out.
    """
    kept = np.flatnonzero(seen & (data.at % (EVERY_MINUTES * 60) == 0))
    day, symbol = data.day[kept], data.symbol[kept]
    columns = dict(zip(FEATURES, data.values[kept, -1][:, _COLUMNS].T.astype(float), strict=True))
    columns[OUTCOME] = data.scaled_return[kept].astype(float)
    found = []
    for name, values in columns.items():
        if not len(values):
            continue
        edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
        place = np.searchsorted(edges, values, side="right")
        if len(edges) < 2 and len(np.unique(place)) < 2:
            continue
        shares = {"": _shares(place, len(edges) + 1)}
        strays: list[float] = []
        for number in np.unique(symbol).tolist():
            own = symbol == number
            if np.count_nonzero(own) < 2 * LEAST_WINDOWS:
                continue
            then = shares[""]
            if name not in LEVELS:
                then = shares[symbols[number]] = _shares(place[own], len(edges) + 1)
            strays += _stretches(place[own], day[own], then)
        found.append(
            DriftFigures(
                name=name,
                edges=tuple(edges.tolist()),
                shares={key: tuple(np.round(row, 5).tolist()) for key, row in shares.items()},
                usual=round(float(np.quantile(strays, USUAL)), 4) if strays else 0.0,
            )
        )
    return tuple(found)


def _stretches(place: IntArray, day: IntArray, then: FloatArray) -> list[float]:
    """Return the PSI of each stretch of sessions against the whole that it belongs to."""
    days = np.unique(day)
    found = []
    for first in range(0, len(days) - SESSIONS + 1, SESSIONS // 2):
        rows = (day >= days[first]) & (day <= days[first + SESSIONS - 1])
        if np.count_nonzero(rows) >= LEAST_WINDOWS:
            found.append(stability(_shares(place[rows], len(then)), then))
    return found


def _shares(place: IntArray, bins: int) -> FloatArray:
    """Return the share of each bin, none of them 0: half an outcome is thought in each."""
    counts = np.bincount(place, minlength=bins) + 0.5
    return np.asarray(counts / counts.sum())


def stability(now: FloatArray, then: FloatArray) -> float:
    """Return the population stability index of two distributions over the same bins."""
    return float(np.sum((now - then) * np.log(now / then)))


def drift_of(
    figures: Sequence[DriftFigures], symbol: str, values: Mapping[str, FloatArray]
) -> SymbolDrift | None:
    """Return how far values by figure's name are from training; None where they are too few."""
    found: dict[str, float] = {}
    windows = 0
    for figure in figures:
        seen = values.get(figure.name)
        if seen is None or len(seen) < LEAST_WINDOWS:
            continue
        then = np.array(figure.shares.get(symbol, figure.shares[""]))
        place = np.searchsorted(np.array(figure.edges), seen, side="right")
        beyond = stability(_shares(place, len(then)), then) - figure.usual
        found[figure.name] = max(0.0, beyond)
        windows = max(windows, len(seen))
    outcome = found.pop(OUTCOME, None)
    if not found:
        return None
    feature = max(found, key=lambda name: (found[name], name))
    return SymbolDrift(feature=feature, psi=found[feature], outcome=outcome, windows=windows)


class DriftMeter:
    """Measures drift from what a view shows; ``score`` reads headlines as the model's desk does."""

    def __init__(
        self, manifest: Manifest, calendar: TradingCalendar, score: Score | None = None
    ) -> None:
        self._figures = manifest.drift
        self._threshold_bps = manifest.threshold_bps
        self._calendar = calendar
        self._score = score

    def measure(self, view: MarketView, symbols: Sequence[str]) -> dict[str, SymbolDrift]:
        """Return each symbol's drift over its last sessions; too few of them, and it has none."""
        if not self._figures:
            return {}
        now = int(view.now.timestamp())
        sessions = sessions_between(self._calendar, now - 30 * 86_400, now)[-SESSIONS:]
        ticks = session_ticks(sessions, EVERY_MINUTES)
        ticks = ticks.take(ticks.at <= now)
        sentiment, heard_from = self._sentiment(view)
        found = {}
        for symbol in sorted(symbols):
            bars = view.bars(symbol)
            if bars is None or not len(ticks):
                continue
            fit = eligibility(bars, ticks)
            ready, ends = ticks.take(fit.is_ready), fit.ends[fit.is_ready]
            if len(np.unique(ready.session_open)) < LEAST_SESSIONS:
                continue
            windows = compute(
                gather(
                    bars,
                    ends,
                    ready.at,
                    ready.session_close,
                    calendar=self._calendar,
                    index=view.bars(INDEX_SYMBOL),
                    sentiment=sentiment.get(symbol),
                )
            )
            after = targets(bars, ends, ready, known_until=now, threshold_bps=self._threshold_bps)
            unit = windows.sigma * np.sqrt(windows.horizon_minutes)
            values = dict(zip(FEATURES, windows.values[:, -1][:, _COLUMNS].T, strict=True))
            for name in SENTIMENT:
                values[name] = values[name][ready.at >= heard_from]
            values[OUTCOME] = (after.log_return / unit)[after.is_known]
            measured = drift_of(self._figures, symbol, values)
            if measured is not None:
                found[symbol] = measured
        return found

    def _sentiment(self, view: MarketView) -> tuple[dict[str, SentimentEvents], int]:
        """Return each symbol's headlines, and the second from which a day of them is known."""
        news = view.news(view.now - timedelta(days=3 * SESSIONS)) if self._score else ()
        if self._score is None or not news:
            return {}, int(view.now.timestamp()) + 1
        first = int(news[0].received_at.timestamp())
        return sentiment_events(news, score_news(news, self._score)), first + MEMORY_SECONDS
