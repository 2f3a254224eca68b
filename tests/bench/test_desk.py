"""The whole desk in a terminal: key to paint, and what screen and engine take of CPU and memory.

All tiers on the simulated market with 100 symbols. Goals: key to paint p95 below 50 ms and p99
below 250 ms at speed 60, below 15 % of a core at speed 1. Wall times mean something on an idle
machine only, so the CPU that the screen took for a key stands beside them.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import SetSpeed, Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.endpoint import is_held, read_endpoint
from tests.bench.form import rounds
from tests.bench.processes import cpu_seconds, drained, market_time, needs_proc, resident_mb
from tests.desk import wait_for
from tests.tui.terminal import PaintedTerminal

SYMBOLS = 100
KEYS = rounds(40, 6)
SETTLE_SECONDS = rounds(8, 1)
WATCH_SECONDS = rounds(12, 2)
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[P\]][^\x1b\x07]*(?:\x1b\\|\x07))")

pytestmark = [pytest.mark.bench, needs_proc]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A desk in a terminal, and how long its first picture and its first figures took."""

    terminal: PaintedTerminal
    engine: int
    paths: Paths
    first_picture: float
    first_figures: float


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("desk") / "home"
    home.mkdir()
    (home / "config.toml").touch()
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    watched = ",".join(f"S{n:03d}" for n in range(SYMBOLS))
    began = time.perf_counter()
    terminal = PaintedTerminal(home, "--set", f"app.watchlist={watched}", "--speed", "60")
    terminal.until(lambda: terminal.shows("Positions"), 120)
    first_picture = time.perf_counter() - began
    terminal.until(lambda: terminal.shows("S000") or terminal.shows("closes in"), 120)
    first_figures = time.perf_counter() - began
    endpoint = read_endpoint(paths.engine)
    assert endpoint is not None
    terminal.read(SETTLE_SECONDS)
    yield Running(
        terminal=terminal,
        engine=endpoint.pid,
        paths=paths,
        first_picture=first_picture,
        first_figures=first_figures,
    )
    with contextlib.suppress(EngineGone):
        send_command(paths.engine, Stop(by="bench"), 20.0)
    terminal.hang_up()
    terminal.ends()
    wait_for(lambda: not is_held(paths), 60)


def until_painted(terminal: PaintedTerminal, words: str) -> float:
    """Return the seconds until words were painted."""
    began, painted = time.perf_counter(), ""
    while words not in painted:
        assert time.perf_counter() - began < 20, painted[-2000:]
        if select.select([terminal.master], [], [], 1.0)[0]:
            text = os.read(terminal.master, 65536).decode(errors="replace")
            painted = painted[-4000:] + ESCAPES.sub("", text)
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("what", "before", "keys", "painted"),
    [
        # The tape is the last pane; its cursor goes down and up.
        ("a moved cursor", b"\x1b[Z", (b"j", b"k"), ("\u25b8", "\u25b8")),
        ("a whole page", b"", (b"?", b"q"), ("Approve the symbol", "Positions")),
    ],
)
def test_key_to_paint_at_speed_60(
    running: Running,
    capsys: pytest.CaptureFixture[str],
    what: str,
    before: bytes,
    keys: tuple[bytes, bytes],
    painted: tuple[str, str],
) -> None:
    terminal = running.terminal
    terminal.type(before)
    drained(terminal, 1.0)
    spent = []
    for n in range(KEYS):
        drained(terminal, 0.15 + 0.01 * (n % 7))
        busy = cpu_seconds(terminal.pid)
        terminal.type(keys[n % 2])
        seconds = until_painted(terminal, painted[n % 2])
        spent.append((seconds * 1000, (cpu_seconds(terminal.pid) - busy) * 1000))
    wall, cpu = np.percentile(np.array(spent), [50, 95, 99], axis=0).T
    with capsys.disabled():
        print(  # noqa: T201
            f"\nfirst picture {running.first_picture:.2f} s, first figures"
            f" {running.first_figures:.2f} s (wall)\nkey to paint of {what}, speed 60,"
            f" {SYMBOLS} symbols: wall p50 {wall[0]:.0f} ms, p95 {wall[1]:.0f} ms, p99"
            f" {wall[2]:.0f} ms; CPU of the screen p50 {cpu[0]:.0f} ms, p95 {cpu[1]:.0f} ms"
            " (goals: p95 50 ms, p99 250 ms)"
        )


@pytest.mark.parametrize("speed", [60, 1])
def test_what_it_takes(running: Running, speed: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert send_command(running.paths.engine, SetSpeed(speed=speed), 20.0).ok
    drained(running.terminal, 1.0)
    pids = (running.engine, running.terminal.pid)
    at = market_time(running.paths)
    before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
    drained(running.terminal, WATCH_SECONDS)
    seconds = time.monotonic() - began
    engine, screen = (
        100 * (cpu_seconds(pid) - was) / seconds for pid, was in zip(pids, before, strict=True)
    )
    memory = [resident_mb(pid) for pid in pids]
    passed = (market_time(running.paths) - at).total_seconds()
    with capsys.disabled():
        print(  # noqa: T201
            f"\nspeed {speed} ({passed:.0f} s of the market in {seconds:.0f} s): engine"
            f" {engine:.1f} %, screen {screen:.1f} % of a core (goal at"
            f" speed 1: 15 %); resident {memory[0]:.0f} and {memory[1]:.0f} MB"
        )
