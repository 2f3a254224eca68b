"""The simulated market's headlines: invented news, in the words that real headlines use."""

from __future__ import annotations

from hybrid_tui.market.sim_profiles import Profile

STRONG_POSITIVE = (
    "{name} beats quarterly profit estimates and raises full-year guidance",
    "{name} shares surge after record revenue and strong demand",
    "{name} wins record multi-billion order, lifts outlook",
    "{name} upgraded to buy as analysts see strong growth ahead",
    "{name} posts best margin in years, announces larger buyback",
    "{name} soars as new product demand exceeds expectations",
    "{name} profit jumps, tops every estimate on strong sales",
)
MILD_POSITIVE = (
    "{name} gains as broker lifts price target",
    "{name} expands partnership, expects higher sales next year",
    "{name} wins regulatory approval for expansion",
    "Analysts see upside for {name} on improving demand",
    "{name} rises after upbeat comments from management",
)
NEUTRAL = (
    "{name} to present at industry conference next week",
    "{name} names new head of investor relations",
    "{name} sets date for annual shareholder meeting",
    "What to know about {name} ahead of its next report",
    "{name} files routine registration statement",
    "{name} appoints director to its board",
    "{name} schedules quarterly earnings call",
)
MILD_NEGATIVE = (
    "{name} slips as broker trims price target",
    "{name} faces questions over slowing demand",
    "{name} falls after cautious comments from management",
    "Analysts warn of weaker margins at {name}",
    "{name} delays product launch on supply problems",
)
STRONG_NEGATIVE = (
    "{name} misses profit estimates and cuts full-year guidance",
    "{name} shares plunge on weak sales and falling margins",
    "{name} faces federal probe over accounting, shares tumble",
    "{name} downgraded to sell as analysts warn of losses",
    "{name} recalls product after failures, sees loss widening",
    "{name} hit by lawsuit, warns of large charge",
    "{name} loses major customer, slashes outlook",
)
FUND_TEMPLATES: dict[float, tuple[str, ...]] = {
    1.0: (
        "{name} rallies as inflation data come in better than expected",
        "{name} surges to record high on strong earnings across sectors",
    ),
    0.5: (
        "{name} gains as Treasury yields ease",
        "{name} rises on upbeat economic data",
    ),
    0.0: (
        "{name} little changed before central bank minutes",
        "{name} flat as traders wait for economic data",
        "{name} futures steady before the opening bell",
    ),
    -0.5: (
        "{name} slips as Treasury yields climb",
        "{name} falls on weaker consumer confidence",
    ),
    -1.0: (
        "{name} tumbles as inflation data come in worse than feared",
        "{name} plunges on fears of recession and weak earnings",
    ),
}
STOCK_TEMPLATES: dict[float, tuple[str, ...]] = {
    1.0: STRONG_POSITIVE,
    0.5: MILD_POSITIVE,
    0.0: NEUTRAL,
    -0.5: MILD_NEGATIVE,
    -1.0: STRONG_NEGATIVE,
}
SOURCES = ("Simulated Wire", "Simulated Newsroom", "Simulated Street")


def write_headline(profile: Profile, tone: float, pick: float) -> tuple[str, str]:
    """Return a headline of a tone (-1, -0.5, 0, 0.5, 1) and its source; ``pick`` is in [0, 1)."""
    templates = (FUND_TEMPLATES if profile.is_fund else STOCK_TEMPLATES)[tone]
    text = templates[int(pick * len(templates))].format(name=profile.name)
    return text, SOURCES[int(pick * 997) % len(SOURCES)]
