"""Each story once: which headlines are one story, and whom it is about, as they come in.

A headline can only repeat one that was taken before it, so the same headlines in the same order
give the same stories live, on a recorded day and in a backtest. Three things make two headlines
one story: the same id, the same article's address within three days (a live page keeps its address
and changes its text), or nearly the same words within twelve hours (the next day the same words are
a new story: a daily column).

*Nearly the same words* is strict, because one word can turn a headline round ("beats", "misses")
and templates differ in the company alone. General likeness (rapidfuzz's ratios, datasketch's
MinHash) cannot tell those from a repeat, so the words are compared here: the same figures and the
same words in the same order but for case, punctuation, articles, plurals, the outlet's name and one
misspelling, or one being the other cut short.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.market.linking import Linker

TEXT_WINDOW = timedelta(hours=12)
ADDRESS_WINDOW = timedelta(days=3)
FOLLOWS = "#"
"""Stands in the id of an item between its story's id and the symbols that it adds to it."""

FEWEST_WORDS = 3
FEWEST_TO_DIFFER = 5
LEAST_LETTERS = 6
KEY_WORDS = 3
FEWEST_SLUG = 20

WORD = re.compile(r"\$?\d[\d,]*(?:\.\d+)?%?|\w+(?:[.&'-]\w+)*")
LABEL = re.compile(
    r"^(?:(?:breaking|exclusive|alert|update|correct(?:ed|ion)|wrapup|rpt|refile)(?: ?\d+)?"
    r"(?: news)?\s?[-:|]\s?)+",
    re.IGNORECASE,
)
OUTLET = re.compile(
    r"\s[-–—|]\s?(?:reuters|bloomberg(?: news)?|cnbc|yahoo(?: finance)?|marketwatch|wsj|"
    r"(?:the )?wall street journal|barron's|benzinga|seeking alpha|(?:the )?motley fool|ft|"
    r"financial times|ap(?: news)?|associated press|dow jones(?: newswires)?|investing\.com|"
    r"thestreet|forbes|business insider|cnn(?: business)?|zacks|investopedia|axios|"
    r"(?:the )?new york times|(?:the )?guardian|bbc(?: news)?)\.?$",
    re.IGNORECASE,
)
CUT = re.compile(r"(?:\.{3}|…)$")
EMPTY_WORDS = frozenset(
    ("a", "an", "the", "and", "of", "in", "on", "at", "for", "with", "as", "its", "is", "are",
     "was", "were", "be", "has", "have",)
)  # fmt: skip
SAME_WORDS = {"share": "stock", "percent": "%", "pct": "%"}


@dataclass(frozen=True, slots=True)
class Words:
    """A headline's words as they are compared; ``is_cut`` where its end is missing."""

    words: tuple[str, ...]
    is_cut: bool

    @property
    def figures(self) -> tuple[str, ...]:
        """The words with a digit."""
        return tuple(word for word in self.words if any(c.isdigit() for c in word))


def words_of(headline: str, source: str = "") -> Words:
    """Return what a cleaned headline says, without its dress."""
    text = headline.replace("’", "'").replace("‘", "'").strip()
    text = LABEL.sub("", text)
    text = OUTLET.sub("", text)
    if source:
        text = re.sub(rf"\s[-–—|]\s?{re.escape(source)}\.?$", "", text, flags=re.IGNORECASE)
    is_cut = CUT.search(text) is not None
    found = (_stem(word) for word in WORD.findall(text.casefold()))
    return Words(tuple(word for word in found if word not in EMPTY_WORDS), is_cut)


