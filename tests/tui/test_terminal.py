"""What terminals do to a screen: suspend it, stop reading, change size, send noise, go away.

One engine serves all of it and must not notice: a recorded day in which one stock after the other
falls through its stop, each while the terminal is in another trouble.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

from hybrid_tui.config import Paths
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.calendar import NEW_YORK
from hybrid_tui.domain.commands import SetSpeed, Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.endpoint import Endpoint, is_held, read_endpoint
from hybrid_tui.journal.reader import open_read_only, read_events, runs
from tests.desk import hybrid_tui, wait_for
from tests.tui.terminal import PaintedTerminal

FALLS = {"AMD": 100, "INTC": 160, "MU": 220, "NVDA": 350}
"""The minute of the day in which each stock loses a fifth; all are bought after 25 minutes."""
DAY = datetime(2026, 3, 20, 9, 30, tzinfo=NEW_YORK)
MINUTE = timedelta(minutes=1)
MINUTES = 390
FAST = 1000.0
BUY, SELL = "buy", "sell"
During = Callable[[], None] | None
WORDS = (
    "--set", "app.tiers=rules",
    "--set", f"app.watchlist={','.join(FALLS)}",
    "--set", "approval.policy=auto",
    "--set", "rules.rsi_exit=0",
    "--set", "risk.max_position=0.1",
    "--recorded", f"{DAY:%Y-%m-%d}", "--speed", "1",
)  # fmt: skip
MODE = "RECORDED"
BOTTOM = "1 Desk"
TRADES = "[3 Trade"

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
        terminal.until(lambda: terminal.shows(MODE) and terminal.shows(BOTTOM))
        return terminal

    @property
    def engine(self) -> Endpoint:
        """Where the engine listens, and its process."""
        found = read_endpoint(self.paths.engine)
        assert found is not None
        return found

    def events(self) -> list[ev.Event]:
        """Read the journal's only run."""
        with contextlib.closing(open_read_only(self.paths.journal)) as journal:
            (info,) = runs(journal)
            return list(read_events(journal, info.run))

    def count(self, kind: str) -> int:
        """Return how many events of a kind the journal has."""
        with contextlib.closing(sqlite3.connect(self.paths.journal)) as journal:
            (count,) = journal.execute(
                "select count(*) from events where kind = ?", (kind,)
            ).fetchone()
        return int(count)

    def fills(self, side: str) -> dict[str, str]:
        """Return the symbols that were bought or sold, with the reason."""
        fills = [event.fill for event in self.events() if isinstance(event, ev.OrderFilled)]
        return {fill.symbol: fill.reason for fill in fills if fill.side == side}

    def passes(self, kind: str, more: int, *, speed: float = FAST, during: During = None) -> None:
        """Let the day pass until the journal has more events of a kind; then it stands still."""
        wanted = self.count(kind) + more
        assert send_command(self.paths.engine, SetSpeed(speed=speed), 10.0).ok
        try:
            while during is not None and self.count(kind) < wanted:
                during()
            wait_for(lambda: self.count(kind) >= wanted, 40.0)
        finally:
            send_command(self.paths.engine, SetSpeed(speed=1.0), 10.0)

    def goes_on(self) -> None:
        """Check that the engine ticks."""
        self.passes("Ticked", 3, speed=200.0)

    def sells(self, symbol: str, during: During = None) -> None:
        """Check that the stop of a position fires, which has not fired yet."""
        assert symbol in self.fills(BUY)
        assert symbol not in self.fills(SELL)
        self.passes("OrderFilled", 1, during=during)
        assert self.fills(SELL)[symbol] == "hard_stop"


def bars(fall: int) -> str:
    """Return two days of bars: a dip and a turn that is bought on the second, and later a fall."""
    rows, price = ["timestamp,open,high,low,close,volume"], 100.0
    for minute in range(-MINUTES, MINUTES):
        day, before = DAY if minute >= 0 else DAY - timedelta(days=1), price
        at = day + minute % MINUTES * MINUTE
        if minute == fall:
            price *= 0.8
        elif 0 <= minute < 20:
            price *= 0.999
        elif 20 <= minute < 35:
            price *= 1.0012
        else:
            price *= 1.0002 if minute % 2 else 0.9998
        high, low = max(before, price), min(before, price)
        rows.append(f"{at:%Y-%m-%d %H:%M},{before:.4f},{high:.4f},{low:.4f},{price:.4f},10000")
    return "\n".join(rows) + "\n"


def shows_sale(terminal: PaintedTerminal, symbol: str) -> bool:
    """Whether the page of trades shows a closed trade of a symbol and why it ended."""
    lines = terminal.screen.display
    return TRADES in lines[-1] and any(symbol in line and "hard stop" in line for line in lines)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("terminal") / "home")
    desk.home.mkdir()
    (desk.home / "config.toml").touch()  # not a first start: nobody is welcomed
    folder = desk.home.parent / "bars"
    folder.mkdir()
    for symbol, fall in FALLS.items():
        (folder / f"{symbol}.csv").write_text(bars(fall))
    done = hybrid_tui(desk.home, "data", "import", str(folder))
    assert done.returncode == 0, done.stderr
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
    opened = desk.open()
    desk.passes("OrderFilled", len(FALLS))
    assert desk.fills(BUY).keys() == FALLS.keys()
    assert desk.fills(SELL) == {}
    return opened


