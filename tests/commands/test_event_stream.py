"""The events that ``run --json`` prints, and readers that are slow or gone."""

from __future__ import annotations

import array
import fcntl
import json
import os
import signal
import subprocess
import termios
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from hybrid_tui.commands.event_stream import Printer
from hybrid_tui.domain.events import Alert
from tests.desk import command, environment, wait_for

NOON = datetime(2026, 3, 20, 16, tzinfo=UTC)


def waiting_in(pipe: IO[bytes]) -> int:
    """Return how many bytes of a pipe nobody has read yet."""
    found = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, found)
    return found[0]


def alert(number: int) -> Alert:
    return Alert(id=number, at=NOON, text="x" * 5_000)


def ignore(_reason: str) -> None:
    return None


@pytest.mark.parametrize("lossless", [True, False])
def test_a_reader_that_reads_gets_every_event_in_order(lossless: bool) -> None:
    reading, writing = os.pipe()
    printer = Printer(ignore, lossless=lossless, to=writing)
    for number in range(8):
        printer(alert(number))
    printer.close()
    lines = os.read(reading, 1_000_000).splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(8))


def test_on_the_wall_clock_a_reader_that_stalls_holds_nothing_up_and_is_told_what_it_missed() -> (
    None
):
    reading, writing = os.pipe()
    printer = Printer(ignore, lossless=False, to=writing, most_waiting=5)
    for number in range(100):
        printer(alert(number))
    with os.fdopen(reading, "rb") as reader:
        first = json.loads(reader.readline())
        shown = [first["id"]]
        while (line := json.loads(reader.readline())).get("id", 0) < 100:
            if "left_out" in line:
                break
            shown.append(line["id"])
            printer(alert(100 + len(shown)))
    assert shown == list(range(len(shown)))
    assert line == {"left_out": 100 - len(shown)}


def test_a_reader_that_goes_away_stops_the_engine() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    reasons: list[str] = []
    printer = Printer(reasons.append, lossless=True, to=writing)
    deadline = time.monotonic() + 5
    while not reasons and time.monotonic() < deadline:
        printer(alert(1))
        time.sleep(0.01)
    assert reasons
    assert set(reasons) == {"the reader of the events has gone"}


def is_full(pipe: IO[bytes]) -> bool:
    """Whether a pipe that is written to all the time takes no more."""
    before = waiting_in(pipe)
    time.sleep(0.3)
    return before > 16_384 and waiting_in(pipe) == before


def test_a_signal_stops_an_engine_whose_events_nobody_reads(tmp_path: Path) -> None:
    words = ("--set", "app.tiers=rules", "run", "--headless", "--json", "--speed", "0")
    process = subprocess.Popen(
        [*command(), *words],
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    stdout = process.stdout
    stdout.readline()
    # A full pipe holds 64 KiB or, where lines end within its pages, less.
    wait_for(lambda: is_full(stdout))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    process.stdout.close()
