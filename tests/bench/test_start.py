"""What each phase of a start costs, from the command to the first figures (goal: 1.5 s).

A new profile in a terminal: the screen starts the engine's process, on the simulated market with
all tiers. Wall times mean something on an idle machine only; the CPU beside them is of the process.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.endpoint import is_held
from tests.bench.form import rounds
from tests.bench.marks import VARIABLE
from tests.bench.processes import needs_proc
from tests.desk import ROOT, wait_for
from tests.tui.terminal import PaintedTerminal

STARTS = rounds(5, 1)
LOADED = "TierHost.load_early ends"

SCREEN = (
    ("interpreter", "interpreter"),
    ("import the commands", "main begins"),
    ("options", "screen begins"),
    ("configuration, import textual and the screen", "run_screen begins"),
    ("build the screen", "DeskApp.__init__ ends"),
    ("open the terminal, style sheet, first page", "DeskApp.on_mount begins"),
    ("lay out and paint the first picture", "DeskApp.begin begins"),
    ("import the client, look for an engine", "start_engine begins"),
    ("spawn the engine", "start_engine ends"),
    ("wait for the engine, connect, take the snapshot", "DeskModel.begin begins"),
)
ENGINE = (
    ("interpreter", "interpreter"),
    ("import the commands", "main begins"),
    ("options", "serve begins"),
    ("import what composes the desk, lock", "ProfileLock.acquire ends"),
    ("configuration", "compose_desk begins"),
    ("import the engine, calendar, journal", "Journal.__init__ ends"),
    ("open the market", "open_market ends"),
    ("strategist, engine, warm-up", "compose_desk ends"),
    ("import the server, listen, say where", "publish ends"),
    ("load torch and the model, in a thread beside the ticks", LOADED),
)
"""Phases by the mark that ends each."""

GROUPS = ("hybrid_tui", "textual", "rich", "pydantic", "typer", "numpy", "pyarrow", "talib")
IMPORTED = {
    "screen": "import hybrid_tui.cli, hybrid_tui.commands.screen, hybrid_tui.commands.desk\n"
    "import hybrid_tui.tui.start, hybrid_tui.tui.desk.page, hybrid_tui.config_file",
    "engine": "import hybrid_tui.cli, hybrid_tui.commands.run, hybrid_tui.commands.desk\n"
    "import hybrid_tui.engine.runtime, hybrid_tui.engine.server, hybrid_tui.journal.journal\n"
    "import hybrid_tui.engine.answers, hybrid_tui.market.simulated, hybrid_tui.llm.local",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Marks of both processes as (seconds since the command, CPU seconds), and what was seen."""

    screen: dict[str, tuple[float, float]]
    engine: dict[str, tuple[float, float]]
    first_picture: float
    first_figures: float


def start_once(folder: Path) -> Start:
    """Start a new profile in a terminal, and stop it when tier 2 is loaded."""
    home, marks = folder / "home", folder / "marks"
    home.mkdir(parents=True)
    (home / "config.toml").touch()
    (folder / "sitecustomize.py").write_text("from tests.bench.marks import install\ninstall()\n")
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    variables = {VARIABLE: str(marks), "PYTHONPATH": f"{folder}:{ROOT}"}
    began = time.monotonic()
    terminal = PaintedTerminal(home, variables=variables)
    terminal.until(lambda: terminal.shows("Positions"), 60)
    first_picture = time.monotonic() - began
    terminal.until(lambda: terminal.shows("09:25:") or terminal.shows("closes in"), 60)
    first_figures = time.monotonic() - began
    terminal.until(lambda: LOADED in marks.read_text(), 60)
    with contextlib.suppress(EngineGone):
        send_command(paths.engine, Stop(by="bench"), 20.0)
    terminal.hang_up()
    terminal.ends()
    wait_for(lambda: not is_held(paths), 60)
    found: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
    for line in marks.read_text().splitlines():
        pid, label, at, cpu = line.split("\t")
        found[int(pid)].setdefault(label, (float(at) - began, float(cpu)))
    screen = found.pop(terminal.pid)
    (engine,) = (marked for marked in found.values() if LOADED in marked)
    return Start(
        screen=screen, engine=engine, first_picture=first_picture, first_figures=first_figures
    )


def phases(
    starts: Sequence[tuple[float, dict[str, tuple[float, float]]]],
    named: Sequence[tuple[str, str]],
) -> list[str]:
    """Return a line for each phase: medians of its wall and CPU ms, and of the wall so far."""
    lines = []
    before = [(began, 0.0) for began, _ in starts]
    for words, label in named:
        now = [marks[label] for _, marks in starts]
        wall, cpu = (
            median(is_[n] - was[n] for is_, was in zip(now, before, strict=True)) * 1000
            for n in (0, 1)
        )
        so_far = median(at for at, _ in now) * 1000
        lines.append(f"  {words:<56} {wall:7.0f} {cpu:7.0f} {so_far:8.0f}")
        before = now
    return lines


@pytest.mark.bench
@needs_proc
def test_what_each_phase_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    starts = [start_once(tmp_path / str(number)) for number in range(STARTS)]
    spawned = [(start.screen["start_engine begins"][0], start.engine) for start in starts]
    picture = median(start.first_picture for start in starts)
    figures = median(start.first_figures for start in starts)
    head = f"  {'':<56} {'wall ms':>7} {'CPU ms':>7} {'since ms':>8}"
    with capsys.disabled():
        print(  # noqa: T201
            f"\nfirst picture {picture:.2f} s (goal 1.5 s), first figures {figures:.2f} s;"
            f" medians of {STARTS}",
            "the screen" + head[10:],
            *phases([(0.0, start.screen) for start in starts], SCREEN),
            "the engine" + head[10:],
            *phases(spawned, ENGINE),
            sep="\n",
        )


@pytest.mark.bench
@pytest.mark.parametrize("program", IMPORTED)
def test_what_imports_cost(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", IMPORTED[program]],
        capture_output=True, text=True, check=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    spent: dict[str, float] = defaultdict(float)
    for own, name in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", done.stderr):
        package = name.partition(".")[0]
        is_standard = package in sys.stdlib_module_names
        known = package if package in GROUPS else "others"
        spent["standard library" if is_standard else known] += int(own) / 1000
    shares = sorted(spent.items(), key=lambda share: -share[1])
    with capsys.disabled():
        told = ", ".join(f"{name} {cost:.0f}" for name, cost in shares)
        print(f"\nimports of the {program}: {sum(spent.values()):.0f} ms; {told}")  # noqa: T201
