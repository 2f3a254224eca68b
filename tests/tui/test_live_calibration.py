"""What the pane of tier 2 says of its own record."""

from __future__ import annotations

from datetime import timedelta

from hybrid_tui.domain.live_calibration import LiveCalibration
from hybrid_tui.domain.state import DeskState
from hybrid_tui.tui.desk.probabilities import live_calibration
from tests.domain.test_live_calibration import FIRST, HOUR, made, tell


def said(record: LiveCalibration) -> str:
    return live_calibration(DeskState(live_calibration=record))


def test_the_pane_tells_the_error_and_what_it_costs() -> None:
    record = LiveCalibration()
    assert said(record) == ""
    tell(record, 99, 0.75, 75)
    assert said(record) == "75 % said, 76 % came true (n 99: too few to judge)"
    record.note([made(FIRST + timedelta(hours=2), 0.75)])
    record.settle(FIRST + timedelta(hours=2) + HOUR, lambda _: -0.01)
    assert said(record) == "75 % said, 75 % came true (n 100, ECE .00)"
    for day in range(1, 10):
        tell(record, 100, 0.75, 45, day)
    assert said(record) == "75 % said, 48 % came true (n 1000, ECE .26, confidence x 0.12)"
