"""What terminals do to a screen: suspend it, stop reading, change size, send noise, go away.

One engine serves all of it and must not notice: its journal goes on at its own pace.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.endpoint import Endpoint, is_held, read_endpoint
from tests.desk import wait_for
from tests.tui.terminal import PaintedTerminal

WORDS = ("--set", "app.tiers=rules", "--set", "app.watchlist=NVDA,AMD", "--speed", "60")
BOTTOM = "1 Desk"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


class Desk:
    """A home with one engine, and the terminals that look at it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
        self.terminals: list[PaintedTerminal] = []

    def open(self, columns: int = 120, rows: int = 40) -> PaintedTerminal:
        """Open a screen and wait until it shows the running desk."""
        terminal = PaintedTerminal(self.home, *WORDS, columns=columns, rows=rows)
        self.terminals.append(terminal)
        terminal.until(lambda: terminal.shows("SIM") and terminal.shows(BOTTOM))
        return terminal

    @property
    def engine(self) -> Endpoint:
        """Where the engine listens, and its process."""
        found = read_endpoint(self.paths.engine)
        assert found is not None
        return found

    def ticks(self) -> int:
        """Return how many ticks the journal has."""
        with contextlib.closing(sqlite3.connect(self.paths.journal)) as journal:
            (count,) = journal.execute(
                "select count(*) from events where kind = 'Ticked'"
            ).fetchone()
        return int(count)

    def goes_on(self, at_least: int = 4) -> None:
        """Check that the engine ticks: at speed 60 a minute of the market is a second."""
        before = self.ticks()
        wait_for(lambda: self.ticks() >= before + at_least, 20.0)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("terminal") / "home")
    desk.home.mkdir()
    (desk.home / "config.toml").touch()  # not a first start: nobody is welcomed
    yield desk
    for terminal in desk.terminals:
        terminal.hang_up()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
    if is_held(desk.paths):
        with contextlib.suppress(EngineGone):
            send_command(desk.paths.engine, Stop(by="test"), 10.0)
        wait_for(lambda: not is_held(desk.paths))


@pytest.fixture(scope="module")
def terminal(desk: Desk) -> PaintedTerminal:
    return desk.open()


def test_the_engine_is_out_of_the_terminals_reach(desk: Desk, terminal: PaintedTerminal) -> None:
    engine = desk.engine.pid
    assert os.getsid(engine) == engine
    assert os.getpgid(engine) != os.getpgid(terminal.pid)
    assert not any(Path(f"/proc/{engine}/fd/{n}").resolve().match("/dev/pts/*") for n in (0, 1, 2))


def test_suspended_and_back(desk: Desk, terminal: PaintedTerminal) -> None:
    terminal.type(b"\x1a")
    terminal.until(lambda: terminal.is_stopped)
    assert terminal.text.rstrip().endswith("\x1b[?1004l"), "the terminal was not given back"
    desk.goes_on()
    terminal.wipe()
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(lambda: terminal.shows("SIM") and terminal.shows(BOTTOM))
    terminal.type(b"?")
    terminal.until(lambda: terminal.shows("Approve the symbol"))
    terminal.type(b"\x1b")
    terminal.until(lambda: not terminal.shows("Approve the symbol"))


def test_a_terminal_that_does_not_read(desk: Desk, terminal: PaintedTerminal) -> None:
    before = desk.engine
    for n in range(60):  # more than any buffer holds, were all of it kept
        terminal.type(b"3" if n % 2 else b"1")
        time.sleep(0.1)
    desk.goes_on()
    terminal.wipe()
    terminal.type(b"1")
    terminal.until(lambda: terminal.shows("SIM") and terminal.shows(BOTTOM))
    terminal.until(lambda: terminal.shows("Positions"))
    assert desk.engine == before


def test_a_storm_of_sizes(desk: Desk, terminal: PaintedTerminal) -> None:
    sizes = random.Random(7)
    for _ in range(200):
        terminal.resize(sizes.randint(60, 200), sizes.randint(20, 50))
        terminal.read(0.01)
    terminal.resize(60, 20)
    terminal.until(lambda: BOTTOM.split()[0] in terminal.screen.display[-1])
    terminal.resize(200, 50)
    terminal.wipe()
    terminal.until(lambda: BOTTOM in terminal.screen.display[-1])
    terminal.until(lambda: terminal.shows("SIM") and terminal.shows("Positions"))
    terminal.resize(120, 40)
    assert "Traceback" not in terminal.text
    desk.goes_on()


def test_noise_that_is_typed(desk: Desk, terminal: PaintedTerminal) -> None:
    noise = random.Random(3)
    harmless = bytes(range(0x80, 0x100))
    terminal.type(b"\xff\xfe\xc3\x28\xf0\x9f")
    terminal.type(b"\x1b[99999999999999999999u\x1b[<999999999;-1;0M\x1b[?9999;9999$y\x1bP\x1b\\")
    for _ in range(20):
        terminal.type(bytes(noise.choice(harmless) for _ in range(200)))
        terminal.read(0.02)
    terminal.read(1.0)
    terminal.type(b"\x1b")
    terminal.read(0.3)
    terminal.wipe()
    terminal.resize(110, 40)
    terminal.until(lambda: BOTTOM in terminal.screen.display[-1])
    terminal.type(b"?")
    terminal.until(lambda: terminal.shows("Approve the symbol"))
    terminal.type(b"\x1b")
    terminal.until(lambda: not terminal.shows("Approve the symbol"))
    assert "Traceback" not in terminal.text
    desk.goes_on()


def test_ended_while_the_terminal_does_not_read(desk: Desk) -> None:
    other = desk.open(200, 50)
    for n in range(40):
        other.type(b"3" if n % 2 else b"1")
        time.sleep(0.05)
    os.kill(other.pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(other.ends()) == 0
    desk.goes_on()


def test_a_closed_terminal(desk: Desk, terminal: PaintedTerminal) -> None:
    before = desk.engine
    terminal.hang_up()
    terminal.ends()
    desk.goes_on()
    assert desk.engine == before
    log = (desk.paths.logs / "screen.log").read_text()
    assert "Traceback" not in log
