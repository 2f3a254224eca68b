"""Which scores of an answer stand: watched, cited, borne out, and not too far from the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hybrid_tui.domain.ports import StrategistBrief
from hybrid_tui.domain.text import clean_text
from hybrid_tui.llm.prompt import Prompt
from hybrid_tui.llm.schema import MOST_CITED

MOST_CHANGE: Final = 100
"""The most by which one session may change a symbol's score, in per cent points of -100..100."""

FUNDS: Final = frozenset({"SPY", "QQQ", "DIA", "IWM", "VTI", "VOO"})
"""What stands for the market: news of any symbol bears on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A symbol's score in per cent, -100..100, and the numbers of the headlines it cites."""

    symbol: str
    score_pct: int
    cited: tuple[str, ...]


def check_scores(
    given: list[Scored], brief: StrategistBrief, prompt: Prompt, flags: list[str]
) -> list[Scored]:
    """Return the scores that stand, each with the citations that bear on it.

    Why the others were dropped is added to ``flags``.
    """
    kept = []
    for one in given:
        if one.symbol not in brief.watchlist:
            name = clean_text(one.symbol)[:24] or "an empty name"
            flags.append(f"{name} is not on the watchlist: its score was dropped")
            continue
        cited = tuple(n for n in one.cited if _bears_on(n, one.symbol, prompt))[:MOST_CITED]
        before = last_score(one.symbol, brief)
        why = _objection(one, cited, before, prompt)
        if why:
            flags.append(f"{one.symbol}'s score of {one.score_pct:+d} was dropped: {why}")
        else:
            kept.append(Scored(symbol=one.symbol, score_pct=one.score_pct, cited=cited))
    return kept


def last_score(symbol: str, brief: StrategistBrief) -> int | None:
    """Return a symbol's score in the newest earlier proposal that has one, in per cent."""
    scored = [one for one in brief.past if one.at < brief.now and symbol in one.scores]
    if not scored:
        return None
    return round(max(scored, key=lambda one: one.at).scores[symbol] * 100)


def _bears_on(number: str, symbol: str, prompt: Prompt) -> bool:
    shown = prompt.headlines.get(number)
    if shown is None:
        return False
    return not shown.item.symbols or symbol in shown.item.symbols or symbol in FUNDS


def _objection(one: Scored, cited: tuple[str, ...], before: int | None, prompt: Prompt) -> str:
    if not cited:
        return "it cites no headline about it" if one.cited else "it cites nothing"
    if before is None:
        return ""
    sources = {prompt.headlines[number].item.source for number in cited}
    if before * one.score_pct < 0 and len(sources) < 2:
        return f"one source does not flip the sign of {before:+d}"
    if abs(one.score_pct - before) > MOST_CHANGE:
        return f"{before:+d} before, and a session may change it by {MOST_CHANGE} points"
    return ""
