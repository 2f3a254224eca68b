"""How well-known companies are called in headlines, and how sure a name is.

Kept small and by hand: the companies that desks here have on their lists, as of November 2026.
Ready lists (exchanges' symbol directories, SEC's company_tickers.json) hold registered names, not
what headlines say, and do not tell which of them are also plain words. A company that is not here
is found by the provider's tags and by its ticker in the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ABBREVIATIONS = frozenset(
    (
        "ADP", "AGM", "ALL", "API", "APR", "BUY", "CAGR", "CAR", "CEO", "CFO", "COO", "CPI",
        "CTO", "DOE", "DOJ", "EPA", "EPS", "ESG", "ETF", "EUR", "FCC", "FDA", "FED", "FOMC",
        "FTC", "GDP", "GPU", "HAS", "IMF", "IPO", "IRA", "IRS", "ISM", "KEY", "LLC", "LLM",
        "LOW", "MAY", "NASA", "NATO", "NEW", "NOW", "NYSE", "ONE", "OPEC", "OUT", "PCE", "PDF",
        "PMI", "PPI", "RSI", "SEC", "SPAC", "SUN", "TOP", "UAW", "USA", "USD", "VAT", "VIX",
        "WSJ", "YTD",
    )
)  # fmt: skip
"""What stands in brackets as an abbreviation although some of it is a ticker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """``names`` are the company wherever they stand. ``guarded`` are, unless the headline has one
    of the words ``unless`` (lower case). ``common`` are only before a word that follows companies:
    plain words, surnames, and banks, which speak of others more than others speak of them.
    """

    names: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    common: tuple[str, ...] = ()


def _sure(*names: str) -> Company:
    return Company(names=names)


def _bank(*names: str) -> Company:
    return Company(common=names)


_ALPHABET = Company(
    names=("Google", "Alphabet Inc"),
    guarded=("Alphabet",),
    unless=("soup", "song", "letters", "cyrillic", "latin", "kids", "school", "teach"),
)

