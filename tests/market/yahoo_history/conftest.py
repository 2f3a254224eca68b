"""Each test has its own Yahoo on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from tests.market.yahoo_history.builders import Desk, MakeDesk
from tests.servers.yahoo import Yahoo, yahoo_server


@pytest.fixture(autouse=True)
def forget_answers() -> None:
    """yfinance keeps answers for the life of the process; each test has its own Yahoo."""
    from yfinance.data import YfData

    YfData.cache_get.cache_clear()


@pytest.fixture(scope="module")
def server() -> Iterator[Yahoo]:
    with yahoo_server() as yahoo:
        yield yahoo


@pytest.fixture
def yahoo(server: Yahoo) -> Yahoo:
    server.shares.clear()
    server.faults.clear()
    server.asked.clear()
    return server


@pytest.fixture
def make_desk(yahoo: Yahoo, tmp_path: Path, calendar: TradingCalendar) -> MakeDesk:
    from curl_cffi.requests import Session

    return lambda: Desk(yahoo, tmp_path / "cache", calendar, Session)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()
