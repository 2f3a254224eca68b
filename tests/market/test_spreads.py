"""Recorded spreads: what is read, what is known when, and what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hybrid_tui.errors import DataError
from hybrid_tui.market.spreads import read_spreads

NEW_YORK = ZoneInfo("America/New_York")
OPENS = datetime(2026, 3, 20, 13, 30, tzinfo=UTC)
BARS = (
    "datetime,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close\n"
    "2026-03-20 09:30,99.9,100,99,99.8,100.1,101,100,100.2\n"
    "2026-03-20 09:31,99.95,100,99,99.99,100.05,101,100,100.01\n"
    "2026-03-20 09:32,,,,99.99,,,,100.01\n"
    "2026-03-20 09:33,101,101,101,101,100,100,100,100\n"
)


def test_a_bars_spread_is_that_of_its_opening_and_then_of_its_closing(tmp_path: Path) -> None:
    (tmp_path / "A_20260320_quote.csv").write_text(BARS)
    spreads = read_spreads([tmp_path], tz=NEW_YORK)
    assert spreads.symbols == ("A",)

    def bps(minute: int) -> float | None:
        half = spreads.half("A", OPENS + timedelta(minutes=minute))
        return None if half is None else round(half * 10_000, 6)

    assert [bps(0), bps(1)] == [10.0, 5.0]
    # The third bar opens without sides: what the second closed with is the last that is known.
    assert bps(2) == bps(3) == 1.0
    # Crossed sides are no quote. After five minutes nothing is known any more.
    assert bps(8) == 1.0
    assert bps(9) is None
    assert bps(-1) is None
    assert spreads.half("B", OPENS) is None
    assert spreads.left_out == 3


def test_single_quotes_with_a_symbol_column(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text(
        "timestamp,symbol,bid,ask\n"
        "2026-03-20T13:30:05Z,a,99.9,100.1\n"
        "2026-03-20T13:30:09Z,B,9.99,10.01\n"
    )
    spreads = read_spreads([path], tz=NEW_YORK, symbols={"A"})
    assert spreads.symbols == ("A",)
    assert spreads.half("A", OPENS) is None
    assert spreads.half("A", OPENS + timedelta(seconds=5)) == pytest.approx(0.001)


def test_what_is_no_table_of_quotes(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("datetime,open,high,low,close,volume\n2026-03-20 09:30,1,1,1,1,1\n")
    with pytest.raises(DataError, match="no columns of quotes"):
        read_spreads([path], tz=NEW_YORK)
    with pytest.raises(DataError, match="no quote of these symbols"):
        read_spreads([tmp_path], tz=NEW_YORK)
    path.write_text("datetime,bid,ask\nyesterday,1,2\n")
    with pytest.raises(DataError, match="not a table of quotes"):
        read_spreads([path], tz=NEW_YORK)
    with pytest.raises(DataError, match="does not exist"):
        read_spreads([tmp_path / "absent.csv"], tz=NEW_YORK)


def test_real_quotes_have_spreads_of_a_cent_or_two(shared_data: Path) -> None:
    spreads = read_spreads([shared_data / "bars_minute_lean"], tz=NEW_YORK, symbols={"SPY", "BAC"})
    at = datetime(2013, 10, 8, 15, 0, tzinfo=UTC)
    half = spreads.half("SPY", at)
    assert half is not None
    assert 2 * half * 166 == pytest.approx(0.01, abs=0.011)
    assert spreads.symbols == ("BAC", "SPY")
