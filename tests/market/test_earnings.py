"""Earnings dates: asked once a day, kept, and honest where they cannot be asked."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.errors import DataError, Retryable
from hybrid_tui.market.earnings import EarningsDates, earnings_dates, kept_earnings
from tests.desk import hybrid_tui
from tests.servers.yahoo import Share, yahoo_server

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
MAY = date(2026, 5, 1)


class Source:
    """A provider that knows some dates, and counts."""

    def __init__(self, **dates: list[date]) -> None:
        self.dates = dates
        self.asked: list[str] = []
        self.is_down = False

    def earnings_dates(self, symbol: str) -> list[date]:
        self.asked.append(symbol)
        if self.is_down:
            raise Retryable("Yahoo refuses")
        if symbol not in self.dates:
            raise DataError(f"{symbol}: nothing")
        return self.dates[symbol]


def told(found: list[EarningsDates]) -> list[tuple[str, tuple[date, ...], bool]]:
    return [(item.symbol, item.dates, item.error is None) for item in found]


def test_a_date_is_asked_for_once_a_day(tmp_path: Path) -> None:
    source, cache = Source(AAA=[MAY], BBB=[]), tmp_path / "new" / "earnings.json"
    first = earnings_dates(source, ["AAA", "BBB"], cache, NOW)
    assert told(first) == [("AAA", (MAY,), True), ("BBB", (), True)]
    later = earnings_dates(source, ["AAA", "BBB"], cache, NOW + timedelta(hours=23))
    assert (told(later), source.asked) == (told(first), ["AAA", "BBB"])
    assert later[0].asked_at == NOW
    earnings_dates(source, ["AAA"], cache, NOW + timedelta(days=1))
    assert source.asked == ["AAA", "BBB", "AAA"]


def test_one_symbols_error_is_its_own(tmp_path: Path) -> None:
    source = Source(BBB=[MAY])
    found = earnings_dates(source, ["AAA", "BBB"], tmp_path / "e.json", NOW)
    assert told(found) == [("AAA", (), False), ("BBB", (MAY,), True)]


def test_a_service_that_is_down_is_asked_once_and_what_is_kept_stays(tmp_path: Path) -> None:
    source, cache = Source(AAA=[MAY], BBB=[MAY]), tmp_path / "e.json"
    earnings_dates(source, ["AAA"], cache, NOW)
    source.is_down = True
    found = earnings_dates(source, ["AAA", "BBB"], cache, NOW + timedelta(days=2))
    assert told(found) == [("AAA", (MAY,), False), ("BBB", (), False)]
    assert found[0].asked_at == NOW
    assert source.asked == ["AAA", "AAA"]


@pytest.mark.parametrize("junk", ["", "[]", '{"AAA": 3}', '{"AAA": ["never", []]}', "\x00"])
def test_a_damaged_cache_is_asked_anew(tmp_path: Path, junk: str) -> None:
    cache = tmp_path / "e.json"
    cache.write_text(junk)
    found = earnings_dates(Source(AAA=[MAY]), ["AAA"], cache, NOW)
    assert told(found) == [("AAA", (MAY,), True)]
    assert "2026-05-01" in cache.read_text()


def test_the_command_lists_what_yahoo_expects(tmp_path: Path) -> None:
    with yahoo_server() as yahoo:
        release = datetime(2026, 5, 1, 20, 30, tzinfo=UTC)
        yahoo.shares["AAA"] = Share(earnings=[int(release.timestamp())])
        url = f"http://127.0.0.1:{yahoo.port}"
        words = ["--set", "market.provider=yahoo", "--set", f"market.data_url={url}"]
        words += ["--set", "app.mode=paper", "data", "earnings", "--symbols", "AAA"]
        done = hybrid_tui(tmp_path / "home", *words, "--json")
        again = hybrid_tui(tmp_path / "home", *words)
        assert sum("quoteSummary" in path for path in yahoo.asked) == 1
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["earnings"]
    assert (row["symbol"], row["dates"], row["error"]) == ("AAA", ["2026-05-01"], None)
    assert again.stdout == "AAA: 2026-05-01\n"


def test_kept_dates_are_told_from_when_they_were_asked_until_they_are_over(tmp_path: Path) -> None:
    cache = tmp_path / "earnings.json"
    asked = datetime(2026, 3, 20, 12, tzinfo=UTC)
    source = Source(NVDA=[date(2026, 5, 20)])
    earnings_dates(source, ["NVDA"], cache, asked)
    assert kept_earnings(cache, asked) == {"NVDA": (date(2026, 5, 20),)}
    assert kept_earnings(cache, asked - timedelta(seconds=1)) == {}
    assert kept_earnings(cache, datetime(2026, 5, 21, tzinfo=UTC)) == {}
