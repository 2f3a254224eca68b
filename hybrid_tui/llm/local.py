"""The local analyst: tier 3 without a network and without a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.domain.ports import Abstained, StrategistBrief
from hybrid_tui.domain.signals import Direction, MLPrediction, RiskLevel, StrategySignal
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.plan import (
    Candidate,
    direction_of,
    focus_of,
    overnight_of,
    risk_of,
    sectors_of,
    thesis_of,
)
from hybrid_tui.llm.sentiment import SentimentModel
from hybrid_tui.llm.tone import MarketTone, Scorer, Story, SymbolTone, market_tone, symbol_tones

_CITED_IN_A_SENTENCE: Final = 3
_LONGEST_ID: Final = 64


class LocalAnalyst:
    """A strategist that reads headlines with the shipped model and follows written rules.

    The same brief gives the same answer. It looks at nothing after ``brief.now``.
    """

    source = "local"

    def __init__(self, model: Scorer | None = None) -> None:
        self._model = SentimentModel.load() if model is None else model

    def score(self, items: Sequence[NewsItem]) -> Sequence[float]:
        """Return the sentiment of each headline, -1..1, in their order."""
        return [self._model.score(item.headline).score for item in items]

    def propose(self, brief: StrategistBrief) -> StrategySignal | Abstained:
        """Return a signal from the news and predictions known at ``brief.now``.

        Abstains where no watched symbol has a headline of the last 24 hours or a fresh prediction.
        """
        tones = symbol_tones(brief.news, brief.watchlist, brief.now, self._model)
        predictions = {
            symbol: prediction
            for symbol, prediction in brief.predictions.items()
            if symbol in brief.watchlist
            and prediction.symbol == symbol
            and prediction.familiar
            and prediction.is_fresh(brief.now)
        }
        if not tones and not predictions:
            return Abstained(
                reason="no headline of the last 24 hours and no fresh prediction for the watchlist"
            )
        market = market_tone(tones)
        direction, risk = direction_of(market), risk_of(market)
        focus = focus_of(brief.watchlist, tones, predictions, brief.vetoes)
        symbols = tuple(candidate.symbol for candidate in focus)
        overnight = overnight_of(direction, risk, brief.session, market)
        stories = [story for tone in tones.values() for story in tone.stories]
        return StrategySignal(
            id=brief.id,
            at=brief.now,
            expires_at=brief.expires_at,
            session=brief.session,
            direction=direction,
            sectors=sectors_of(symbols),
            focus_stocks=symbols,
            sentiment_scores={symbol: tone.sentiment for symbol, tone in tones.items()},
            risk_level=risk,
            overnight_target=overnight,
            theses=tuple(thesis_of(candidate, risk, tones) for candidate in focus),
            reasoning=" ".join(
                _reasons(tones, market, predictions, focus, brief, (direction, risk, overnight))
            ),
            source=self.source,
            cited=tuple(dict.fromkeys(story.item.id for story in stories)),
        )


def _reasons(
    tones: Mapping[str, SymbolTone],
    market: MarketTone | None,
    predictions: Mapping[str, MLPrediction],
    focus: Sequence[Candidate],
    brief: StrategistBrief,
    decided: tuple[Direction, RiskLevel, float],
) -> list[str]:
    """Return three to eight sentences, the first of which says who speaks."""
    direction, risk, overnight = decided
    sentences = ["Local analyst, no LLM."]
    stories = [story for tone in tones.values() for story in tone.stories]
    evidence = _evidence(_strongest(stories))
    if market is None:
        sentences.append("No headline of the last 24 hours names a watched symbol.")
    else:
        sentences.append(
            f"The tone is {direction} at {market.mean:+.2f} over {market.scored} "
            f"{'symbol' if market.scored == 1 else 'symbols'}, breadth {market.breadth:+.2f}, "
            f"spread {market.dispersion:.2f}{evidence}."
        )
    sentences.extend(_reason_for(candidate, tones) for candidate in focus[:2])
    if not focus:
        sentences.append(
            f"No symbol stands out among {len(tones)} with headlines and {len(predictions)} "
            f"with a prediction, so the focus list is empty{evidence}."
        )
    worst = min(tones.values(), key=lambda tone: (tone.sentiment, tone.symbol), default=None)
    if worst is not None and worst.sentiment < 0:
        sentences.append(
            f"{worst.symbol} reads worst at {worst.sentiment:+.2f}{_evidence(worst.stories)}."
        )
    vetoed = [symbol for symbol in brief.watchlist if symbol in brief.vetoes]
    if vetoed:
        sentences.append(f"Left out after a veto: {', '.join(vetoed[:8])}.")
    sentences.append(f"Risk is {risk}, and {overnight:.0%} of equity may stay overnight{evidence}.")
    return sentences


def _reason_for(candidate: Candidate, tones: Mapping[str, SymbolTone]) -> str:
    parts = []
    if candidate.sentiment is not None:
        parts.append(f"sentiment {candidate.sentiment:+.2f}")
    if candidate.probability is not None:
        parts.append(f"buy probability {candidate.probability:.2f}")
    tone = tones.get(candidate.symbol)
    evidence = _evidence(tone.stories) if tone else " (the prediction; no headline)"
    return f"{candidate.symbol} is in focus: {' and '.join(parts)}{evidence}."


def _strongest(stories: Sequence[Story]) -> list[Story]:
    return sorted(
        stories, key=lambda story: (-story.weight * abs(story.sentiment.score), story.item.id)
    )


def _evidence(stories: Sequence[Story]) -> str:
    """Return the ids of the first stories in brackets, cleaned: an id is outside text too."""
    if not stories:
        return ""
    ids = dict.fromkeys(clean_text(story.item.id)[:_LONGEST_ID] for story in stories)
    return f" ({', '.join(list(ids)[:_CITED_IN_A_SENTENCE])})"
