"""Recorded answers of Yahoo through the real yfinance."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.market.yahoo_history.builders import FEW, NOW, Desk
from tests.servers.yahoo import Share, Yahoo


def payloads(folder: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(folder / "yahoo_payloads" / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def test_recorded_answers_come_through(shared_data: Path, desk: Desk, yahoo: Yahoo) -> None:
    found: dict[str, list[float]] = {}
    begin = datetime(2019, 12, 1, tzinfo=UTC)
    for row in [*payloads(shared_data, "chart"), *payloads(shared_data, "historical")]:
        symbol = row["url"].partition("/chart/")[2].partition("?")[0]
        if "2020-01-01" not in row["name"] or symbol in found or len(found) == FEW:
            continue
        yahoo.shares[symbol] = Share(recorded=row["body"])
        pages = list(desk.history.bars(symbol, 86_400, begin, NOW))
        found[symbol] = [close for page in pages for close in page.close.tolist()]
    assert len(found) == FEW
    assert found["ABBV"] == [89.55]
    assert found["BABA"] == [219.77]
    assert found["GOOG"] == [68.3685]


def test_a_recorded_day_without_trading_is_empty(
    shared_data: Path, desk: Desk, yahoo: Yahoo
) -> None:
    (row,) = (r for r in payloads(shared_data, "chart") if "2025-02-01" in r["name"])
    yahoo.shares["AAPL"] = Share(recorded=row["body"])
    assert list(desk.history.bars("AAPL", 86_400, NOW - timedelta(days=9), NOW)) == []


def test_a_recorded_split_is_undone(shared_data: Path, desk: Desk, yahoo: Yahoo) -> None:
    (row,) = (r for r in payloads(shared_data, "historical") if "NVDA-split" in r["name"])
    recorded = row["body"]
    # The answer was made after the 10:1 split of June 2024, which lies behind its last bar.
    events = recorded["chart"]["result"][0]["events"]["splits"]
    events["1718026200"] = {"date": 1718026200, "numerator": 10, "denominator": 1}
    rows = recorded["chart"]["result"][0]
    rows["timestamp"].append(1718026200)
    for values in (*rows["indicators"]["quote"][0].values(), rows["indicators"]["adjclose"][0]):
        if isinstance(values, list):
            values.append(120.0)
    rows["indicators"]["adjclose"][0]["adjclose"].append(120.0)
    yahoo.shares["NVDA"] = Share(recorded=recorded)
    (series,) = desk.history.bars("NVDA", 86_400, datetime(2021, 2, 1, tzinfo=UTC), NOW)
    closes = dict(zip(series.start.tolist(), series.close.tolist(), strict=True))
    at = [int(datetime(2021, 7, day, 4, tzinfo=UTC).timestamp()) for day in (19, 20)]
    # As traded, by the newspapers of the time: 751.19 on the eve of 4:1, 186.12 the day after.
    assert [closes[second] for second in at] == pytest.approx([751.19, 186.12], abs=2e-4)
