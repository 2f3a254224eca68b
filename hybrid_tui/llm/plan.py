"""The local analyst's rules: from tones and predictions to direction, risk, focus and theses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hybrid_tui.domain.signals import Direction, MLPrediction, RiskLevel, Thesis
from hybrid_tui.llm.tone import MarketTone, SymbolTone

MAX_FOCUS: Final = 8
CLEARLY_POSITIVE: Final = 0.25
HIGH_PROBABILITY: Final = 0.60
LOW_PROBABILITY: Final = 0.40
SENTIMENT_SHARE: Final = 0.4

DIRECTION_MEAN: Final = 0.15
BAD_TONE: Final = -0.25
HIGH_DISPERSION: Final = 0.60
VERY_POSITIVE: Final = 0.50
BROAD: Final = 0.60
ENOUGH_SYMBOLS: Final = 3

LATE_SESSIONS: Final = ("15:00", "15:30")
_OVERNIGHT: Final = {Direction.BULLISH: 0.6, Direction.NEUTRAL: 0.4, Direction.BEARISH: 0.1}
_CARRIED: Final = {
    RiskLevel.CONSERVATIVE: 0.5,
    RiskLevel.MODERATE: 1.0,
    RiskLevel.AGGRESSIVE: 1.25,
}
_PATIENCE: Final = {
    RiskLevel.CONSERVATIVE: 0.03,
    RiskLevel.MODERATE: 0.04,
    RiskLevel.AGGRESSIVE: 0.06,
}

SECTORS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("AAPL", "MSFT", "NVDA", "AVGO", "AMD", "ORCL", "CRM", "ADBE", "CSCO", "INTC", "QCOM"),
        "technology",
    ),
    **dict.fromkeys(("MU", "IBM", "TXN", "SMCI", "PLTR", "XLK"), "technology"),
    **dict.fromkeys(("GOOG", "GOOGL", "META", "NFLX", "DIS", "CMCSA", "T", "VZ"), "communication"),
    **dict.fromkeys(("AMZN", "TSLA", "HD", "MCD", "NKE", "LOW", "SBUX", "TGT"), "consumer"),
    **dict.fromkeys(("WMT", "COST", "PG", "KO", "PEP", "PM"), "staples"),
    **dict.fromkeys(
        ("JPM", "BAC", "WFC", "GS", "MS", "C", "BRK.B", "V", "MA", "FAS", "XLF"), "financials"
    ),
    **dict.fromkeys(
        ("LLY", "JNJ", "UNH", "MRK", "PFE", "ABBV", "TMO", "CRSP", "XLV"), "health care"
    ),
    **dict.fromkeys(("XOM", "CVX", "COP", "SLB", "XLE"), "energy"),
    **dict.fromkeys(("GE", "CAT", "BA", "HON", "UPS", "DE", "LMT"), "industrials"),
}
"""Well-known tickers; a symbol that is not here has no sector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A symbol for the focus list, and what speaks for it; ``value`` ranks it, 0..1."""

    symbol: str
    value: float
    sentiment: float | None
    probability: float | None


def direction_of(tone: MarketTone | None) -> Direction:
    """Return bullish where mean >= 0.15 and more are up than down, bearish the other way round."""
    if tone is None:
        return Direction.NEUTRAL
    if tone.mean >= DIRECTION_MEAN and tone.breadth > 0:
        return Direction.BULLISH
    if tone.mean <= -DIRECTION_MEAN and tone.breadth < 0:
        return Direction.BEARISH
    return Direction.NEUTRAL


def risk_of(tone: MarketTone | None) -> RiskLevel:
    """Return the risk level.

    Conservative where the mean is <= -0.25 or the dispersion >= 0.60; aggressive where at least
    three symbols are scored, the mean is >= 0.50 and the breadth >= 0.60; else moderate.
    """
    if tone is None:
        return RiskLevel.MODERATE
    if tone.mean <= BAD_TONE or tone.dispersion >= HIGH_DISPERSION:
        return RiskLevel.CONSERVATIVE
    if tone.scored >= ENOUGH_SYMBOLS and tone.mean >= VERY_POSITIVE and tone.breadth >= BROAD:
        return RiskLevel.AGGRESSIVE
    return RiskLevel.MODERATE


def overnight_of(
    direction: Direction, risk: RiskLevel, session: str, tone: MarketTone | None
) -> float:
    """Return the share of equity to hold overnight, 0..1.

    0.6, 0.4 or 0.1 for bullish, neutral or bearish; times 0.5, 1 or 1.25 for conservative, moderate
    or aggressive; halved in the sessions 15:00 and 15:30 where the mean sentiment is negative.
    """
    share = _OVERNIGHT[direction] * _CARRIED[risk]
    if session in LATE_SESSIONS and tone is not None and tone.mean < 0:
        share /= 2
    return round(share, 3)


def focus_of(
    watchlist: Sequence[str],
    tones: Mapping[str, SymbolTone],
    predictions: Mapping[str, MLPrediction],
    vetoed: Collection[str],
) -> list[Candidate]:
    """Return at most eight symbols, best first, then by symbol.

    A symbol is taken when its sentiment is >= 0.25 or its buy probability >= 0.60, while its
    sentiment is not <= -0.25, its buy probability not < 0.40, and it was not vetoed. They are
    ranked by 0.4 x (1 + sentiment) / 2 + 0.6 x buy probability; where one is absent the other
    stands alone.
    """
    found = []
    for symbol in dict.fromkeys(watchlist):
        sentiment = tones[symbol].sentiment if symbol in tones else None
        probability = predictions[symbol].buy_probability if symbol in predictions else None
        liked = sentiment is not None and sentiment >= CLEARLY_POSITIVE
        likely = probability is not None and probability >= HIGH_PROBABILITY
        disliked = sentiment is not None and sentiment <= -CLEARLY_POSITIVE
        unlikely = probability is not None and probability < LOW_PROBABILITY
        if (liked or likely) and not (disliked or unlikely) and symbol not in vetoed:
            value = _value(sentiment, probability)
            found.append(
                Candidate(symbol=symbol, value=value, sentiment=sentiment, probability=probability)
            )
    found.sort(key=lambda candidate: (-candidate.value, candidate.symbol))
    return found[:MAX_FOCUS]


def _value(sentiment: float | None, probability: float | None) -> float:
    if sentiment is None:
        return probability or 0.0
    if probability is None:
        return (1 + sentiment) / 2
    return SENTIMENT_SHARE * (1 + sentiment) / 2 + (1 - SENTIMENT_SHARE) * probability


def thesis_of(candidate: Candidate, risk: RiskLevel, tones: Mapping[str, SymbolTone]) -> Thesis:
    """Return the claim behind a candidate and what would make it wrong.

    A claim from headlines is wrong when the price falls 3, 4 or 6 % from its high (conservative,
    moderate, aggressive); one from the prediction alone is used up when RSI(14) passes 80. Averages
    are not used: the entry rules buy below them, and would be contradicted at once.
    """
    parts = []
    if candidate.sentiment is not None:
        count = len(tones[candidate.symbol].stories)
        stories = "1 story" if count == 1 else f"{count} stories"
        parts.append(f"sentiment {candidate.sentiment:+.2f} over {stories}")
    if candidate.probability is not None:
        parts.append(f"buy probability {candidate.probability:.2f}")
    led_by_news = candidate.sentiment is not None and candidate.sentiment >= CLEARLY_POSITIVE
    return Thesis(
        symbol=candidate.symbol,
        claim=f"{candidate.symbol}: " + ", ".join(parts),
        invalid_if=f"drawdown > {_PATIENCE[risk]:g}" if led_by_news else "rsi(14) > 80",
    )


def sectors_of(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the sectors of the known tickers among the symbols, in their order, each once."""
    return tuple(dict.fromkeys(SECTORS[symbol] for symbol in symbols if symbol in SECTORS))
