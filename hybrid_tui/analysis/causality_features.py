"""The causality check of tier 2's inputs: what a window shows of the past, with another future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from hybrid_tui.analysis.causality import (
    CUT,
    LACKS,
    OTHER_FUTURE,
    Finding,
    Verdict,
    cut_at,
    other_future,
    other_news,
)
from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.ml.features import FEATURE_NAMES, INDEX_SYMBOL, SUMMARY_NAMES, compute
from hybrid_tui.ml.predictor import Score, score_news, windows_at
from hybrid_tui.ml.sentiment import sentiment_events
from hybrid_tui.ml.ticks import single_tick

Figures = dict[str, dict[str, object]]


def check_features(
    verdict: Verdict,
    calendar: TradingCalendar,
    series: Mapping[str, BarSeries],
    instants: Sequence[datetime],
    *,
    news: Sequence[NewsItem] = (),
    score: Score | None = None,
    seed: int,
) -> None:
    """Compare every feature of every symbol's window at prediction instants."""
    scored = score_news(news, score) if score is not None else {}
    for at in instants:
        second = int(at.timestamp())
        whole = _figures(calendar, series, news, scored, at)
        for data, make in ((CUT, cut_at), (OTHER_FUTURE, other_future(seed))):
            shown = {symbol: make(bars, second) for symbol, bars in series.items()}
            heard = [item for item in news if item.received_at <= at]
            scores = scored
            if data == OTHER_FUTURE:
                heard = other_news(news, at, seed)
                scores = score_news(heard, score) if score is not None else {}
            try:
                other = _figures(calendar, shown, heard, scores, at)
            except LACKS as error:
                said = f"{type(error).__name__}: {error}"
                verdict.findings.append(_finding("window", "*", at, "computed", said, data))
                continue
            for symbol in whole:
                for name, value in whole[symbol].items():
                    verdict.count("feature", 1)
                    found = other.get(symbol, {}).get(name)
                    if not np.array_equal(value, found):  # type: ignore[arg-type]
                        one, two = _first_apart(value, found)
                        verdict.findings.append(_finding(name, symbol, at, one, two, data))


def _finding(
    name: str, symbol: str, at: datetime, value: object, other: object, data: str
) -> Finding:
    return Finding(
        kind="feature", name=name, symbol=symbol, at=at, value=value, other=other, data=data
    )


def _first_apart(value: object, other: object) -> tuple[object, object]:
    one, two = np.atleast_1d(np.asarray(value)), np.atleast_1d(np.asarray(other))
    if one.shape != two.shape:
        return str(value), str(other)
    places = np.flatnonzero(one != two)
    last = int(places[-1])
    return one[last].item(), two[last].item()


def _figures(
    calendar: TradingCalendar,
    series: Mapping[str, BarSeries],
    news: Sequence[NewsItem],
    scores: Mapping[str, float],
    at: datetime,
) -> Figures:
    """Return each symbol's features over its window, its summary, and why it is silent."""
    session = calendar.session_at(at)
    if session is None:
        return {}
    asked = windows_at(
        calendar,
        series,
        single_tick(at, session.open, session.close),
        index=series.get(INDEX_SYMBOL),
        sentiment=sentiment_events(news, scores),
    )
    figures: Figures = {}
    for one in asked:
        figures[one.symbol] = {"silence": "; ".join(reason for _, reason in one.silent)}
        if one.windows is not None and one.bars is not None:
            windows = compute(one.windows)
            last = int(one.ends[0]) - 1
            columns = {name: windows.values[0, :, i] for i, name in enumerate(FEATURE_NAMES)}
            summary = {name: windows.summary[0, i] for i, name in enumerate(SUMMARY_NAMES)}
            figures[one.symbol] |= columns | summary
            figures[one.symbol]["reference_price"] = one.bars.close[last]
    return figures


def sampled_instants(
    calendar: TradingCalendar, begins: datetime, ends: datetime, count: int, seed: int
) -> list[datetime]:
    """Return some prediction instants of the sessions between two instants, oldest first."""
    from hybrid_tui.ml.ticks import session_ticks, sessions_between

    first, last = int(begins.timestamp()), int(ends.timestamp())
    at = session_ticks(sessions_between(calendar, first, last)).at
    at = at[(at > first) & (at <= last)]
    if not len(at):
        return []
    chosen = np.random.default_rng(seed).choice(at, size=min(count, len(at)), replace=False)
    return [datetime.fromtimestamp(second, UTC) for second in sorted(chosen.tolist())]
