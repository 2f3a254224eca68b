"""Whom a headline is about: the provider's tags first, then names of companies in its text.

A link by text is made only for symbols that are asked for, and only where a reader could not take
the words for anything else: a false link puts one company's news on another's account, a missing
one leaves the tags as they are. Names are compared letter by letter, so a look-alike letter of
another alphabet makes another name, and a headline with such a word links nothing by its text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import replace

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.market.company_names import ABBREVIATIONS, NAMES, Company

TAGGED = re.compile(r"\(([^()]{1,60})\)")
EXCHANGE = re.compile(
    r"(?<![\w])(?:NYSE(?: American| Arca)?|NASDAQ|Nasdaq|AMEX|CBOE)\s?:\s?([A-Z][A-Z.-]{0,5})(?!\w)"
)
CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,5}(?:[.-][A-Z])?)(?![\w$])")
FEWEST_TAG_LETTERS = 3
WORD = re.compile(r"\w+")
COMBINING = "\u0300-\u036f"

# What follows a company's name and nothing else: its form, its share, its figures, its officers.
FORM = r"(?:,? (?:Inc|Corp|Corporation|plc|PLC|Ltd|SE|N\.?V|AG|S\.?A)\b)"
PAPER = (
    r"(?: (?:[Ss]tock|[Ss]hares|SHARES|STOCK)\b(?! (?:[Pp]rice|[Pp]ick|[Mm]arket|[Ll]ist|of\b)))"
)
OFFICE = r"(?: (?:CEO|CFO|COO|CTO|[Cc]hief [Ee]xecutive|[Ee]arnings [Cc]all)\b)"
OWN = (
    r"(?:['’]s? (?:[Ss]tock|[Ss]hares|[Ee]arnings|[Pp]rofits?|[Rr]evenues?|[Ss]ales|[Dd]ividend|"
    r"CEO|CFO|[Cc]hief [Ee]xecutive|[Qq]uarter\w*|[Rr]esults|[Gg]uidance|[Ii]nvestors|[Bb]oard|"
    r"[Bb]uyback|[Mm]arket [Cc]ap|[Ss]hareholders)\b)"
)
COMPANY = re.compile(f"{FORM}|{PAPER}|{OFFICE}|{OWN}")


class Linker:
    """Adds to a headline's symbols those of ``symbols`` that its text names beyond doubt."""

    def __init__(self, symbols: Collection[str]) -> None:
        self._symbols = frozenset(symbols)
        self._companies: dict[str, list[tuple[str, Company]]] = {}
        for symbol in sorted(self._symbols):
            company = NAMES.get(symbol)
            if company is not None:
                for name in (*company.names, *company.guarded, *company.common):
                    self._companies.setdefault(name, []).append((symbol, company))
                    if len(name) > FEWEST_TAG_LETTERS and name.isascii():
                        self._companies.setdefault(name.upper(), []).append((symbol, company))
        # The longest first: "Ford Motor" before "Ford".
        names = sorted(self._companies, key=lambda name: (-len(name), name))
        either = "|".join(re.escape(name).replace(r"\ ", r"\s") for name in names)
        self._names = re.compile(rf"(?<![\w@.{COMBINING}])({either})(?![\w{COMBINING}])")

    def link(self, item: NewsItem) -> NewsItem:
        """Return an item with its tags and the symbols found in its headline, in order."""
        if not self._symbols:
            return item
        found = self.found_in(item.headline) - set(item.symbols)
        if not found:
            return item
        return replace(item, symbols=tuple(sorted({*item.symbols, *found})))

    def found_in(self, headline: str) -> set[str]:
        """Return the symbols that a cleaned headline names beyond doubt."""
        if not headline.isascii() and _mixes_alphabets(headline):
            return set()
        found = {symbol for symbol in _tickers(headline) if symbol in self._symbols}
        if not self._companies:
            return found
        lowered = headline.casefold()
        for match in self._names.finditer(headline):
            name = match.group(1)
            for symbol, company in self._companies[re.sub(r"\s", " ", name)]:
                if symbol not in found and _is_meant(company, name, headline, match, lowered):
                    found.add(symbol)
        return found


def _is_meant(
    company: Company, name: str, headline: str, match: re.Match[str], lowered: str
) -> bool:
    folded = name.casefold()
    if any(folded == known.casefold() for known in company.names):
        return True
    is_guarded = any(folded == known.casefold() for known in company.guarded)
    if is_guarded and any(word in lowered for word in company.unless):
        return False
    if is_guarded:
        return True
    # "Initiated by Citigroup Inc." is about whom Citigroup looks at.
    return COMPANY.match(headline, match.end()) is not None and not headline.endswith(
        (" by ", " at ", " from "), 0, match.start()
    )


def _tickers(headline: str) -> set[str]:
    """Return what stands as a ticker: $NVDA, (NVDA), (NYSE: F) or (GOOGL, GOOG)."""
    found = {match.group(1) for match in EXCHANGE.finditer(headline)}
    found |= {match.group(1) for match in CASHTAG.finditer(headline)}
    for match in TAGGED.finditer(headline):
        words = [word.strip() for word in match.group(1).split(",")]
        found |= {
            word for word in words if len(word) >= FEWEST_TAG_LETTERS and word not in ABBREVIATIONS
        }
    return {symbol.replace(".", "-") for symbol in found} | found


def _mixes_alphabets(text: str) -> bool:
    """Whether a word has letters of two alphabets, as a forged name has."""
    for word in WORD.findall(text):
        if not word.isascii():
            alphabets = {unicodedata.name(c, "?").split(" ")[0] for c in word if c.isalpha()}
            if len(alphabets) > 1 and "LATIN" in alphabets:
                return True
    return False
