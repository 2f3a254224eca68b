"""The word groups of financial headlines: what moves, which way, and whether that is good news.

Written by hand for this program, from the general language of the trade. Words are given in any
form that the light stemmer maps to the same stem; irregular forms stand beside them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final


def stem(word: str) -> str:
    """Return a crude stem: plural, past and progressive endings taken off, a final e dropped."""
    size = len(word)
    if size > 5 and word.endswith("ing"):
        word = word[:-3]
    elif size > 4 and word.endswith("ied"):
        word = word[:-3] + "y"
    elif size > 4 and word.endswith("ed"):
        word = word[:-2]
    elif size > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif size > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif size > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 4 and word[-1] == word[-2] and word[-1] in "bdgmnprt":
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word


_GROUPS: Final[dict[str, str]] = {
    "up": """rise rose risen increase grow grew grown growth climb jump surge soar rally gain
        advance rocket leap spike skyrocket double triple quadruple higher up upward uptick
        accelerate rebound recover recovery improve improvement boost expand expansion
        strengthen upswing raise lift hike outpace exceed swell upturn pop zoom uptrend
        rocketing moon highest record peak widen elevated bounce""",
    "down": """fall fell fallen decrease decline drop dip slip slide slid plunge plummet tumble sink
        sank sunk slump shrink shrank shrunk shrunken lower down downward downtick crash dive dove
        tank crater collapse weaken slow slowdown slash cut reduce reduction diminish narrow
        contract contraction dwindle halve sag ease retreat erode skid trim downtrend downturn
        lowest bottom tumbling nosedive depress pullback deteriorate worsen shed lose lost""",
    "good_metric": """profit sale revenue earnings eps income margin turnover ebit ebita ebitda
        demand order orders backlog guidance dividend output production deliveries shipment volume
        traffic bookings subscriber user customer share stock index cash price target outlook
        forecast estimate gdp payroll hiring job confidence yield return market gross
        result fee rating productivity efficiency export retail capacity""",
    "bad_metric": """loss losses cost costs expense debt deficit unemployment jobless inflation
        claim claims default delinquency tax impairment writedown writeoff charge charges bankruptcy
        volatility vix tariff liability provision layoff redundancy shortfall leverage infection
        outbreak risk emission""",
    "good": """beat top upgrade outperform overweight bullish strong stronger strongest solid robust
        best better positive success successful successfully win won award awarded approve approval
        breakthrough optimistic optimism upbeat impressive excellent great healthy attractive
        undervalued cheap favorable favourable bargain winner outpaced topped profitable
        profitability breakout buy accumulate upside bull calls long rewarded innovative leading
        promising momentum resilient thrive opportunity pleased confident benefit
        agreement partnership collaboration synergy enhance advantage progress buyback
        repurchase reiterate initiate secure sign launch deal love nice bid stimulus green""",
    "bad": """miss downgrade underperform underweight bearish weak weaker weakness weakest poor
        worse worst negative fail failure failed lawsuit sue sued fraud probe investigate
        investigation recall halt suspend delay warn warning concern worry worries fear fears
        crisis scandal bankrupt insolvency layoffs fire dismiss terminate termination reject
        rejection fine fined penalty breach hack violation disappoint disappointing
        disappointment pessimistic gloomy
        trouble struggle struggling risk risky threat threaten sell selloff sold short shorts puts
        bear overvalued bubble pressure hurt hit blow plague suffer damage drag cancel close
        closure shut shutdown strike resign quit oust uncertainty turmoil rout recession bleak
        dispute ban sanction subpoena alarm unable unprofitable shortage coronavirus virus
        adverse distress challenge challenging headwind stall stagnant toxic dump weigh caution
        cautious cuts downside red broken breakdown disaster ugly dead exit""",
    "negation": """not no never none nor neither without cannot isn't aren't wasn't weren't don't
        doesn't didn't won't wouldn't can't couldn't shouldn't hasn't haven't hadn't ain't hardly
        barely lack lacks""",
    "turns": """narrow shrink trim reduce cut ease smaller""",
    "swing": """swing swung turn turned return returned""",
    "hedge": """could may might if should would whether question why how what analyst""",
}


def _stems(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words.split())


GROUPS: Final = MappingProxyType({name: _stems(words) for name, words in _GROUPS.items()})


def _by_stem() -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for name, stems in GROUPS.items():
        for item in stems:
            table.setdefault(item, []).append(name)
    return {item: tuple(names) for item, names in table.items()}


GROUPS_OF: Final = MappingProxyType(_by_stem())
"""The groups that a stem belongs to."""
