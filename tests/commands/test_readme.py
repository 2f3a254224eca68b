"""Every command that the README shows does what it says; the two lines are what CI runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.engine.endpoint import is_held, read_endpoint
from tests.conftest import SHARED_DATA
from tests.desk import ROOT, begin, command, environment, hybrid_tui, wait_for

README = (ROOT / "README.md").read_text()
LINES = re.findall(r"^\$ (.*)$", README, re.MULTILINE)
COMMANDS = [shlex.split(line)[1:] for line in LINES if line.startswith("hybrid-tui ")]
SCREEN = [words for words in COMMANDS if words[0].startswith("--")]
RUNNING = [words for words in COMMANDS if words[0] in ("pause", "resume", "flatten")]
PLAIN = [words for words in COMMANDS if words not in SCREEN and words not in RUNNING]


class Terminal:
    """A pseudo-terminal with a program in it."""

    def __init__(self, home: Path, *words: str, columns: int = 120, rows: int = 40) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve(
                sys.executable, command(*words), {**environment(home), "TERM": "xterm-256color"}
            )
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        self.text = ""

    def read(self, seconds: float) -> None:
        """Take in what the program writes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                return
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                return

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Read until a text has been written."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < deadline, f"never saw {text!r} in {self.text[-3000:]!r}"
            self.read(0.2)

    def hang_up(self) -> None:
        """Close the terminal and wait for the program to end."""
        os.close(self.master)
        deadline = time.monotonic() + 15
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError("the screen outlived its terminal")
            time.sleep(0.05)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data is not there: no ../shared/data beside the checkout")
    folder = tmp_path_factory.mktemp("readme") / "home"
    yield folder
    stop_engine(folder)


def stop_engine(home: Path) -> None:
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    endpoint = read_endpoint(paths.engine)
    if endpoint is not None and is_held(paths):
        with contextlib.suppress(ProcessLookupError):
            os.kill(endpoint.pid, signal.SIGTERM)
        wait_for(lambda: not is_held(paths))


def filled_in(words: list[str], folder: Path) -> list[str]:
    """Put real paths where the README has names."""
    headlines = folder / "headlines.jsonl"
    headlines.write_text('{"id": 7, "headline": "Profit rises, outlook raised"}\n')
    real = {
        "BARS": str(SHARED_DATA / "yahoo_1m_2026"),
        "NEWS": str(SHARED_DATA / "news_2026" / "headlines.jsonl.gz"),
        "HEADLINES": str(headlines),
    }
    return [real.get(word, word) for word in words]


def test_the_readme_shows_commands_of_every_kind() -> None:
    assert len(SCREEN) == 1
    assert {words[0] for words in RUNNING} == {"pause", "resume", "flatten"}
    assert len(PLAIN) >= 12


def test_plain_commands_run_in_the_order_shown(home: Path) -> None:
    for words in PLAIN:
        done = hybrid_tui(home, *filled_in(words, home.parent))
        allowed = (0, 1) if words[:2] == ["data", "check"] else (0,)
        assert done.returncode in allowed, (words, done.stderr)
        assert "Traceback" not in done.stderr
        if "--json" in words:
            assert [json.loads(line) for line in done.stdout.splitlines()]


def test_the_recorded_day_opens_on_a_screen_and_outlives_its_terminal(home: Path) -> None:
    if not (home / "bars").exists():
        assert hybrid_tui(home, *filled_in(["data", "import", "BARS"], home.parent)).returncode == 0
    (words,) = SCREEN
    terminal = Terminal(home, *words)
    terminal.wait_for("RECORDED")
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    wait_for(lambda: is_held(paths) and read_endpoint(paths.engine) is not None)
    endpoint = read_endpoint(paths.engine)
    assert endpoint is not None
    terminal.read(2.0)
    terminal.hang_up()
    time.sleep(0.5)
    assert is_held(paths), "the engine ended with the terminal"
    again = Terminal(home, columns=80, rows=24)
    again.wait_for("RECORDED")
    same = read_endpoint(paths.engine)
    assert same is not None
    assert same.pid == endpoint.pid
    again.hang_up()
    stop_engine(home)


def test_commands_beside_a_running_engine(home: Path) -> None:
    engine = begin(home, "--profile", "beside", "--set", "app.tiers=rules", "run", "--headless")
    paths = Paths.of("beside", {"HYBRID_TUI_HOME": str(home)})
    wait_for(lambda: read_endpoint(paths.engine) is not None)
    for words in RUNNING:
        done = hybrid_tui(home, "--profile", "beside", *words)
        assert done.returncode == 0, done.stderr
    engine.send_signal(signal.SIGTERM)
    engine.communicate(timeout=20)


def test_ci_runs_the_readmes_two_lines() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in script
    installs = [line for line in LINES if "pip install" in line]
    assert len(installs) == 2
    assert installs[0].endswith("&& .venv/bin/hybrid-tui")
    assert installs[1].endswith("&& .venv/bin/pytest")


def test_help_names_what_the_readme_uses() -> None:
    used: dict[tuple[str, ...], set[str]] = {}
    for words in PLAIN + RUNNING:
        depth = 2 if words[0] in ("data", "news", "ml", "rules", "llm") else 1
        options = {word for word in words[depth:] if word.startswith("--")}
        used.setdefault(tuple(words[:depth]), set()).update(options)
    for command_words, options in used.items():
        done = hybrid_tui(ROOT / "tests" / "home", *command_words, "--help")
        assert done.returncode == 0, (command_words, done.stderr)
        assert [option for option in options if option not in done.stdout] == [], command_words
