"""Links by text: companies by their names and tickers, and nothing that only looks like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid_tui.domain.bars import NewsItem
from hybrid_tui.market.company_names import NAMES
from hybrid_tui.market.linking import Linker
from hybrid_tui.market.news import read_news
from tests.market.builders import OPEN

ALL = Linker(NAMES)


@pytest.mark.parametrize(
    ("headline", "symbols"),
    [
        ("Nvidia unveils a new chip", "NVDA"),
        ("NVIDIA’s data center sales double", "NVDA"),
        ("Apple to bring paid ads to maps", "AAPL"),
        ("Why Apple Is Headed to $303", "AAPL"),
        ("Amazon’s Zoox expands — Tesla should be worried", "AMZN TSLA"),
        ("Target stock heads toward a record after guidance", "TGT"),
        ("Target's sales slip as shoppers hold back", "TGT"),
        ("Gap Inc. names a new chief", "GAP GPS"),
        ("Ford Motor recalls 500,000 pickups", "F"),
        ("Ford CEO sees cheaper batteries", "F"),
        ("Meta Platforms to spend more on data centers", "META"),
        ("Meta's stock falls after hours", "META"),
        ("Google signs a cloud deal", "GOOG GOOGL"),
        ("AT&T and Verizon raise prices", "T VZ"),
        ("Is Credo Technology (CRDO) or Snowflake (SNOW) the better stock?", "SNOW"),
        ("Automaker (NYSE: F) and bank (NYSE:BAC) report", "BAC F"),
        ("Alphabet (GOOGL, GOOG) still the best?", "GOOG GOOGL"),
        ("$F and $TGT lead the gainers", "F TGT"),
        ("JPMorgan's profit jumps on trading", "JPM"),
    ],
)
def test_companies_are_found_by_name_and_ticker(headline: str, symbols: str) -> None:
    assert ALL.found_in(headline) == set(symbols.split())


@pytest.mark.parametrize(
    "headline",
    [
        "Apple harvest in Washington is the smallest in years",
        "Apple growers fear late frost",
        "Big Apple rents reach a record",
        "How to bake an Apple Pie for under $5",
        "Fires spread in the Amazon as drought deepens",
        "Amazon deforestation falls by a third",
        "Analyst lifts price Target on chipmaker",
        "Sanctions Target Russian oil exports",
        "Target Price Cut at Three Brokers",
        "Analysts cut Target stock price estimates",
        "The Gap Between Rich and Poor Widens",
        "Stocks Gap Higher at the Open",
        "Harrison Ford to star in a new film",
        "Doug Ford says Ontario will answer tariffs",
        "Meta analysis finds no benefit of the drug",
        "Meta-analysis of 40 trials published",
        "Visa rules for foreign students tighten",
        "Delta variant drives new lockdowns",
        "Shell company used to hide assets",
        "U.S. to Block Iran's request to the IMF",
        "Oracle of Omaha buys oil shares",
        "Intel officials brief Congress on Russia",
        "Nikola Tesla museum opens in Belgrade",
        "JPMorgan upgrades the airline to overweight",
        "Startup initiated by Citigroup Inc. at outperform",
        "Retailer's CEO (CEO) and CFO (CFO) resign",
        "The future of artificial intelligence (AI) in banking",
        "Plant costs 5M$F and more",
        "Snowflakes and caterpillars: a nature diary",
        "Alphabet soup of agencies regulates crypto",
        "via @Nvidia and mail@Tesla.example",
    ],
)
def test_words_that_only_look_like_companies_link_nothing(headline: str) -> None:
    assert ALL.found_in(headline) == set()


@pytest.mark.parametrize(
    "headline",
    [
        "\u0410pple shares halted for fraud",  # Cyrillic A
        "App\u04cfe shares halted for fraud",  # Cyrillic palochka
        "Nv\u0456dia stock collapses",  # Cyrillic i
        "\u039dvidia stock collapses",  # Greek N
        "Te\u0455la and Nvidia to merge",  # a forged word spoils the headline
        "Nv\u0131dia stock collapses",  # dotless i
        "Nvidia\u0332 stock collapses",  # an underline drawn under the name
        "\u0391\u039c\u0396\u039d (\u0410MZN) collapses",
    ],
)
def test_look_alike_letters_link_nothing(headline: str) -> None:
    assert ALL.found_in(headline) == set()


def test_only_symbols_that_are_asked_for_are_linked_and_tags_stay() -> None:
    item = NewsItem(
        id="1", received_at=OPEN, symbols=("ZZZ",), headline="Nvidia and Tesla sign a deal"
    )
    assert Linker(["TSLA", "F"]).link(item).symbols == ("TSLA", "ZZZ")
    assert Linker([]).link(item) is item
    tagged = NewsItem(id="1", received_at=OPEN, symbols=("TSLA",), headline="Tesla cuts prices")
    assert Linker(["TSLA"]).link(tagged) is tagged


def test_real_headlines_about_apple_fruit_and_targets_are_told_apart(shared_data: Path) -> None:
    items = read_news([shared_data / "news_2026"], received_from="published_at", symbols=NAMES)
    found = {item.headline: item.symbols for item in items}
    about = {text for text, symbols in found.items() if "AAPL" in symbols}
    assert all("AAPL" in found[text] for text in found if "Apple" in text)
    assert len(about) > sum("Apple" in text for text in found)
    price_targets = [text for text in found if "Price Target" in text]
    assert price_targets
    assert not any("TGT" in found[text] for text in price_targets)
