"""The memory of engine and screen over 8 simulated hours: all tiers, lists approved by policy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.endpoint import is_held, read_endpoint
from tests.bench.form import rounds
from tests.bench.processes import drained, market_time, needs_proc, resident_mb
from tests.desk import wait_for
from tests.tui.terminal import PaintedTerminal

SPEED = 90
NIGHT = timedelta(hours=1)
"""The simulated clock leaps over nights: a longer step than this is one."""
WARM_HOURS = 1.0
MINUTES, EVERY = rounds(480, 6), rounds(30, 2)

pytestmark = [pytest.mark.bench, needs_proc]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A desk in a terminal, and the process of its engine."""

    terminal: PaintedTerminal
    engine: int
    paths: Paths


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").touch()
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    terminal = PaintedTerminal(home, "--set", "approval.policy=auto", "--speed", str(SPEED))
    terminal.until(lambda: terminal.shows("closes in"), 120)
    endpoint = read_endpoint(paths.engine)
    assert endpoint is not None
    yield Desk(terminal=terminal, engine=endpoint.pid, paths=paths)
    with contextlib.suppress(EngineGone):
        send_command(paths.engine, Stop(by="bench"), 20.0)
    terminal.hang_up()
    terminal.ends()
    wait_for(lambda: not is_held(paths), 60)


def curve(desk: Desk, hours: float, every: float) -> list[tuple[float, float, float]]:
    """Return (hours of the open market, MB of the engine, MB of the screen), every so often."""
    points: list[tuple[float, float, float]] = []
    passed, at = timedelta(), market_time(desk.paths)
    while not points or points[-1][0] < hours:
        drained(desk.terminal, 0.5)
        now = market_time(desk.paths)
        passed, at = passed + (now - at if now - at < NIGHT else timedelta()), now
        if passed >= timedelta(hours=every * len(points)):
            memory = (resident_mb(desk.engine), resident_mb(desk.terminal.pid))
            points.append((passed.total_seconds() / 3600, *memory))
    return points


def told(points: list[tuple[float, float, float]], seconds: float) -> str:
    """Return the curve as a table."""
    rows = [f"{hour:5.2f} h  {engine:6.1f}  {screen:6.1f}" for hour, engine, screen in points]
    head = f"\nresident MB at speed {SPEED} ({seconds:.0f} s), by hours: engine, screen"
    return "\n".join([head, *rows])


@pytest.mark.timeout(1200)
def test_memory_over_simulated_hours(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    points = curve(desk, MINUTES / 60, EVERY / 60)
    with capsys.disabled():
        print(told(points, time.monotonic() - began))  # noqa: T201
    warm = np.array([point for point in points if point[0] >= WARM_HOURS])
    if len(warm) > 2:
        slopes = [float(np.polyfit(warm[:, 0], warm[:, column], 1)[0]) for column in (1, 2)]
        with capsys.disabled():
            print(  # noqa: T201
                f"from hour {WARM_HOURS:g} on: engine {slopes[0]:+.2f}, screen {slopes[1]:+.2f} MB"
                " an hour (goal: flat)"
            )