NAMES: Mapping[str, Company] = {
    "AAPL": Company(
        names=("Apple Inc",),
        guarded=("Apple",),
        unless=(
            "orchard", "fruit", "harvest", "cider", "grower", "crop", "recipe", " pie", "juice",
            "farm", "big apple", "sauce", "applesauce", "caramel", "blossom", " tree", "pear",
            "fiona apple", "adam's apple", "apple a day", "apple valley", "apple hospitality",
            "bad apple", "rotten apple", "apple to apple", "apple butter", "apple picking",
            "apple-picking", "apple season", "apple prices", "apple exports", "apple imports",
        ),
    ),
    "ABBV": _sure("AbbVie"),
    "ABNB": _sure("Airbnb"),
    "ADBE": Company(
        names=("Adobe Inc",), guarded=("Adobe",), unless=("house", "brick", "home", "hut")
    ),
    "AMAT": _sure("Applied Materials"),
    "AMD": Company(
        names=("Advanced Micro Devices",),
        guarded=("AMD",),
        unless=("wet amd", "dry amd", "macular", "retina", "eye", "eylea", "lucentis", "fda"),
    ),
    "AMGN": _sure("Amgen"),
    "AMZN": Company(
        names=("Amazon.com",),
        guarded=("Amazon",),
        unless=(
            "rainforest", "rain forest", "deforestation", "jungle", "tribe", "river", "basin",
            "indigenous", "wildfire", "logging", "the amazon", "brazil's amazon", "peru", "cattle",
            "amazon fires", "amazon forest", "bolsonaro", "fires in", "brazilian amazon", "soy",
        ),
    ),
    "AVGO": _sure("Broadcom"),
    "AXP": _sure("American Express"),
    "AZN": _sure("AstraZeneca"),
    "BA": _sure("Boeing"),
    "BABA": _sure("Alibaba"),
    "BAC": _bank("Bank of America", "BofA"),
    "BIDU": _sure("Baidu"),
    "BLK": _bank("BlackRock"),
    "BMY": _sure("Bristol Myers", "Bristol-Myers"),
    "BRK-A": _sure("Berkshire Hathaway"),
    "BRK-B": _sure("Berkshire Hathaway"),
    "C": _bank("Citigroup", "Citi"),
    "CAT": Company(common=("Caterpillar",)),
    "CMCSA": _sure("Comcast"),
    "COIN": _sure("Coinbase"),
    "COST": _sure("Costco"),
    "CRM": _sure("Salesforce"),
    "CRSP": _sure("CRISPR Therapeutics"),
    "CRWD": _sure("CrowdStrike"),
    "CSCO": _sure("Cisco Systems", "Cisco"),
    "CVS": _sure("CVS Health"),
    "CVX": Company(guarded=("Chevron",), unless=("pattern", "stripe", "deference", "doctrine")),
    "DAL": Company(names=("Delta Air Lines",), common=("Delta",)),
    "DDOG": _sure("Datadog"),
    "DE": _sure("John Deere", "Deere & Co", "Deere"),
    "DELL": _sure("Dell Technologies", "Dell Inc"),
    "DIS": _sure("Walt Disney", "Disney"),
    "F": Company(names=("Ford Motor",), common=("Ford",)),
    "FDX": _sure("FedEx"),
    "GE": Company(names=("General Electric", "GE Aerospace"), common=("GE",)),
    "GILD": _sure("Gilead Sciences", "Gilead"),
    "GM": Company(names=("General Motors",), common=("GM",)),
    "GOOG": _ALPHABET,
    "GOOGL": _ALPHABET,
    "GPS": Company(names=("Gap Inc",), common=("Gap",)),
    "GAP": Company(names=("Gap Inc",), common=("Gap",)),
    "GS": _bank("Goldman Sachs", "Goldman"),
    "HD": _sure("Home Depot"),
    "HON": _sure("Honeywell"),
    "IBM": _sure("IBM"),
    "INTC": Company(
        names=("Intel Corp",),
        guarded=("Intel",),
        unless=(
            "officials", "agenc", "committee", "community", "spy", "cia", "briefing", "military",
            "u.s. intel", "us intel", "israel", "ukrain", "russia", "sharing", "fbi", "mi6",
            "mossad", "pentagon", "terror", "intel report", "intel sources", "classified",
        ),
    ),
    "IONQ": _sure("IonQ"),
    "JNJ": _sure("Johnson & Johnson", "J&J"),
    "JPM": _bank("JPMorgan Chase", "JPMorgan", "JP Morgan", "J.P. Morgan"),
    "KO": _sure("Coca-Cola", "Coca Cola"),
    "LCID": Company(names=("Lucid Motors", "Lucid Group"), common=("Lucid",)),
    "LLY": _sure("Eli Lilly"),
    "LMT": _sure("Lockheed Martin", "Lockheed"),
    "LOW": Company(common=("Lowe's", "Lowe’s")),
    "MA": _sure("Mastercard"),
    "MCD": _sure("McDonald's", "McDonald’s"),
    "META": Company(names=("Meta Platforms", "Facebook"), common=("Meta",)),
    "MMM": Company(common=("3M",)),
    "MRK": Company(names=("Merck & Co",), common=("Merck",)),
    "MRNA": _sure("Moderna"),
    "MS": _bank("Morgan Stanley"),
    "MSFT": _sure("Microsoft"),
    "MU": _sure("Micron Technology", "Micron"),
    "NFLX": _sure("Netflix"),
    "NKE": _sure("Nike"),
    "NVDA": _sure("Nvidia", "NVIDIA"),
    "ORCL": Company(
        names=("Oracle Corp",),
        guarded=("Oracle",),
        unless=("of omaha", "delphi", "prophe", "chainlink", "blockchain", "price oracle", "defi"),
    ),
    "OXY": _sure("Occidental Petroleum"),
    "PEP": _sure("PepsiCo"),
    "PFE": _sure("Pfizer"),
    "PG": _sure("Procter & Gamble", "P&G"),
    "PLTR": _sure("Palantir"),
    "PYPL": _sure("PayPal"),
    "QCOM": _sure("Qualcomm"),
    "RIVN": _sure("Rivian"),
    "RTX": _sure("Raytheon"),
    "SBUX": _sure("Starbucks"),
    "SHEL": Company(names=("Royal Dutch Shell",), common=("Shell",)),
    "SHOP": _sure("Shopify"),
    "SMCI": _sure("Super Micro Computer", "Supermicro", "Super Micro"),
    "SNAP": Company(names=("Snapchat", "Snap Inc")),
    "SNOW": Company(names=("Snowflake Inc",), common=("Snowflake",)),
    "SPOT": _sure("Spotify"),
    "SQ": Company(names=("Block Inc",), common=("Block",)),
    "T": _sure("AT&T"),
    "TGT": Company(names=("Target Corp", "Target Corporation"), common=("Target",)),
    "TMUS": _sure("T-Mobile"),
    "TSLA": Company(
        names=("Tesla Motors",),
        guarded=("Tesla",),
        unless=("nikola tesla", "tesla coil", "the band", "tesla valve"),
    ),
    "TSM": _sure("TSMC", "Taiwan Semiconductor"),
    "UBER": Company(
        names=("Uber Technologies",), guarded=("Uber",), unless=("uber-", "uber rich", "alles")
    ),
    "UNH": _sure("UnitedHealth"),
    "UPS": _sure("United Parcel Service"),
    "V": Company(names=("Visa Inc",), common=("Visa",)),
    "VZ": _sure("Verizon"),
    "WFC": _bank("Wells Fargo"),
    "WMT": _sure("Walmart", "Wal-Mart"),
    "XOM": _sure("Exxon Mobil", "ExxonMobil", "Exxon"),
    "XYZ": Company(names=("Block Inc",), common=("Block",)),
}  # fmt: skip
