"""Trading for days against a server of faults: invariants after every event, memory flat."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid_tui.domain.calendar import TradingCalendar
from tests.survival.forge import Forge
from tests.survival.soak import soak


def test_two_short_days_against_a_faulty_server(calendar: TradingCalendar, tmp_path: Path) -> None:
    with Forge(tmp_path) as forge:
        done = soak(forge, calendar, tmp_path / "home", seed=2, days=2, minutes=15, fault_rate=0.08)
    assert done.problems == []
    assert done.fills > 4
    assert sum(done.faults.values()) > 10


@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_a_week_against_a_faulty_server(calendar: TradingCalendar, tmp_path: Path) -> None:
    with Forge(tmp_path) as forge:
        done = soak(
            forge, calendar, tmp_path / "home", seed=1, days=5, minutes=390, fault_rate=0.06
        )
    print(done.table())  # noqa: T201
    assert done.problems == []
    assert done.fills > 200
    resident = [day["rss_mb"] for day in done.days]
    assert resident[-1] < resident[0] * 1.1