def same_story(one: Words, other: Words) -> bool:
    """Whether two headlines say the same in nearly the same words."""
    if one.words == other.words:
        return len(one.words) >= FEWEST_WORDS
    for short, long in ((one, other), (other, one)):
        count = len(short.words)
        if short.is_cut and count >= FEWEST_TO_DIFFER:
            # The last word may be cut in its middle.
            head, last = short.words[:-1], short.words[-1]
            if (
                long.words[: count - 1] == head
                and long.words[count - 1 : count]
                and (long.words[count - 1].startswith(last))
            ):
                return True
    if len(one.words) != len(other.words) or len(one.words) < FEWEST_TO_DIFFER:
        return False
    if one.figures != other.figures:
        return False
    differing = [pair for pair in zip(one.words, other.words, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and _is_misspelling(*differing[0])


def _stem(word: str) -> str:
    word = word.replace(",", "") if word[0].isdigit() or word[0] == "$" else word
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return SAME_WORDS.get(word, word)


def _is_misspelling(one: str, other: str) -> bool:
    """Whether two long words are one edit apart and begin alike ("million" is no "billion")."""
    if len(one) > len(other):
        one, other = other, one
    if len(one) < LEAST_LETTERS or one[0] != other[0] or len(other) - len(one) > 1:
        return False
    if not (one.isalpha() and other.isalpha()):
        return False
    first = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[first:] == other[first + 1 :]
    swapped = one[first : first + 2] == other[first : first + 2][::-1]
    return one[first + 1 :] == other[first + 1 :] or (
        swapped and one[first + 2 :] == other[first + 2 :]
    )


class _Story:
    """A story as it was first received, and the symbols that it has come under since."""

    def __init__(self, item: NewsItem) -> None:
        self.first = item
        self.symbols = set(item.symbols)

    @cached_property
    def words(self) -> Words:
        """What its headline says."""
        return words_of(self.first.headline, self.first.source)


class Stories:
    """Takes headlines in the order in which they are received and gives each story once.

    ``symbols`` are those that are also looked for in the text (see ``linking``); the provider's
    tags count whatever they are. Grows with the stories of the last days, and with the ids.
    """

    def __init__(self, symbols: Collection[str] = ()) -> None:
        self._linker = Linker(symbols)
        self._by_id: dict[str, _Story] = {}
        self._by_address: dict[str, _Story] = {}
        self._by_words: dict[tuple[int, tuple[str, ...]], list[_Story]] = {}

    def take(self, item: NewsItem) -> NewsItem | None:
        """Return what an item adds to what is known: a new story, a story's new symbols, or None.

        New symbols of a known story come as an item of its first text and the new symbols alone,
        received now: under the new symbol it was not known any earlier.
        """
        item = self._linker.link(item)
        words = words_of(item.headline, item.source)
        story = self._find(item, words)
        if story is None:
            story = _Story(item)
            self._by_id[item.id] = story
            address = _address(item.url)
            if address:
                self._by_address[address] = story
            for key in _keys(words):
                self._by_words.setdefault(key, []).append(story)
            return item
        self._by_id.setdefault(item.id, story)
        added = sorted(set(item.symbols) - story.symbols)
        if not added:
            return None
        story.symbols.update(added)
        follows = replace(
            story.first,
            id=f"{story.first.id}{FOLLOWS}{','.join(added)}",
            received_at=max(item.received_at, story.first.received_at),
            symbols=tuple(added),
        )
        self._by_id.setdefault(follows.id, story)
        return follows

    def take_all(self, items: Iterable[NewsItem]) -> list[NewsItem]:
        """Take headlines of one batch and return what they add, sorted by reception, then id.

        Symbols under which a story of the batch came at one and the same instant are its own.
        """
        found: dict[str, NewsItem] = {}
        for item in sorted(items, key=_received_at):
            taken = self.take(item)
            if taken is None:
                continue
            first = found.get(story_id(taken.id)) if FOLLOWS in taken.id else None
            if first is not None and first.received_at == taken.received_at:
                taken = replace(first, symbols=tuple(sorted({*first.symbols, *taken.symbols})))
            found[taken.id] = taken
        return sorted(found.values(), key=lambda item: (item.received_at, item.id))

    def _find(self, item: NewsItem, words: Words) -> _Story | None:
        story = self._by_id.get(item.id)
        if story is not None:
            return story
        story = self._by_id.get(story_id(item.id))
        if story is not None and story.first.headline == item.headline:
            return story
        story = self._by_address.get(_address(item.url))
        if story is not None and _is_near(item, story, ADDRESS_WINDOW):
            return story
        for key in _keys(words):
            known = self._by_words.get(key)
            if not known:
                continue
            recent = [story for story in known if _is_near(item, story, TEXT_WINDOW)]
            for story in recent:
                if same_story(words, story.words):
                    return story
            if len(recent) < len(known) and item.received_at > known[-1].first.received_at:
                self._by_words[key] = recent
        return None


def _keys(words: Words) -> list[tuple[int, tuple[str, ...]]]:
    """Return what a headline is looked up by: three words, and three more for a misspelt one."""
    firsts = range(0, min(len(words.words), 2 * KEY_WORDS) - KEY_WORDS + 1, KEY_WORDS)
    return [(first, words.words[first : first + KEY_WORDS]) for first in firsts]


def merge_news(items: Sequence[NewsItem], symbols: Collection[str] = ()) -> list[NewsItem]:
    """Return each story once, sorted by reception, then id, as ``Stories`` gives them.

    Merging what was merged changes nothing.
    """
    return Stories(symbols).take_all(items)


def additions(stored: Sequence[NewsItem], items: Sequence[NewsItem]) -> list[NewsItem]:
    """Return what ``items`` add to merged news that are stored: stories, and symbols of stories."""
    known = {item.id: set(item.symbols) for item in stored}
    found = []
    for item in merge_news([*stored, *items]):
        added = sorted(set(item.symbols) - known.get(item.id, set()))
        if item.id not in known:
            found.append(item)
        elif added:
            name = f"{item.id}{FOLLOWS}{','.join(added)}"
            if name not in known:
                found.append(replace(item, id=name, symbols=tuple(added)))
    return found


def fold_stories(items: Sequence[NewsItem]) -> list[NewsItem]:
    """Return merged news with all symbols of a story in its first item: for people, not for tiers.

    What a tier may know of a story at an instant are the items received by then, not these.
    """
    found: dict[str, NewsItem] = {}
    for item in items:
        first = found.get(story_id(item.id))
        if first is not None and first.headline == item.headline:
            symbols = tuple(sorted({*first.symbols, *item.symbols}))
            found[first.id] = replace(first, symbols=symbols)
        else:
            found[item.id] = item
    return list(found.values())


def story_id(item_id: str) -> str:
    """Return the id of the story that an item adds symbols to, else the item's own."""
    return item_id.rpartition(FOLLOWS)[0] or item_id


def _is_near(item: NewsItem, story: _Story, window: timedelta) -> bool:
    return abs(item.received_at - story.first.received_at) <= window


def _address(url: str) -> str:
    """Return what tells an article's address from others; empty where it names no article."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    slug = parts.path.rstrip("/").rpartition("/")[2]
    is_article = len(slug) >= FEWEST_SLUG or sum(c.isdigit() for c in slug) >= LEAST_LETTERS
    return f"{host}{parts.path.rstrip('/')}" if host and is_article else ""


def _received_at(item: NewsItem) -> datetime:
    return item.received_at
