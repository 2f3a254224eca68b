"""The HTML report: one well-formed file that loads nothing and lets nothing through."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hybrid_tui.analysis.html_report import MOST_TRADES, Page, html_page

from .builders import row
from .test_plots import document

VOID = {"meta", "line"}


class Reader(HTMLParser):
    """Keeps tags, texts and attributes, and checks that every tag is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: Page) -> Reader:
    reader = Reader()
    reader.feed(html_page(page))
    reader.close()
    assert reader.open == []
    return reader


def page(**changes: Any) -> Page:
    made, depth, daily = document()
    closes = ["2025-01-02", "2025-10-29"]
    whole = Page(title="backtest", document=made, depth=depth, daily=daily, closes=closes)
    return replace(whole, **changes)


def test_the_page_shows_everything_and_loads_nothing() -> None:
    reader = read(page(held=[100_000.0 + n for n in range(301)]))
    assert reader.tags.count("svg") == 2
    assert reader.tags.count("polyline") == 3
    text = " ".join(reader.texts)
    for part in ("Read this first", "Summary", "By month", "By symbol", "Trades", "Settings"):
        assert part in text
    assert "only <b>40</b> closed trades" in text
    assert "script" not in reader.tags
    names = {name for name, _ in reader.attributes}
    assert not names & {"src", "href", "onload", "onclick", "style"}
    assert "url(" not in html_page(page())


def test_hostile_names_stay_text() -> None:
    evil = "<script>alert(1)</script>\"&'"
    made, depth, daily = document()
    rows = [{**row(evil), "exit_reason": evil, "entry_reason": evil}]
    made |= {"trades": rows, "warnings": [evil]}
    made["settings"] |= {"symbols": [evil], evil: evil}
    depth["symbols"] = [{"symbol": evil, "trades": 1, "pnl": 1.0, "win_rate": None}]
    reader = read(page(document=made, depth=depth, daily=daily, title=evil, closes=[evil, evil]))
    assert "script" not in reader.tags
    assert " ".join(reader.texts).count(evil) >= 8


def test_long_lists_of_trades_are_cut_and_say_so() -> None:
    made, _, _ = document()
    made["trades"] = [row() for _ in range(MOST_TRADES + 5)]
    text = html_page(page(document=made))
    assert "5 before them are left out" in text
    assert len(text) < 3_000_000


def test_a_run_of_one_day_and_no_trade_is_a_page_too() -> None:
    made, depth, _ = document(trades=0)
    reader = read(page(document=made, depth={**depth, "months": []}, daily=[100_000.0]))
    assert "svg" not in reader.tags
