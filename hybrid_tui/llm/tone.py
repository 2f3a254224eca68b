"""What the headlines of a day say about each symbol: stories counted once, aged and weighed.

Headlines are untrusted text. A symbol comes from the ``symbols`` field of an item and from nowhere
else; nothing in the text of a headline can add one, drop one or change a weight but its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, pstdev
from typing import Final, Protocol

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.features import tokens
from hybrid_tui.llm.lexicon import stem
from hybrid_tui.llm.sentiment import Sentiment
from hybrid_tui.llm.text import fold

WINDOW: Final = timedelta(hours=24)
HALF_LIFE: Final = timedelta(hours=6)
SAME_STORY: Final = 0.8
"""Share of common words (Jaccard) from which two headlines are one story."""

MAX_STORIES: Final = 200
"""The newest headlines of a symbol that are looked at: a flood must not hold up the desk."""

LEAN: Final = 0.1
"""Sentiment from which a symbol counts as up or down in the breadth."""


class Scorer(Protocol):
    """Something that reads headlines."""

    def score(self, headline: str | None) -> Sentiment:
        """Return how a headline reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A headline that counts, how it reads, and its weight (age x confidence, 0..1)."""

    item: NewsItem
    sentiment: Sentiment
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTone:
    """The weighted mean of a symbol's stories, -1..1, and the stories, heaviest first."""

    symbol: str
    sentiment: float
    stories: tuple[Story, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTone:
    """Mean and spread of the scored symbols, and breadth: (up - down) / scored, -1..1."""

    mean: float
    dispersion: float
    breadth: float
    scored: int


def story_words(headline: str) -> frozenset[str]:
    """Return the stems of a headline's words and its figures, by which stories are compared."""
    return frozenset(
        stem(word) if value is None else f"{word}{value:g}"
        for word, value in tokens(fold(clean_text(headline)))
        if word not in ("<stop>", "<ask>")
    )


def distinct_stories(items: Sequence[NewsItem]) -> list[NewsItem]:
    """Return the items without later near-duplicates, oldest first; empty headlines are left out.

    Items of one instant are taken in the order of their ids.
    """
    kept: list[tuple[NewsItem, frozenset[str]]] = []
    for item in sorted(items, key=lambda item: (item.received_at, item.id)):
        words = story_words(item.headline)
        if words and not any(_alike(words, other) for _, other in kept):
            kept.append((item, words))
    return [item for item, _ in kept]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SAME_STORY * len(one | other)


def known_news(items: Sequence[NewsItem], now: datetime) -> list[NewsItem]:
    """Return the items received in (now - 24 h, now]."""
    return [item for item in items if now - WINDOW < item.received_at <= now]


def symbol_tones(
    items: Sequence[NewsItem], watchlist: Sequence[str], now: datetime, scorer: Scorer
) -> dict[str, SymbolTone]:
    """Return the tone of each watched symbol with a headline, in the order of the watchlist.

    A symbol without a headline that can be read is absent. A story weighs 0.5 ** (age / 6 h) times
    the model's confidence in it.
    """
    recent = known_news(items, now)
    read: dict[str, Sentiment] = {}
    tones: dict[str, SymbolTone] = {}
    for symbol in dict.fromkeys(watchlist):
        stories = []
        about = sorted(
            (item for item in recent if symbol in item.symbols),
            key=lambda item: (item.received_at, item.id),
        )
        for item in distinct_stories(about[-MAX_STORIES:]):
            if item.headline not in read:
                read[item.headline] = scorer.score(item.headline)
            sentiment = read[item.headline]
            weight = 0.5 ** ((now - item.received_at) / HALF_LIFE) * sentiment.confidence
            if weight > 0:
                stories.append(Story(item=item, sentiment=sentiment, weight=weight))
        if stories:
            total = sum(story.weight for story in stories)
            mean = sum(story.weight * story.sentiment.score for story in stories) / total
            stories.sort(
                key=lambda story: (-story.weight * abs(story.sentiment.score), story.item.id)
            )
            tones[symbol] = SymbolTone(
                symbol=symbol, sentiment=max(-1.0, min(1.0, round(mean, 4))), stories=tuple(stories)
            )
    return tones


def market_tone(tones: Mapping[str, SymbolTone]) -> MarketTone | None:
    """Return the tone of the scored symbols together; None where no symbol is scored."""
    if not tones:
        return None
    scores = [tone.sentiment for tone in tones.values()]
    up = sum(score >= LEAN for score in scores)
    down = sum(score <= -LEAN for score in scores)
    return MarketTone(
        mean=fmean(scores),
        dispersion=pstdev(scores),
        breadth=(up - down) / len(scores),
        scored=len(scores),
    )
