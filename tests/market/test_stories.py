"""Each story once: by its id, its address, or nearly the same words; never by what comes later."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.market.news import read_news
from hybrid_tui.market.stories import (
    Stories,
    additions,
    fold_stories,
    merge_news,
    same_story,
    story_id,
    words_of,
)
from tests.market.builders import OPEN

MINUTE = timedelta(minutes=1)
HEADLINE = "Chipmaker raises its forecast for the year"


def item(key: str, minute: float, text: str = HEADLINE, *symbols: str, url: str = "") -> NewsItem:
    return NewsItem(
        id=key,
        received_at=OPEN + minute * MINUTE,
        symbols=symbols or ("A",),
        headline=text,
        url=url,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Apple beats estimates by 5%", "APPLE BEATS ESTIMATES BY 5%"),
        ("Apple's profit rises, shares jump", "Apple’s Profit Rises; Stock Jumps"),
        ("UPDATE 2-Boeing to cut 500 jobs", "Boeing to cut 500 jobs - Reuters"),
        ("BREAKING: Fed holds interest rates", "Fed holds interest rates | Bloomberg"),
        ("Moderna vaccine aproved by the regulator", "Moderna vaccine approved by regulator"),
        ("Google to buy the maker of security softwa...", "Google to buy the maker of security "
         "software for $32 billion"),
    ],
)  # fmt: skip
def test_a_repeat_is_known_in_another_dress(one: str, other: str) -> None:
    assert same_story(words_of(one), words_of(other))
    assert same_story(words_of(other), words_of(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Apple beats estimates in third quarter", "Apple misses estimates in third quarter"),
        ("Why Nvidia stock is falling today", "Why Tesla stock is falling today"),
        ("Nvidia shares rise 3% after results", "Nvidia shares rise 5% after results"),
        ("Meta hires head of research unit", "Meta fires head of research unit"),
        ("Oracle signs deal worth a million dollars", "Oracle signs deal worth a billion dollars"),
        ("Analyst upgrades Intel to buy from hold", "Analyst downgrades Intel to buy from hold"),
        ("Boeing wins order from Emirates airline", "Boeing wins order from Emirates airline after"
         " a year of talks"),
        ("Market update", "Market update"),
        ("Intel is not in talks to sell its plants", "Intel is in talks to sell its plants"),
    ],
)  # fmt: skip
def test_another_story_is_not_taken_for_a_repeat(one: str, other: str) -> None:
    assert not same_story(words_of(one), words_of(other))
    assert not same_story(words_of(other), words_of(one))


def test_a_repeat_under_a_new_symbol_is_known_under_it_only_then() -> None:
    stories = Stories()
    first = item("1", 0, HEADLINE, "NVDA")
    assert stories.take(first) == first
    assert stories.take(item("2", 1, f"{HEADLINE} - Reuters", "NVDA")) is None
    again = stories.take(item("3", 5, HEADLINE.upper(), "AMD", "NVDA"))
    assert again == replace(first, id="1#AMD", received_at=OPEN + 5 * MINUTE, symbols=("AMD",))
    assert story_id(again.id) == "1"
    assert stories.take(item("3", 6, "Another text under a known id", "AMD")) is None


def test_symbols_of_one_instant_are_one_item() -> None:
    (merged,) = merge_news([item("2", 0, HEADLINE, "AMD"), item("1", 0, HEADLINE, "NVDA")])
    assert (merged.id, merged.symbols) == ("2", ("AMD", "NVDA"))


def test_a_live_page_keeps_its_first_text() -> None:
    url = "https://finance.example/news/live/stocks-today-120000123.html"
    page = item("1", 0, "Stocks today: futures are calm", url=url)
    later = item("2", 300, "Stocks today: Nvidia plunges after export ban", url=f"{url}?x=1#top")
    assert merge_news([later, page]) == [page]


def test_an_address_that_names_no_article_tells_nothing() -> None:
    items = [
        item("1", 0, "First story of the day comes", url="https://finance.yahoo.com"),
        item("2", 1, "Second story of the day comes", url="https://finance.yahoo.com"),
        item("3", 2, "A third one on the list", url="https://x.example/markets/stocks"),
        item("4", 3, "A fourth one, not on it", url="https://x.example/markets/stocks"),
        item("5", 4, "A fifth without a sound address", url="http://[bad"),
    ]
    assert merge_news(items) == items


def test_the_same_words_on_the_next_day_are_a_new_story() -> None:
    items = [item("1", 0), item("2", 12 * 60), item("3", 24 * 60)]
    assert [found.id for found in merge_news(items)] == ["1", "3"]


def test_what_is_stored_gains_only_what_is_new() -> None:
    stored = merge_news([item("1", 0, HEADLINE, "NVDA"), item("2", 3, HEADLINE, "AMD")])
    assert [found.id for found in stored] == ["1", "1#AMD"]
    assert additions(stored, [item("9", 4, HEADLINE, "AMD"), item("1", 0, "x", "NVDA")]) == []
    gained = additions(stored, [item("8", 0, HEADLINE, "TSM"), item("7", 9, "Quite another thing")])
    assert [(found.id, found.symbols) for found in gained] == [("1#TSM", ("TSM",)), ("7", ("A",))]
    (story, other) = fold_stories(merge_news([*stored, *gained]))
    assert (story.id, story.symbols, other.id) == ("1", ("AMD", "NVDA", "TSM"), "7")


TEXTS = (
    HEADLINE,
    f"{HEADLINE} - Reuters",
    "Chipmaker raises its forecats for the year",
    "Chipmaker cuts its forecast for the year",
    "Short",
)
ITEMS = st.lists(
    st.builds(
        item,
        st.sampled_from("abcde"),
        st.integers(0, 2000),
        st.sampled_from(TEXTS),
        st.sampled_from(["A", "B", "C"]),
        url=st.sampled_from(["", "https://x.example/a-rather-long-name-of-a-page"]),
    ),
    max_size=12,
)


@given(ITEMS)
def test_merging_twice_is_merging_once(items: list[NewsItem]) -> None:
    once = merge_news(items)
    assert merge_news(once) == once
    assert len({found.id for found in once}) == len(once)
    assert {s for found in once for s in found.symbols} == {s for i in items for s in i.symbols}


@given(ITEMS, st.integers(0, 2000))
def test_what_comes_later_changes_nothing_before_it(items: list[NewsItem], minute: int) -> None:
    now: datetime = OPEN + minute * MINUTE
    early = [found for found in items if found.received_at <= now]
    seen = [found for found in merge_news(items) if found.received_at <= now]
    assert seen == merge_news(early)
    stories = Stories()
    lived = [stories.take(found) for found in sorted(items, key=lambda found: found.received_at)]
    assert {s.id.split("#")[0] for s in lived if s} == {
        story_id(found.id) for found in merge_news(items)
    }


def test_real_headlines_come_once_with_all_their_symbols(shared_data: Path) -> None:
    path = shared_data / "news_2026" / "headlines.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    found = read_news([path], received_from="published_at")
    assert len(rows) == 111
    assert len(found) == len({row["headline"] for row in rows}) == 83
    tags = {(row["headline"], row["symbol"]) for row in rows}
    assert sum(len(story.symbols) for story in found) == len(tags)
