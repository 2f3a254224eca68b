"""Example headlines written for this program, from which training learns the trade's idioms.

The public training set is short posts of one winter; it hardly shows how a company reports results
or how traders talk. Each phrase has slots that are filled from the lists below by a seeded draw.
"""

from __future__ import annotations

import random
import re
from typing import Final

_SLOT: Final = re.compile(r"\{(\w+)\}")

_LISTS: Final[dict[str, tuple[str, ...]]] = {
    "co": (
        "The company", "The group", "Northwind", "$ACME", "The retailer", "The bank",
        "Blue Harbour", "The chipmaker", "The manufacturer", "Harlow plc", "The insurer", "It",
        "The drugmaker",
    ),
    "tkr": ("$ACME", "$NWND", "$BLUH", "$HRLW", "$QQZ"),
    "metric": (
        "net profit", "operating profit", "net sales", "revenue", "turnover", "earnings", "EBIT",
        "pretax profit", "sales", "orders", "income", "EPS", "cash flow", "market share",
        "production", "the order backlog", "passenger traffic", "operating margin",
        "gross profit", "volumes",
    ),
    "cost": (
        "costs", "operating loss", "net loss", "debt", "unemployment", "bad loans", "expenses",
        "jobless claims", "inflation", "credit losses", "the pretax loss",
    ),
    "rose": (
        "rose", "increased", "grew", "climbed", "jumped", "surged", "went up", "was up", "improved",
        "advanced", "soared", "strengthened",
    ),
    "fell": (
        "fell", "decreased", "declined", "dropped", "slid", "plunged", "went down", "was down",
        "slumped", "tumbled", "shrank", "weakened", "deteriorated",
    ),
    "rises": ("rises", "climbs", "jumps", "rallies", "gains", "surges", "soars", "pops"),
    "falls": ("falls", "slides", "sinks", "drops", "tumbles", "slumps", "retreats", "slips"),
    "good": ("strong", "record", "robust", "better-than-expected", "solid", "excellent", "healthy"),
    "bad": ("weak", "disappointing", "poor", "worse-than-expected", "sluggish", "dismal", "soft"),
    "unit": ("mn", "million", "bn", "m", "billion"),
    "cur": ("EUR ", "$", "USD ", "EUR", "£"),
    "low": ("1.2", "2.4", "3", "4.1", "5.5", "6"),
    "high": ("7.3", "8", "9.6", "12.4", "15", "23.8"),
    "pct": ("3 %", "12%", "7.5 percent", "20%", "41 %", "2.1%"),
    "per": (
        "in the quarter", "in the first half", "from a year earlier", "in 2011", "year on year",
        "in the third quarter", "for the full year", "in the corresponding period", "",
    ),
    "thing": ("plant", "contract", "drug", "product", "service", "project", "office", "store"),
    "place": ("Helsinki", "Texas", "Poland", "Brazil", "Mumbai", "Oslo", "Lyon"),
}  # fmt: skip

POSITIVE: Final = """
{metric} {rose} by {pct} {per}
{metric} {rose} to {cur}{high} {unit} from {cur}{low} {unit} {per}
{metric} {rose} {per}
{metric} totalled {cur}{high} {unit}, compared with {cur}{low} {unit} a year before
{metric} was {cur}{high} {unit}, up from {cur}{low} {unit} {per}
{metric} amounted to {cur}{high} {unit} against {cur}{low} {unit} {per}
{cost} {fell} by {pct} {per}
{cost} {fell} to {cur}{low} {unit} from {cur}{high} {unit} {per}
{cost} narrowed to {cur}{low} {unit} from {cur}{high} {unit} {per}
{co} posted a profit of {cur}{low} {unit} compared to a loss of {cur}{high} {unit} {per}
{co} swung to a profit from a loss {per}
{co} returned to profit {per}
EBIT was {cur}{low} {unit} versus a loss of {cur}{low} {unit} {per}
{co} reports {good} {metric}
{co} raised its full-year guidance
{co} expects {metric} to grow {per}
{co} expects {metric} to exceed last year's level
{co} beats estimates on {good} {metric}
{co} has won an order worth {cur}{high} {unit}
{co} was awarded a contract in {place}
{co} signs a deal worth {cur}{high} {unit} in {place}
{co} wins approval for its new {thing}
{co} increases its dividend
{co} announces share buyback of {cur}{low} {unit}
{co} to be acquired at a premium
{co} agrees to buy rival for {cur}{high} {unit}
takeover bid clears regulators for {co}
{co} gets regulatory clearance for the merger
{co} joins forces with partner in {place}
{co} and partner reach agreement
{co} settles the dispute and moves on
the {thing} will strengthen our position in {place}
the acquisition will improve profitability and efficiency
the programme will bring annual savings of {cur}{low} {unit}
the new {thing} will boost competitiveness
we are pleased with the performance of the {thing}
demand for the {thing} has been {good}
{co} upgraded to buy, price target raised
broker starts {co} with a buy rating and sees upside
analysts raise price target on {co}
{co} shares {rises} on {good} {metric}
{tkr} stock {rises} after earnings beat
{tkr} {rises} {pct}
{tkr} breaking out to new highs
{tkr} breakout, looks ready to run
{tkr} just broke resistance, nice breakout
{tkr} long here, adding to my position
{tkr} I'm long and holding
bought more {tkr} calls today
buying {tkr} on this dip
{tkr} looks like a bounce, bulls in control
{tkr} bullish flag, next stop higher
{tkr} going to the moon
{tkr} won't stay down
{tkr} shorts will get squeezed
{tkr} short squeeze coming
{tkr} strong support here, uptrend intact
{tkr} green on a red day, very strong
{tkr} closed its puts, in calls now
loving {tkr}, great company, much higher from here
{tkr} undervalued, cheap at this price
{tkr} nice gap up
{tkr} ascending triangle, watch for the move up
{co} is not in trouble and has no debt
{co} and rival agree merger worth {cur}{high} {unit}
{co} to sell its {place} unit for {cur}{high} {unit}
{co} seeks tie-up with rival
{co} said to be in takeover talks
{co} bags another deal in {place}
{co} set to be acquired by rival
{co} plans listing in {place}
{co} affirms credit rating
{co} builds stake in rival
{co} has recovered and the worst is over
no sign of weakness at {co}
""".strip().splitlines()