def test_the_engine_is_out_of_the_terminals_reach(desk: Desk, terminal: PaintedTerminal) -> None:
    engine = desk.engine.pid
    assert os.getsid(engine) == engine
    assert os.getpgid(engine) != os.getpgid(terminal.pid)
    assert not any(Path(f"/proc/{engine}/fd/{n}").resolve().match("/dev/pts/*") for n in (0, 1, 2))


def test_suspended_and_back(desk: Desk, terminal: PaintedTerminal) -> None:
    terminal.type(b"\x1a")
    terminal.until(lambda: terminal.is_stopped)
    assert terminal.text.rstrip().endswith("\x1b[?1004l"), "the terminal was not given back"
    desk.sells("AMD")
    assert terminal.is_stopped
    terminal.wipe()
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(lambda: terminal.shows(MODE) and terminal.shows(BOTTOM))
    terminal.type(b"3")
    terminal.until(lambda: shows_sale(terminal, "AMD"))
    terminal.type(b"1")
    terminal.until(lambda: terminal.shows("Positions"))
    terminal.type(b"?")
    terminal.until(lambda: terminal.shows("Approve the symbol"))
    terminal.type(b"\x1b")
    terminal.until(lambda: not terminal.shows("Approve the symbol"))


def test_a_terminal_that_does_not_read(desk: Desk, terminal: PaintedTerminal) -> None:
    before = desk.engine
    for n in range(60):  # more than any buffer holds, were all of it kept
        terminal.type(b"3" if n % 2 else b"1")
        time.sleep(0.1)
    desk.sells("INTC")
    terminal.wipe()
    terminal.type(b"3")
    terminal.until(lambda: shows_sale(terminal, "INTC"))
    terminal.type(b"1")
    terminal.until(lambda: terminal.shows(MODE) and terminal.shows(BOTTOM))
    terminal.until(lambda: terminal.shows("Positions"))
    assert desk.engine == before


def test_a_storm_of_sizes(desk: Desk, terminal: PaintedTerminal) -> None:
    sizes = random.Random(7)

    def storm() -> None:
        for _ in range(20):
            terminal.resize(sizes.randint(60, 200), sizes.randint(20, 50))
            terminal.read(0.01)

    for _ in range(5):
        storm()
    desk.sells("MU", storm)
    terminal.resize(60, 20)
    terminal.until(lambda: BOTTOM.split()[0] in terminal.screen.display[-1])
    terminal.resize(200, 50)
    terminal.wipe()
    terminal.until(lambda: BOTTOM in terminal.screen.display[-1])
    terminal.until(lambda: terminal.shows(MODE) and terminal.shows("Positions"))
    terminal.resize(120, 40)
    terminal.type(b"3")
    terminal.until(lambda: shows_sale(terminal, "MU"))
    terminal.type(b"1")
    terminal.until(lambda: terminal.shows("Positions"))
    assert "Traceback" not in terminal.text


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
    desk.sells("NVDA")
    assert desk.engine == before
    log = (desk.paths.logs / "screen.log").read_text()
    assert "Traceback" not in log
    other = desk.open()
    other.type(b"3")
    other.until(lambda: all(shows_sale(other, symbol) for symbol in FALLS))
    other.type(b"\x11")
    other.read(1.0)
    other.ends()


def test_nothing_was_missed_or_harmed(desk: Desk, terminal: PaintedTerminal) -> None:
    with contextlib.closing(sqlite3.connect(desk.paths.journal)) as journal:
        assert journal.execute("pragma integrity_check").fetchall() == [("ok",)]
    events = desk.events()
    assert [event.id for event in events] == sorted({event.id for event in events})
    ticks = [event.at for event in events if isinstance(event, ev.Ticked)]
    beats = [e for e in events if isinstance(e, ev.Heartbeat) and e.at >= ticks[0]]
    assert [beat.at for beat in beats if beat.tier == "rules"] == ticks
    assert {beat.health for beat in beats} == {"ok"}
    sold = [e.fill.symbol for e in events if isinstance(e, ev.OrderFilled)
            and e.fill.side == SELL]  # fmt: skip
    assert sold == list(FALLS)


def test_what_the_driver_takes_of_textuals_inside_is_still_there() -> None:
    """An upgrade that renames these has to change ``tui/terminal.py`` as well."""
    thread = WriterThread(io.StringIO())
    assert isinstance(thread._queue, queue.Queue)
    used = set(LinuxDriver.__init__.__code__.co_names)
    assert {"_file", "_writer_thread"} <= used
    assert "_run_input_thread" in vars(LinuxDriver)
    assert "_file" in WriterThread.__init__.__code__.co_names
