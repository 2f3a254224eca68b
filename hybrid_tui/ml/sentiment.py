"""News sentiment as events a window can look up: what was the last score, and how old is it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from hybrid_tui.domain.bars import BoolArray, FloatArray, IntArray, NewsItem
from hybrid_tui.errors import DataError

HALF_LIFE_SECONDS = 60 * 60
MEMORY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentEvents:
    """The scores of one symbol's headlines: when they were received (rising) and -1..1, (m,)."""

    at_seconds: IntArray
    score: FloatArray


def sentiment_events(
    news: Iterable[NewsItem], scores: Mapping[str, float]
) -> dict[str, SentimentEvents]:
    """Return each symbol's events from headlines and the scores by headline id.

    Headlines of one symbol and second count once, with their mean. Headlines without a score are
    left out: absent is not neutral. Raises DataError for a score outside -1..1.
    """
    found: dict[str, dict[int, list[float]]] = {}
    for item in sorted(news, key=lambda item: (item.received_at, item.id)):
        score = scores.get(item.id)
        if score is None:
            continue
        if not -1.0 <= score <= 1.0:
            raise DataError(f"the sentiment of headline {item.id} is {score!r}, outside -1..1")
        # A headline within a second is known at the next whole one, never before it was received.
        second = -int(-item.received_at.timestamp() // 1)
        for symbol in item.symbols:
            found.setdefault(symbol, {}).setdefault(second, []).append(score)
    return {
        symbol: SentimentEvents(
            at_seconds=np.array(list(by_second), dtype=np.int64),
            score=np.array([sum(v) / len(v) for v in by_second.values()], dtype=np.float64),
        )
        for symbol, by_second in found.items()
    }


def decayed(
    events: SentimentEvents | None, rows_at: IntArray, instant: IntArray
) -> tuple[FloatArray, BoolArray]:
    """Return the last score at each row, halved every hour, and whether there is one.

    ``rows_at`` (rows, n) are the rows of n windows that are looked at from ``instant`` (n,).
    Headlines of more than 24 hours before the instant are forgotten in all rows, so that a window
    depends on no more news than that.
    """
    if events is None or not len(events.at_seconds):
        return np.zeros(rows_at.shape), np.zeros(rows_at.shape, dtype=np.bool_)
    last = np.searchsorted(events.at_seconds, rows_at, side="right") - 1
    event = np.maximum(last, 0)
    received = events.at_seconds[event]
    present = (last >= 0) & (instant - received <= MEMORY_SECONDS)
    age = np.maximum(rows_at - received, 0)
    value = events.score[event] * np.exp2(-age / HALF_LIFE_SECONDS)
    return np.where(present, value, 0.0), present