NEGATIVE: Final = """
{metric} {fell} by {pct} {per}
{metric} {fell} to {cur}{low} {unit} from {cur}{high} {unit} {per}
{metric} {fell} {per}
{metric} totalled {cur}{low} {unit}, compared with {cur}{high} {unit} a year before
{metric} was {cur}{low} {unit}, down from {cur}{high} {unit} {per}
{metric} amounted to {cur}{low} {unit} against {cur}{high} {unit} {per}
{cost} {rose} by {pct} {per}
{cost} {rose} to {cur}{high} {unit} from {cur}{low} {unit} {per}
{cost} widened to {cur}{high} {unit} from {cur}{low} {unit} {per}
{co} posted a loss of {cur}{low} {unit} compared to a profit of {cur}{high} {unit} {per}
{co} made a loss per share of {cur}{low} against EPS of {cur}{low} {per}
{co} swung to a loss from a profit {per}
the result was a loss of {cur}{high} {unit}, while a year before it was a profit
{co} reports {bad} {metric}
{co} cut its full-year guidance
{co} issues a profit warning
{co} expects {metric} to fall {per}
{co} expects {metric} to remain below last year's level
{co} misses estimates on {bad} {metric}
{co} loses a contract in {place}
{co} loses an order worth {cur}{high} {unit}
{co} to cut jobs and close its {thing} in {place}
{co} will lay off employees in {place}
{co} starts negotiations on temporary lay-offs
{co} fails to win approval for its {thing}
{co} cuts its dividend
{co} suspends the dividend and share buyback
{co} fined {cur}{low} {unit} by the regulator
{co} to pay {cur}{low} {unit} to settle claims
{co} sued over its {thing}
{co} under investigation by prosecutors
{co} recalls its {thing} over safety fears
{co} hit by cyber attack
{co} criticised over its {thing}
takeover of {co} collapses
regulator blocks the merger of {co}
{co} chief executive resigns abruptly
{co} defaults on its bonds
{co} files for bankruptcy
credit rating of {co} cut, outlook negative
{co} downgraded to sell, price target cut
broker starts {co} at underperform and sees downside
analysts lower price target on {co}
uncertainty and {bad} demand weigh on {co}
{co} says demand for its {thing} remains {bad}
{co} lags on capital worries
{co} shares {falls} on {bad} {metric}
{tkr} stock {falls} after earnings miss
{tkr} {falls} {pct}
{tkr} breaking down, lower lows
{tkr} broke support, next stop lower
{tkr} short here, adding to my short
{tkr} I'm short and staying short
{tkr} looking for a short entry
bought {tkr} puts today
{tkr} selling calls, getting out of longs
{tkr} shorting this pop
{tkr} bearish, rolling over
{tkr} head and shoulders, going down
{tkr} bloated valuation, way overvalued
{tkr} sell signal, downtrend intact
{tkr} dead money, worst stock I own
{tkr} taking a loss and moving on
{tkr} is a falling knife
{tkr} red all day, very weak
{tkr} gap down, bears in control
{tkr} not looking good
{co} is not profitable and never will be
{co} faces inquiry by the watchdog
{co} withdraws staff from {place}
{co} faces a backlash from shareholders
{co} boss to step down
{co} may scrap its planned {thing}
rival walks away from deal with {co}
{co} bonds slump as {metric} {fell}
{co} takes a writedown of {cur}{high} {unit}
growth at {co} is no longer expected
""".strip().splitlines()

NEUTRAL: Final = """
{co} is based in {place} and has {high} thousand employees
{co} opens a {thing} in {place}
the {thing} will be delivered in 2012
{co} publishes its report on Thursday
{co} will hold its annual general meeting in {place}
the value of the {thing} was not disclosed
{co} has operations in {place} and {place}
the number of shares is {high} {unit}
{co} appoints a new head of sales
{metric} was flat {per}
{metric} was at the level of the previous year
{metric} is expected to be at last year's level
{metric} of {co} totalled {cur}{high} {unit} {per}
{cost} amounted to {cur}{low} {unit}
the contract covers the {thing} and related maintenance
{co} makes and sells the {thing} in {place}
the financial terms of the {thing} deal were not given
{co} keeps its outlook unchanged
{tkr} on watch
{tkr} earnings call transcript
what to expect from {tkr} earnings
is {tkr} worth a look now
{tkr} trading sideways, no position
watching {tkr} for direction
{co} prices its offering at {cur}{high}
the {thing} is located in {place}
""".strip().splitlines()

SEED: Final = 20_260_301
DRAWS: Final = 24


def examples() -> list[tuple[str, int]]:
    """Return the filled phrases and their classes (0 negative, 1 neutral, 2 positive), distinct.

    The draw is seeded: the same list each time.
    """
    draw = random.Random(SEED)
    found: dict[str, int] = {}
    for phrases, label in ((NEGATIVE, 0), (NEUTRAL, 1), (POSITIVE, 2)):
        for phrase in phrases:
            for _ in range(DRAWS if "{" in phrase else 1):
                text = _SLOT.sub(lambda slot: draw.choice(_LISTS[slot[1]]), phrase)
                found.setdefault(text.strip(), label)
    return list(found.items())
