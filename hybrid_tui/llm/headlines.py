"""Which headlines a strategist is shown: recent, told once, ranked, and nothing that gives orders.

Headlines are untrusted text. A headline's symbols come from the feed's field and from nowhere else,
and in a prompt it has a number of ours: the feed's ids are outside text as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.suspicion import suspicion
from hybrid_tui.llm.tone import HALF_LIFE, distinct_stories, known_news

MOST_CHARACTERS: Final = 200
MOST_OF_ONE_SOURCE: Final = 6
"""Headlines of one source about the same symbols that are shown."""

MOST_LOOKED_AT: Final = 400
UNSCORED: Final = 0.3
HELD: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A headline under its number in the prompt (``n1``), cleaned and cut to length."""

    number: str
    item: NewsItem
    text: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Ranked headlines, best first, and how many were left out, by reason."""

    shown: tuple[Shown, ...]
    left_out: Mapping[str, int]

    @property
    def suspect(self) -> int:
        """How many were left out because they talk to a model."""
        return sum(count for reason, count in self.left_out.items() if reason.startswith("suspect"))


def choose_headlines(
    news: Sequence[NewsItem],
    now: datetime,
    watchlist: Collection[str],
    held: Collection[str] = (),
    scores: Mapping[str, float] | None = None,
) -> Choice:
    """Return the headlines of the last 24 hours about watched symbols, or about none.

    They are ranked by 0.5 ** (age / 6 h) x (0.3 + |score|), half as much again for what is held. Of
    near-duplicates the first stays, of one source about the same symbols the best six.
    """
    scores = scores or {}
    left_out: Counter[str] = Counter()
    about = []
    for item in known_news(news, now):
        if item.symbols and not set(item.symbols).intersection(watchlist):
            left_out["not about the watchlist"] += 1
            continue
        text = clean_text(item.headline)
        why = suspicion(text) or suspicion(clean_text(item.source))
        if why is not None:
            left_out[f"suspect: {why}"] += 1
        elif text:
            about.append(item)
    about.sort(key=lambda item: (item.received_at, item.id))
    left_out["older than the newest 400"] += max(0, len(about) - MOST_LOOKED_AT)
    about = about[-MOST_LOOKED_AT:]
    distinct = distinct_stories(about)
    left_out["told before"] += len(about) - len(distinct)

    def rank(item: NewsItem) -> tuple[float, str]:
        weight = 0.5 ** ((now - item.received_at) / HALF_LIFE)
        weight *= UNSCORED + abs(scores.get(item.id, 0.0))
        return (-weight * (HELD if set(item.symbols).intersection(held) else 1.0), item.id)

    shown: list[Shown] = []
    of_source: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for item in sorted(distinct, key=rank):
        key = (item.source, item.symbols)
        of_source[key] += 1
        if of_source[key] > MOST_OF_ONE_SOURCE:
            left_out["too many of one source"] += 1
            continue
        shown.append(
            Shown(
                number=f"n{len(shown) + 1}",
                item=item,
                text=clean_text(item.headline)[:MOST_CHARACTERS],
                score=scores.get(item.id),
            )
        )
    return Choice(shown=tuple(shown), left_out={k: n for k, n in left_out.items() if n})
